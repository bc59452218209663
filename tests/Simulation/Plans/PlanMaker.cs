using System.Collections.Immutable;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Values;
using OrleansCrm.Simulation.Time;

namespace OrleansCrm.Simulation.Plans;

/// <summary>Draws a world's plan from its seed.</summary>
static class PlanMaker
{
    static readonly string[] SystemNames = ["salesforce", "hubspot", "dynamics", "zendesk"];
    static readonly string[] Texts = ["Ada Lovelace", "ada lovelace", "Grace", "Hopper Grace of Arlington", "n/a", "Zoë"];

    // Only long texts keep their outer blanks in canonical form.
    static readonly string[] LongTexts = ["Ada Lovelace", "Ada Lovelace  ", " Grace ", "Grace", "n/a"];
    static readonly string[] Stages = ["new", "open", "won", "lost"];
    static readonly string[] Members = ["\"a\"", "\"b\"", "\"c\""];
    static readonly string[] Consents = ["granted", "denied", "unknown"];

    public static WorldPlan Make(ulong seed, PlantedFault planted = PlantedFault.None)
    {
        var chance = new Chance(seed);
        var shape = chance.Branch(1);
        var systemCount = shape.Between(2, shape.OneIn(3) ? 4 : 3);
        var names = SystemNames.AsSpan(0, systemCount);

        var types = new TypePlan[shape.OneIn(4) ? 2 : 1];
        for (var i = 0; i < types.Length; i++) types[i] = MakeType(i, names, shape);

        var systems = new SystemPlan[systemCount];
        for (var i = 0; i < systemCount; i++) systems[i] = MakeSystem(names[i], types, chance.Branch(100 + (ulong)i));

        var rest = chance.Branch(2);
        var troubles = MakeTroubles(rest);
        var first = MakeHub(1, types, systems, rest, planted, changed: false);
        var definitions = troubles.DefinitionChangeAfter is null
            ? new[] { first }
            : [first, MakeHub(2, ChangePolicies(types, names, rest), systems, rest, planted, changed: true, first)];

        return new WorldPlan
        {
            Seed = seed,
            Definitions = definitions,
            Types = types,
            Systems = systems,
            Troubles = troubles,
            People = rest.Between(1, 2),
            Edits = rest.OneIn(8) ? rest.Between(14, 30) : rest.Between(4, 14),
            Activity = rest.Ticks(Clock.Minute, 25 * Clock.Minute),
            Silos = rest.Between(1, 3),
            StoresText = rest.OneIn(16),
            PartitionCount = rest.Between(1, 4),
        };
    }

    static Troubles MakeTroubles(Chance chance)
    {
        // Three in ten worlds are calm: there, what ought to hold can be said most sharply.
        if (chance.Percent(30)) return new Troubles { MessageDelayMax = 50 * Clock.Millisecond };
        return new Troubles
        {
            Crashes = chance.OneIn(2) ? chance.Between(1, 4) : 0,
            Freezes = chance.OneIn(3) ? chance.Between(1, 3) : 0,
            Twins = chance.OneIn(3) ? chance.Between(1, 3) : 0,
            UnknownCommitPercent = chance.OneIn(3) ? chance.Between(1, 25) : 0,
            AbortedCommitPercent = chance.OneIn(4) ? chance.Between(1, 20) : 0,
            LostMessagePercent = chance.OneIn(3) ? chance.Between(1, 15) : 0,
            DoubledMessagePercent = chance.OneIn(3) ? chance.Between(1, 15) : 0,
            LostSignalPercent = chance.OneIn(2) ? chance.Between(10, 100) : 0,
            MessageDelayMax = chance.OneIn(2) ? chance.Ticks(Clock.Millisecond, 2 * Clock.Second) : chance.Ticks(Clock.Millisecond, Clock.Minute),
            SiloSkewMax = chance.OneIn(5) ? chance.Ticks(0, 5 * Clock.Minute) : chance.Ticks(0, Clock.Second / 4),
            DefinitionChangeAfter = chance.OneIn(5) ? chance.Ticks(Clock.Minute, 20 * Clock.Minute) : null,
            Deletes = chance.OneIn(3) ? chance.Between(1, 2) : 0,
            Merges = chance.OneIn(4) ? 1 : 0,
            Conversions = chance.OneIn(3) ? 1 : 0,
            Rearrangements = chance.OneIn(3) ? chance.Between(1, 4) : 0,
        };
    }

    static TypePlan MakeType(int index, ReadOnlySpan<string> systems, Chance chance)
    {
        var fields = new List<FieldPlan> { Identity() };
        var groups = ImmutableArray.CreateBuilder<GroupDefinition>();
        var wanted = chance.Between(2, 6);
        var withStage = false;
        while (fields.Count < wanted + 1)
        {
            switch (chance.Below(8))
            {
                case 0 or 1 or 2:
                    var isLong = chance.OneIn(4);
                    fields.Add(Plan($"text{fields.Count}", isLong ? FieldType.LongText : FieldType.Text, ValuesOf(isLong ? LongTexts : Texts), TextPolicy(systems, chance, withStage), chance,
                        equivalence: chance.Of<Equivalence>([Equivalence.Exact, Equivalence.Case, Equivalence.Whitespace, Equivalence.Case | Equivalence.Whitespace | Equivalence.Cut])));
                    break;
                case 3:
                    fields.Add(Plan($"score{fields.Count}", FieldType.Number, [FieldValue.Number(1), FieldValue.Number(2), FieldValue.Number(3)],
                        new FieldPolicy { Strategy = chance.Of<Strategy>([Strategy.Highest, Strategy.Lowest, Strategy.Latest]), ClearedMayWin = chance.OneIn(2) }, chance));
                    break;
                case 4 when !withStage:
                    withStage = true;
                    fields.Add(Plan("stage", FieldType.Choice, ValuesOf(Stages), StagePolicy(systems, chance), chance, choices: [.. Stages]));
                    break;
                case 5:
                    fields.Add(Plan($"tags{fields.Count}", FieldType.Set, SetValues(), new FieldPolicy { Strategy = Strategy.Set }, chance));
                    break;
                case 6 when groups.Count == 0:
                    var policy = TextPolicy(systems, chance, withStage);
                    groups.Add(new GroupDefinition { Name = "address", Fields = ["address.city", "address.street"], Policy = policy });
                    fields.Add(Plan("address.city", FieldType.Text, ValuesOf(["Linz", "Graz", "Wien"]), policy, chance, group: "address"));
                    fields.Add(Plan("address.street", FieldType.Text, ValuesOf(["Ring 1", "Ring 2"]), policy, chance, group: "address"));
                    break;
                case 7:
                    fields.Add(Plan($"consent{fields.Count}", FieldType.ConsentStatus, ValuesOf(Consents),
                        new FieldPolicy { Strategy = Strategy.Restrictive, OptInFrom = chance.OneIn(3) ? [] : [chance.Of(systems)] }, chance, choices: [.. Consents]));
                    break;
                default:
                    fields.Add(Plan($"title{fields.Count}", FieldType.Text, ValuesOf(Texts), FieldPolicy.Latest, chance,
                        scope: chance.OneIn(2) ? FieldScope.Link : FieldScope.Customer));
                    break;
            }
        }

        var name = index == 0 ? "person" : "organization";
        return new TypePlan { Fields = [.. fields], Definition = TypeOf(name, fields, groups.ToImmutable(), systems, chance) };
    }

    static RecordTypeDefinition TypeOf(string name, List<FieldPlan> fields, ImmutableArray<GroupDefinition> groups, ReadOnlySpan<string> systems, Chance chance) =>
        new(name, [.. fields.Select(f => f.Definition)], groups)
        {
            IdentityKeys = ["email"],
            Existence = new ExistencePolicy { DeleteBy = chance.OneIn(2) ? [chance.Of(systems)] : [], Grace = TimeSpan.FromTicks(chance.Ticks(0, 20 * Clock.Minute)) },
        };

    static FieldPlan Identity() => new()
    {
        Definition = new FieldDefinition { Name = "email", Type = FieldType.Email, Policy = FieldPolicy.Latest, Equivalence = Equivalence.Case },
        Palette = [],
        IsIdentity = true,
    };

    static FieldPlan Plan(string name, FieldType type, FieldValue[] palette, FieldPolicy policy, Chance chance, string? group = null,
        FieldScope scope = FieldScope.Customer, Equivalence equivalence = Equivalence.Exact, ImmutableArray<string> choices = default) => new()
        {
            Definition = new FieldDefinition
            {
                Name = name,
                Type = type,
                Group = group,
                Scope = scope,
                Policy = policy,
                Equivalence = equivalence,
                Choices = choices.IsDefault ? [] : choices,
            },
            Palette = palette,
        };

    static FieldPolicy TextPolicy(ReadOnlySpan<string> systems, Chance chance, bool withStage)
    {
        var policy = chance.Below(6) switch
        {
            0 or 1 => new FieldPolicy { Strategy = Strategy.Latest },
            2 or 3 => new FieldPolicy { Strategy = Strategy.Owners, Tiers = Tiers(systems, chance, withStage) },
            4 => new FieldPolicy { Strategy = Strategy.First },
            _ => new FieldPolicy { Strategy = Strategy.Review, Fallback = chance.OneIn(2) ? Strategy.Latest : Strategy.First },
        };
        if (chance.OneIn(3)) policy = policy with { ClearedMayWin = true };
        if (policy.Strategy == Strategy.Owners && chance.OneIn(3)) policy = policy with { YieldsAfter = TimeSpan.FromTicks(chance.Ticks(Clock.Second, 20 * Clock.Minute)) };
        if (chance.OneIn(5)) policy = policy with { IgnoreValues = [FieldValue.Text("n/a")] };
        if (chance.OneIn(5)) policy = policy with { IgnoreActors = [ActorKind.Automation] };
        if (chance.OneIn(5)) policy = policy with { DemoteActors = [ActorKind.Automation] };
        return policy with { InitialOrder = chance.OneIn(2) ? [chance.Of(systems)] : [] };
    }

    static FieldPolicy StagePolicy(ReadOnlySpan<string> systems, Chance chance) => chance.Below(3) switch
    {
        0 => new FieldPolicy { Strategy = Strategy.Latest },
        1 => new FieldPolicy { Strategy = Strategy.Owners, Tiers = Tiers(systems, chance, withStage: false) },
        _ => new FieldPolicy { Strategy = Strategy.Forward, Order = [.. ValuesOf(Stages)], Resets = chance.OneIn(2) ? [FieldValue.Text("new")] : [] },
    };

    static ImmutableArray<OwnerTier> Tiers(ReadOnlySpan<string> systems, Chance chance, bool withStage)
    {
        var tiers = ImmutableArray.CreateBuilder<OwnerTier>();
        var from = chance.Below(systems.Length);
        for (var i = 0; i < systems.Length; i++)
        {
            if (i > 0 && chance.OneIn(3)) continue;      // this system may not set the field
            var owner = new Owner(systems[(from + i) % systems.Length], withStage && chance.OneIn(3) ? new Condition.Is("stage", FieldValue.Text(chance.Of<string>(Stages))) : null);
            if (tiers.Count > 0 && chance.OneIn(3)) tiers[^1] = new OwnerTier(tiers[^1].Owners.Add(owner));
            else tiers.Add(new OwnerTier([owner]));
        }
        return tiers.ToImmutable();
    }

    static TypePlan[] ChangePolicies(TypePlan[] types, ReadOnlySpan<string> systems, Chance chance)
    {
        var changed = new TypePlan[types.Length];
        for (var t = 0; t < types.Length; t++)
        {
            var fields = new List<FieldPlan>(types[t].Fields.Length);
            foreach (var field in types[t].Fields)
            {
                var redraw = field.Definition is { Type: FieldType.Text or FieldType.LongText, Group: null, Scope: FieldScope.Customer } && chance.OneIn(2);
                fields.Add(!redraw ? field : new FieldPlan
                {
                    Palette = field.Palette,
                    Definition = field.Definition with { Policy = TextPolicy(systems, chance, withStage: false) with { Effective = chance.OneIn(3) ? PolicyEffect.Now : PolicyEffect.All } },
                });
            }
            var old = types[t].Definition;
            changed[t] = new TypePlan
            {
                Fields = [.. fields],
                Definition = new RecordTypeDefinition(old.Name, [.. fields.Select(f => f.Definition)], old.Groups) { IdentityKeys = old.IdentityKeys, Existence = old.Existence },
            };
        }
        return changed;
    }

    static HubDefinition MakeHub(int version, TypePlan[] types, SystemPlan[] systems, Chance chance, PlantedFault planted, bool changed, HubDefinition? before = null) =>
        new([.. types.Select(t => t.Definition)], [.. systems.Select(s => s.Definition)])
        {
            Version = version,
            ContestedAfter = changed ? before!.ContestedAfter : chance.Between(1, 4),
            FutureTolerance = TimeSpan.FromMinutes(5),
            Planted = planted,
        };

    static SystemPlan MakeSystem(string name, TypePlan[] types, Chance chance)
    {
        var calm = chance.OneIn(3);
        var leads = !calm && chance.OneIn(4);
        var objects = new List<ObjectPlan>();
        for (var t = 0; t < types.Length; t++)
        {
            var habits = new FieldHabit[types[t].Fields.Length];
            for (var f = 0; f < habits.Length; f++) habits[f] = Habit(types[t], f, calm, chance);
            var creation = chance.OneIn(6) ? CreationKey.None : chance.OneIn(5) ? CreationKey.ClientId : CreationKey.Property;
            var create = chance.OneIn(6) ? CreatePolicy.Never : CreatePolicy.InScope;
            objects.Add(ObjectOf(t == 0 ? "contacts" : "accounts", t, types[t], habits, creation, create, chance));
            if (t == 0 && leads) objects.Add(ObjectOf("leads", t, types[t], habits, CreationKey.None, CreatePolicy.Never, chance));
        }

        var times = chance.OneIn(2) ? TimePrecision.Exact : chance.OneIn(3) ? TimePrecision.None : TimePrecision.Second;
        var reports = chance.Below(5) switch { 0 or 1 => ReportForm.Changes, 2 or 3 => ReportForm.FullRecord, _ => ReportForm.PollOnly };
        var tolerance = chance.OneIn(6) ? 5 * Clock.Minute : 2 * Clock.Second;
        var rounding = times == TimePrecision.Second ? Clock.Second : 0;

        // Within what is declared, a silo's small error included; in some systems far beyond it.
        var skewMax = calm ? 0 : chance.OneIn(12) ? 100 * Clock.Second : tolerance == 2 * Clock.Second ? tolerance - rounding - Clock.Second / 2 : 100 * Clock.Second;
        var skew = chance.Ticks(-skewMax, skewMax);
        var marks = chance.OneIn(2);
        var callTime = chance.Ticks(Clock.Minute, 3 * Clock.Minute);
        var tight = !calm && chance.OneIn(6);

        return new SystemPlan
        {
            Definition = new SystemDefinition(name, "simulated", [.. objects.Select(o => o.Mapping)])
            {
                Mode = SystemMode.Live,
                HubActor = marks ? "hub" : null,
                ClockTolerance = TimeSpan.FromTicks(tolerance),
                MaxCallTime = TimeSpan.FromTicks(callTime),
                Guard = tight
                    ? new GuardDefinition { Window = TimeSpan.FromTicks(chance.Ticks(10 * Clock.Minute, Clock.Hour)), Creates = chance.Between(0, 2), Clears = chance.Between(0, 2), Changes = chance.Between(1, 4), Deletes = chance.Between(0, 1), Merges = 1 }
                    : new GuardDefinition(),
                Retry = new RetryPolicy { MaxRetries = chance.Between(3, 8), Delay = TimeSpan.FromTicks(chance.Ticks(Clock.Second, 10 * Clock.Second)), MaxDelay = TimeSpan.FromMinutes(3) },
                Budget = new BudgetDefinition { PerSecond = chance.OneIn(4) ? chance.Between(1, 5) : null, Burst = chance.Between(2, 20), BatchSize = chance.Between(1, 10), Concurrency = chance.Between(1, 3) },
            },
            Objects = [.. objects],
            Times = times,
            Reports = reports,
            HasVersions = chance.OneIn(2),
            HasMarks = marks,
            Skew = skew,
            ReportDelayMax = chance.OneIn(2) ? chance.Ticks(Clock.Millisecond, 5 * Clock.Second) : chance.Ticks(Clock.Second, 8 * Clock.Minute),
            ReportsLostPercent = calm ? 0 : chance.OneIn(3) ? chance.Between(1, 40) : 0,
            ReportsDoubledPercent = chance.OneIn(3) ? chance.Between(1, 30) : 0,
            PollEvery = chance.Ticks(3 * Clock.Minute, 15 * Clock.Minute),
            SearchLag = chance.OneIn(3) ? chance.Ticks(0, Clock.Minute) : 0,
            ReceiptTellsStored = chance.OneIn(2),
            ReceiptTellsVersion = chance.OneIn(2),
            ReceiptTellsTime = chance.OneIn(2),
            TellsCreationKey = chance.OneIn(2),
            IdleSavesCount = chance.OneIn(3),
            HasLeads = leads,
            AmbiguousPercent = calm ? 0 : chance.OneIn(3) ? chance.Between(1, 30) : 0,
            QueuedPercent = calm ? 0 : chance.OneIn(4) ? chance.Between(1, 20) : 0,
            TransientPercent = calm ? 0 : chance.OneIn(3) ? chance.Between(1, 20) : 0,
            Quota = calm || !chance.OneIn(6) ? 0 : chance.Between(2, 10),
            CallTimeMax = callTime,
        };
    }

    static ObjectPlan ObjectOf(string name, int type, TypePlan plan, FieldHabit[] habits, CreationKey creation, CreatePolicy create, Chance chance)
    {
        var fields = ImmutableArray.CreateBuilder<FieldMapping>(habits.Length);
        for (var f = 0; f < habits.Length; f++)
        {
            if (!habits[f].Mapped) continue;
            fields.Add(new FieldMapping
            {
                Field = plan.Fields[f].Name,
                Name = plan.Fields[f].Name,
                Direction = chance.OneIn(12) ? Direction.In : Direction.Both,
                Equivalence = habits[f].Rewriting switch
                {
                    Rewriting.LowerCase => Equivalence.Case,
                    Rewriting.Trim => Equivalence.Whitespace,
                    Rewriting.Cut => Equivalence.Cut,
                    _ => Equivalence.Exact,
                },
                MaxLength = habits[f].Rewriting == Rewriting.Cut ? habits[f].CutAt : null,
            });
        }
        return new ObjectPlan
        {
            Name = name,
            Type = type,
            Habits = habits,
            Mapping = new MappingDefinition(plan.Definition.Name, name, fields.ToImmutable())
            {
                Create = create,
                CreationKey = creation,
                RequiredToCreate = chance.OneIn(4) ? ["email"] : [],
                Delete = chance.OneIn(3) ? DeletePolicy.Delete : chance.OneIn(2) ? DeletePolicy.Archive : DeletePolicy.Never,
            },
        };
    }

    static FieldHabit Habit(TypePlan type, int index, bool calm, Chance chance)
    {
        var field = type.Fields[index];
        if (field.IsIdentity) return new FieldHabit { Mapped = true, Unique = !calm && chance.OneIn(2), Rewriting = chance.OneIn(4) ? Rewriting.LowerCase : Rewriting.None };
        var inGroup = field.Definition.Group is not null;
        if (!inGroup && chance.OneIn(8)) return new FieldHabit();
        if (calm) return new FieldHabit { Mapped = true };

        var text = field.Definition.Type is FieldType.Text or FieldType.LongText && !inGroup;
        var isLong = field.Definition.Type == FieldType.LongText;
        var trigger = chance.OneIn(10) ? chance.Below(type.Fields.Length) : -1;
        if (trigger >= 0 && (type.Fields[trigger].IsIdentity || type.Fields[trigger].Definition.Group is not null)) trigger = -1;
        return new FieldHabit
        {
            Mapped = true,
            Rewriting = text && chance.OneIn(4) ? (isLong ? Rewriting.Trim : chance.Of<Rewriting>([Rewriting.LowerCase, Rewriting.Cut])) : Rewriting.None,
            CutAt = chance.Between(5, 10),
            Refuses = chance.OneIn(12) ? chance.Of<FieldValue>(field.Palette) : null,
            Rejects = chance.OneIn(12) ? chance.Of<FieldValue>(field.Palette) : null,
            ForwardOnly = field.Definition.Type == FieldType.Choice && chance.OneIn(3),
            Default = chance.OneIn(8) ? chance.Of<FieldValue>(field.Palette) : null,
            TriggerSets = trigger,
            TriggerValue = trigger >= 0 ? chance.Of<FieldValue>(type.Fields[trigger].Palette) : FieldValue.Cleared,
            FlowInsists = chance.OneIn(16) ? chance.Of<FieldValue>(field.Palette) : null,
            FlowRuns = chance.OneIn(2) ? chance.Between(1, 3) : int.MaxValue,
        };
    }

    static FieldValue[] ValuesOf(string[] texts)
    {
        var values = new FieldValue[texts.Length];
        for (var i = 0; i < texts.Length; i++) values[i] = FieldValue.Text(texts[i]);
        return values;
    }

    static FieldValue[] SetValues()
    {
        var values = new FieldValue[1 << Members.Length];
        for (var mask = 0; mask < values.Length; mask++)
        {
            var json = "";
            for (var m = 0; m < Members.Length; m++)
            {
                if ((mask & (1 << m)) != 0) json += json.Length == 0 ? Members[m] : "," + Members[m];
            }
            values[mask] = FieldValue.FromStored("[" + json + "]");
        }
        return values;
    }
}
