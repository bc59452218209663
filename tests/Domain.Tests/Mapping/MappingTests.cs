using System.Collections.Immutable;
using CsCheck;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Mapping;
using OrleansCrm.Domain.Tests.Values;
using OrleansCrm.Domain.Values;
using Xunit;

namespace OrleansCrm.Domain.Tests.Mapping;

public sealed class MappingTests
{
    static FieldDefinition Field(string name, FieldType type) => new() { Name = name, Type = type };

    static FieldMapping To(string field, string name) => new() { Field = field, Name = name };

    static ValuePair Pair(string system, string hub) => new(system, FieldValue.Text(hub));

    /// <summary>A hub of one record type and one system, <c>crm</c>, whose <c>Contact</c> is mapped.</summary>
    sealed record World(HubDefinition Hub, SystemDefinition System, MappingDefinition Mapping)
    {
        internal static World Of(ImmutableArray<FieldDefinition> fields, ImmutableArray<FieldMapping> mappings, params ImmutableArray<CrosswalkDefinition> crosswalks)
        {
            var mapping = new MappingDefinition("person", "Contact", mappings);
            var accounts = new MappingDefinition("organization", "Account", []);
            var system = new SystemDefinition("crm", "rest", [mapping, accounts]);
            var hub = new HubDefinition([new("person", fields), new("organization", [])], [system]) { Crosswalks = crosswalks, DefaultCountry = "AT" };
            return new(hub, system, mapping);
        }

        internal MappedFields In(string json, Direction wanted = Direction.In) => IncomingMapping.Map(Hub, System, Mapping, Reports.Parsed(json), wanted);

        internal MappedRecord Out(params (string Field, FieldValue Value)[] fields) =>
            OutgoingMapping.Map(Hub, System, Mapping, _ => null, [.. fields.Select(f => new FieldWrite(f.Field, f.Value, 1))]);

        internal MappedRecord Out(Dictionary<string, FieldValue> golden, params string[] fields) =>
            OutgoingMapping.Map(Hub, System, Mapping, name => golden.TryGetValue(name, out var v) ? v : null, [.. fields.Select(f => new FieldWrite(f, golden[f], 1))]);

        internal FieldValue AsHeld(string field, FieldValue value) => OutgoingMapping.AsHeld(Hub, System, Mapping, field, value);
    }

    static FieldValue Only(MappedFields mapped)
    {
        Assert.Empty(mapped.Problems);
        return Assert.Single(mapped.Fields).Value;
    }

    static string Only(MappedRecord mapped)
    {
        Assert.Empty(mapped.Problems);
        return Assert.Single(mapped.Values).Json;
    }

    [Fact]
    public void A_bad_field_does_not_spoil_the_others()
    {
        var world = World.Of(
            [Field("name", FieldType.Text), Field("age", FieldType.Number), Field("email", FieldType.Email), Field("tier", FieldType.Choice) with { Choices = ["gold"] }],
            [To("name", "Name"), To("age", "Age"), To("email", "Email"), To("tier", "Tier")]);

        var mapped = world.In("""{"Name":" Anna ","Age":"old","Email":{},"Tier":"platinum","Shoes":42}""");

        Assert.Equal(("name", FieldValue.Text("Anna"), " Anna "), Assert.Single(mapped.Fields) is var f ? (f.Field, f.Value, f.Reported) : default);
        Assert.Equal([("age", "Age", RefusalCode.WrongType, false), ("email", "Email", RefusalCode.WrongType, false), ("tier", "Tier", RefusalCode.UnmappedValue, true)],
            mapped.Problems.Select(p => (p.Field, p.SystemName, p.Code, p.IsParked)));
        Assert.Equal(["Shoes"], mapped.Unknown);
    }

    [Fact]
    public void Absent_cleared_and_empty_are_told_apart()
    {
        var tells = World.Of([Field("name", FieldType.Text)], [To("name", "Name") with { EmptyIsCleared = false }]);
        var cannotTell = World.Of([Field("name", FieldType.Text)], [To("name", "Name")]);

        Assert.Empty(tells.In("{}").Fields);
        Assert.Equal(FieldValue.Cleared, Only(tells.In("""{"Name":null}""")));
        Assert.Equal(FieldValue.Text(""), Only(tells.In("""{"Name":""}""")));
        Assert.Equal(FieldValue.Cleared, Only(cannotTell.In("""{"Name":" "}""")));
        Assert.Equal(FieldValue.Cleared, cannotTell.AsHeld("name", FieldValue.Text("")));
        Assert.Equal(FieldValue.Text(""), tells.AsHeld("name", FieldValue.Text("")));
        Assert.Equal("null", Only(tells.Out(("name", FieldValue.Cleared))));
        Assert.Equal("\"\"", Only(tells.Out(("name", FieldValue.Text("")))));
    }

    [Fact]
    public void Values_are_mapped_in_pairs_and_an_unknown_one_waits_for_a_person()
    {
        var world = World.Of(
            [Field("consent", FieldType.ConsentStatus)],
            [To("consent", "OptedOut") with { Values = [Pair("true", "denied"), Pair("false", "unknown"), Pair("", "unknown")] }]);

        Assert.Equal(FieldValue.Text("denied"), Only(world.In("""{"OptedOut":true}""")));
        Assert.Equal(FieldValue.Text("unknown"), Only(world.In("""{"OptedOut":""}""")));
        Assert.True(Assert.Single(world.In("""{"OptedOut":"perhaps"}""").Problems).IsParked);
        Assert.Equal(RefusalCode.WrongType, Assert.Single(world.In("""{"OptedOut":{"a":1}}""").Problems).Code);
        Assert.Equal("\"true\"", Only(world.Out(("consent", FieldValue.Text("denied")))));
        Assert.Equal(RefusalCode.UnmappedValue, Assert.Single(world.Out(("consent", FieldValue.Text("granted"))).Problems).Code);
    }

    [Fact]
    public void Where_two_values_are_one_in_the_system_it_holds_the_first()
    {
        var world = World.Of(
            [Field("stage", FieldType.Choice)],
            [To("stage", "Stage") with { Values = [Pair("open", "new"), Pair("open", "working"), Pair("closed", "won")] }]);

        Assert.Equal("\"open\"", Only(world.Out(("stage", FieldValue.Text("working")))));
        Assert.Equal(FieldValue.Text("new"), world.AsHeld("stage", FieldValue.Text("working")));
    }

    [Fact]
    public void A_crosswalk_maps_users_and_its_fallback_takes_the_rest()
    {
        var rows = ImmutableArray.Create(new CrosswalkRow("crm", "005A", "anna@example.com"), new CrosswalkRow("other", "7", "anna@example.com"));
        var strict = World.Of([Field("owner", FieldType.User)], [To("owner", "OwnerId") with { Crosswalk = "users" }], new CrosswalkDefinition { Name = "users", Rows = rows });
        var lenient = World.Of([Field("owner", FieldType.User)], [To("owner", "OwnerId") with { Crosswalk = "users" }], new CrosswalkDefinition { Name = "users", Rows = rows, Fallback = "desk@example.com" });

        Assert.Equal(FieldValue.Text("anna@example.com"), Only(strict.In("""{"OwnerId":"005A"}""")));
        Assert.Equal(RefusalCode.UnmappedValue, Assert.Single(strict.In("""{"OwnerId":"7"}""").Problems).Code);
        Assert.Equal(FieldValue.Text("desk@example.com"), Only(lenient.In("""{"OwnerId":7}""")));
        Assert.Equal("\"005A\"", Only(strict.Out(("owner", FieldValue.Text("anna@example.com")))));
        Assert.Equal(RefusalCode.UnmappedValue, Assert.Single(strict.Out(("owner", FieldValue.Text("bob@example.com"))).Problems).Code);
    }

    [Fact]
    public void Dates_follow_the_systems_format()
    {
        var world = World.Of(
            [Field("born", FieldType.Date), Field("seen", FieldType.DateTime)],
            [To("born", "Born") with { DateFormat = "dd.MM.yyyy" }, To("seen", "Seen") with { DateFormat = "yyyy-MM-dd HH:mm" }]);

        Assert.Equal([FieldValue.Text("1980-12-31"), FieldValue.Text("2026-01-02T03:04:00.000Z")],
            world.In("""{"Born":"31.12.1980","Seen":"2026-01-02 03:04"}""").Fields.Select(f => f.Value));
        Assert.Equal("""{"Born":"31.12.1980","Seen":"2026-01-02 03:04"}""",
            world.Out(("born", FieldValue.Text("1980-12-31")), ("seen", FieldValue.Text("2026-01-02T03:04:05.678Z"))).ToJson());
        Assert.Equal(FieldValue.Text("2026-01-02T03:04:00.000Z"), world.AsHeld("seen", FieldValue.Text("2026-01-02T03:04:05.678Z")));
        Assert.Equal(RefusalCode.WrongType, Assert.Single(world.In("""{"Born":"1980-12-31"}""").Problems).Code);
    }

    [Theory]
    [InlineData("MM")]
    [InlineData("HH:mm")]
    [InlineData("dddd MMMM yyyy")]
    [InlineData("'yyyy' MM-dd")]
    [InlineData("yyyy-MM-dd 'x")]
    [InlineData("")]
    public void A_format_that_would_ask_the_clock_for_a_part_of_the_date_is_refused(string format)
    {
        var world = World.Of([Field("born", FieldType.Date)], [To("born", "Born") with { DateFormat = format }]);

        Assert.Equal(RefusalCode.BadDateFormat, Assert.Single(world.In("""{"Born":"05"}""").Problems).Code);
        Assert.Equal(RefusalCode.BadDateFormat, Assert.Single(world.Out(("born", FieldValue.Text("2026-01-02"))).Problems).Code);
    }

    [Fact]
    public void A_text_is_cut_into_fields_and_needs_them_all_to_go_back()
    {
        var world = World.Of(
            [Field("first", FieldType.Text), Field("last", FieldType.Text)],
            [To("first", "Name") with { Split = " " }, To("last", "Name") with { Split = " ", SplitIndex = 1 }]);
        Dictionary<string, FieldValue> golden = new() { ["first"] = FieldValue.Text("Anna"), ["last"] = FieldValue.Text("von Huber") };

        Assert.Equal(["Anna", "von Huber"], world.In("""{"Name":"Anna von Huber"}""").Fields.Select(f => f.Value.AsText()));
        Assert.Equal([FieldValue.Text("Madonna"), FieldValue.Cleared], world.In("""{"Name":"Madonna"}""").Fields.Select(f => f.Value));
        Assert.Equal("\"Anna von Huber\"", Only(world.Out(golden, "last")));
        Assert.Equal(RefusalCode.UndeterminedPart, world.Out(("last", FieldValue.Text("Huber"))).Problems[0].Code);
        Assert.Equal(RefusalCode.AmbiguousSplit, world.Out(("first", FieldValue.Text("Anna Maria")), ("last", FieldValue.Text("Huber"))).Problems[0].Code);
    }

    [Fact]
    public void Joined_fields_and_constants_go_out_only()
    {
        var world = World.Of(
            [Field("first", FieldType.Text), Field("last", FieldType.Text)],
            [
                new FieldMapping { Field = "", Name = "FullName", Direction = Direction.Both, Join = ["first", "last"], JoinWith = ", " },
                new FieldMapping { Field = "", Name = "Source", Constant = FieldValue.Text("hub") },
                To("first", "First") with { Direction = Direction.Out },
            ]);

        Assert.Equal("""{"FullName":"Anna, Huber","Source":"hub","First":"Anna"}""", world.Out(("first", FieldValue.Text("Anna")), ("last", FieldValue.Text("Huber"))).ToJson());
        Assert.Empty(world.Out().Values);

        var mapped = world.In("""{"FullName":"x","Source":"y","First":"z"}""");
        Assert.Empty(mapped.Fields);
        Assert.Empty(mapped.Unknown);
        Assert.Equal("z", Only(world.In("""{"First":"z"}""", Direction.Out)).AsText());
    }

    [Fact]
    public void Parts_of_an_address_are_found_inside_the_systems_own()
    {
        var world = World.Of(
            [Field("address.city", FieldType.Text) with { Group = "address" }, Field("address.country", FieldType.Text) with { Group = "address" }],
            [To("address.city", "MailingAddress.city"), To("address.country", "MailingAddress.country")]);

        Assert.Equal(["Wien", "AT"], world.In("""{"MailingAddress":{"city":"Wien","country":"Austria"}}""").Fields.Select(f => f.Value.AsText()));
        Assert.All(world.In("""{"MailingAddress":null}""").Fields, f => Assert.True(f.Value.IsCleared));
        Assert.Equal(["Wien"], world.In("""{"MailingAddress.city":"Wien"}""").Fields.Select(f => f.Value.AsText()));
        Assert.Empty(world.In("""{"MailingAddress":{"city":"Wien"}}""").Unknown);
    }

    [Fact]
    public void A_long_text_goes_out_as_long_as_the_system_keeps_it()
    {
        var world = World.Of([Field("name", FieldType.Text), Field("email", FieldType.Email)], [To("name", "Name") with { MaxLength = 3 }, To("email", "Email") with { MaxLength = 3 }]);

        Assert.Equal(RefusalCode.TooLong, Assert.Single(world.Out(("email", FieldValue.Text("anna@example.com"))).Problems).Code);
        Assert.Equal("\"Ann\"", Only(world.Out(("name", FieldValue.Text("Anna")))));
        Assert.Equal(FieldValue.Text("Ann"), world.AsHeld("name", FieldValue.Text("Anna")));
    }

    [Fact]
    public void Choices_go_out_as_an_array_or_as_the_text_that_the_system_wants()
    {
        var array = World.Of([Field("likes", FieldType.MultiChoice)], [To("likes", "Likes") with { Values = [Pair("T", "tea"), Pair("C", "coffee")] }]);
        var text = World.Of([Field("likes", FieldType.MultiChoice)], [To("likes", "Likes") with { Split = "|" }]);
        var both = FieldValue.Set([FieldValue.Text("tea"), FieldValue.Text("coffee")]);

        Assert.Equal("[\"C\",\"T\"]", Only(array.Out(("likes", both))));
        Assert.Equal(both, Only(array.In("""{"Likes":"T;C"}""")));
        Assert.Equal(both, Only(array.In("""{"Likes":["C","T"]}""")));
        Assert.Equal("\"coffee|tea\"", Only(text.Out(("likes", both))));
        Assert.Equal(both, Only(text.In("""{"Likes":"tea| coffee"}""")));
        Assert.Equal(RefusalCode.UnmappedValue, Assert.Single(array.In("""{"Likes":["T","X"]}""").Problems).Code);
        Assert.Equal(RefusalCode.AmbiguousSplit, Assert.Single(text.Out(("likes", FieldValue.Set([FieldValue.Text("a|b")]))).Problems).Code);
    }

    [Fact]
    public void A_reference_is_an_id_of_the_system_there_and_a_source_reference_here()
    {
        var world = World.Of(
            [Field("company", FieldType.Reference) with { To = ["organization"] }, Field("works", FieldType.Association) with { To = ["organization"] }],
            [To("company", "AccountId"), To("works", "Works")]);

        Assert.Equal(FieldValue.Text("crm/Account/cus_Stripe1"), Only(world.In("""{"AccountId":"cus_Stripe1"}""")));
        Assert.Equal("""[{"role":"buyer","to":"crm/Account/1"}]""", Only(world.In("""{"Works":[{"to":1,"role":"buyer"}]}""")).Json);
        Assert.Equal("\"001\"", Only(world.Out(("company", FieldValue.Text("crm/Account/001")))));
        Assert.Equal(RefusalCode.UnresolvedReference, Assert.Single(world.Out(("company", FieldValue.Text("cus_1"))).Problems).Code);

        var resolved = OutgoingMapping.Map(world.Hub, world.System, world.Mapping, _ => null, [new FieldWrite("company", FieldValue.Text("cus_1"), 1)], _ => "009");
        Assert.Equal("\"009\"", Only(resolved));
    }

    static readonly Gen<(FieldDefinition Field, FieldMapping Mapping, FieldValue Value)> OneToOne =
        Gen.Select(Reports.Fields, Reports.Json, Gen.Bool, Gen.Bool, Gen.OneOf<string?>(null, "yyyy/MM/dd'T'HH:mm:ss.fffK")).Select((field, json, both, pairs, format) =>
        {
            field = field with { Name = "f", Group = null };
            var canonical = Canonicaliser.Canonicalise(field, "AT", Reports.Parsed(json));
            var value = canonical.Value;
            var mapping = To("f", "F") with { EmptyIsCleared = !both && !value.IsBlank, DateFormat = field.Type == FieldType.DateTime ? format : null };
            if (pairs && !canonical.IsRefused && !value.IsBlank && field.Type is not (FieldType.MultiChoice or FieldType.Set or FieldType.Association))
            {
                mapping = mapping with { Values = [new("other", FieldValue.Text("x")), new("one", value)] };
            }
            return (field, mapping, canonical.IsRefused ? FieldValue.Cleared : value);
        });

    [Fact]
    public void What_goes_out_and_comes_back_is_the_same_value_where_the_mapping_is_one_to_one() =>
        OneToOne.Where(c => c.Field.Type is not (FieldType.Reference or FieldType.Association)).Sample(c =>
        {
            var world = World.Of([c.Field], [c.Mapping]);

            var back = Only(world.In(world.Out(("f", c.Value)).ToJson()));

            Assert.Equal(c.Value.Json, back.Json);
            Assert.Equal(c.Value.Json, world.AsHeld("f", c.Value).Json);
        }, iter: 5_000);

    static readonly Gen<FieldMapping> AnyMapping =
        Gen.Select(Gen.Bool, Gen.Bool, Gen.OneOf<string?>(null, "yyyy-MM-dd", "HH:mm", "%", "dd.MM.yyyy HH:mm zzz"), Gen.OneOf<string?>(null, ";", " ", "users"), Gen.OneOf<int?>(null, 1, 5), Gen.Int[0, 2])
            .Select((empty, pairs, format, split, length, index) => new FieldMapping
            {
                Field = "f",
                Name = "F",
                EmptyIsCleared = empty,
                Values = pairs ? [Pair("gold", "silver"), Pair("", "gold"), Pair("1", "bronze")] : [],
                DateFormat = format,
                Crosswalk = split == "users" ? split : null,
                Split = split == "users" ? null : split,
                SplitIndex = index,
                MaxLength = length,
            });

    [Fact]
    public void Any_record_under_any_mapping_gets_an_answer_per_field() =>
        Gen.Select(Reports.Fields, AnyMapping, Reports.Json).Sample((field, mapping, json) =>
        {
            field = field with { Name = "f", Group = null, To = ["organization"] };
            var world = World.Of([field], [mapping], new CrosswalkDefinition { Name = "users", Rows = [new("crm", "1", "Anna")], Fallback = "gold" });

            var mapped = world.In($$"""{"F":{{json}}}""");

            Assert.Equal(1, mapped.Fields.Length + mapped.Problems.Length);
            if (mapped.Fields.IsEmpty) return;
            var value = mapped.Fields[0].Value;
            var sent = world.Out(("f", value));
            Assert.Equal(1, sent.Values.Length + sent.Problems.Length);
            foreach (var told in sent.Values) _ = told.Element();

            // What the system reports of what we sent is what we expect it to report.
            var isPart = mapping.Split is not null && field.Type is not (FieldType.MultiChoice or FieldType.Set or FieldType.Association);
            if (sent.Problems.IsEmpty && !isPart && field.Type is not (FieldType.Reference or FieldType.Association)
                && world.In(sent.ToJson()) is { Problems.IsEmpty: true } report)
            {
                Assert.Equal(world.AsHeld("f", value), report.Fields[0].Value);
            }

            var held = world.AsHeld("f", value);
            Assert.Equal(held, world.AsHeld("f", held));
        }, iter: 10_000);

    [Fact]
    public void A_record_that_is_no_object_is_a_problem_of_the_record()
    {
        var world = World.Of([Field("name", FieldType.Text)], [To("name", "Name")]);

        Assert.Equal(("", RefusalCode.WrongType), Assert.Single(world.In("[]").Problems) is var p ? (p.Field, p.Code) : default);
        Assert.Equal(RefusalCode.BrokenText, Assert.Single(world.In("""{"\ud800":1,"Name":"Anna"}""").Problems).Code);
    }
}
