using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Globalization;
using CsCheck;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Definitions.Reading;
using OrleansCrm.Domain.Values;
using Xunit;

namespace OrleansCrm.Domain.Tests.Definitions;

public sealed class DefinitionPropertyTests
{
    static readonly string[] Systems = ["alpha", "beta-2", "gamma"];
    static readonly string[] Choices = ["one", "Two", "not in", "a'b", "ü, \"x\""];

    [Fact]
    public void A_written_definition_reads_back_as_it_was_meant() => Hubs.Sample(
        hub =>
        {
            var yaml = DefinitionYaml.Write(hub);

            var result = HubDefinitionReader.Read(yaml);

            Assert.True(result.Errors.IsEmpty, string.Join('\n', result.Errors) + "\n" + yaml);
            Assert.Equal(DefinitionYaml.Describe(hub), DefinitionYaml.Describe(result.Definition));
        },
        iter: 500);

    [Fact]
    public void What_the_reader_accepts_the_schema_accepts()
    {
        var schema = HubDefinitionSchema.Create();
        Hubs.Sample(hub => Assert.Empty(schema.Validate(YamlAsJson.Of(DefinitionYaml.Write(hub)))), iter: 50);
    }

    [Fact]
    public void Every_field_and_group_is_resolved_once_and_after_what_its_conditions_read() => Hubs.Sample(
        hub =>
        {
            foreach (var type in HubDefinitionReader.Read(DefinitionYaml.Write(hub)).Definition!.RecordTypes)
            {
                Assert.Equal(type.Fields.Select(f => f.Group ?? f.Name).Distinct().Order(), type.ResolutionOrder.Order());
                foreach (var name in type.ResolutionOrder)
                {
                    var policy = type.Group(name)?.Policy ?? type.Field(name)!.Policy;
                    Assert.All(policy.FieldsRead(), read => Assert.True(type.ResolutionOrder.IndexOf(type.Field(read)!.Group ?? read) < type.ResolutionOrder.IndexOf(name)));
                }
            }
        },
        iter: 200);

    [Fact]
    public void No_text_makes_the_reader_throw() => Gen.OneOf(Scribble, Damaged).Sample(
        yaml =>
        {
            var result = HubDefinitionReader.Read(yaml);

            Assert.Equal(result.Definition is null, !result.Errors.IsEmpty);
            Assert.All(result.Errors, e => Assert.True(e is { Line: >= 1, Column: >= 1, Problem.Length: > 0, Fix.Length: > 0 }));
        },
        iter: 3_000);

    [Fact]
    public void A_duration_reads_back_from_every_spelling() => Gen.Int[1, 100_000_000].Sample(seconds =>
    {
        var span = TimeSpan.FromSeconds(seconds);

        Assert.Equal(span, Duration.Parse(Duration.Say(span)));
        Assert.Equal(span, Duration.Parse(global::System.Xml.XmlConvert.ToString(span)));
        Assert.Equal(span, Duration.Parse(string.Create(CultureInfo.InvariantCulture, $"{seconds}s")));
    });

    [Fact]
    public void And_binds_closer_than_or_and_not_closer_than_both()
    {
        const string yaml = """
            hub: a
            recordTypes: { person: { fields: { a: boolean, b: boolean, c: text, tags: multiChoice } } }
            systems:
              s:
                connector: rest
                mappings:
                  T: { recordType: person, scope: "a or not b and c != 'x y' and tags has vip", fields: { a: A } }
            """;
        var expected = new Condition.Any([
            new Condition.Is("a", FieldValue.Boolean(true)),
            new Condition.All([
                new Condition.Not(new Condition.Is("b", FieldValue.Boolean(true))),
                new Condition.Not(new Condition.Is("c", FieldValue.Text("x y"))),
                new Condition.Has("tags", FieldValue.Text("vip"))])]);

        var scope = HubDefinitionReader.Read(yaml).Definition!.System("s")!.Mappings[0].Scope;

        Assert.Equal(DefinitionYaml.Describe(expected), DefinitionYaml.Describe(scope));
    }

    static readonly Gen<string> Words = Gen.String[Gen.Char["abz ,:'\"\\#&*!|>%@`{}[]-?\n\tüß東"], 1, 12];

    static Gen<T?> Maybe<T>(Gen<T> gen)
        where T : struct => Gen.Bool.SelectMany(yes => yes ? gen.Select(v => (T?)v) : Gen.Const((T?)null));

    static Gen<T[]> Some<T>(params T[] from) => Gen.Shuffle(from).SelectMany(all => Gen.Int[0, from.Length].Select(count => all[..count]));

    static Gen<T> Pick<T>(params T[] from) => Gen.Int[0, from.Length - 1].Select(i => from[i]);

    static Gen<T> Word<T>()
        where T : struct, Enum => Pick(Enum.GetValues<T>());

    static Gen<TimeSpan> Seconds(int least, int most) => Gen.Int[least, most].Select(s => TimeSpan.FromSeconds(s));

    // Conditions read only fields declared before the one that has them, so no cycle can form.
    static Gen<Condition> Conditions(ImmutableArray<FieldDefinition> before, int depth)
    {
        var leaf = Pick(before.ToArray()).SelectMany(field => Gen.Select(Values(field), Values(field), Gen.Int[0, 2], (one, two, form) => form switch
        {
            0 => (Condition)new Condition.Is(field.Name, one),
            1 => new Condition.In(field.Name, [one, two]),
            _ => new Condition.Filled(field.Name),
        }));
        if (depth == 0) return leaf;
        var inner = Conditions(before, depth - 1);
        return Gen.OneOf(leaf, inner.Select(c => (Condition)new Condition.Not(c)),
            inner.Array[2, 3].Select(c => (Condition)new Condition.All([.. c])), inner.Array[2, 3].Select(c => (Condition)new Condition.Any([.. c])));
    }

    static Gen<FieldValue> Values(FieldDefinition field) => field.Type switch
    {
        FieldType.Number or FieldType.Decimal => Gen.Int.Select(n => FieldValue.Number(n)),
        FieldType.Boolean => Gen.Bool.Select(FieldValue.Boolean),
        FieldType.Date => Gen.Date.Select(d => FieldValue.Text(d.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture))),
        FieldType.Choice => Pick([.. field.Choices]).Select(FieldValue.Text),
        _ => Words.Select(FieldValue.Text),
    };

    static Gen<ImmutableArray<OwnerTier>> Tiers(ImmutableArray<FieldDefinition> before) =>
        Gen.Select(Some(Systems).Where(s => s.Length > 0), Gen.Bool, Gen.Bool, (systems, together, conditional) => (systems, together, conditional)).SelectMany(p =>
        {
            var candidates = before.Where(f => f.Scope == FieldScope.Customer && f.Type is FieldType.Text or FieldType.Number or FieldType.Boolean or FieldType.Choice or FieldType.Date).Where(f => f.Scope == FieldScope.Customer).ToImmutableArray();
            var first = p.conditional && !candidates.IsEmpty ? Conditions(candidates, 2).Select(c => new Owner(p.systems[0], c)) : Gen.Const(new Owner(p.systems[0]));
            return first.Select(owner =>
            {
                Owner[] owners = [owner, .. p.systems[1..].Select(s => new Owner(s))];
                return p.together ? [new OwnerTier([.. owners])] : owners.Select(o => new OwnerTier([o])).ToImmutableArray();
            });
        });

    static Gen<FieldPolicy> Policies(FieldDefinition field, bool isGroup, ImmutableArray<FieldDefinition> before)
    {
        var strategies = new List<Strategy> { Strategy.Owners, Strategy.Latest, Strategy.First, Strategy.Review };
        if (!isGroup && field.Type is FieldType.Number or FieldType.Decimal or FieldType.Date) strategies.AddRange([Strategy.Highest, Strategy.Lowest]);
        if (!isGroup && field.Type is FieldType.Choice) strategies.Add(Strategy.Forward);
        if (field.Type is FieldType.MultiChoice) strategies.Add(Strategy.Set);
        if (field.Type is FieldType.ConsentStatus) strategies = [Strategy.Restrictive];
        var canIgnore = !isGroup && field.Type is FieldType.Text or FieldType.Number or FieldType.Choice;
        return Gen.Select(Pick([.. strategies]), Tiers(before), Maybe(Seconds(1, 1_000_000)), Gen.Bool, Some(ActorKind.Import, ActorKind.Default, ActorKind.User, ActorKind.Automation), Some(Systems), Word<PolicyEffect>(), canIgnore ? Values(field).Array[0, 2] : Gen.Const(Array.Empty<FieldValue>()))
            .Select((strategy, tiers, yields, flag, actors, systems, effect, ignore) => new FieldPolicy
            {
                Strategy = strategy,
                Tiers = strategy == Strategy.Owners || flag ? tiers : [],
                YieldsAfter = strategy == Strategy.Owners ? yields : null,
                ClearedMayWin = flag,
                IgnoreValues = [.. ignore],
                IgnoreActors = [.. actors.Skip(1)],
                DemoteActors = [.. actors.Take(1)],
                InitialOrder = [.. systems],
                Order = strategy == Strategy.Forward ? [.. field.Choices.Select(FieldValue.Text)] : [],
                Resets = strategy == Strategy.Forward ? [FieldValue.Text(field.Choices[0])] : [],
                OptInFrom = strategy == Strategy.Restrictive ? [.. systems] : [],
                EvidenceField = strategy == Strategy.Restrictive && flag ? field.Group + ".evidence" : null,
                Fallback = strategy == Strategy.Review && flag ? Strategy.First : Strategy.Latest,
                Effective = effect,
            });
    }

    static Gen<FieldDefinition> Fields(int index) =>
        Gen.Select(Pick(FieldType.Text, FieldType.LongText, FieldType.Email, FieldType.Phone, FieldType.Number, FieldType.Decimal, FieldType.Date, FieldType.DateTime, FieldType.Boolean, FieldType.Choice, FieldType.MultiChoice, FieldType.Url, FieldType.User, FieldType.Reference),
            Word<FieldScope>(), Word<DataClass>(), Words.Where(w => w.Trim().Length > 0), Gen.Bool, Gen.Int[0, 15], (type, scope, data, purpose, flag, equivalence) => new FieldDefinition
            {
                Name = string.Create(CultureInfo.InvariantCulture, $"field{index}"),
                Type = type,
                Scope = scope,
                Data = data,
                Purpose = data == DataClass.None ? null : purpose,
                Choices = type is FieldType.Choice or FieldType.MultiChoice ? [.. Choices] : [],
                MaxLength = flag && type == FieldType.Text ? 77 : null,
                To = type == FieldType.Reference ? ["person"] : [],
                Was = flag ? [string.Create(CultureInfo.InvariantCulture, $"former{index}")] : [],
                Equivalence = (Equivalence)equivalence,
            });

    static Gen<(ImmutableArray<FieldDefinition> Fields, ImmutableArray<GroupDefinition> Groups)> Composite(string word, ImmutableArray<FieldDefinition> before, bool wanted)
    {
        if (!wanted) return Gen.Const((ImmutableArray<FieldDefinition>.Empty, ImmutableArray<GroupDefinition>.Empty));
        FieldDefinition Part(string name, FieldType type) => new() { Name = $"{word}.{name}", Type = type, Group = word };
        ImmutableArray<FieldDefinition> parts = word switch
        {
            "money" => [Part("amount", FieldType.Decimal), Part("currency", FieldType.Choice)],
            "address" => [Part("street", FieldType.Text), Part("city", FieldType.Text), Part("postalCode", FieldType.Text), Part("region", FieldType.Text), Part("country", FieldType.Text)],
            _ => [Part("status", FieldType.ConsentStatus) with { Choices = ["denied", "unknown", "pending", "granted"] }, Part("at", FieldType.DateTime), Part("source", FieldType.Text), Part("evidence", FieldType.LongText)],
        };
        return Policies(parts[0], isGroup: true, before).Select(policy =>
            (parts.Select(p => p with { Policy = policy }).ToImmutableArray(), ImmutableArray.Create(new GroupDefinition { Name = word, Fields = [.. parts.Select(p => p.Name)], Policy = policy })));
    }

    static readonly Gen<RecordTypeDefinition> Persons = Gen.Int[1, 6].SelectMany(count => FieldsUpTo(count)).SelectMany(fields =>
        Gen.Select(Gen.Bool, Gen.Bool, Gen.Bool, Gen.Bool, (money, address, consent, grouped) => (money, address, consent, grouped)).SelectMany(with =>
            Gen.Select(Composite("money", fields, with.money), Composite("address", fields, with.address), Composite("consent", fields, with.consent), Some(Systems), Seconds(0, 100_000), (money, address, consent, deleteBy, grace) =>
            {
                var identity = fields.Where(f => f is { Scope: FieldScope.Customer, Type: FieldType.Email or FieldType.Phone or FieldType.Text }).Select(f => f.Name).Take(2);
                return new RecordTypeDefinition("person", [.. fields, .. money.Fields, .. address.Fields, .. consent.Fields], [.. money.Groups, .. address.Groups, .. consent.Groups])
                {
                    IdentityKeys = [.. identity],
                    Existence = new ExistencePolicy { DeleteBy = [.. deleteBy], Grace = grace },
                };
            })));

    static Gen<ImmutableArray<FieldDefinition>> FieldsUpTo(int count) => count == 0
        ? Gen.Const(ImmutableArray<FieldDefinition>.Empty)
        : FieldsUpTo(count - 1).SelectMany(before => Fields(count).SelectMany(field => Policies(field, isGroup: false, before).Select(policy => before.Add(field with { Policy = policy }))));

    static Gen<SystemDefinition> SystemOf(string name, RecordTypeDefinition type)
    {
        var customerFields = type.Fields.Where(f => f.Scope == FieldScope.Customer && f.Type is FieldType.Text or FieldType.Number or FieldType.Boolean or FieldType.Choice or FieldType.Date).Where(f => f.Scope == FieldScope.Customer && f.Group is null).ToImmutableArray();
        var scope = customerFields.IsEmpty ? Gen.Const((Condition?)null) : Conditions(customerFields, 2).Select(c => (Condition?)c);
        var mapped = Gen.Select(Gen.Bool, Pick(Direction.In, Direction.Out, Direction.Both), Words.Where(w => w.Trim().Length > 0), (empty, direction, key) => (empty, direction, key)).Array[type.Fields.Length];
        var mapping = Gen.Select(scope, mapped, Word<CreatePolicy>(), Word<UpdatePolicy>(), Word<DeletePolicy>(), Word<CreationKey>(), (condition, drawn, create, update, delete, key) =>
            new MappingDefinition("person", "Contact s", [.. type.Fields.Select((f, i) => new FieldMapping
            {
                Field = f.Name,
                Name = string.Create(CultureInfo.InvariantCulture, $"{f.Name}: {i}"),
                Direction = drawn[i].direction,
                EmptyIsCleared = drawn[i].empty,
                Values = f.Type == FieldType.Boolean ? [new ValuePair(drawn[i].key, FieldValue.Boolean(true))] : [],
            })])
            {
                Scope = condition,
                Create = create,
                Update = update,
                Delete = delete,
                CreationKey = key,
            });
        return Gen.Select(mapping, Word<SystemMode>(), Gen.Int[0, 100], Word<Backoff>(), Seconds(1, 3_600), Maybe(Gen.Int[0, 1_000_000]), Maybe(Gen.Int[1, 1_000]), Words)
            .Select((map, mode, retries, backoff, span, creates, rate, setting) => new SystemDefinition(name, "erp", [map])
            {
                Mode = mode,
                ClockTolerance = span,
                MaxCallTime = span,
                ReferenceWait = span,
                Retry = new RetryPolicy { MaxRetries = retries, Backoff = backoff, Delay = span, MaxDelay = span + span },
                Guard = new GuardDefinition { Creates = creates, Window = TimeSpan.FromMinutes(1) + span },
                Budget = new BudgetDefinition { Burst = retries + 1, Floor = 0.25, PerSecond = rate },
                Settings = new Dictionary<string, string> { ["note"] = setting, ["clientSecret"] = "env:SECRET" }.ToFrozenDictionary(StringComparer.Ordinal),
            });
    }

    static readonly Gen<HubDefinition> Hubs = Persons.SelectMany(person =>
        Gen.Select(SystemOf(Systems[0], person), SystemOf(Systems[1], person), SystemOf(Systems[2], person), Seconds(0, 86_400), Gen.Int[1, 20], Pick<string?>("AT", "DE", null), (a, b, c, tolerance, rounds, country) =>
            new HubDefinition([person], [a, b, c]) { Name = "drawn", FutureTolerance = tolerance, ContestedAfter = rounds, DefaultCountry = country }));

    static readonly Gen<string> Scribble = Gen.String[Gen.Char["ab:-\n  {}[],&*!|>'\"%@?#\\~\t0.\uD83D\u0000\uFEFF"], 0, 80];

    static readonly string Sample = RepositoryFiles.Read("crm.yaml");

    static readonly Gen<string> Damaged = Gen.Select(Gen.Int[0, 12_000], Gen.Int[0, 30], Gen.OneOf(Scribble, Words, Pick("and", "env:", "- ", "null", "*a", "&a", "{", "[[", "when: ", "type: consent")), (at, length, put) =>
    {
        var from = at % Sample.Length;
        return Sample[..from] + put + Sample[Math.Min(Sample.Length, from + length)..];
    }).Array[1, 1].Select(a => a[0]);
}
