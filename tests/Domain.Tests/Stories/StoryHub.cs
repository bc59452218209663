using System.Collections.Immutable;
using System.Globalization;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Tests.Stories;

/// <summary>The definition of a story, built line by line: one record type <c>person</c>, each system with one object <c>contacts</c> that maps every field by its own name.</summary>
sealed class StoryHub(PlantedFault planted)
{
    public const string RecordType = "person";
    public const string Object = "contacts";

    readonly Dictionary<string, string> _fields = new(StringComparer.Ordinal);
    readonly Dictionary<string, string> _groups = new(StringComparer.Ordinal);
    readonly Dictionary<string, string> _systems = new(StringComparer.Ordinal);
    readonly Dictionary<string, (int Version, DateTimeOffset Time)> _since = new(StringComparer.Ordinal);
    string _existence = "";
    string _identity = "";
    int _contestedAfter = 3;
    int _version = 1;
    HubDefinition? _hub;

    public HubDefinition Hub => _hub ??= Build();

    /// <summary>The definition before the last change; null: it never changed.</summary>
    public HubDefinition? Old { get; private set; }

    /// <param name="line">Without its time.</param>
    /// <param name="changedAt">When a running hub gets the line as a new version of its definition; null: the story begins with it.</param>
    public bool TryDefine(string line, DateTimeOffset? changedAt)
    {
        var word = line.Split(' ', 2)[0];
        if (word is not ("field" or "group" or "system" or "existence" or "identity" or "contested")) return false;
        if (changedAt is { } at)
        {
            Old = Hub;
            _version++;
            if (word is "field" or "group") _since[Name(line)] = (_version, at);
        }
        _hub = null;
        var rest = line[word.Length..].Trim();
        switch (word)
        {
            case "field": _fields[Name(line)] = Clauses(rest); break;
            case "group": _groups[Name(line)] = Clauses(rest); break;
            case "system": _systems[Name(line)] = rest; break;
            case "existence": _existence = rest; break;
            case "identity": _identity = rest; break;
            default: _contestedAfter = int.Parse(rest.Replace("after", "", StringComparison.Ordinal), CultureInfo.InvariantCulture); break;
        }
        return true;
    }

    static string Name(string line) => line.Split([' ', ':'], 3, StringSplitOptions.RemoveEmptyEntries)[1];

    static string Clauses(string rest) => rest.Contains(':', StringComparison.Ordinal) ? rest[(rest.IndexOf(':', StringComparison.Ordinal) + 1)..] : "latest";

    public FieldValue Value(string field, string text)
    {
        if (text == "~") return FieldValue.Cleared;
        var ties = _fields.TryGetValue(field, out var kind) && kind.Contains("type association", StringComparison.Ordinal);
        if (ties) return FieldValue.Set(text[1..^1].Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(Tie));
        if (text.StartsWith('[')) return FieldValue.Set(text[1..^1].Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(FieldValue.Text));
        var number = _fields.TryGetValue(field, out var clauses) && clauses.Contains("type number", StringComparison.Ordinal);
        return number ? FieldValue.Number(decimal.Parse(text, CultureInfo.InvariantCulture)) : FieldValue.Text(text.Trim('"'));
    }

    static FieldValue Tie(string text)
    {
        var parts = text.TrimEnd('!').Split(':');
        return Canonicaliser.Association(FieldValue.Text(parts[0]), parts.Length > 1 ? parts[1] : "", text.EndsWith('!'));
    }

    static string Tie(FieldValue member) => member.Part("to") is { } to
        ? to.AsText() + (member.Part("role") is { } role ? ":" + role.AsText() : "") + (member.Part("primary") is null ? "" : "!")
        : member.AsText();

    public static string Text(FieldValue value)
    {
        if (value.IsCleared) return "~";
        if (value.Json.StartsWith('[')) return "[" + string.Join(',', value.Members().Select(Tie)) + "]";
        var text = value.AsText();
        return text.Length == 0 || text.Contains(' ', StringComparison.Ordinal) ? $"\"{text}\"" : text;
    }

    HubDefinition Build()
    {
        var fields = _fields.Select(f => Field(f.Key, f.Value)).ToImmutableArray();
        var groups = _groups.Select(g => new GroupDefinition
        {
            Name = g.Key,
            Fields = [.. fields.Where(f => f.Group == g.Key).Select(f => f.Name)],
            Policy = Policy(g.Key, g.Value),
        }).ToImmutableArray();
        var type = new RecordTypeDefinition(RecordType, fields, groups)
        {
            IdentityKeys = [.. List(_identity)],
            Existence = new ExistencePolicy
            {
                DeleteBy = [.. List(Argument(_existence, "delete by") ?? "")],
                Grace = Argument(_existence, "grace") is { } grace ? Span(grace) : TimeSpan.FromHours(1),
            },
        };
        return new([type], [.. _systems.Select(s => System(s.Value, fields))]) { Version = _version, ContestedAfter = _contestedAfter, Planted = planted };
    }

    FieldDefinition Field(string name, string clauses)
    {
        var equivalence = Equivalence.Exact;
        foreach (var difference in List(Argument(clauses, "equivalence") ?? "")) equivalence |= Enum.Parse<Equivalence>(difference, ignoreCase: true);
        return new()
        {
            Name = name,
            Type = Argument(clauses, "type") is { } type ? Enum.Parse<FieldType>(type, ignoreCase: true) : FieldType.Text,
            Group = Argument(clauses, "group"),
            Scope = Argument(clauses, "scope") == "link" ? FieldScope.Link : FieldScope.Customer,
            Equivalence = equivalence,
            Policy = Policy(name, clauses),
        };
    }

    FieldPolicy Policy(string unit, string clauses)
    {
        var policy = FieldPolicy.Latest with { SinceVersion = _since.GetValueOrDefault(unit).Version, SinceTime = _since.GetValueOrDefault(unit).Time };
        foreach (var clause in clauses.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var word = clause.Split(' ', 2)[0];
            var rest = clause[word.Length..].Trim();
            policy = word switch
            {
                "owners" => policy with { Strategy = policy.Strategy == Strategy.Latest ? Strategy.Owners : policy.Strategy, Tiers = Tiers(rest) },
                "latest" or "highest" or "lowest" or "first" or "set" or "restrictive" or "review" => policy with { Strategy = Enum.Parse<Strategy>(word, ignoreCase: true) },
                "forward" => policy with { Strategy = Strategy.Forward, Order = [.. rest.Split('>', StringSplitOptions.TrimEntries).Select(FieldValue.Text)] },
                "resets" => policy with { Resets = [.. List(rest).Select(FieldValue.Text)] },
                "yields" => policy with { YieldsAfter = Span(rest["after".Length..].Trim()) },
                "cleared" => policy with { ClearedMayWin = true },
                "ignore" when rest.StartsWith("values", StringComparison.Ordinal) => policy with { IgnoreValues = [.. List(rest["values".Length..]).Select(v => Value(unit, v))] },
                "ignore" => policy with { IgnoreActors = Actors(rest["actors".Length..]) },
                "demote" => policy with { DemoteActors = Actors(rest["actors".Length..]) },
                "initial" => policy with { InitialOrder = [.. List(rest)] },
                "opt-in" => policy with { OptInFrom = [.. List(rest["from".Length..])] },
                "evidence" => policy with { EvidenceField = rest },
                "fallback" => policy with { Fallback = Enum.Parse<Strategy>(rest, ignoreCase: true) },
                "effective" => policy with { Effective = Enum.Parse<PolicyEffect>(rest, ignoreCase: true) },
                "type" or "group" or "scope" or "equivalence" => policy,
                _ => throw new FormatException($"No such clause: {clause}"),
            };
        }
        return policy;
    }

    ImmutableArray<OwnerTier> Tiers(string text) => [.. text.Split('>', StringSplitOptions.TrimEntries).Select(t => new OwnerTier([.. List(t).Select(Owner)]))];

    Owner Owner(string text)
    {
        var parts = text.Split(" when ", StringSplitOptions.TrimEntries);
        return parts.Length == 1 ? new(parts[0]) : new(parts[0], Condition(parts[1]));
    }

    Condition Condition(string text)
    {
        if (text.StartsWith("not ", StringComparison.Ordinal)) return new Condition.Not(Condition(text[4..]));
        var at = text.IndexOf('=', StringComparison.Ordinal);
        return at < 0 ? new Condition.Filled(text.Trim()) : new Condition.Is(text[..at].Trim(), Value(text[..at].Trim(), text[(at + 1)..].Trim()));
    }

    static ImmutableArray<ActorKind> Actors(string text) => [.. List(text).Select(a => Enum.Parse<ActorKind>(a, ignoreCase: true))];

    SystemDefinition System(string text, ImmutableArray<FieldDefinition> fields)
    {
        var words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var options = words.Skip(1).Select(w => w.Split('=', 2)).ToDictionary(w => w[0], w => w.Length > 1 ? w[1] : "", StringComparer.Ordinal);
        string Option(string name, string otherwise) => options.Remove(name, out var value) ? value : otherwise;

        var cut = Option("cut", "");
        var mapping = new MappingDefinition(RecordType, Object, [.. fields.Select(f => new FieldMapping
        {
            Field = f.Name,
            Name = f.Name,
            MaxLength = cut.StartsWith(f.Name + ":", StringComparison.Ordinal) ? int.Parse(cut[(f.Name.Length + 1)..], CultureInfo.InvariantCulture) : null,
        })])
        {
            Create = Option("create", "never") == "never" ? CreatePolicy.Never : CreatePolicy.InScope,
            Update = Enum.Parse<UpdatePolicy>(Option("update", "always"), ignoreCase: true),
            Delete = Enum.Parse<DeletePolicy>(Option("delete", "never"), ignoreCase: true),
            CreationKey = Enum.Parse<CreationKey>(Option("key", "property"), ignoreCase: true),
            RequiredToCreate = [.. List(Option("requires", ""))],
            Scope = Option("scope", "") is { Length: > 0 } scope ? Condition(scope.Replace(":", "=", StringComparison.Ordinal)) : null,
        };
        var system = new SystemDefinition(words[0], "story", [mapping])
        {
            Mode = Enum.Parse<SystemMode>(Option("mode", "live"), ignoreCase: true),
            ClockTolerance = Span(Option("tolerance", "2s")),
            ReferenceWait = Span(Option("reference", "1m")),
            MaxCallTime = Span(Option("call", "10m")),
        };
        return options.Count == 0 ? system : throw new FormatException($"No such option of a system: {string.Join(", ", options.Keys)}");
    }

    static string? Argument(string clauses, string word) =>
        clauses.Split(';', StringSplitOptions.TrimEntries).FirstOrDefault(c => c.StartsWith(word + " ", StringComparison.Ordinal))?[word.Length..].Trim();

    static string[] List(string text) => text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    public static TimeSpan Span(string text)
    {
        var number = int.Parse(text[..^1], CultureInfo.InvariantCulture);
        return text[^1] switch
        {
            's' => TimeSpan.FromSeconds(number),
            'm' => TimeSpan.FromMinutes(number),
            'h' => TimeSpan.FromHours(number),
            'd' => TimeSpan.FromDays(number),
            _ => throw new FormatException($"No such time span: {text}"),
        };
    }
}
