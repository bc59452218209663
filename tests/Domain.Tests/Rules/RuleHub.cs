using System.Collections.Concurrent;
using System.Collections.Immutable;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Tests.Rules;

/// <summary>Definitions by number: three systems and a record type whose policies range over every strategy and modifier.</summary>
static class RuleHub
{
    public const int Count = 512;
    public const string Type = "person";
    public const string Object = "contacts";
    public static readonly DateTimeOffset Noon = new(2026, 6, 1, 12, 0, 0, TimeSpan.Zero);
    public static readonly string[] Systems = ["alpha", "beta", "gamma"];
    public static readonly string[] Fields = ["a", "b", "tags", "street", "city", "consent"];

    static readonly ConcurrentDictionary<(int, int, PlantedFault), HubDefinition> Made = new();
    static readonly ImmutableArray<FieldValue> Words = [.. new[] { "p", "q", "r", "s" }.Select(FieldValue.Text)];
    static readonly ImmutableArray<FieldValue> Sets = [.. new[] { "", "x", "x y", "y z", "x y z" }.Select(s => FieldValue.Set(s.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(FieldValue.Text)))];
    static readonly ImmutableArray<FieldValue> Consents = [FieldValue.Text("denied"), FieldValue.Text("granted"), FieldValue.Text("granted"), FieldValue.Text("unset")];

    /// <param name="version">From 2 on: the definition that this number is changed to.</param>
    public static HubDefinition Of(int number, int version = 1, PlantedFault planted = PlantedFault.None) =>
        Made.GetOrAdd((number % Count, version, planted), key => Make(new Random(key.Item1 + key.Item2 * 7919), key.Item2, key.Item3, new Random(key.Item1)));

    public static FieldValue Value(Tape tape, string field) => field switch
    {
        "tags" => tape.Pick(Sets),
        "consent" => tape.Chance(12) ? FieldValue.Cleared : tape.Pick(Consents),
        _ => tape.Chance(7) ? FieldValue.Cleared : tape.Pick(Words),
    };

    static HubDefinition Make(Random random, int version, PlantedFault planted, Random systems)
    {
        var since = version == 1 ? (0, default) : (version, Noon.AddMinutes(10 * version));
        FieldPolicy Drawn(string[] reads) => Policy(random, reads) with { SinceVersion = since.Item1, SinceTime = since.Item2, Effective = random.Next(2) == 0 ? PolicyEffect.Now : PolicyEffect.All };
        var fields = ImmutableArray.Create(
            new FieldDefinition { Name = "a", Type = FieldType.Text, Policy = Drawn([]), Equivalence = systems.Next(2) == 0 ? Equivalence.Case : Equivalence.Exact },
            new FieldDefinition { Name = "b", Type = FieldType.Text, Policy = Drawn(["a"]) },
            new FieldDefinition { Name = "tags", Type = FieldType.Set, Policy = new FieldPolicy { Strategy = Strategy.Set, Tiers = random.Next(3) == 0 ? Tiers(random, []) : [] } },
            new FieldDefinition { Name = "street", Type = FieldType.Text, Group = "address" },
            new FieldDefinition { Name = "city", Type = FieldType.Text, Group = "address" },
            new FieldDefinition
            {
                Name = "consent",
                Type = FieldType.ConsentStatus,
                Policy = new FieldPolicy
                {
                    Strategy = Strategy.Restrictive,
                    OptInFrom = [.. Systems.Where(_ => random.Next(2) == 0)],
                    IgnoreActors = random.Next(3) == 0 ? [ActorKind.Import] : [],
                    SinceVersion = since.Item1,
                    SinceTime = since.Item2,
                },
            });
        var group = new GroupDefinition
        {
            Name = "address",
            Fields = ["street", "city"],
            Policy = Drawn(["a"]) is { Strategy: Strategy.Forward or Strategy.Highest or Strategy.Lowest } odd ? odd with { Strategy = Strategy.Latest } : Drawn(["a"]),
        };
        var type = new RecordTypeDefinition(Type, fields, [group])
        {
            Existence = new() { DeleteBy = systems.Next(2) == 0 ? ["alpha"] : [], Grace = TimeSpan.FromMinutes(30) },
        };
        return new([type], [.. Systems.Select(s => System(s, fields, systems))]) { Version = version, Planted = planted };
    }

    static SystemDefinition System(string name, ImmutableArray<FieldDefinition> fields, Random random) =>
        new(name, "rules", [new(Type, Object, [.. fields.Select(f => new FieldMapping { Field = f.Name, Name = f.Name, Equivalence = f.Equivalence })])
        {
            Create = name == "gamma" && random.Next(2) == 0 ? CreatePolicy.InScope : CreatePolicy.Never,
            Delete = random.Next(2) == 0 ? DeletePolicy.Archive : DeletePolicy.Never,
            Scope = name == "gamma" && random.Next(4) == 0 ? new Condition.Not(new Condition.Is("a", Words[3])) : null,
        }])
        {
            Mode = SystemMode.Live,
            // The one whose reports carry no mark.
            HubActor = name == "beta" ? null : "hub",
        };

    static FieldPolicy Policy(Random random, string[] reads) => new()
    {
        Strategy = (Strategy)new[] { 0, 0, 0, 1, 1, 2, 3, 4, 5, 8 }[random.Next(10)],
        Tiers = random.Next(3) > 0 ? Tiers(random, reads) : [],
        YieldsAfter = random.Next(4) == 0 ? TimeSpan.FromMinutes(5 + random.Next(10)) : null,
        ClearedMayWin = random.Next(2) == 0,
        IgnoreValues = random.Next(4) == 0 ? [Words[3]] : [],
        IgnoreActors = random.Next(4) == 0 ? [ActorKind.Import] : [],
        DemoteActors = random.Next(4) == 0 ? [ActorKind.Integration] : [],
        InitialOrder = random.Next(3) == 0 ? ["gamma", "alpha"] : [],
        Order = Words,
        Resets = random.Next(2) == 0 ? [Words[0]] : [],
        Fallback = random.Next(2) == 0 ? Strategy.Owners : Strategy.Latest,
    };

    static ImmutableArray<OwnerTier> Tiers(Random random, string[] reads)
    {
        var shuffled = Systems.ToArray();
        random.Shuffle(shuffled);
        var tiers = ImmutableArray.CreateBuilder<OwnerTier>();
        for (var i = 0; i < shuffled.Length && random.Next(4) > 0;)
        {
            var size = 1 + random.Next(2);
            tiers.Add(new([.. shuffled.Skip(i).Take(size).Select(s => new Owner(s, When(random, reads)))]));
            i += size;
        }
        return tiers.Count == 0 ? [new([new(shuffled[0])])] : tiers.ToImmutable();
    }

    static Condition? When(Random random, string[] reads) => reads.Length == 0 || random.Next(3) > 0
        ? null
        : random.Next(2) == 0 ? new Condition.Is(reads[0], Words[random.Next(3)]) : new Condition.Filled(reads[0]);
}
