using System.Collections;
using System.Globalization;
using System.Reflection;
using System.Text;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Tests.Definitions;

/// <summary>Writes a definition as an author might: everything stated, texts in quotes, flow style. Independent of the reader.</summary>
static class DefinitionYaml
{
    public static string Write(HubDefinition hub)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"hub: {hub.Name}\nfutureTolerance: {Iso(hub.FutureTolerance)}\ncontestedAfter: {hub.ContestedAfter}\n");
        if (hub.DefaultCountry is not null) text.Append(CultureInfo.InvariantCulture, $"defaultCountry: {hub.DefaultCountry}\n");
        text.Append("recordTypes:\n");
        foreach (var type in hub.RecordTypes)
        {
            text.Append(CultureInfo.InvariantCulture, $"  {type.Name}:\n    identity: {List(type.IdentityKeys)}\n    existence: {{ deleteBy: {List(type.Existence.DeleteBy)}, grace: {Iso(type.Existence.Grace)} }}\n    fields:\n");
            foreach (var field in type.Fields.Where(f => !f.Name.Contains('.', StringComparison.Ordinal))) text.Append(CultureInfo.InvariantCulture, $"      {field.Name}: {Field(field, Word(field.Type))}\n");
            foreach (var group in type.Groups.Where(g => g.Fields[0].Contains('.', StringComparison.Ordinal)))
            {
                var part = type.Field(group.Fields[0])!;
                var word = part.Name.EndsWith(".amount", StringComparison.Ordinal) ? "money" : part.Type == FieldType.ConsentStatus ? "consent" : "address";
                text.Append(CultureInfo.InvariantCulture, $"      {group.Name}: {Field(part with { Name = group.Name, Group = null, Choices = [], Policy = group.Policy }, word)}\n");
            }
            var groups = type.Groups.Where(g => !g.Fields[0].Contains('.', StringComparison.Ordinal)).ToArray();
            if (groups.Length > 0) text.Append("    groups:\n");
            foreach (var group in groups) text.Append(CultureInfo.InvariantCulture, $"      {group.Name}: {{ fields: {List(group.Fields)}, policy: {Policy(group.Policy)} }}\n");
        }
        text.Append("systems:\n");
        foreach (var system in hub.Systems) System(text, system);
        return text.ToString();
    }

    static void System(StringBuilder text, SystemDefinition system)
    {
        text.Append(CultureInfo.InvariantCulture, $"""
              {system.Name}:
                connector: {system.Connector}
                mode: {Word(system.Mode)}
                clockTolerance: {Iso(system.ClockTolerance)}
                maxCallTime: {Iso(system.MaxCallTime)}
                referenceWait: {Iso(system.ReferenceWait)}
                lanes: {system.Lanes}
                retryPolicy: {"{"} maxRetries: {system.Retry.MaxRetries}, backoff: {Word(system.Retry.Backoff)}, delay: {Iso(system.Retry.Delay)}, maxDelay: {Iso(system.Retry.MaxDelay)} {"}"}
                guard: {"{"} creates: {system.Guard.Creates?.ToString(CultureInfo.InvariantCulture) ?? "none"}, window: {Iso(system.Guard.Window)} {"}"}
                budget: {"{"} burst: {system.Budget.Burst}, floor: {system.Budget.Floor} {(system.Budget.PerSecond is { } rate ? string.Create(CultureInfo.InvariantCulture, $", perSecond: {rate}") : "")} {"}"}
                settings: {"{"} {string.Join(", ", system.Settings.Select(s => $"{s.Key}: {Quote(s.Value)}"))} {"}"}

            """);
        if (system.Mappings.Length > 0) text.Append("    mappings:\n");
        foreach (var mapping in system.Mappings)
        {
            text.Append(CultureInfo.InvariantCulture, $"      {Quote(mapping.Object)}:\n        recordType: {mapping.RecordType}\n        create: {Word(mapping.Create)}\n        update: {Word(mapping.Update)}\n        delete: {Word(mapping.Delete)}\n        creationKey: {Word(mapping.CreationKey)}\n");
            if (mapping.Scope is not null) text.Append(CultureInfo.InvariantCulture, $"        scope: {Quote(Condition(mapping.Scope))}\n");
            text.Append("        fields:\n");
            foreach (var field in mapping.Fields)
            {
                var values = field.Values.IsEmpty ? "" : $", values: {{ {string.Join(", ", field.Values.Select(v => $"{Quote(v.SystemValue)}: {Scalar(v.HubValue)}"))} }}";
                var isShort = field == new FieldMapping { Field = field.Field, Name = field.Name, Values = field.Values } && values.Length == 0;
                var direction = field.Direction switch { Direction.In => "in", Direction.Out => "out", _ => "both" };
                text.Append(CultureInfo.InvariantCulture, $"          {field.Field}: {(isShort ? Quote(field.Name) : $"{{ name: {Quote(field.Name)}, direction: {direction}, emptyIsCleared: {(field.EmptyIsCleared ? "true" : "false")}{values} }}")}\n");
            }
        }
    }

    static string Field(FieldDefinition field, string word)
    {
        var keys = new List<string> { $"type: {word}" };
        if (field.Data != DataClass.None) keys.Add($"data: {Word(field.Data)}, purpose: {Quote(field.Purpose!)}");
        if (field.Scope == FieldScope.Link) keys.Add("scope: link");
        if (!field.Choices.IsEmpty) keys.Add($"choices: {List(field.Choices)}");
        if (!field.To.IsEmpty) keys.Add($"to: {List(field.To)}");
        if (!field.Was.IsEmpty) keys.Add($"was: {List(field.Was)}");
        if (field.MaxLength is { } length) keys.Add(string.Create(CultureInfo.InvariantCulture, $"maxLength: {length}"));
        if (field.Equivalence != Equivalence.Exact) keys.Add($"equivalence: [{field.Equivalence.ToString().ToLowerInvariant()}]");
        if (field.Group is null) keys.Add($"policy: {Policy(field.Policy)}");
        return $"{{ {string.Join(", ", keys)} }}";
    }

    static string Policy(FieldPolicy policy)
    {
        var keys = new List<string> { $"strategy: {Word(policy.Strategy)}" };
        if (!policy.Tiers.IsEmpty) keys.Add($"owners: [{string.Join(", ", policy.Tiers.Select(t => $"[{string.Join(", ", t.Owners.Select(Owner))}]"))}]");
        if (policy.YieldsAfter is { } span) keys.Add($"yieldsAfter: {Iso(span)}");
        if (policy.ClearedMayWin) keys.Add("cleared: mayWin");
        if (!policy.IgnoreValues.IsEmpty) keys.Add($"ignoreValues: [{string.Join(", ", policy.IgnoreValues.Select(v => Scalar(v)))}]");
        if (!policy.IgnoreActors.IsEmpty) keys.Add($"ignoreActors: [{string.Join(", ", policy.IgnoreActors.Select(Word))}]");
        if (!policy.DemoteActors.IsEmpty) keys.Add($"demoteActors: [{string.Join(", ", policy.DemoteActors.Select(Word))}]");
        if (!policy.InitialOrder.IsEmpty) keys.Add($"initial: {List(policy.InitialOrder)}");
        if (!policy.Order.IsEmpty) keys.Add($"order: [{string.Join(", ", policy.Order.Select(v => Scalar(v)))}]");
        if (!policy.Resets.IsEmpty) keys.Add($"resets: [{string.Join(", ", policy.Resets.Select(v => Scalar(v)))}]");
        if (!policy.OptInFrom.IsEmpty) keys.Add($"optInFrom: {List(policy.OptInFrom)}");
        if (policy.EvidenceField is { } evidence) keys.Add($"evidence: {evidence}");
        if (policy.Strategy == Strategy.Review) keys.Add($"fallback: {Word(policy.Fallback)}");
        keys.Add($"effective: {Word(policy.Effective)}");
        return $"{{ {string.Join(", ", keys)} }}";
    }

    static string Owner(Owner owner) => owner.When is null ? owner.System : $"{{ system: {owner.System}, when: {Quote(Condition(owner.When))} }}";

    public static string Condition(Condition condition) => condition switch
    {
        Condition.Is c => $"{c.Field} = {Literal(c.Value)}",
        Condition.In c => $"{c.Field} in [{string.Join(", ", c.Values.Select(Literal))}]",
        Condition.Filled c => $"filled({c.Field})",
        Condition.Not c => $"not ({Condition(c.Inner)})",
        Condition.All c => string.Join(" and ", c.Inner.Select(i => $"({Condition(i)})")),
        Condition.Any c => string.Join(" or ", c.Inner.Select(i => $"({Condition(i)})")),
        _ => throw new ArgumentOutOfRangeException(nameof(condition)),
    };

    static string Literal(FieldValue value) => value.IsText ? $"'{value.AsText().Replace("'", "''", StringComparison.Ordinal)}'" : value.Json;

    static string Scalar(FieldValue value) => value.IsText ? Quote(value.AsText()) : value.Json;

    static string List(IEnumerable<string> texts) => $"[{string.Join(", ", texts.Select(Quote))}]";

    static string Word<T>(T value)
        where T : struct, Enum => char.ToLowerInvariant(value.ToString()[0]) + value.ToString()[1..];

    static string Iso(TimeSpan span) => global::System.Xml.XmlConvert.ToString(span);

    static string Quote(string text)
    {
        var quoted = new StringBuilder("\"");
        foreach (var c in text)
        {
            if (c is '"' or '\\') quoted.Append('\\').Append(c);
            else if (char.IsControl(c) || c is '\u2028' or '\u2029' or '\ufeff') quoted.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            else quoted.Append(c);
        }
        return quoted.Append('"').ToString();
    }

    /// <summary>Every public property, deeply, as text: two definitions mean the same when their texts are equal.</summary>
    public static string Describe(object? value)
    {
        switch (value)
        {
            case null: return "-";
            case string or Enum or FieldValue or TimeSpan or DateTimeOffset or bool or int or double: return Convert.ToString(value, CultureInfo.InvariantCulture)!;
            case IEnumerable many:
                var items = many.Cast<object?>().Select(Describe);
                return $"[{string.Join("; ", value is IEnumerable<KeyValuePair<string, string>> ? items.Order(StringComparer.Ordinal) : items)}]";
        }
        var properties = value.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(p => p.GetIndexParameters().Length == 0 && p.Name != "EqualityContract");
        return $"{value.GetType().Name}({string.Join(", ", properties.OrderBy(p => p.Name, StringComparer.Ordinal).Select(p => $"{p.Name}={Describe(p.GetValue(value))}"))})";
    }
}
