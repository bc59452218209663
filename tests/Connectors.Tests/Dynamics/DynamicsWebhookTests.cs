using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using CsCheck;
using OrleansCrm.Connectors.Dynamics;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Values;
using OrleansCrm.Sandbox.Vendors;
using Xunit;

namespace OrleansCrm.Connectors.Tests.Dynamics;

/// <summary>What the webhooks of a Dataverse environment become.</summary>
public sealed class DynamicsWebhookTests
{
    const string Contact = "0a1b2c3d-0000-4000-8000-000000000512";
    const string Other = "0a1b2c3d-0000-4000-8000-000000000513";
    const string Organization = "0a1b2c3d-0000-4000-8000-0000000000aa";
    const string Hub = "0a1b2c3d-0000-4000-8000-0000000000bb";
    const string Anna = "0a1b2c3d-0000-4000-8000-0000000000cc";
    const string Acme = "0a1b2c3d-0000-4000-8000-0000000000dd";
    const string Contracts = "http://schemas.microsoft.com/xrm/2011/Contracts";
    static readonly DateTimeOffset At = DateTimeOffset.FromUnixTimeMilliseconds(1_714_156_703_000);

    static readonly HubDefinition Definition = DynamicsRig.Definition(new Uri("http://127.0.0.1:1"), Guid.Parse(Hub), system: $"    binding: {Organization}");

    static DynamicsNews? Read(string body) => new DynamicsWebhooks(Definition, Definition.System("crm")!).Read(Encoding.UTF8.GetBytes(body));

    static string Pair(string key, string value) => $$"""{"key":"{{key}}","value":{{value}}}""";

    static string Entity(params string[] attributes) => $$"""{"__type":"Entity:{{Contracts}}","Attributes":[{{string.Join(',', attributes)}}],"Id":"{{Contact}}","LogicalName":"contact","RowVersion":"536537"}""";

    static string Modified => Pair("modifiedon", "\"/Date(1714156703000)/\"");

    static string Context(string message, string? target = null, string? before = null, string? tag = null, string? parentTag = null, string user = Anna, string table = "contact", string organization = Organization, string more = "") => $$"""
        {"BusinessUnitId":"{{Acme}}","CorrelationId":"{{Acme}}","Depth":1,"InitiatingUserId":"{{user}}",
         "InputParameters":[{{(target is null ? "" : Pair("Target", target))}}{{more}}],
         "MessageName":"{{message}}","Mode":1,"OperationCreatedOn":"/Date(1714156703000-0000)/","OperationId":"{{Acme}}","OrganizationId":"{{organization}}","OrganizationName":"org",
         "ParentContext":{{Parent(parentTag)}},
         "PreEntityImages":[{{(before is null ? "" : Pair("before", before))}}],"PostEntityImages":[],"PrimaryEntityId":"{{Contact}}","PrimaryEntityName":"{{table}}",
         "SharedVariables":[{{(tag is null ? "" : Pair("tag", $"\"{tag}\""))}}],"Stage":40,"UserId":"{{user}}"}
        """;

    // Two levels up.
    static string Parent(string? tag) => tag is null ? "null" : "{\"SharedVariables\":[],\"ParentContext\":{\"SharedVariables\":[" + Pair("tag", $"\"{tag}\"") + "],\"ParentContext\":null}}";

    [Theory]
    [InlineData("?code=s%2B1", null, true)]
    [InlineData("?a=1&code=s%2B1", null, true)]
    [InlineData("", "s+1", true)]
    [InlineData("?code=s%2B1", "other", false)]
    [InlineData("?code=", null, false)]
    [InlineData("", null, false)]
    public async Task Only_what_carries_the_secret_is_believed(string query, string? header, bool isBelieved)
    {
        var body = Encoding.UTF8.GetBytes(Context("Delete", more: ""));
        var request = new WebhookRequest("POST", query, header is null ? [] : [new("x-crm-webhook-key", header)], body);

        var reading = await Reader("s+1").ReadAsync(request, CancellationToken.None);

        if (isBelieved) Assert.Equal(EditKind.Deleted, Assert.Single(Assert.IsType<WebhookReading.News>(reading).Edits).Kind);
        else Assert.Equal(new WebhookReading.NotGenuine("bad-secret"), reading);
    }

    [Fact]
    public async Task Without_its_secret_a_webhook_is_sent_again_and_what_is_no_context_is_told()
    {
        Assert.IsType<WebhookReading.NotReady>(await Reader(null).ReadAsync(new("POST", "?code=s", [], "{}"u8.ToArray()), CancellationToken.None));
        Assert.Equal("not-a-context", Assert.IsType<WebhookReading.Unreadable>(await Reader("s").ReadAsync(new("POST", "?code=s", [], "{}"u8.ToArray()), CancellationToken.None)).Code);
        Assert.True(new ConnectorCatalog(new KnownSecrets()).OpenWebhooks(Definition, Definition.System("crm")!, TimeProvider.System).Opened is null);
    }

    static IWebhookReader Reader(string? secret)
    {
        var hub = DynamicsRig.Definition(new Uri("http://127.0.0.1:1"), Guid.Parse(Hub), system: $"    binding: {Organization}", auth: ", webhookSecret: env:HOOK");
        return new ConnectorCatalog(secret is null ? new KnownSecrets() : new KnownSecrets(("env:HOOK", secret))).OpenWebhooks(hub, hub.System("crm")!, TimeProvider.System).Opened!;
    }

    [Fact]
    public void An_update_with_the_row_before_is_a_change_of_what_differs()
    {
        var now = Entity(Pair("lastname", "\"Doe\""), Pair("address1_city", "\"Graz\""), Pair("gendercode", $$"""{"__type":"OptionSetValue:{{Contracts}}","Value":1}"""), Pair("parentcustomerid", $$"""{"__type":"EntityReference:{{Contracts}}","Id":"{{Acme}}","LogicalName":"account","Name":null}"""), Pair("emailaddress1", "null"), Modified);
        var before = Entity(Pair("lastname", "\"Doe\""), Pair("address1_city", "\"Linz\""), Pair("emailaddress1", "\"a@example.com\""));

        var news = Read(Context("Update", now, before))!;

        var edit = Assert.Single(news.Edits);
        Assert.Equal((EditKind.Change, At, ActorKind.User), (edit.Kind, edit.Time, edit.Actor.Kind));
        Assert.Equal(new SourceRecord("crm", "contact", Contact), edit.Source);
        Assert.Equal(["email", "city", "gender", "employer"], edit.Fields.Select(f => f.Field));
        Assert.Equal(FieldValue.Cleared, edit.Fields[0].Value);
        Assert.Equal(FieldValue.Text("male"), edit.Fields[2].Value);
        Assert.Empty(news.ToRead);
    }

    [Fact]
    public void An_update_without_the_row_before_or_with_a_date_is_read()
    {
        RecordRead[] read = [new("contact", Contact, null)];
        Assert.Equal(read, Read(Context("Update", Entity(Pair("lastname", "\"Doe\""), Modified)))!.ToRead);
        Assert.Equal(read, Read(Context("Update", Entity(Pair("birthdate", "\"/Date(0)/\""), Modified), Entity()))!.ToRead);
        Assert.Equal(read, Read(Context("Update"))!.ToRead);
        Assert.Equal(read, Read(Context("Create", Entity(Pair("lastname", "\"Doe\""))))!.ToRead);
        Assert.Equal(read, Read(Context("Assign"))!.ToRead);
    }

    [Fact]
    public void A_deletion_and_a_merge_are_edits_of_their_kind()
    {
        var deleted = Assert.Single(Read(Context("Delete", $$"""{"__type":"EntityReference:{{Contracts}}","Id":"{{Contact}}","LogicalName":"contact"}"""))!.Edits);
        var merge = Read(Context("Merge", more: Pair("SubordinateId", $"\"{Other}\"")))!;

        Assert.Equal((EditKind.Deleted, At, Contact), (deleted.Kind, deleted.Time, deleted.Source.ExternalId));
        var ended = Assert.Single(merge.Edits);
        Assert.Equal((EditKind.MergedInto, Other, new SourceRecord("crm", "contact", Contact)), (ended.Kind, ended.Source.ExternalId, ended.Into!.Value));
        Assert.Equal([new RecordRead("contact", Contact, null)], merge.ToRead);
    }

    [Fact]
    public void The_hubs_own_write_is_passed_over_and_what_answers_it_is_automation()
    {
        var now = Entity(Pair("address1_city", "\"Graz\""), Modified);
        var before = Entity(Pair("address1_city", "\"Linz\""));

        Assert.True(Read(Context("Update", now, before, tag: "orleanscrm", user: Hub))!.PassedOver);
        var answer = Assert.Single(Read(Context("Update", now, before, parentTag: "orleanscrm", user: Hub))!.Edits);
        var untagged = Assert.Single(Read(Context("Update", now, before, user: Hub))!.Edits);
        var others = Assert.Single(Read(Context("Update", now, before, tag: "another-hub"))!.Edits);

        Assert.Equal([ActorKind.Automation, ActorKind.Hub, ActorKind.User], [answer.Actor.Kind, untagged.Actor.Kind, others.Actor.Kind]);
    }

    [Fact]
    public void What_is_told_twice_is_one_edit_and_a_later_change_another()
    {
        string Told(string city, string at = "1714156703000") => Assert.Single(Read(Context("Update", Entity(Pair("address1_city", $"\"{city}\""), Pair("modifiedon", $"\"/Date({at})/\"")), Entity()))!.Edits).Id;

        Assert.Equal(Told("Graz"), Told("Graz"));
        Assert.NotEqual(Told("Graz"), Told("Linz"));
        Assert.NotEqual(Told("Graz"), Told("Graz", "1714156704000"));
        Assert.DoesNotContain("Graz", Told("Graz"), StringComparison.Ordinal);
    }

    [Fact]
    public void What_concerns_nothing_that_is_mapped_or_another_environment_becomes_nothing()
    {
        Assert.True(Read(Context("Update", table: "incident"))!.PassedOver);
        Assert.True(Read(Context("Retrieve"))!.PassedOver);
        Assert.True(Read(Context("Update", Entity(Pair("jobtitle", "\"x\""), Modified), Entity()))!.PassedOver);
        Assert.True(Read(Context("Update", organization: Other))!.Elsewhere);
        Assert.Null(Read("[]"));
        Assert.Null(Read("no JSON"));
        Assert.Null(Read("{}"));
    }

    [Fact]
    public void A_body_that_was_cut_for_its_length_is_read()
    {
        var context = JsonNode.Parse(Context("Update", Entity(Pair("lastname", "\"Doe\""), Modified), Entity()))!.AsObject();
        foreach (var gone in (string[])["ParentContext", "InputParameters", "PreEntityImages", "PostEntityImages"]) context.Remove(gone);

        Assert.Equal([new RecordRead("contact", Contact, null)], Read(context.ToJsonString())!.ToRead);
    }

    [Theory]
    [InlineData("secret", true)]
    [InlineData("secret ", false)]
    [InlineData("", false)]
    [InlineData(null, false)]
    public void Only_who_knows_the_secret_is_believed(string? given, bool believed) => Assert.Equal(believed, DynamicsWebhooks.IsFrom(given, "secret"));

    static readonly string[] Members = ["InputParameters", "PreEntityImages", "SharedVariables", "ParentContext", "PrimaryEntityId", "MessageName", "OperationCreatedOn", "InitiatingUserId"];

    static readonly string[] Names = ["key", "value", "Attributes", "__type", "Id", "SharedVariables", "ParentContext", "Target", "Value", "tag", "modifiedon"];

    static JsonNode? Any(Chance chance, int depth) => chance.Below(depth > 5 ? 4 : 7) switch
    {
        0 => null,
        1 => chance.Below(2) == 0,
        2 => chance.Below(1_000),
        3 => chance.Of((string[])["", "Target", "tag", "orleanscrm", "/Date(1)/", "/Date(x", Contact, "Entity:x", "EntityReference:x", "lastname"]),
        4 => new JsonArray([.. Enumerable.Range(0, chance.Below(4)).Select(_ => Any(chance, depth + 1))]),
        _ => new JsonObject(Names.Where(_ => chance.Below(3) == 0).Select(n => KeyValuePair.Create(n, Any(chance, depth + 1)))),
    };

    [Fact]
    public void Whatever_a_body_holds_nothing_is_thrown() => Gen.ULong.Sample(seed =>
    {
        var chance = new Chance(seed);
        var context = JsonNode.Parse(Context(chance.Of((string[])["Update", "Merge", "Delete", "Create"]), Entity(Pair("lastname", "\"Doe\""), Modified), Entity()))!.AsObject();
        context[chance.Of(Members)] = Any(chance, 0);
        context[chance.Of(Members)] = Any(chance, 0);
        Read(context.ToJsonString());
    });

    [Fact]
    public async Task What_the_environment_posts_is_understood()
    {
        await using var rig = await DynamicsRig.StartAsync();
        await using var receiver = await Webhooks.Receiver.StartAsync();
        using var client = await DynamicsRig.ClientAsync(rig.Sandbox);
        await Listen(client, receiver.Address);
        var id = rig.Make("a@example.com", "Linz");
        rig.Edit(id, "Graz");
        await rig.Connector.WriteAsync(new RecordCall(Domain.Delivery.WriteKind.Update, [Given.Write(Domain.Delivery.WriteKind.Update, id, null, Given.Text("city", "Wien")) with { Object = "contact" }]), CancellationToken.None);
        rig.Remove(id);
        var deadline = DateTimeOffset.UtcNow.AddSeconds(20);
        while (receiver.Messages.Count < 3 && DateTimeOffset.UtcNow < deadline) await Task.Delay(10);

        var webhooks = new DynamicsWebhooks(rig.Hub, rig.Hub.System("crm")!);
        var news = receiver.Messages.Select(m => webhooks.Read(m.Body)!).ToArray();
        Assert.Equal(3, news.Length);
        var change = news.SelectMany(n => n.Edits).Single(e => e.Kind == EditKind.Change);
        Assert.Equal(("city", FieldValue.Text("Graz")), (Assert.Single(change.Fields).Field, change.Fields[0].Value));
        Assert.Equal(rig.Sandbox.People[0].ToString(), change.Actor.Id);
        Assert.Single(news, n => n.PassedOver);
        Assert.Single(news.SelectMany(n => n.Edits), e => e.Kind == EditKind.Deleted);
    }

    static async Task Listen(HttpClient client, Uri address)
    {
        const string api = "/api/data/v9.2/";
        async Task<string> Made(string set, string id, Dictionary<string, object> row)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, api + set) { Content = JsonContent.Create(row) };
            request.Headers.TryAddWithoutValidation("Prefer", "return=representation");
            using var response = await client.SendAsync(request);
            return (string)(await response.Content.ReadFromJsonAsync<JsonNode>())![id]!;
        }
        async Task<string> Known(string set, string filter, string id) => (string)(await client.GetFromJsonAsync<JsonNode>($"{api}{set}?$filter={Uri.EscapeDataString(filter)}"))!["value"]![0]![id]!;
        var endpoint = await Made("serviceendpoints", "serviceendpointid", new() { ["name"] = "hub", ["contract"] = 8, ["authtype"] = 4, ["authvalue"] = "secret", ["url"] = address.AbsoluteUri });
        foreach (var name in (string[])["Update", "Delete"])
        {
            var message = await Known("sdkmessages", $"name eq '{name}'", "sdkmessageid");
            var filter = await Known("sdkmessagefilters", $"primaryobjecttypecode eq 'contact' and _sdkmessageid_value eq {message}", "sdkmessagefilterid");
            var step = await Made("sdkmessageprocessingsteps", "sdkmessageprocessingstepid", new()
            {
                ["name"] = "hub", ["stage"] = 40, ["mode"] = 1, ["eventhandler_serviceendpoint@odata.bind"] = $"/serviceendpoints({endpoint})", ["sdkmessageid@odata.bind"] = $"/sdkmessages({message})", ["sdkmessagefilterid@odata.bind"] = $"/sdkmessagefilters({filter})",
            });
            if (name == "Update") await Made("sdkmessageprocessingstepimages", "sdkmessageprocessingstepimageid", new() { ["name"] = "before", ["entityalias"] = "before", ["imagetype"] = 0, ["sdkmessageprocessingstepid@odata.bind"] = $"/sdkmessageprocessingsteps({step})" });
        }
    }
}
