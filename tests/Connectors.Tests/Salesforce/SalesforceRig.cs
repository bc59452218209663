using OrleansCrm.Connectors.Salesforce;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Sandbox.Salesforce;
using OrleansCrm.Sandbox.Salesforce.Records;
using OrleansCrm.Sandbox.Vendors;

namespace OrleansCrm.Connectors.Tests.Salesforce;

/// <summary>The Salesforce connector before the sandbox, over real HTTP.</summary>
sealed class SalesforceRig : ConnectorRig
{
    readonly SalesforceConnector _connector;

    SalesforceRig(SalesforceSandbox sandbox, HubDefinition hub, ISecretResolver secrets, TimeProvider time)
    {
        Sandbox = sandbox;
        Hub = hub;
        Secrets = secrets;
        _connector = new SalesforceConnector(hub, hub.System("crm")!, secrets, time);
    }

    public SalesforceSandbox Sandbox { get; }

    public HubDefinition Hub { get; }

    public ISecretResolver Secrets { get; }

    public Organisation Organisation => Sandbox.Organisations[0];

    public override IRecordConnector Connector => _connector;

    public override string Object => "Contact";

    public override TimeSpan Grain => TimeSpan.FromSeconds(1);

    public const string Credentials = "auth: { clientId: sandbox, clientSecret: env:S }";

    public static async Task<SalesforceRig> StartAsync(string settings = "overlap: 0s", string system = Credentials, int pageSize = 10, bool signIn = true, ISecretResolver? secrets = null, TimeProvider? time = null)
    {
        var sandbox = await SalesforceSandbox.OpenAsync(new VendorOptions { Time = time ?? TimeProvider.System }, CancellationToken.None);
        sandbox.LockWait = TimeSpan.Zero;

        // The contract knows persons without a name.
        sandbox.Org.ChangeField("Contact", "LastName", f => f with { Nillable = true });
        sandbox.Org.Set([new DuplicateRule("Contact_Rule", "Contact", ["Email"])]);
        var rig = new SalesforceRig(sandbox, Definition(sandbox, settings, system, pageSize), secrets ?? new KnownSecrets(("env:S", "sandbox")), time ?? TimeProvider.System);

        // Signing in beforehand, so that what a test lines up happens to what it asks for.
        if (signIn) await rig.Connector.ReadAsync(new RecordRead("Contact", null, "nobody"), CancellationToken.None);
        return rig;
    }

    public static HubDefinition Definition(SalesforceSandbox sandbox, string settings, string system, int pageSize) => Given.Hub($$"""
        hub: test
        recordTypes:
          person:
            fields: { email: email, lastName: text, city: text, employer: { type: reference, to: organization }, optOut: boolean, score: decimal, languages: { type: multiChoice, choices: [English, German, French] }, born: date }
          organization:
            fields: { name: text }
        systems:
          crm:
            connector: salesforce
            mode: live
            hubActor: {{sandbox.Org.Users.Integration}}
            settings: { instanceUrl: {{sandbox.Address}}, timeout: 1s, allowPrivate: true, pageSize: {{pageSize}}, {{settings}} }
            {{system}}
            mappings:
              Contact:
                recordType: person
                delete: delete
                fields:
                  email: Email
                  lastName: LastName
                  city: MailingCity
                  employer: AccountId
                  optOut: HasOptedOutOfEmail
                  score: Score__c
                  languages: Languages__c
                  born: Birthdate
              Account:
                recordType: organization
                fields: { name: Name }
        """);

    public override void Next(Trouble trouble) => Organisation.Faults.Add(trouble switch
    {
        Trouble.CutBefore => new Fault { Kind = "dropBefore" },
        Trouble.CutAfter => new Fault { Kind = "dropAfter" },
        Trouble.FailedAfter => new Fault { Kind = "errorAfter" },
        Trouble.Failed => new Fault { Kind = "error" },
        Trouble.TooLate => new Fault { Kind = "lateAnswer", Milliseconds = 1_500 },

        // There is no header that tells how long: too many at once is over soon.
        Trouble.Throttled => new Fault { Kind = "throttle", Code = "concurrent" },
        Trouble.CityRefused => new Fault { Kind = "reject", Field = "MailingCity" },
        Trouble.CityRewritten => new Fault { Kind = "rewrite", Field = "MailingCity", Value = "VIENNA" },
        Trouble.CityIgnored => new Fault { Kind = "ignore", Field = "MailingCity" },
        _ => throw new ArgumentOutOfRangeException(nameof(trouble)),
    });

    public override int Count => Organisation.Find("Contact", null, 0, 0).Total;

    public override string? Held(string externalId, string field) =>
        Organisation.Read("Contact", externalId)!.Fields.GetValueOrDefault(field switch { "email" => "Email", "lastName" => "LastName", _ => "MailingCity" });

    public override string Make(string email, string? city = null) =>
        Organisation.Create("Contact", new Dictionary<string, string?> { ["LastName"] = "Somebody", ["Email"] = email, ["MailingCity"] = city }, Editor.Someone).Id!;

    public override void Edit(string externalId, string city) => Organisation.Update("Contact", externalId, new Dictionary<string, string?> { ["MailingCity"] = city }, Editor.Someone);

    public override void Remove(string externalId) => Organisation.Delete("Contact", externalId, Editor.Someone);

    public override async Task StopAsync() => await Sandbox.DisposeAsync();

    public override async ValueTask DisposeAsync()
    {
        await _connector.DisposeAsync();
        await Sandbox.DisposeAsync();
    }
}

/// <summary>Creates carry our key in a unique external id.</summary>
public sealed class SalesforceContractTests : ConnectorContract
{
    protected override async Task<ConnectorRig> StartAsync() => await SalesforceRig.StartAsync();
}
