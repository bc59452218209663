using System.Net.Http.Headers;
using System.Net.Http.Json;
using OrleansCrm.Connectors.HubSpot;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Sandbox.HubSpot;
using OrleansCrm.Sandbox.Vendors;

namespace OrleansCrm.Connectors.Tests.HubSpot;

/// <summary>The HubSpot connector before the simulated HubSpot, over real HTTP.</summary>
sealed class HubSpotRig : ConnectorRig
{
    readonly HubSpotConnector _connector;

    HubSpotRig(HubSpotSandbox sandbox, HubDefinition hub, ISecretResolver secrets, TimeProvider time)
    {
        Sandbox = sandbox;
        Hub = hub;
        _connector = new HubSpotConnector(hub, hub.System("hubspot")!, secrets, time);
    }

    public HubSpotSandbox Sandbox { get; }

    public HubDefinition Hub { get; }

    public Organisation Portal => Sandbox.Organisations[0];

    public override IRecordConnector Connector => _connector;

    public override string Object => "contacts";

    public static KnownSecrets Secrets { get; } = new(("env:TOKEN", "sandbox-token"), ("env:SECRET", "sandbox"), ("env:REFRESH", "sandbox-refresh"));

    public static async Task<HubSpotRig> StartAsync(string auth = "{ token: env:TOKEN }", string settings = "", string system = "", HubSpotOptions? options = null, ISecretResolver? secrets = null, TimeProvider? time = null)
    {
        var sandbox = await HubSpotSandbox.StartAsync((options ?? new HubSpotOptions()) with { IndexLagMin = TimeSpan.Zero, IndexLagMax = TimeSpan.Zero });
        using var client = new HttpClient { BaseAddress = sandbox.Address };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "sandbox-token");
        foreach (var type in (string[])["contacts", "companies"])
        {
            using var made = await client.PostAsJsonAsync($"/crm/v3/properties/{type}", new { name = "crm_hub_key", label = "Hub key", type = "string", fieldType = "text", groupName = type == "contacts" ? "contactinformation" : "companyinformation", hasUniqueValue = true });
            made.EnsureSuccessStatusCode();
        }
        return new HubSpotRig(sandbox, Definition(sandbox.Address, auth, settings, system), secrets ?? Secrets, time ?? TimeProvider.System);
    }

    public static HubDefinition Definition(Uri address, string auth = "{ token: env:TOKEN }", string settings = "", string system = "") => Given.Hub($$"""
        hub: test
        recordTypes:
          person:
            fields:
              email: email
              lastName: text
              firstName: text
              city: text
              stage: { type: choice, choices: [lead, customer] }
              basis: { type: multiChoice, choices: [interest, contract] }
              employer: { type: reference, to: organization }
          organization:
            fields: { name: text, staff: number }
        systems:
          hubspot:
            connector: hubspot
            mode: live
            hubActor: "9393362"
        {{system}}
            settings: { url: {{address}}, timeout: 1s, allowPrivate: true, searchLag: 0s{{settings}} }
            auth: {{auth}}
            mappings:
              contacts:
                recordType: person
                delete: archive
                fields:
                  email: email
                  lastName: lastname
                  firstName: firstname
                  city: city
                  stage: { name: lifecyclestage, values: { lead: lead, customer: customer } }
                  basis: { name: hs_legal_basis, values: { "Legitimate interest – existing customer": interest, "Performance of a contract": contract } }
                  employer: associatedcompanyid
              companies:
                recordType: organization
                delete: archive
                fields: { name: name, staff: numberofemployees }
        """);

    public void Fault(string kind, string? field = null, string? value = null, string? operation = null, int status = 0, string? code = null, int milliseconds = 0, string? retryAfter = null, string? record = null, int count = 1) =>
        Portal.Faults.Add(new Fault { Kind = kind, Field = field, Value = value, Operation = operation, Status = status, Code = code, Milliseconds = milliseconds, RetryAfter = retryAfter, Record = record, Count = count });

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
            case Trouble.CityRefused: Fault("reject", "city"); break;
            case Trouble.CityRewritten: Fault("rewrite", "city", "VIENNA"); break;
            case Trouble.CityIgnored: Fault("ignore", "city"); break;
            default: throw new ArgumentOutOfRangeException(nameof(trouble));
        }
    }

    public override int Count => Portal.Find(Object, null, 0, 0).Total;

    public override string? Held(string externalId, string field) => Portal.Read(Object, externalId)!.Fields.GetValueOrDefault(field switch { "lastName" => "lastname", _ => field });

    public override string Make(string email, string? city = null) => Made(Object, ("email", email), ("city", city));

    public string Made(string @object, params (string Name, string? Value)[] fields) =>
        Portal.Create(@object, fields.Where(f => f.Value is not null).ToDictionary(f => f.Name, f => f.Value), Editor.Someone).Id!;

    public override void Edit(string externalId, string city) => Portal.Update(Object, externalId, new Dictionary<string, string?> { ["city"] = city }, Editor.Someone);

    public override void Remove(string externalId) => Portal.Delete(Object, externalId, Editor.Someone);

    public override async Task StopAsync() => await Sandbox.DisposeAsync();

    public override async ValueTask DisposeAsync()
    {
        await _connector.DisposeAsync();
        await Sandbox.DisposeAsync();
    }
}

/// <summary>As a private app.</summary>
public sealed class HubSpotPrivateAppContractTests : ConnectorContract
{
    protected override async Task<ConnectorRig> StartAsync() => await HubSpotRig.StartAsync();
}

/// <summary>As an OAuth app, and bound to its account.</summary>
public sealed class HubSpotOAuthContractTests : ConnectorContract
{
    protected override async Task<ConnectorRig> StartAsync()
    {
        var rig = await HubSpotRig.StartAsync("{ clientId: sandbox, clientSecret: env:SECRET, refreshToken: env:REFRESH }", system: "    binding: \"49547190\"");

        // Signing in and looking at the account are not what the contract's troubles are about.
        await rig.Connector.ReadAsync(new RecordRead("contacts", "1", null), CancellationToken.None);
        return rig;
    }
}
