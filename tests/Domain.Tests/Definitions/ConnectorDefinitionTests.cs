using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Definitions.Reading;
using Xunit;

namespace OrleansCrm.Domain.Tests.Definitions;

/// <summary>Sinks, and the settings of the connectors that the hub itself knows. The place of a mistake is marked § in the example.</summary>
public sealed class ConnectorDefinitionTests
{
    [Theory]
    [InlineData("§recordTypes: [person]", "", "The key 'connector' is missing in this sink.", "webhook")]
    [InlineData("connector: webhook\nrecordTypes: [§persn]", ".recordTypes[0]", "There is no record type 'persn'.", "Did you mean 'person'?")]
    [InlineData("connector: webhook\nwaits: [5s, §8d]", ".waits[1]", "'8d' is out of range.", "1s to 7d")]
    [InlineData("connector: webhook\nconcurrency: §0", ".concurrency", "0 is out of range.", "1 to 256")]
    [InlineData("connector: webhook\nsettings: §{ timeout: 5s }", ".settings", "The key 'url' is missing in this webhook sink.", "https://")]
    [InlineData("connector: webhook\nsettings: { url: §ftp://a.example }", ".settings.url", "is not an address that begins with https://", "http://")]
    [InlineData("connector: webhook\nsettings: { url: https://a.example, timeout: §5m }", ".settings.timeout", "'5m' is out of range.", "1s to 1m")]
    [InlineData("connector: webhook\nsettings: { url: https://a.example, §allow-private: true }", ".settings.allow-private", "Unknown key 'allow-private'", "Did you mean 'allowPrivate'?")]
    [InlineData("connector: webhook\nsettings: { url: https://a.example, allowPrivate: §yes }", ".settings.allowPrivate", "Expected true or false", "true or false")]
    [InlineData("connector: webhook\nauth: { secret: §abc }", ".auth.secret", "'secret' is a secret and stands here as a value.", "env:SECRET")]
    [InlineData("connector: webhook\nauth: { secret: env:A, §former: env:B }", ".auth.former", "Unknown key 'former'", "formerSecret")]
    [InlineData("connector: jsonl\nsettings: { folder: a, fileBytesMax: §100 }", ".settings.fileBytesMax", "100 is out of range.", "4096")]
    [InlineData("connector: jsonl\nauth: §{ secret: env:A }", ".auth", "A file asks nobody to sign in.", "Remove 'auth'")]
    public void A_sink_is_checked(string sink, string path, string problem, string fix) => AssertTold(Sink(sink), "sinks.out" + path, problem, fix);

    [Fact]
    public void Sinks_and_systems_share_their_names() =>
        AssertTold("hub: a\nrecordTypes: { person: { fields: { email: email } } }\nsystems: { shop: { connector: erp } }\nsinks:\n  §shop: { connector: other }", "sinks.shop", "'shop' is the name of a system already.", "another name");

    [Fact]
    public void A_sink_reads_as_it_was_written()
    {
        var sink = Read(Sink("""
            connector: webhook
            mode: live
            recordTypes: person
            data: personal
            waits: [5s, 1m]
            concurrency: 8
            settings: { url: https://a.example/hook/, timeout: 15s, allowPrivate: true, bodyBytesMax: 20000 }
            auth: { secret: env:NOW, formerSecret: env:BEFORE }
            was: outward
            """)).Sink("outward")!;

        Assert.Equal("out", sink.Name);
        Assert.Equal(SystemMode.Live, sink.Mode);
        Assert.Equal(DataClass.Personal, sink.Data);
        Assert.Equal([TimeSpan.FromSeconds(5), TimeSpan.FromMinutes(1)], sink.Waits);
        Assert.Equal(8, sink.Concurrency);
        Assert.Equal(new("https://a.example/hook/"), sink.Webhook!.Url);
        Assert.Equal(["env:NOW", "env:BEFORE"], sink.Webhook.Secrets);
        Assert.Equal((TimeSpan.FromSeconds(15), true, 20_000), (sink.Webhook.Timeout, sink.Webhook.AllowPrivate, sink.Webhook.BodyBytesMax));
        Assert.Null(sink.JsonLines);
    }

    [Fact]
    public void A_sink_waits_as_Standard_Webhooks_suggests_unless_it_says_otherwise() =>
        Assert.Equal(SinkSchedule.Standard, Read(Sink("connector: other")).Sink("out")!.Waits);

    [Theory]
    [InlineData("auth: { token: §abc }", "auth.token", "'token' is a secret and stands here as a value.", "env:TOKEN")]
    [InlineData("auth: §{ token: env:A, clientId: b, clientSecret: env:C, refreshToken: env:D }", "auth", "stand beside each other", "Keep 'token'")]
    [InlineData("auth: §{ clientId: b, clientSecret: env:C }", "auth", "Nothing says how the hub signs in to HubSpot.", "token: env:HUBSPOT_TOKEN")]
    [InlineData("settings: { parallel: §11 }\nauth: { token: env:A }", "settings.parallel", "11 is out of range.", "1 to 10")]
    [InlineData("settings: { keyProperty: §Hub-Key }\nauth: { token: env:A }", "settings.keyProperty", "Hub-Key", "internal name")]
    [InlineData("maxCallTime: 30s\nsettings: { timeout: §30s }\nauth: { token: env:A }", "settings.timeout", "A request may take 30s", "maxCallTime")]
    [InlineData("settings: { webhookUrl: §https://crm.example.com/hooks }\nauth: { token: env:A }", "settings.webhookUrl", "cannot be verified without the app's client secret", "clientSecret: env:")]
    [InlineData("auth: { token: env:A }\nmappings: { contacts: { recordType: person, creationKey: §clientId, fields: { email: email } } }", "mappings.contacts.creationKey", "HubSpot gives its records their ids itself.", "creationKey: property")]
    public void A_HubSpot_system_is_checked(string system, string path, string problem, string fix) => AssertTold(HubSpot(system), "systems.crm." + path, problem, fix);

    [Fact]
    public void A_HubSpot_system_reads_as_it_was_written()
    {
        var app = Read(HubSpot("""
            settings: { url: https://hubspot.example/, timeout: 15s, allowPrivate: true, parallel: 2, keyProperty: hub_key, searchLag: 5m, webhookUrl: https://crm.example.com/hooks }
            auth: { clientId: id, clientSecret: env:S, refreshToken: env:R }
            """)).System("crm")!.HubSpot!;
        var own = Read(HubSpot("auth: { token: env:T }")).System("crm")!.HubSpot!;

        Assert.Equal(new("https://hubspot.example"), app.Url);
        Assert.Equal((TimeSpan.FromSeconds(15), true, 2, "hub_key", TimeSpan.FromMinutes(5)), (app.Timeout, app.AllowPrivate, app.Parallel, app.KeyProperty, app.SearchLag));
        Assert.Equal((new("https://crm.example.com/hooks"), "env:S"), (app.WebhookUrl, app.ClientSecret));
        Assert.Equal(new RestAuth.RefreshToken(new("https://hubspot.example/oauth/v1/token"), "id", "env:S", "env:R"), app.Auth);
        Assert.Equal((new("https://api.hubapi.com"), "crm_hub_key", null), (own.Url, own.KeyProperty, own.WebhookUrl));
        Assert.Equal(new RestAuth.Bearer("env:T"), own.Auth);
        Assert.Null(Read(HubSpot("mode: observe")).System("crm")!.HubSpot);
    }

    [Theory]
    [InlineData("settings: §{ tenantId: a }\nauth: { clientId: a, clientSecret: env:S }", "settings", "environmentUrl", "https://acme.crm4.dynamics.com")]
    [InlineData("settings: { environmentUrl: https://a.example, tenantId: a }\nauth: §{ clientId: a }", "auth", "clientSecret", "clientSecret")]
    [InlineData("settings: { environmentUrl: https://a.example, tenantId: a }\nauth: { clientId: a, clientSecret: §abc }", "auth.clientSecret", "is a secret and stands here as a value", "env:")]
    [InlineData("settings: { environmentUrl: https://a.example, tenantId: a, batchSize: §1001 }\nauth: { clientId: a, clientSecret: env:S }", "settings.batchSize", "1001 is out of range.", "1 to 1000")]
    [InlineData("settings: { environmentUrl: https://a.example, tenantId: a, keyField: §Hub-Key }\nauth: { clientId: a, clientSecret: env:S }", "settings.keyField", "Hub-Key", "logical name")]
    [InlineData("maxCallTime: 90s\nsettings: { environmentUrl: https://a.example, tenantId: a, timeout: §90s }\nauth: { clientId: a, clientSecret: env:S }", "settings.timeout", "A request may take", "maxCallTime")]
    public void A_Dynamics_system_is_checked(string system, string path, string problem, string fix) => AssertTold(Dynamics(system), "systems.crm." + path, problem, fix);

    [Fact]
    public void A_Dynamics_system_reads_as_it_was_written()
    {
        var all = Read(Dynamics("""
            settings: { environmentUrl: https://acme.crm4.dynamics.com/, tenantId: acme.example, loginUrl: https://login.example/, apiVersion: "9.1", timeout: 15s, allowPrivate: true, batchSize: 50, parallel: 2, keyField: new_key, tag: acme, detectDuplicates: true, changeTracking: false, overlap: 5m, pageSize: 500 }
            auth: { clientId: id, clientSecret: env:S }
            """)).System("crm")!.Dynamics!;
        var least = Read(Dynamics("settings: { environmentUrl: https://acme.crm.dynamics.com, tenantId: t }\nauth: { clientId: id, clientSecret: env:S }")).System("crm")!.Dynamics!;

        Assert.Equal(new RestAuth.ClientCredentials(new("https://login.example/acme.example/oauth2/v2.0/token"), "id", "env:S", "https://acme.crm4.dynamics.com/.default", null), all.Auth);
        Assert.Equal(("9.1", TimeSpan.FromSeconds(15), true, 50, 2, "new_key", "acme"), (all.ApiVersion, all.Timeout, all.AllowPrivate, all.BatchSize, all.Parallel, all.KeyField, all.Tag));
        Assert.Equal((true, false, TimeSpan.FromMinutes(5), 500), (all.DetectDuplicates, all.ChangeTracking, all.Overlap, all.PageSize));
        Assert.Equal(new("https://login.microsoftonline.com/t/oauth2/v2.0/token"), ((RestAuth.ClientCredentials)least.Auth).TokenUrl);
        Assert.Equal(("9.2", 100, "crm_hubkey", "orleanscrm", true), (least.ApiVersion, least.BatchSize, least.KeyField, least.Tag, least.ChangeTracking));
        Assert.Null(Read(Dynamics("mode: observe")).System("crm")!.Dynamics);
    }

    [Theory]
    [InlineData("read: §GET", "read", "does not begin with a method", "GET /customers/{id}")]
    [InlineData("read: §FETCH /c/{id}", "read", "does not begin with a method", "PATCH")]
    [InlineData("read: GET §customers/{id}", "read", "does not begin with a slash", "GET /customers/{id}")]
    [InlineData("read: GET §/customers", "read", "does not say where the id stands", "{id}")]
    [InlineData("read: GET /c/{id}/§{key}", "read", "There is no place 'key' here.", "Places: id.")]
    [InlineData("read: GET /c/{id}§}", "read", "A brace has no partner.", "{id}")]
    [InlineData("read: GET §/../c/{id}", "read", "climbs out", "from the system's url on")]
    [InlineData("read: GET §/c ü/{id}", "read", "holds a sign that no path can hold", "%20")]
    [InlineData("version: §a..b", "version", "is not a place in JSON", "data.id")]
    [InlineData("paging: §pages", "paging", "'pages' is not known here.", "number")]
    [InlineData("pageSize: §0", "pageSize", "0 is out of range.", "1 to 10000")]
    public void A_template_is_checked_where_it_stands(string rest, string path, string problem, string fix) =>
        AssertTold(Rest(rest: rest), "systems.shop.mappings.customers.rest." + path, problem, fix);

    [Theory]
    [InlineData("", "create: POST /c\nupdate: 'PATCH /c/{id}'", "no request that reads a record", "read: GET")]
    [InlineData("create: never", "read: 'GET /c/{id}'", "There is no request for 'update'", "update: never")]
    [InlineData("create: never\nupdate: never\ndelete: archive", "read: 'GET /c/{id}'", "There is no request for 'delete'", "DELETE /customers/{id}")]
    [InlineData("", "create: POST /c\nupdate: 'PATCH /c/{id}'\nread: 'GET /c/{id}'", "No property carries the creation key", "creationKey: clientId")]
    [InlineData("", "create: POST /c\nupdate: 'PATCH /c/{id}'\nread: 'GET /c/{id}'\nkey: hubKey", "no request that finds a record by its creation key", "find: GET")]
    [InlineData("creationKey: clientId", "create: POST /c\nupdate: 'PATCH /c/{id}'\nread: 'GET /c/{id}'", "does not give the record its id", "PUT /customers/{key}")]
    [InlineData("creationKey: none", "create: 'PUT /c/{key}'\nupdate: 'PATCH /c/{id}'\nread: 'GET /c/{id}'", "the mapping says that there is none", "creationKey: clientId")]
    [InlineData("create: never\nupdate: never", "list: 'GET /c?p={page}'", "pages are not described", "paging: token")]
    [InlineData("create: never\nupdate: never", "list: GET /c\npaging: number", "does not say where the page stands", "{page}")]
    [InlineData("create: never\nupdate: never", "list: 'GET /c?p={page}'\npaging: offset", "how many records a page has", "limit={size}")]
    [InlineData("create: never\nupdate: never", "list: 'GET /c?p={page}'\npaging: token", "where the token of the next page stands", "next: paging.next")]
    public void What_a_mapping_does_must_be_possible_and_safe(string mapping, string rest, string problem, string fix)
    {
        var errors = HubDefinitionReader.Read(Rest(mapping: mapping, rest: rest)).Errors;

        Assert.Contains(errors, e => e.Problem.Contains(problem, StringComparison.Ordinal) && e.Fix.Contains(fix, StringComparison.Ordinal) && e.Line > 5);
    }

    [Theory]
    [InlineData("auth: §{ type: bearer }", "auth", "The key 'token' is missing for the type bearer.", "token: env:")]
    [InlineData("auth: { type: bearer, token: env:T, §user: x }", "auth.user", "'user' means nothing for the type bearer.", "It takes: token.")]
    [InlineData("auth: { type: header, header: X-Key, key: §abc }", "auth.key", "'key' is a secret and stands here as a value.", "env:KEY")]
    [InlineData("auth: { type: §oauth }", "auth.type", "'oauth' is not known here.", "clientCredentials")]
    [InlineData("rest: { headers: { §Authorization: Bearer abc } }", "rest.headers.Authorization", "looks like a secret", "auth:")]
    [InlineData("rest: { errors: { meanings: { 409: §dupe } } }", "rest.errors.meanings.409", "'dupe' is not known here.", "conflict")]
    public void How_a_rest_system_is_spoken_to_is_checked(string system, string path, string problem, string fix)
    {
        // The mark may stand before the key or the value.
        var (yaml, line, _) = Place(Rest(system: system, mapping: "create: never\nupdate: never"));
        var errors = HubDefinitionReader.Read(yaml).Errors;

        var error = Assert.Single(errors, e => e.Problem.Contains(problem, StringComparison.Ordinal));
        Assert.Equal(("systems.shop." + path, line), (error.Path, error.Line));
        Assert.Contains(fix, error.Fix);
    }

    [Fact]
    public void A_request_may_not_outlast_the_longest_call() =>
        Assert.Contains(HubDefinitionReader.Read(Rest(system: "maxCallTime: 30s")).Errors, e => e.Problem.Contains("no longer than 30s", StringComparison.Ordinal));

    [Fact]
    public void Rest_is_for_the_connector_rest_alone() =>
        Assert.Contains(HubDefinitionReader.Read(Rest().Replace("connector: rest", "connector: erp")).Errors, e => e.Problem == "Only the connector rest asks for this.");

    [Fact]
    public void A_rest_system_that_only_reports_by_itself_needs_no_requests() =>
        Assert.Null(Read("hub: a\nrecordTypes: { person: { fields: { email: email } } }\nsystems: { shop: { connector: rest, mappings: { c: { recordType: person, fields: { email: mail } } } } }").System("shop")!.Rest);

    [Fact]
    public void A_rest_system_reads_as_it_was_written()
    {
        var shop = Read(Rest(system: """
            auth: { type: clientCredentials, tokenUrl: https://login.example/t, clientId: hub, clientSecret: env:S, scope: a b }
            rest: { headers: { X-A: b }, errors: { code: e.code, meanings: { DUP: conflict, 503: throttled } } }
            """)).System("shop")!;

        Assert.Equal(new("https://shop.example/api"), shop.Rest!.Url);
        Assert.Equal(new RestAuth.ClientCredentials(new("https://login.example/t"), "hub", "env:S", "a b", null), shop.Rest.Auth);
        Assert.Equal([new("X-A", "b")], shop.Rest.Headers);
        Assert.Equal([new("DUP", RestMeaning.Conflict), new("503", RestMeaning.Throttled)], shop.Rest.Errors.Meanings);
        var customers = shop.Mappings[0].Rest!;
        Assert.Equal("PATCH /c/{id}", customers.Update!.ToString());
        Assert.Equal("hubKey", customers.Key);
    }

    [Theory]
    [InlineData("a/b c", "/c/a%2Fb%20c?x=a%2Fb%20c")]
    [InlineData("..", "/c/%252E%252E?x=%252E%252E")]
    public void A_value_in_a_path_stays_one_value(string id, string path)
    {
        var request = Read(Rest(rest: Whole.Replace("'GET /c/{id}'", "'GET /c/{id}?x={id}'"))).System("shop")!.Mappings[0].Rest!.Read!;

        Assert.Equal(path, request.Fill(_ => id));
    }

    [Fact]
    public void A_parameter_without_a_value_is_left_out()
    {
        var list = Read(Rest(rest: Whole + "\nlist: 'GET /c?p={page}&s={since}&n={size}'\npaging: token\nnext: next")).System("shop")!.Mappings[0].Rest!.List!;

        Assert.Equal("/c?n=5", list.Fill(place => place == "size" ? "5" : null));
    }

    const string Whole = "create: POST /c\nupdate: 'PATCH /c/{id}'\nread: 'GET /c/{id}'\nfind: 'GET /c?k={key}'\nkey: hubKey";

    static string Sink(string sink) => $"hub: a\nrecordTypes: {{ person: {{ fields: {{ email: email }} }} }}\nsinks:\n  out:\n{Indent(sink, 4).Insert(0, "")}";

    static string Dynamics(string system) => $"hub: a\nrecordTypes: {{ person: {{ fields: {{ email: email }} }} }}\nsystems:\n  crm:\n    connector: dynamics\n{Indent(system, 4)}";

    static string HubSpot(string system) => $"hub: a\nrecordTypes: {{ person: {{ fields: {{ email: email }} }} }}\nsystems:\n  crm:\n    connector: hubspot\n{Indent(system, 4)}";

    static string Rest(string system = "", string mapping = "", string rest = Whole) =>
        $"hub: a\nrecordTypes: {{ person: {{ fields: {{ email: email }} }} }}\nsystems:\n  shop:\n    connector: rest\n    settings: {{ url: https://shop.example/api }}\n{Indent(system, 4)}    mappings:\n      customers:\n        recordType: person\n        fields: {{ email: mail }}\n{Indent(mapping, 8)}        rest:\n{Indent(rest, 10)}";

    static HubDefinition Read(string yaml)
    {
        var result = HubDefinitionReader.Read(yaml);
        Assert.Empty(result.Errors);
        return result.Definition!;
    }

    static void AssertTold(string marked, string path, string problem, string fix)
    {
        var (yaml, line, column) = Place(marked);

        var result = HubDefinitionReader.Read(yaml);

        var error = result.Errors.FirstOrDefault(e => e.Problem.Contains(problem, StringComparison.Ordinal) && e.Line == line && e.Column == column);
        Assert.True(error is not null, $"Not told at {line}:{column}: {problem}\n{string.Join('\n', result.Errors)}");
        Assert.Equal(path, error.Path);
        Assert.Contains(fix, error.Fix);
    }

    static (string Yaml, int Line, int Column) Place(string marked)
    {
        var at = marked.IndexOf('§');
        var before = marked[..at];
        return (marked.Remove(at, 1), before.Count(c => c == '\n') + 1, before.Length - (before.LastIndexOf('\n') + 1) + 1);
    }

    static string Indent(string text, int by) =>
        text.Length == 0 ? "" : string.Concat(text.TrimEnd('\n').Split('\n').Select(l => new string(' ', by) + l + "\n"));
}
