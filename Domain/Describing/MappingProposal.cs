using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using OrleansCrm.Domain.Definitions;

namespace OrleansCrm.Domain.Describing;

/// <summary>What was found out about one object of a system.</summary>
/// <param name="Profile">Null: its records could not be looked at.</param>
public sealed record Surveyed(DescribedObject Object, ObjectProfile? Profile);

/// <summary>Proposes a mapping of a system's objects, as a part of a definition that a person goes through and takes over.</summary>
public static class MappingProposal
{
    /// <summary>Fields of which less is filled are named among the unused.</summary>
    const double Unused = 0.001;

    // Names that stand for the same in most CRMs, without case and signs.
    static readonly Dictionary<string, string> Synonyms = new(StringComparer.Ordinal)
    {
        ["emailaddress"] = "email",
        ["workemail"] = "email",
        ["phonenumber"] = "phone",
        ["telephone"] = "phone",
        ["telephone1"] = "phone",
        ["businessphone"] = "phone",
        ["emailaddress1"] = "email",
        ["mobilephone"] = "mobile",
        ["cellphone"] = "mobile",
        ["givenname"] = "firstname",
        ["surname"] = "lastname",
        ["familyname"] = "lastname",
        ["jobtitle"] = "title",
        ["website"] = "url",
        ["websiteurl"] = "url",
        ["accountname"] = "name",
        ["companyname"] = "name",
    };

    /// <summary>YAML: the system's mappings, what is there already left as it is, and below each what the hub has no field for.</summary>
    public static string Write(HubDefinition hub, SystemDefinition system, IReadOnlyList<Surveyed> surveyed)
    {
        ArgumentNullException.ThrowIfNull(hub);
        ArgumentNullException.ThrowIfNull(system);
        ArgumentNullException.ThrowIfNull(surveyed);
        var text = new StringBuilder();
        text.Append("# What 'crm discover ").Append(system.Name).Append("' proposes. Nothing was changed: take over what is right.\n");
        text.Append("systems:\n  ").Append(system.Name).Append(":\n    connector: ").Append(system.Connector).Append("\n    mappings:\n");
        foreach (var each in surveyed) Write(text, hub, system, each);
        return text.ToString();
    }

    static void Write(StringBuilder text, HubDefinition hub, SystemDefinition system, Surveyed surveyed)
    {
        var described = surveyed.Object;
        var mapping = system.MappingOfObject(described.Name);
        var type = mapping is null ? TypeFor(hub, described.Name) : hub.RecordType(mapping.RecordType);
        text.Append("      # ").Append(OneLine(described.Label));
        if (surveyed.Profile is { } profile) text.Append(": ").Append(Grouped(profile.Records)).Append(profile.IsAll ? " records" : " of its records were looked at");
        text.Append("\n      ").Append(Key(described.Name)).Append(":\n        recordType: ").Append(type?.Name ?? "person").Append("\n        fields:\n");

        var taken = new HashSet<string>(StringComparer.Ordinal);
        var free = new List<DescribedField>();
        var lines = 0;
        foreach (var mapped in mapping?.Fields ?? [])
        {
            if (mapped.Field.Length == 0 || mapped.Constant is not null || !mapped.Join.IsEmpty) continue;
            taken.Add(mapped.Field);
            lines += Line(text, mapped.Field, mapped.Name, surveyed, described.Field(mapped.Name), "mapped");
        }
        foreach (var field in described.Fields)
        {
            if (mapping?.Fields.Any(m => m.Name.Split('.')[0].Equals(field.Name, StringComparison.OrdinalIgnoreCase)) == true || field.Name == described.KeyField || field.Type is null) continue;
            if (type is not null && Counterpart(type, field, taken) is { } hubs)
            {
                taken.Add(hubs);
                lines += Line(text, hubs, field.Name, surveyed, field, "same name");
            }
            else
            {
                free.Add(field);
            }
        }
        if (lines == 0) text.Append("          {}\n");
        Free(text, surveyed, free, type?.Name ?? "person");
    }

    static int Line(StringBuilder text, string hubs, string name, Surveyed surveyed, DescribedField? field, string why)
    {
        text.Append("          ").Append(Key(hubs)).Append(": ").Append(Key(name)).Append("  # ").Append(why).Append(field is null ? ", and not there" : RateOf(surveyed, field)).Append('\n');
        return 1;
    }

    static void Free(StringBuilder text, Surveyed surveyed, List<DescribedField> free, string type)
    {
        var used = free.Where(f => Rate(surveyed, f) is not { } rate || rate >= Unused).OrderByDescending(f => f.IsCustom).ThenByDescending(f => Rate(surveyed, f) ?? 0).ToArray();
        if (used.Length > 0)
        {
            text.Append("          # The hub has no field for these. Add one to recordTypes.").Append(type).Append(".fields and take the '# ' away:\n");
            foreach (var field in used)
            {
                text.Append("          # ").Append(Key(HubName(field.Name))).Append(": ").Append(Key(field.Name)).Append("  # ").Append(Word(field.Type!.Value)).Append(field.IsCustom ? ", made there" : "").Append(RateOf(surveyed, field));
                if (!field.Choices.IsDefaultOrEmpty) text.Append(", ").Append(field.Choices.Length).Append(" choices");
                text.Append('\n');
            }
        }
        var unused = free.Except(used).Select(f => f.Name).Order(StringComparer.OrdinalIgnoreCase).ToArray();
        foreach (var some in unused.Chunk(12)) text.Append("          # Never filled: ").AppendJoin(", ", some.Select(OneLine)).Append('\n');
    }

    static RecordTypeDefinition? TypeFor(HubDefinition hub, string @object)
    {
        var isOrganisation = @object.Contains("ccount", StringComparison.OrdinalIgnoreCase) || @object.StartsWith("compan", StringComparison.OrdinalIgnoreCase) || @object.StartsWith("organi", StringComparison.OrdinalIgnoreCase);
        return hub.RecordTypes.FirstOrDefault(t => isOrganisation == (t.Name.StartsWith("organi", StringComparison.OrdinalIgnoreCase) || t.Name.StartsWith("compan", StringComparison.OrdinalIgnoreCase) || t.Name.StartsWith("account", StringComparison.OrdinalIgnoreCase)))
            ?? hub.RecordTypes.FirstOrDefault();
    }

    static string? Counterpart(RecordTypeDefinition type, DescribedField field, HashSet<string> taken)
    {
        foreach (var name in (string[])[Plain(field.Name), Plain(field.Label)])
        {
            foreach (var hubs in type.Fields)
            {
                if (!taken.Contains(hubs.Name) && Plain(hubs.Name) == name) return hubs.Name;
            }
        }
        return null;
    }

    static string Plain(string name)
    {
        var plain = string.Concat((name.EndsWith("__c", StringComparison.OrdinalIgnoreCase) ? name[..^3] : name).Where(char.IsAsciiLetterOrDigit)).ToLowerInvariant();
        return Synonyms.GetValueOrDefault(plain, plain);
    }

    // A name that a field of the hub may have: letters and digits, the first a small letter.
    static string HubName(string name)
    {
        var parts = (name.EndsWith("__c", StringComparison.OrdinalIgnoreCase) ? name[..^3] : name).Split(['_', '-', ' ', '.'], StringSplitOptions.RemoveEmptyEntries);
        var text = string.Concat(parts.Select((p, i) => i == 0 ? char.ToLowerInvariant(p[0]) + p[1..] : char.ToUpperInvariant(p[0]) + p[1..]).Select(p => string.Concat(p.Where(char.IsAsciiLetterOrDigit))));
        return text.Length > 0 && char.IsAsciiLetter(text[0]) ? text : "field" + text;
    }

    static double? Rate(Surveyed surveyed, DescribedField field) =>
        surveyed.Profile is { Records: > 0 } profile && profile.Field(field.Name) is { } used ? (double)used.Filled / profile.Records : null;

    static string RateOf(Surveyed surveyed, DescribedField field) => Rate(surveyed, field) is { } rate ? string.Create(CultureInfo.InvariantCulture, $", {rate * 100:0.#} % filled") : "";

    // What a YAML reader would take for something else than a plain text is quoted.
    static string Key(string text) => text.Length > 0 && char.IsAsciiLetter(text[0]) && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '-') && text is not ("true" or "false" or "null" or "yes" or "no" or "on" or "off" or "y" or "n")
        ? text
        : "\"" + OneLine(text).Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal) + "\"";

    static string OneLine(string text) => string.Concat(text.Select(c => char.IsControl(c) || char.IsSurrogate(c) ? ' ' : c));

    static string Grouped(long number) => number.ToString("#,0", CultureInfo.InvariantCulture);

    static string Word(FieldType type) => type.ToString().ToLowerInvariant();
}
