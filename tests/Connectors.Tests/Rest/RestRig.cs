using System.Text.Json;
using OrleansCrm.Connectors.Rest;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Sandbox.Rest;

namespace OrleansCrm.Connectors.Tests.Rest;

/// <summary>The REST connector before the sandbox's small CRM, over real HTTP.</summary>
sealed class RestRig : ConnectorRig
{
    readonly RestConnector _connector;

    RestRig(RestSandbox sandbox, HubDefinition hub, ISecretResolver secrets)
    {
        Sandbox = sandbox;
        Hub = hub;
        _connector = new RestConnector(hub, hub.System("shop")!, secrets, TimeProvider.System);
    }

    public RestSandbox Sandbox { get; }

    public HubDefinition Hub { get; }

    public override IRecordConnector Connector => _connector;

    public const string ByProperty = """
        creationKey: property
        rest:
          create: POST /api/customers
          update: PATCH /api/customers/{id}
          delete: DELETE /api/customers/{id}
          read: GET /api/customers/{id}
          find: GET /api/customers?hubKey={key}
          list: GET /api/customers?cursor={page}&updatedSince={since}&limit={size}&includeDeleted=true
          key: hubKey
          records: items
          version: version
          modified: updatedAt
          deleted: deleted
          actor: updatedBy
          paging: token
          next: next
          pageSize: 10
        """;

    public static readonly string ByClientId = ByProperty.Replace("creationKey: property", "creationKey: clientId").Replace("POST /api/customers", "PUT /api/customers/{key}").Replace("  key: hubKey\n", "").Replace("  find: GET /api/customers?hubKey={key}\n", "");

    public static async Task<RestRig> StartAsync(string mapping = ByProperty, string system = "", RestSandboxOptions? options = null, ISecretResolver? secrets = null)
    {
        var sandbox = await RestSandbox.StartAsync((options ?? new RestSandboxOptions()) with { Unique = "mail" });
        return new RestRig(sandbox, Definition(sandbox.Address, mapping, system), secrets ?? new KnownSecrets());
    }

    public static HubDefinition Definition(Uri address, string mapping, string system) => Given.Hub($$"""
        hub: test
        recordTypes:
          person:
            fields: { email: email, lastName: text, firstName: text, city: text, score: number, employer: { type: reference, to: organization }, street: text, zip: text }
          organization:
            fields: { name: text }
        systems:
          shop:
            connector: rest
            mode: live
            hubActor: hub
            actors: { flow: automation }
            settings: { url: {{address}}, timeout: 1s, allowPrivate: true }
        {{Indent(system, 4)}}    rest:
              errors: { code: error.code, fields: error.fields, existing: error.existingId, meanings: { LOCKED: transient } }
            mappings:
              customers:
                recordType: person
                delete: delete
                fields:
                  email: mail
                  lastName: name
                  city: city
                  score: score
                  employer: company
                  street: { name: line, split: { at: "|", part: 0 } }
                  zip: { name: billing.zip }
                joins: { fullName: { fields: [firstName, lastName] } }
        {{Indent(mapping, 8)}}
        """);

    static string Indent(string text, int by) => text.Length == 0 ? "" : string.Concat(text.TrimEnd('\n').Split('\n').Select(l => new string(' ', by) + l + "\n"));

    public override void Next(Trouble trouble) => Sandbox.Faults.Add(trouble switch
    {
        Trouble.CutBefore => new Fault { Kind = FaultKind.DropBefore },
        Trouble.CutAfter => new Fault { Kind = FaultKind.DropAfter },
        Trouble.FailedAfter => new Fault { Kind = FaultKind.ErrorAfter },
        Trouble.Failed => new Fault { Kind = FaultKind.Error },
        Trouble.TooLate => new Fault { Kind = FaultKind.LateAnswer, Milliseconds = 1_500 },
        Trouble.Throttled => new Fault { Kind = FaultKind.Throttle, RetryAfter = "7" },
        Trouble.CityRefused => new Fault { Kind = FaultKind.Reject, Field = "city" },
        Trouble.CityRewritten => new Fault { Kind = FaultKind.Rewrite, Field = "city", Value = JsonElement.Parse("\"VIENNA\"") },
        Trouble.CityIgnored => new Fault { Kind = FaultKind.Ignore, Field = "city" },
        _ => throw new ArgumentOutOfRangeException(nameof(trouble)),
    });

    public override int Count => Sandbox.Store.Count("customers");

    public override string? Held(string externalId, string field)
    {
        var name = field switch { "email" => "mail", "lastName" => "name", _ => field };
        return Sandbox.Store.Find("customers", externalId)!.Fields.TryGetValue(name, out var json) ? JsonElement.Parse(json).ToString() : null;
    }

    public override string Make(string email, string? city = null)
    {
        var fields = new Dictionary<string, string> { ["mail"] = JsonSerializer.Serialize(email) };
        if (city is not null) fields["city"] = JsonSerializer.Serialize(city);
        return ((StoreAnswer.Saved)Sandbox.Store.Create("customers", null, fields, "anna")).Record.Id;
    }

    public override void Edit(string externalId, string city) => Sandbox.Store.Update("customers", externalId, new Dictionary<string, string> { ["city"] = JsonSerializer.Serialize(city) }, "anna");

    public override void Remove(string externalId) => Sandbox.Store.Delete("customers", externalId, "anna");

    public override async Task StopAsync() => await Sandbox.DisposeAsync();

    public override async ValueTask DisposeAsync()
    {
        await _connector.DisposeAsync();
        await Sandbox.DisposeAsync();
    }
}

/// <summary>Creates carry our key in a unique property.</summary>
public sealed class RestByPropertyContractTests : ConnectorContract
{
    protected override async Task<ConnectorRig> StartAsync() => await RestRig.StartAsync();
}

/// <summary>Creates give the record its id.</summary>
public sealed class RestByClientIdContractTests : ConnectorContract
{
    protected override async Task<ConnectorRig> StartAsync() => await RestRig.StartAsync(RestRig.ByClientId);
}
