using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using CsCheck;
using OrleansCrm.Client.Tests.Fakes;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Grains.Interfaces.Intake;

namespace OrleansCrm.Client.Tests.Events;

public sealed class FormTests : IAsyncLifetime
{
    Gateway _gateway = null!;

    public async ValueTask InitializeAsync() => _gateway = await Gateway.StartAsync();

    public ValueTask DisposeAsync() => _gateway.DisposeAsync();

    [Fact]
    public async Task A_structured_event_reaches_intake_with_all_that_it_says()
    {
        var e = Given.Event("edit-9", "contacts/a/b 5");
        e["type"] = "crm.person.observed";
        e["time"] = "2026-03-01T13:00:00.25+01:00";
        e["data"] = new JsonObject
        {
            ["fields"] = new JsonObject { ["phone"] = "111", ["mail"] = null },
            ["actor"] = new JsonObject { ["kind"] = "user", ["id"] = "u7" },
            ["version"] = 42,
            ["since"] = "2026-03-01T11:00:00Z",
            ["batch"] = "import-3",
            ["creationKey"] = "01JD.2",
        };

        var response = await _gateway.Http.SendAsync(Given.Post(Given.Structured, e.ToJsonString()));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        var taken = Assert.Single(_gateway.Hub.Taken);
        Assert.Equal("edit-9", taken.Id);
        Assert.Equal(("hubspot", "contacts", "a/b 5"), (taken.System, taken.Object, taken.ExternalId));
        Assert.Equal((EditKind.Observation, "person"), (taken.Kind, taken.RecordType));
        Assert.Equal(new DateTimeOffset(2026, 3, 1, 12, 0, 0, 250, TimeSpan.Zero), taken.Time);
        Assert.Equal(new DateTimeOffset(2026, 3, 1, 11, 0, 0, TimeSpan.Zero), taken.Since);
        Assert.Equal((ActorKind.User, "u7"), (taken.ActorKind, taken.ActorId));
        Assert.Equal((42, "import-3", "01JD.2"), (taken.Version, taken.Batch, taken.CreationKey));
        Assert.Equal("""{"phone":"111","mail":null}""", Encoding.UTF8.GetString(taken.Fields.Span));
    }

    [Fact]
    public async Task The_answer_says_customer_revision_and_who_holds_each_field()
    {
        var response = await _gateway.Http.SendAsync(Given.Post(Given.Structured, Given.Line()));

        Assert.Equal(
            """{"id":"e1","outcome":"applied","customer":"cus_1","revision":7,"golden":["email"],"overruled":{"phone":"hubspot"}}""",
            await response.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("deleted", EditKind.Deleted)]
    [InlineData("restored", EditKind.Restored)]
    public async Task An_event_about_existence_needs_no_data(string verb, EditKind kind)
    {
        var e = Given.Event();
        e["type"] = $"crm.person.{verb}";
        e.Remove("data");

        foreach (var request in (HttpRequestMessage[])[Given.Post(Given.Structured, e.ToJsonString()), Given.Binary(e), Given.Post(Given.Lines, e.ToJsonString())])
        {
            var response = await _gateway.Http.SendAsync(request);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }

        Assert.Equal([kind, kind, kind], _gateway.Hub.Taken.Select(t => t.Kind));
    }

    [Theory]
    [InlineData("merged", EditKind.MergedInto)]
    [InlineData("converted", EditKind.Converted)]
    public async Task A_merge_names_the_record_that_lives_on(string verb, EditKind kind)
    {
        var e = Given.Event();
        e["type"] = $"crm.person.{verb}";
        e["data"] = new JsonObject { ["into"] = "contacts/77" };

        await _gateway.Http.SendAsync(Given.Post(Given.Structured, e.ToJsonString()));

        var taken = Assert.Single(_gateway.Hub.Taken);
        Assert.Equal(kind, taken.Kind);
        Assert.Equal(("contacts", "77"), taken.Into);
    }

    [Theory]
    [InlineData("user", ActorKind.User, null)]
    [InlineData("automation:flow-3", ActorKind.Automation, "flow-3")]
    [InlineData("anna", null, "anna")]
    [InlineData("x:y", null, "x:y")]
    public async Task An_actor_may_be_a_text(string text, ActorKind? kind, string? id)
    {
        var e = Given.Event();
        e["data"]!["actor"] = text;

        await _gateway.Http.SendAsync(Given.Post(Given.Structured, e.ToJsonString()));

        var taken = Assert.Single(_gateway.Hub.Taken);
        Assert.Equal((kind, id), (taken.ActorKind, taken.ActorId));
    }

    [Fact]
    public async Task A_batch_is_answered_event_by_event_and_a_bad_one_hurts_no_other()
    {
        var bad = Given.Event("bad");
        bad["subject"] = "no-slash";

        var response = await _gateway.Http.SendAsync(Given.Post(Given.Batch, $"[{Given.Line("a")},{bad.ToJsonString()},{Given.Line("c", "contacts/3")}]"));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        var answers = (await response.Json()).EnumerateArray().ToArray();
        Assert.Equal(["a", "bad", "c"], answers.Select(a => a.Text("id")));
        Assert.Equal(["applied", "refused", "applied"], answers.Select(a => a.Text("outcome")));
        Assert.Equal("subject", answers[1].Text("field"));
        Assert.Equal(["a", "c"], _gateway.Hub.Taken.Select(t => t.Id));
    }

    [Fact]
    public async Task An_empty_batch_is_answered_by_an_empty_array()
    {
        var response = await _gateway.Http.SendAsync(Given.Post(Given.Batch, "[]"));

        Assert.Equal("[]", await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public void An_event_means_the_same_in_every_form() => SomeEvent.Sample(
        e =>
        {
            var gateway = _gateway;
            var hub = gateway.Hub;
            IncomingEvent[] Send(HttpRequestMessage request)
            {
                hub.Taken.Clear();
                using var response = gateway.Http.Send(request);
                Assert.True(response.StatusCode is HttpStatusCode.OK or HttpStatusCode.UnprocessableEntity, response.StatusCode.ToString());
                response.Content.ReadAsStream().CopyTo(Stream.Null);
                return [.. hub.Taken.Select(t => t with { CorrelationId = null, Fields = default })];
            }
            string[] Fields() => [.. hub.Taken.Select(t => Encoding.UTF8.GetString(t.Fields.Span))];

            var structured = Send(Given.Post(Given.Structured, e.ToJsonString()));
            var fields = Fields();
            Assert.Equal(structured, Send(Given.Post(Given.Lines, e.ToJsonString())));
            Assert.Equal(fields, Fields());
            Assert.Equal(structured, Send(Given.Post(Given.Batch, $"[{e.ToJsonString()}]")));
            Assert.Equal(structured, Send(Given.Binary(e)));
        },
        iter: 300,
        threads: 1);

    // Texts that a header can carry: what HTTP itself cuts off (blanks at the ends) is not our difference.
    static readonly Gen<string> Word = Gen.String[Gen.Char["abcXYZ019-_.:%äß€\"\\/é"], 1, 12];

    static readonly Gen<JsonNode> Value = Gen.OneOf<JsonNode>(
        Word.Select(w => (JsonNode)JsonValue.Create(w)!), Gen.Int.Select(i => (JsonNode)JsonValue.Create(i)!), Gen.Bool.Select(b => (JsonNode)JsonValue.Create(b)!), Gen.Const(() => (JsonNode)new JsonObject { ["a"] = new JsonArray(1, null) }));

    static readonly Gen<JsonObject> SomeEvent =
        from id in Word
        from source in Gen.OneOf<string>("hubspot", "salesforce-emea", "shop")
        from type in Gen.OneOf<string>("crm.person.changed", "crm.person.observed", "crm.organization.deleted", "crm.person.restored", "crm.person.merged", "crm.person", "other.person.changed", "crm.person.changed.")
        from subject in Gen.OneOf(Gen.Select(Word, Word, (o, x) => $"{o.Replace("/", "-", StringComparison.Ordinal)}/{x}"), Word)
        from time in Gen.OneOf(
            Gen.Const("2026-03-01T12:00:00Z"),
            Gen.Const("1601-01-01T00:00:00.1234567+14:00"),
            Gen.Const("9999-12-31T23:59:59-00:30"),
            Gen.Long[0, 4_000_000_000_000].Select(ms => DateTimeOffset.FromUnixTimeMilliseconds(ms).ToString("o", null)))
        from fields in Gen.Select(Word, Value).Array[0, 4]
        from version in Gen.Long[-1, 1000].Nullable()
        from actor in Gen.OneOf<JsonNode?>(Gen.Const((JsonNode?)null), Word.Select(w => (JsonNode?)JsonValue.Create(w)), Word.Select(w => (JsonNode?)new JsonObject { ["kind"] = "import", ["id"] = w }))
        from since in Gen.OneOf<string?>(null, "2026-02-01T00:00:00Z", "yesterday")
        from living in Gen.OneOf<string?>(Gen.Const((string?)null), Word, Word.Select(w => "contacts/" + w))
        from batch in Gen.OneOf<string?>(Gen.Const((string?)null), Word)
        select Make(id, source, type, subject, time, fields, version, actor, since, living, batch);

    static JsonObject Make(string id, string source, string type, string subject, string time, (string, JsonNode)[] fields, long? version, JsonNode? actor, string? since, string? into, string? batch)
    {
        var data = new JsonObject { ["fields"] = new JsonObject(fields.DistinctBy(f => f.Item1, StringComparer.Ordinal).Select(f => KeyValuePair.Create(f.Item1, (JsonNode?)f.Item2.DeepClone()))) };
        if (version is { } v) data["version"] = v;
        if (actor is not null) data["actor"] = actor.DeepClone();
        if (since is not null) data["since"] = since;
        if (into is not null) data["into"] = into;
        if (batch is not null) data["batch"] = batch;
        return new() { ["specversion"] = "1.0", ["id"] = id, ["source"] = source, ["type"] = type, ["subject"] = subject, ["time"] = time, ["data"] = data };
    }
}
