using System.Globalization;

namespace OrleansCrm.Domain.Definitions.Reading;

enum SalesforceAuthWord
{
    ClientCredentials,
    JwtBearer,
}

static class SalesforceKeys
{
    static readonly SalesforceDefinition Usual = new() { Url = new("https://example.com"), Auth = new SalesforceAuth.ClientCredentials("", "") };

    public static readonly Key<string> Url = new("instanceUrl", SettingKinds.Base, "The organisation's own address (My Domain).", "https://acme.my.salesforce.com", isRequired: true);
    public static readonly Key<string> ApiVersion = new("apiVersion", new TextKind("a version from 52 to 99", 4, @"^(5[2-9]|[6-9]\d)(\.0)?$"), "Version of the API.", "62.0", Say.Limit(Usual.ApiVersion));
    public static readonly Key<TimeSpan> Timeout = new("timeout", new DurationKind(TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(5)), "The longest that one request may take.", "20s", Duration.Say(Usual.Timeout));
    public static readonly Key<bool> AllowPrivate = new("allowPrivate", new YesNoKind(), SettingKinds.AllowsPrivate, "true", "false");
    public static readonly Key<string> KeyField = new("keyField", new TextKind("a field's name", 80, "^[A-Za-z][A-Za-z0-9_]*$"), "The external id field that carries creation keys, on every object that is created.", "Hub_Key__c", Usual.KeyField);
    public static readonly Key<string> Client = new("client", new TextKind("letters, digits and hyphens", 40, "^[A-Za-z0-9-]+$"), "The name under which the hub's writes come back in change events.", "acme-hub", Usual.Client);
    public static readonly Key<bool> AssignmentRules = new("assignmentRules", new YesNoKind(), "Whether assignment rules may give new leads and accounts another owner than the hub does.", "true", "false");
    public static readonly Key<bool> AllowDuplicates = new("allowDuplicates", new YesNoKind(), "Whether records are saved although a duplicate rule that only alerts finds others.", "true", "false");
    public static readonly Key<TimeSpan> Overlap = new("overlap", new DurationKind(TimeSpan.Zero, TimeSpan.FromHours(1)), "How far a listing looks back behind the time asked for: what a long transaction saved shows only when it has ended.", "5m", Duration.Say(Usual.Overlap));
    public static readonly Key<bool> HardDeletes = new("hardDeletes", new YesNoKind(), "Whether a listing also asks for records that were deleted for good, at the price of one more call.", "false", "true");
    public static readonly Key<int> PageSize = new("pageSize", new WholeNumberKind(1, 2_000), "Records of a page.", "500", Say.Limit(Usual.PageSize));

    public static readonly Key<bool> ChangeEvents = new("changeEvents", new YesNoKind(), "Whether the hub subscribes to change events (Pub/Sub API). An administrator has to select the objects for change data capture.", "true", "false");
    public static readonly Key<string> Channel = new("channel", new TextKind("a channel: /data/ and its name", 200, "^/data/[A-Za-z0-9_]+$"), "The channel of change events.", "/data/Hub__chn", Usual.Channel);
    public static readonly Key<string> PubSubUrl = new("pubSubUrl", new TextKind("an address that begins with https://, without a path", 2_000, "^https://[^ /?#@]+/?$"), "The Pub/Sub API.", "https://api.deu.pubsub.salesforce.com:7443", Usual.PubSubUrl.OriginalString);
    public static readonly Key<string> PubSubCertificate = new("pubSubCertificate", new TextKind("a file's path", 1_000), "A file with the one certificate (PEM) that the Pub/Sub API may show.", "/etc/crm/sandbox.pem", "any that this machine trusts");

    public static readonly Shape Shape = new("salesforce system", "Settings of a system with the connector salesforce.",
        [Url, ApiVersion, Timeout, AllowPrivate, KeyField, Client, AssignmentRules, AllowDuplicates, Overlap, HardDeletes, PageSize, ChangeEvents, Channel, PubSubUrl, PubSubCertificate]);
}

static class SalesforceAuthKeys
{
    static readonly TextKind Plain = new("a text or a reference", 1_010);

    public static readonly Key<SalesforceAuthWord> Flow = new("flow", new WordKind<SalesforceAuthWord>(), "clientCredentials: clientId, clientSecret. jwtBearer: clientId, user, privateKey, audience.", "clientCredentials", WordKind<SalesforceAuthWord>.Say(SalesforceAuthWord.ClientCredentials));
    public static readonly Key<string> ClientId = new("clientId", Plain, "The consumer key of the app.", "env:SF_CLIENT_ID", isRequired: true);
    public static readonly Key<string> ClientSecret = new("clientSecret", SettingKinds.Secret, "The consumer secret of the app.", "env:SF_CLIENT_SECRET");
    public static readonly Key<string> User = new("user", Plain, "Name of the user as whom the hub acts.", "hub@acme.example");
    public static readonly Key<string> PrivateKey = new("privateKey", SettingKinds.Secret, "PEM of the RSA key whose certificate the app knows.", "file:/run/secrets/sf.pem");
    public static readonly Key<string> Audience = new("audience", SettingKinds.Address, "The login address: that of a sandbox is https://test.salesforce.com.", "https://test.salesforce.com", "https://login.salesforce.com");

    public static readonly Shape Shape = new("salesforce sign-in", "Auth of a system with the connector salesforce: how the hub signs in.", [Flow, ClientId, ClientSecret, User, PrivateKey, Audience]);
}

/// <summary>Links what a system with the connector <c>salesforce</c> says about its organisation.</summary>
static class SalesforceReader
{
    public const string Connector = "salesforce";

    /// <returns>Null: the system is none, only reports by itself, or is wrong (which is noted).</returns>
    public static SalesforceDefinition? Read(Record system, DefinitionErrors errors)
    {
        if (system.Find(SystemKeys.Connector) != Connector || !(system.Has(SystemKeys.Settings) || system.Has(SystemKeys.Auth))) return null;
        var settings = ConnectorSettings.Read(SalesforceKeys.Shape, system.List(SystemKeys.Settings), Section(system, SystemKeys.Settings), errors);
        var auth = Auth(system, errors);
        if (settings?.Find(SalesforceKeys.Url) is not { } url || auth is null) return null;
        if (RestReader.Address(url.TrimEnd('/'), settings.PlaceOf(SalesforceKeys.Url), errors) is not { } address) return null;

        Uri? pubSub = null;
        if (settings.Find(SalesforceKeys.PubSubUrl) is { } told && (pubSub = RestReader.Address(told.TrimEnd('/'), settings.PlaceOf(SalesforceKeys.PubSubUrl), errors)) is null) return null;

        var usual = new SalesforceDefinition { Url = address, Auth = auth };
        var timeout = settings.Get(SalesforceKeys.Timeout, usual.Timeout);
        var callTime = system.Get(SystemKeys.MaxCallTime, new SystemDefinition("", "", []).MaxCallTime);

        // A write counts as settled after the longest call time, so none may still be under way then.
        if (timeout >= callTime)
            errors.Add(settings.PlaceOf(SalesforceKeys.Timeout), $"A request may take {Duration.Say(timeout)}, and a call no longer than {Duration.Say(callTime)} (maxCallTime).", "Lower the timeout or raise the system's maxCallTime.");
        return usual with
        {
            ApiVersion = settings.Find(SalesforceKeys.ApiVersion) is { } version ? int.Parse(version.AsSpan(0, 2), CultureInfo.InvariantCulture) : usual.ApiVersion,
            Timeout = timeout,
            AllowPrivate = settings.Get(SalesforceKeys.AllowPrivate, usual.AllowPrivate),
            KeyField = settings.Get(SalesforceKeys.KeyField, usual.KeyField),
            Client = settings.Get(SalesforceKeys.Client, usual.Client),
            AssignmentRules = settings.Get(SalesforceKeys.AssignmentRules, usual.AssignmentRules),
            AllowDuplicates = settings.Get(SalesforceKeys.AllowDuplicates, usual.AllowDuplicates),
            Overlap = settings.Get(SalesforceKeys.Overlap, usual.Overlap),
            HardDeletes = settings.Get(SalesforceKeys.HardDeletes, usual.HardDeletes),
            PageSize = settings.Get(SalesforceKeys.PageSize, usual.PageSize),
            ChangeEvents = settings.Get(SalesforceKeys.ChangeEvents, usual.ChangeEvents),
            Channel = settings.Get(SalesforceKeys.Channel, usual.Channel),
            PubSubUrl = pubSub ?? usual.PubSubUrl,
            PubSubCertificate = settings.Find(SalesforceKeys.PubSubCertificate),
        };
    }

    static Place Section(Record system, Key key) => system.Has(key) ? system.PlaceOf(key) : system.At with { Path = Keys.Join(system.At.Path, key.Name) };

    static SalesforceAuth? Auth(Record system, DefinitionErrors errors)
    {
        if (ConnectorSettings.Read(SalesforceAuthKeys.Shape, system.List(SystemKeys.Auth), Section(system, SystemKeys.Auth), errors) is not { } record) return null;
        var flow = record.Get(SalesforceAuthKeys.Flow, SalesforceAuthWord.ClientCredentials);
        var isJwt = flow == SalesforceAuthWord.JwtBearer;
        Key<string>[] needs = isJwt ? [SalesforceAuthKeys.User, SalesforceAuthKeys.PrivateKey] : [SalesforceAuthKeys.ClientSecret];
        Key<string>[] others = isJwt ? [SalesforceAuthKeys.ClientSecret] : [SalesforceAuthKeys.User, SalesforceAuthKeys.PrivateKey, SalesforceAuthKeys.Audience];
        var says = WordKind<SalesforceAuthWord>.Say(flow);
        foreach (var key in needs.Where(k => !record.Has(k) && !record.Spoilt(k))) errors.Add(record.At, $"The key '{key.Name}' is missing for the flow {says}.", $"Add '{key.Name}: {key.Example}'.");
        foreach (var key in others.Where(record.Has)) errors.Add(record.PlaceOf(key), $"'{key.Name}' means nothing for the flow {says}.", "Remove it, or write another flow.");
        if (needs.Any(k => !record.Has(k)) || record.Find(SalesforceAuthKeys.ClientId) is not { } client) return null;
        return isJwt
            ? new SalesforceAuth.JwtBearer(client, record.Get(SalesforceAuthKeys.User, ""), record.Get(SalesforceAuthKeys.PrivateKey, ""), record.Get(SalesforceAuthKeys.Audience, "https://login.salesforce.com"))
            : new SalesforceAuth.ClientCredentials(client, record.Get(SalesforceAuthKeys.ClientSecret, ""));
    }
}
