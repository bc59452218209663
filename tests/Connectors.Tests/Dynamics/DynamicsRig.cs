using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using OrleansCrm.Connectors.Dynamics;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Sandbox.Dynamics;
using OrleansCrm.Sandbox.Vendors;

namespace OrleansCrm.Connectors.Tests.Dynamics;

/// <summary>The Dynamics connector before the simulated Dynamics 365, over real HTTP.</summary>
sealed class DynamicsRig : ConnectorRig
{
    readonly DynamicsConnector _connector;

    DynamicsRig(DynamicsSandbox sandbox, HubDefinition hub, ISecretResolver secrets, TimeProvider time)
    {
        Sandbox = sandbox;
        Hub = hub;
        _connector = new DynamicsConnector(hub, hub.System("crm")!, secrets, time);
    }

    public DynamicsSandbox Sandbox { get; }

    public HubDefinition Hub { get; }

    public Organisation Environment => Sandbox.Organisations[0];

    public override IRecordConnector Connector => _connector;

    public override string Object => "contact";

    public override TimeSpan Grain => TimeSpan.FromSeconds(1);

    public static KnownSecrets Secrets { get; } = new(("env:S", "sandbox"));

    /// <param name="settings">Further settings, each behind a comma.</param>
    /// <param name="system">Further lines of the system.</param>
    /// <param name="mapping">Further lines of the contact's mapping.</param>
    /// <param name="ready">Signed in, and the tables are described, so that what a test lines up happens to what it asks for.</param>
    public static async Task<DynamicsRig> StartAsync(string settings = "", string system = "", string mapping = "delete: delete", bool ready = true, ISecretResolver? secrets = null, TimeProvider? time = null, DynamicsOptions? options = null)
    {
        options ??= new DynamicsOptions();
        var sandbox = await DynamicsSandbox.StartAsync(options with { Shared = options.Shared with { Time = time ?? options.Shared.Time } });

        // No two contacts with one address, as a careful administrator sees to it.
        using var client = await ClientAsync(sandbox);
        using var made = await client.PostAsJsonAsync("/api/data/v9.2/EntityDefinitions(LogicalName='contact')/Keys", new Dictionary<string, object> { ["SchemaName"] = "new_email", ["KeyAttributes"] = new[] { "emailaddress1" } });
        made.EnsureSuccessStatusCode();
        var rig = new DynamicsRig(sandbox, Definition(sandbox.Address, sandbox.ApplicationUser, settings, system, mapping), secrets ?? Secrets, time ?? TimeProvider.System);
        if (ready) await rig.Connector.ReadAsync(new RecordRead("contact", null, "nobody"), CancellationToken.None);
        return rig;
    }

    public static async Task<HttpClient> ClientAsync(DynamicsSandbox sandbox)
    {
        var client = new HttpClient { BaseAddress = sandbox.Address };
        using var form = new FormUrlEncodedContent(new Dictionary<string, string> { ["grant_type"] = "client_credentials", ["client_id"] = "sandbox", ["client_secret"] = "sandbox", ["scope"] = $"{sandbox.Address.GetLeftPart(UriPartial.Authority)}/.default" });
        using var response = await client.PostAsync("/sandbox/oauth2/v2.0/token", form);
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", (string)(await response.Content.ReadFromJsonAsync<JsonNode>())!["access_token"]!);
        return client;
    }

    public static HubDefinition Definition(Uri address, Guid user, string settings = "", string system = "", string mapping = "delete: delete", string auth = "") => Given.Hub($$"""
        hub: test
        recordTypes:
          person:
            fields:
              email: email
              lastName: text
              city: text
              gender: { type: choice, choices: [male, female] }
              born: date
              noBulk: boolean
              employer: { type: reference, to: organization }
              owner: { type: user }
          organization:
            fields: { name: text, revenue: decimal, staff: number }
          prospect:
            fields: { email: email, topic: text }
        systems:
          crm:
            connector: dynamics
            mode: live
            hubActor: {{user}}
        {{system}}
            settings: { environmentUrl: {{address}}, tenantId: sandbox, loginUrl: {{address}}, timeout: 1s, allowPrivate: true, overlap: 0s, pageSize: 10{{settings}} }
            auth: { clientId: sandbox, clientSecret: env:S{{auth}} }
            mappings:
              contact:
                recordType: person
                {{mapping}}
                fields:
                  email: emailaddress1
                  lastName: lastname
                  city: address1_city
                  gender: { name: gendercode, values: { 1: male, 2: female } }
                  born: birthdate
                  noBulk: donotbulkemail
                  employer: parentcustomerid
                  owner: ownerid
              account:
                recordType: organization
                delete: archive
                fields: { name: name, revenue: revenue, staff: numberofemployees }
              lead:
                recordType: prospect
                fields: { email: emailaddress1, topic: subject }
        """);

    public void Fault(string kind, string? field = null, string? value = null, string? operation = null, int status = 0, string? code = null, int milliseconds = 0, string? retryAfter = null, string? record = null, int count = 1) =>
        Environment.Faults.Add(new Fault { Kind = kind, Field = field, Value = value, Operation = operation, Status = status, Code = code, Milliseconds = milliseconds, RetryAfter = retryAfter, Record = record, Count = count });

    public override void Next(Trouble trouble)
    {
        switch (trouble)
        {
            case Trouble.CutBefore: Fault("dropBefore"); break;
            case Trouble.CutAfter: Fault("dropAfter"); break;
            case Trouble.FailedAfter: Fault("errorAfter"); break;
            case Trouble.Failed: Fault("error"); break;
            case Trouble.TooLate: Fault("lateAnswer", milliseconds: 1_500); break;
            case Trouble.Throttled: Fault("throttle", retryAfter: "7"); break;
            case Trouble.CityRefused: Fault("reject", "address1_city"); break;
            case Trouble.CityRewritten: Fault("rewrite", "address1_city", "VIENNA"); break;
            case Trouble.CityIgnored: Fault("ignore", "address1_city"); break;
            default: throw new ArgumentOutOfRangeException(nameof(trouble));
        }
    }

    public override int Count => Environment.Find(Object, null, 0, 0).Total;

    public override string? Held(string externalId, string field) => HeldIn(Object, externalId, field switch { "email" => "emailaddress1", "lastName" => "lastname", "city" => "address1_city", _ => field });

    public string? HeldIn(string table, string id, string column) => Environment.Read(table, id)!.Fields.GetValueOrDefault(column);

    public override string Make(string email, string? city = null) => Made("contact", ("emailaddress1", email), ("address1_city", city));

    public string Made(string table, params (string Name, string? Value)[] fields) =>
        Environment.Create(table, fields.Where(f => f.Value is not null).ToDictionary(f => f.Name, f => f.Value), Editor.Someone).Id!;

    public override void Edit(string externalId, string city) => Environment.Update(Object, externalId, new Dictionary<string, string?> { ["address1_city"] = city }, Editor.Someone);

    public override void Remove(string externalId) => Environment.Delete(Object, externalId, Editor.Someone);

    public override async Task StopAsync() => await Sandbox.DisposeAsync();

    public override async ValueTask DisposeAsync()
    {
        await _connector.DisposeAsync();
        await Sandbox.DisposeAsync();
    }
}

/// <summary>Creates carry our key in a column with an alternate key.</summary>
public sealed class DynamicsContractTests : ConnectorContract
{
    protected override async Task<ConnectorRig> StartAsync() => await DynamicsRig.StartAsync();
}

/// <summary>The hub gives rows their ids.</summary>
public sealed class DynamicsClientIdContractTests : ConnectorContract
{
    protected override async Task<ConnectorRig> StartAsync() => await DynamicsRig.StartAsync(mapping: "delete: delete\n        creationKey: clientId");
}
