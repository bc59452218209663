using System.Collections.Immutable;
using System.Globalization;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;

namespace OrleansCrm.Domain.Describing;

public enum FindingLevel
{
    /// <summary>As it should be; or good to know.</summary>
    Fine,

    /// <summary>It works, and may not do what is meant.</summary>
    Doubtful,

    /// <summary>It does not work.</summary>
    Wrong,
}

/// <summary>Something that a check of a system found.</summary>
/// <param name="Code">Stable.</param>
/// <param name="Object">Null: the system as a whole.</param>
/// <param name="Field">The system's name of it; null: the object, or system, as a whole.</param>
/// <param name="Says">One sentence, without any secret and any value of a record.</param>
/// <param name="Fix">How to mend it; empty: nothing is to be mended.</param>
public sealed record Finding(FindingLevel Level, string Code, string? Object, string? Field, string Says, string Fix);

/// <summary>Compares what a definition expects of a system with what the system says of itself.</summary>
public static class SystemChecks
{
    /// <summary>Most findings of one check; the worst are kept.</summary>
    public const int FindingsMax = 1_000;

    /// <summary>Most names in one sentence.</summary>
    const int NamesMax = 8;

    public static IEnumerable<Finding> OfIdentity(SystemDefinition system, SystemIdentity identity)
    {
        ArgumentNullException.ThrowIfNull(system);
        ArgumentNullException.ThrowIfNull(identity);
        yield return Fine("signed-in", null, null, $"The credentials lead to {identity.Organisation ?? "the system"}{(identity.Kind is { } kind ? $" ({kind})" : "")}{(identity.User is { } user ? $", as {user}" : "")}.");
        if (identity.Organisation is { } organisation)
        {
            if (system.Binding is null)
            {
                yield return new(FindingLevel.Doubtful, "not-bound", null, null, "The system is bound to no organisation: other credentials would lead the hub's ids to other people's records.", $"Write 'binding: \"{organisation}\"' for the system.");
            }
            else if (!IsSame(system.Binding, organisation))
            {
                yield return new(FindingLevel.Wrong, "bound-elsewhere", null, null, $"The system is bound to {system.Binding}, and the credentials lead to {organisation}.", "Correct 'auth', or 'binding' where the organisation has really changed (a refreshed sandbox has new ids: link its records anew).");
            }
            else
            {
                yield return Fine("bound", null, null, $"It is bound to {organisation}.");
            }
        }
        if (identity.Scopes.IsDefault) yield break;
        foreach (var needed in identity.Needed)
        {
            if (!identity.Scopes.Contains(needed.Scope, StringComparer.Ordinal))
            {
                yield return new(FindingLevel.Wrong, "scope-missing", null, null, $"The credentials lack the scope {needed.Scope}: {needed.For}", $"Give the app the scope {needed.Scope}, and install it again where the vendor asks for that.");
            }
        }
        if (identity.Needed.All(n => identity.Scopes.Contains(n.Scope, StringComparer.Ordinal)) && !identity.Needed.IsDefaultOrEmpty)
        {
            yield return Fine("scopes", null, null, $"All {identity.Needed.Length} scopes that the mappings need are there.");
        }
    }

    // Salesforce's ids have 15 characters or 18, of which the first 15 tell.
    static bool IsSame(string binding, string organisation) =>
        binding == organisation || (binding.Length is 15 or 18 && organisation.Length is 15 or 18 && binding.AsSpan(0, 15).SequenceEqual(organisation.AsSpan(0, 15)));

    public static IEnumerable<Finding> OfAllowances(SystemDefinition system, ImmutableArray<Allowance> told)
    {
        ArgumentNullException.ThrowIfNull(system);
        foreach (var allowance in told)
        {
            var max = allowance.Max is { } most ? $" of {Grouped(most)}" : "";
            yield return allowance.Max > 0 && allowance.Left < allowance.Max / 10
                ? new(FindingLevel.Doubtful, "limit-near", null, null, $"{Grouped(allowance.Left)}{max} calls are left ({allowance.Window}).", "Find who spends them, or set 'budget' for the system so that the hub leaves some for others.")
                : Fine("limit", null, null, $"{Grouped(allowance.Left)}{max} calls are left ({allowance.Window}).");
            if (allowance.Window == "day" && allowance.Max is { } day && system.Budget.PerDay is { } own && own > day)
            {
                yield return new(FindingLevel.Doubtful, "budget-above-limit", null, null, $"The budget lets the hub make {Grouped(own)} calls a day, and the system takes {Grouped(day)} of everybody together.", $"Set 'budget.perDay' to less than {Grouped(day)}.");
            }
        }
    }

    public static IEnumerable<Finding> OfMissing(MappingDefinition mapping)
    {
        ArgumentNullException.ThrowIfNull(mapping);
        yield return new(FindingLevel.Wrong, "object-missing", mapping.Object, null, $"There is no object {mapping.Object}, or the hub's user does not see it.", "Correct the mapping's name, or give the user the right to read it.");
    }

    public static IEnumerable<Finding> OfMapping(HubDefinition hub, SystemDefinition system, MappingDefinition mapping, DescribedObject described)
    {
        ArgumentNullException.ThrowIfNull(hub);
        ArgumentNullException.ThrowIfNull(system);
        ArgumentNullException.ThrowIfNull(mapping);
        ArgumentNullException.ThrowIfNull(described);
        var found = new List<Finding>();
        var writes = mapping.Outgoing.Any();
        var (creates, updates) = (writes && mapping.Create != CreatePolicy.Never, writes && mapping.Update != UpdatePolicy.Never);
        if (described.Rights is { } rights) Rights(found, mapping, rights, creates, updates);
        if (creates && mapping.CreationKey == CreationKey.Property && described.KeyField is { } key) Key(found, mapping, described, key);
        foreach (var mapped in mapping.Fields) Field(found, hub, mapping, described, mapped, creates, updates);
        if (creates) Required(found, mapping, described);
        if (found.Count == 0) found.Add(Fine("object", mapping.Object, null, $"All {mapping.Fields.Length} mapped fields of {mapping.Object} are there and fit."));
        return found;
    }

    static void Rights(List<Finding> found, MappingDefinition mapping, ObjectRights rights, bool creates, bool updates)
    {
        void Lacks(bool has, bool needed, string right)
        {
            if (needed && !has) found.Add(new(FindingLevel.Wrong, "right-missing", mapping.Object, null, $"The hub's user may not {right} records of {mapping.Object}.", $"Give it the right to {right} them, or change the mapping so that it need not."));
        }

        Lacks(rights.Read, needed: true, "read");
        Lacks(rights.Create, creates, "create");
        Lacks(rights.Update, updates, "change");
        Lacks(rights.Delete, mapping.Delete != DeletePolicy.Never, "delete");
    }

    static void Key(List<Finding> found, MappingDefinition mapping, DescribedObject described, string key)
    {
        if (described.Field(key) is not { } field)
        {
            found.Add(new(FindingLevel.Wrong, "key-missing", mapping.Object, key, $"{mapping.Object} has no field {key}, in which the hub keeps its creation keys.", $"Make a unique text field {key} of at least 64 characters (in Salesforce an external id), or write 'creationKey: none': an ambiguous create is parked then."));
        }
        else if (!field.IsUnique)
        {
            found.Add(new(FindingLevel.Wrong, "key-not-unique", mapping.Object, key, $"The field {key}, in which the hub keeps its creation keys, takes the same value twice: two creates would make two records.", "Make it unique (in Salesforce an external id)."));
        }
        else if (!field.CanCreate)
        {
            found.Add(new(FindingLevel.Wrong, "key-read-only", mapping.Object, key, $"The hub's user may not write the field {key}, in which the hub keeps its creation keys.", "Give it the right to edit the field."));
        }
    }

    static void Field(List<Finding> found, HubDefinition hub, MappingDefinition mapping, DescribedObject described, FieldMapping mapped, bool creates, bool updates)
    {
        // Of "Account.Legacy_Id__c" or "MailingAddress.street" only what stands before the dot is a field of this object.
        var path = mapped.Name.Split('.');
        var name = path[0];
        var goesIn = mapped.Direction.HasFlag(Direction.In) && mapped.Constant is null && mapped.Join.IsEmpty;
        var goesOut = mapped.Direction.HasFlag(Direction.Out);
        void Add(FindingLevel level, string code, string says, string fix) => found.Add(new(level, code, mapping.Object, mapped.Name, says, fix));
        if ((described.Field(mapped.Name) ?? described.Field(name) ?? RelationOf(described, name)) is not { } field)
        {
            if (!described.IsWhole)
            {
                Add(FindingLevel.Doubtful, "field-not-seen", $"No record of {mapping.Object} that was looked at has {mapped.Name}.", "Check the name; the system does not tell of fields that are blank everywhere.");
                return;
            }
            Add(FindingLevel.Wrong, "field-missing", $"{mapping.Object} has no field {mapped.Name}, or the hub's user does not see it.", $"Correct the name, give the user the right to see it, or take it out of the mapping of {(mapped.Field.Length > 0 ? mapped.Field : "this object")}.");
            return;
        }
        if (goesOut && path.Length == 1)
        {
            if (creates && !field.CanCreate && updates && !field.CanUpdate)
            {
                Add(FindingLevel.Wrong, "field-read-only", $"The hub's user may not write {mapped.Name}.", "Write 'direction: in' for it, or give the user the right to edit it.");
                return;
            }
            if (updates && !field.CanUpdate) Add(FindingLevel.Doubtful, "field-create-only", $"{mapped.Name} can be set when a record is made, and never changed.", "Write 'direction: in' for it, or expect parked fields.");
            else if (creates && !field.CanCreate) Add(FindingLevel.Doubtful, "field-update-only", $"{mapped.Name} cannot be set when a record is made.", "Write 'direction: in' for it, or expect parked fields.");
        }
        if (path.Length > 1 || mapped.Field.Length == 0 || hub.RecordType(mapping.RecordType)?.Field(mapped.Field) is not { } hubs) return;
        Type(found, mapping, mapped, field, hubs, goesIn, goesOut);
        Choices(found, mapping, mapped, field, hubs, goesIn, goesOut);
        if (goesOut && field.MaxLength is { } longest && mapped.MaxLength is null && hubs.Type is FieldType.Text or FieldType.LongText && (hubs.MaxLength ?? (hubs.Type == FieldType.Text ? 4_000 : 131_072)) > longest && field.MaxLength < 255)
        {
            Add(FindingLevel.Doubtful, "field-short", $"{mapped.Name} takes {longest} characters, and {mapped.Field} of the hub may be longer.", $"Write 'maxLength: {longest}' for it where the system cuts, or for the hub's field where longer values make no sense.");
        }
    }

    // In Salesforce "Account.Name" goes by the relationship of AccountId.
    static DescribedField? RelationOf(DescribedObject described, string name) =>
        described.Field(name + "Id") ?? (name.EndsWith("__r", StringComparison.Ordinal) ? described.Field(name[..^1] + "c") : null);

    enum Fit
    {
        Fits,
        Doubtful,
        Unfit,
    }

    static void Type(List<Finding> found, MappingDefinition mapping, FieldMapping mapped, DescribedField field, FieldDefinition hubs, bool goesIn, bool goesOut)
    {
        // A table of values makes of anything what the hub wants.
        if (!mapped.Values.IsEmpty || mapped.Crosswalk is not null || mapped.Split is not null || !mapped.Join.IsEmpty || mapped.Constant is not null) return;
        if (field.Type is not { } type)
        {
            found.Add(new(FindingLevel.Doubtful, "type-unknown", mapping.Object, mapped.Name, $"{mapped.Name} is of the type {field.VendorType}, which is no single value.", "Map its parts one by one."));
            return;
        }
        var fit = goesIn ? FitOf(type, hubs.Type, mapped.DateFormat is not null) : Fit.Fits;
        var back = goesOut ? FitOf(hubs.Type, type, mapped.DateFormat is not null) : Fit.Fits;
        var worst = fit > back ? fit : back;
        if (worst == Fit.Fits) return;
        var way = fit >= back ? $"What {mapped.Name} holds ({field.VendorType}) does not always make a {Word(hubs.Type)} for {mapped.Field}." : $"What {mapped.Field} holds ({Word(hubs.Type)}) is not always taken by {mapped.Name} ({field.VendorType}).";
        found.Add(new(worst == Fit.Unfit ? FindingLevel.Wrong : FindingLevel.Doubtful, "type-differs", mapping.Object, mapped.Name, way, "Give the hub's field the type that fits, map the values by 'values', or map it one way only."));
    }

    // Whether what is of one type can always be taken as the other.
    static Fit FitOf(FieldType from, FieldType to, bool hasFormat)
    {
        if (from == to || to is FieldType.Text or FieldType.LongText) return Fit.Fits;
        if (from is FieldType.Text or FieldType.LongText) return to is FieldType.Date or FieldType.DateTime && hasFormat ? Fit.Fits : to is FieldType.Reference or FieldType.User or FieldType.Set ? Fit.Fits : Fit.Doubtful;
        return (from, to) switch
        {
            (FieldType.Number, FieldType.Decimal) => Fit.Fits,
            (FieldType.Decimal, FieldType.Number) => Fit.Doubtful,
            (FieldType.Date, FieldType.DateTime) or (FieldType.DateTime, FieldType.Date) => Fit.Doubtful,
            (FieldType.Choice, FieldType.MultiChoice) or (FieldType.Choice, FieldType.Set) or (FieldType.MultiChoice, FieldType.Set) or (FieldType.Set, FieldType.MultiChoice) => Fit.Fits,
            (FieldType.MultiChoice, FieldType.Choice) => Fit.Doubtful,
            (FieldType.Choice, FieldType.ConsentStatus) or (FieldType.ConsentStatus, FieldType.Choice) => Fit.Doubtful,
            (FieldType.Reference, FieldType.User) or (FieldType.User, FieldType.Reference) or (FieldType.Reference, FieldType.Association) or (FieldType.Association, FieldType.Reference) => Fit.Fits,
            (FieldType.Choice or FieldType.Email or FieldType.Phone or FieldType.Url, _) or (_, FieldType.Choice) => Fit.Doubtful,
            _ => Fit.Unfit,
        };
    }

    static void Choices(List<Finding> found, MappingDefinition mapping, FieldMapping mapped, DescribedField field, FieldDefinition hubs, bool goesIn, bool goesOut)
    {
        if (field.Choices.IsDefaultOrEmpty || mapped.Crosswalk is not null) return;
        var there = field.Choices.Select(c => c.Value).ToHashSet(StringComparer.Ordinal);
        var gone = mapped.Values.Select(v => v.SystemValue).Where(v => v.Length > 0 && !there.Contains(v)).Distinct(StringComparer.Ordinal).ToArray();
        if (gone.Length > 0)
        {
            var isWrong = goesOut && field.ChoicesAreAll;
            found.Add(new(isWrong ? FindingLevel.Wrong : FindingLevel.Doubtful, "choice-gone", mapping.Object, mapped.Name,
                $"{mapped.Name} cannot be set to {Names(gone)}, which 'values' maps{(isWrong ? ": writes of it are refused" : "")}.", "Correct 'values', or let the system have the value again."));
        }
        if (hubs.Type is not (FieldType.Choice or FieldType.MultiChoice or FieldType.ConsentStatus) || hubs.Choices.IsEmpty) return;
        var known = mapped.Values.IsEmpty ? hubs.Choices.ToHashSet(StringComparer.Ordinal) : mapped.Values.Select(v => v.SystemValue).ToHashSet(StringComparer.Ordinal);
        if (goesIn && there.Where(v => !known.Contains(v)).Order(StringComparer.Ordinal).ToArray() is { Length: > 0 } unmapped)
        {
            found.Add(new(FindingLevel.Doubtful, "choice-unmapped", mapping.Object, mapped.Name,
                $"{mapped.Name} can be {Names(unmapped)}, for which {mapped.Field} has no choice: a record that says so has that field refused.", $"Add them to 'values' of the mapping, or to the choices of {mapped.Field}."));
        }
        if (!goesOut || !field.ChoicesAreAll) return;
        var said = mapped.Values.IsEmpty ? there : mapped.Values.Where(v => v.HubValue.IsText).Select(v => v.HubValue.AsText()).ToHashSet(StringComparer.Ordinal);
        if (hubs.Choices.Where(c => !said.Contains(c)).ToArray() is { Length: > 0 } unsaid)
        {
            found.Add(new(FindingLevel.Doubtful, "choice-unsaid", mapping.Object, mapped.Name,
                $"{mapped.Field} can be {Names(unsaid)}, which cannot be said in {mapped.Name}: such a field is parked.", "Add them to 'values' of the mapping, or to the system's own choices."));
        }
    }

    static void Required(List<Finding> found, MappingDefinition mapping, DescribedObject described)
    {
        foreach (var field in described.Fields)
        {
            if (!field.IsRequired || mapping.Outgoing.FirstOrDefault(m => m.Name.Equals(field.Name, StringComparison.OrdinalIgnoreCase)) is not { } mapped)
            {
                if (field.IsRequired) found.Add(new(FindingLevel.Wrong, "required-unmapped", mapping.Object, field.Name, $"{mapping.Object} is refused without {field.Name}, and no mapping writes it.", "Map it (a 'constant' will do), or write 'create: never'."));
                continue;
            }
            if (mapped.Constant is null && mapped.Field.Length > 0 && !mapping.RequiredToCreate.Contains(mapped.Field))
            {
                found.Add(new(FindingLevel.Doubtful, "required-not-waited-for", mapping.Object, field.Name, $"{mapping.Object} is refused without {field.Name}, and a customer without {mapped.Field} is sent all the same.", $"Add {mapped.Field} to 'requiredToCreate' of the mapping: the create waits for it then."));
            }
        }
    }

    static Finding Fine(string code, string? @object, string? field, string says) => new(FindingLevel.Fine, code, @object, field, says, "");

    static string Grouped(long number) => number.ToString("#,0", CultureInfo.InvariantCulture);

    static string Names(string[] names) => string.Join(", ", names.Take(NamesMax).Select(n => $"'{n}'")) + (names.Length > NamesMax ? $" and {names.Length - NamesMax} more" : "");

    static string Word(FieldType type) => type.ToString().ToLowerInvariant();
}
