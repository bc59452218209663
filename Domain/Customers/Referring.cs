using System.Collections.Immutable;
using Orleans;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Customers;

/// <summary>Whom a reference leads to, told by who has looked it up.</summary>
/// <param name="Said">The reference as it was said, in its canonical form: <c>system/object/id</c>, or a customer's id.</param>
/// <param name="CustomerId">The customer that it leads to: the holder of that record, or the one that the named customer was merged into. Null: nobody is known.</param>
[GenerateSerializer, Immutable, Alias("crm.Referral")]
public readonly record struct Referral(string Said, string? CustomerId);

/// <summary>Whom a reference that this customer's records make leads to from an entry on.</summary>
/// <param name="CustomerId">Null: nobody is known yet; it is told when somebody is.</param>
/// <param name="Fields">Fields in which evidence that was there before names it: it is respelled there. Empty: in none.</param>
/// <param name="IsForgotten">No record makes the reference any more.</param>
public sealed record ReferralChange(string Said, string? CustomerId, ImmutableArray<string> Fields, bool IsForgotten = false);

/// <summary>
/// References between customers. What a record said is kept as it was said, beside it the customer that this leads to now:
/// everything that is judged, resolved and compared names customers, and when a record comes to another customer (it was
/// founded, merged, unmerged) the evidence is respelled from what was said. Which customer that is the hub looks up, and
/// an entry records; the fold only respells.
/// </summary>
public static class Referring
{
    /// <summary>References kept in mind before those are dropped that no record makes any more.</summary>
    public const int KeptMax = 64;

    /// <summary>Whether values of the field lead to customers.</summary>
    public static bool Refers(FieldDefinition field) => field.Type is FieldType.Reference or FieldType.Association;

    /// <summary>The references in a canonical value, as texts: the value itself, or where the members of a set lead.</summary>
    public static ImmutableArray<string> In(FieldValue value)
    {
        if (value.IsBlank) return [];
        if (value.IsText) return [value.AsText()];
        var found = ImmutableArray.CreateBuilder<string>();
        foreach (var member in value.Members())
        {
            if (member.Part(Canonicaliser.To) is { IsText: true } to) found.Add(to.AsText());
        }
        return found.DrainToImmutable();
    }

    /// <summary>The value with every reference replaced by the customer that it leads to, where one is known.</summary>
    /// <param name="customerOf">Null or empty: nobody is known.</param>
    public static FieldValue Lead(FieldValue said, Func<string, string?> customerOf)
    {
        if (said.IsBlank) return said;
        if (said.IsText) return customerOf(said.AsText()) is { Length: > 0 } customer ? FieldValue.Text(customer) : said;
        if (said.Json[0] != '[') return said;

        // Two records of one customer are one tie; it is a primary one if either is.
        var members = new SortedDictionary<(string To, string Role), (FieldValue To, bool Primary)>();
        foreach (var member in said.Members())
        {
            if (member.Part(Canonicaliser.To) is not { IsText: true } to) return said;
            var role = member.Part(Canonicaliser.Role)?.AsText() ?? "";
            var led = customerOf(to.AsText()) is { Length: > 0 } customer ? FieldValue.Text(customer) : to;
            var primary = member.Part(Canonicaliser.Primary) == FieldValue.Boolean(true);
            var key = (led.AsText(), role);
            members[key] = (led, primary || (members.TryGetValue(key, out var known) && known.Primary));
        }
        return FieldValue.Set(members.Select(m => Canonicaliser.Association(m.Value.To, m.Key.Role, m.Value.Primary)));
    }

    /// <summary>What was said, of a value that may have been replaced.</summary>
    /// <param name="reported">As <see cref="ReportedOf"/> told it; null: the value is what was said.</param>
    public static FieldValue SaidOf(FieldValue value, string? reported) =>
        reported is null ? value : reported.StartsWith('[') ? FieldValue.FromStored(reported) : FieldValue.Text(reported);

    /// <summary>What was said, as it stands beside the value that it leads to; null: they are the same.</summary>
    public static string? ReportedOf(FieldValue said, FieldValue led) => said == led ? null : said.AsText();

    /// <summary>The source record that a reference names; null: it names a customer.</summary>
    public static SourceRecord? RecordOf(string said)
    {
        if (Canonicaliser.IsCustomerId(said)) return null;
        var parts = said.Split('/', 3);
        return parts.Length == 3 ? new SourceRecord(parts[0], parts[1], parts[2]) : null;
    }

    /// <summary>Whether every reference in a value leads to a customer, or to a record of the system itself, which it knows by its own id.</summary>
    internal static bool IsResolvedFor(string system, FieldValue value)
    {
        if (value.IsText) return IsResolved(system, value.AsText());
        foreach (var reference in In(value))
        {
            if (!IsResolved(system, reference)) return false;
        }
        return true;
    }

    static bool IsResolved(string system, string reference) =>
        reference.Length == 0 || Canonicaliser.IsCustomerId(reference)
        || (reference.Length > system.Length && reference[system.Length] == '/' && reference.StartsWith(system, StringComparison.Ordinal));

    /// <summary>The customer with all that follows from where references lead from an entry on.</summary>
    internal static Customer Apply(Customer customer, ImmutableArray<ReferralChange> changes)
    {
        var (kept, links) = (customer.Referred.ToBuilder(), customer.Links);
        foreach (var change in changes)
        {
            var before = kept.GetValueOrDefault(change.Said);
            if (change.IsForgotten) kept.Remove(change.Said);
            else kept[change.Said] = change.CustomerId ?? "";
            if (change.Fields.IsEmpty || change.CustomerId is null) continue;
            var from = string.IsNullOrEmpty(before) ? change.Said : before;
            for (var i = 0; i < links.Length; i++)
            {
                if (Respelled(links[i], change, from, kept.GetValueOrDefault) is { } respelled) links = links.SetItem(i, respelled);
            }
        }
        return customer with { Referred = kept.ToImmutable(), Links = links };
    }

    static Link? Respelled(Link link, ReferralChange change, string from, Func<string, string?> customerOf)
    {
        var fields = link.Fields;
        foreach (var field in change.Fields)
        {
            if (fields.Get(field) is { } evidence && Respelled(evidence, change, from, customerOf) is { } respelled) fields = fields.With(field, respelled);
        }
        return fields == link.Fields ? null : link with { Fields = fields };
    }

    static Claims.FieldEvidence? Respelled(Claims.FieldEvidence evidence, ReferralChange change, string from, Func<string, string?> customerOf)
    {
        var statements = evidence.Statements;
        for (var i = 0; i < statements.Length; i++)
        {
            var said = SaidOf(statements[i].Value, statements[i].Reported);
            if (!Names(said, change.Said)) continue;
            var led = Lead(said, customerOf);
            statements = statements.SetItem(i, statements[i] with { Value = led, Reported = ReportedOf(said, led) });
        }
        // Our writes name customers. A merged one is the survivor, wherever it was written; a single record takes those writes
        // along that its system showed it for: whatever else was written then has stayed with the customer that it came from.
        var writes = evidence.Writes;
        var isMerge = Canonicaliser.IsCustomerId(change.Said);
        if (statements != evidence.Statements || isMerge)
        {
            string? Customer(string reference) => reference == from ? change.CustomerId : null;
            for (var i = 0; i < writes.Length; i++)
            {
                var write = writes[i];
                if (!isMerge && !IsShownAs(evidence, write, change.Said)) continue;
                var led = write with
                {
                    Value = Lead(write.Value, Customer),
                    Before = write.Before is { } held ? Lead(held, Customer) : null,
                    Rendering = write.Rendering is { } stored ? Lead(stored, Customer) : null,
                };
                if (led != write) writes = writes.SetItem(i, led);
            }
        }
        return statements == evidence.Statements && writes == evidence.Writes ? null : new(statements, writes);
    }

    /// <summary>Whether the first report of a write names this record: what was written is what the system showed then.</summary>
    static bool IsShownAs(Claims.FieldEvidence evidence, Claims.FieldIntent write, string reference)
    {
        foreach (var statement in evidence.Statements)
        {
            if (statement.Value != write.Value || statement.By.Time < write.Intent.Start || statement.By.ReceivedAt <= write.Intent.Start) continue;
            return Names(SaidOf(statement.Value, statement.Reported), reference);
        }
        return false;
    }

    static bool Names(FieldValue said, string reference)
    {
        if (said.IsText) return said.AsText() == reference;
        return !said.IsBlank && In(said).Contains(reference);
    }

    /// <summary>The references that records make.</summary>
    internal static HashSet<string> MadeBy(IEnumerable<Link> links, RecordTypeDefinition type)
    {
        var made = new HashSet<string>(StringComparer.Ordinal);
        foreach (var link in links)
        {
            foreach (var (name, evidence) in link.Fields)
            {
                if (type.Field(name) is not { } field || !Refers(field)) continue;
                foreach (var statement in evidence.Statements) made.UnionWith(In(SaidOf(statement.Value, statement.Reported)));
            }
        }
        return made;
    }

    /// <summary>The fields of a record type that lead to customers.</summary>
    internal static ImmutableArray<string> FieldsOf(RecordTypeDefinition type) => [.. type.Fields.Where(Refers).Select(f => f.Name)];

    /// <summary>What a customer learns of references from links that come to it from another.</summary>
    /// <param name="customer">Null: it is founded with them.</param>
    internal static ImmutableArray<ReferralChange> Along(Customer? customer, Customer from, ImmutableArray<Link> moving, RecordTypeDefinition type)
    {
        if (from.Referred.IsEmpty) return [];
        var made = MadeBy(moving, type);
        var changes = ImmutableArray.CreateBuilder<ReferralChange>();
        foreach (var (said, told) in from.Referred)
        {
            // A customer that was merged into another stays so, whoever mentions it.
            if (!made.Contains(said) && !Canonicaliser.IsCustomerId(said)) continue;
            var known = customer?.Referred.GetValueOrDefault(said);
            if (known == told) continue;
            var leads = string.IsNullOrEmpty(known) ? told : known;
            changes.Add(new(said, leads.Length == 0 ? null : leads, known is null ? [] : FieldsOf(type)));
        }
        return changes.DrainToImmutable();
    }
}
