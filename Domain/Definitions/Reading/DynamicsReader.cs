namespace OrleansCrm.Domain.Definitions.Reading;

static class DynamicsSettingsKeys
{
    static readonly DynamicsDefinition Usual = new() { Url = new("https://example.com"), Auth = new RestAuth.None() };

    public static readonly Key<string> Url = new("environmentUrl", SettingKinds.Base, "The environment's own address.", "https://acme.crm4.dynamics.com", isRequired: true);
    public static readonly Key<string> TenantId = new("tenantId", new TextKind("a tenant's id or domain", 255, "^[A-Za-z0-9][A-Za-z0-9.-]*$"), "The tenant in which the application is registered.", "6f1c2a52-0d11-4b8e-9a57-2f6a3f0f6d11", isRequired: true);
    public static readonly Key<string> LoginUrl = new("loginUrl", SettingKinds.Base, "Where tokens are asked for: other clouds have an address of their own.", "https://login.microsoftonline.us", "https://login.microsoftonline.com");
    public static readonly Key<string> ApiVersion = new("apiVersion", new TextKind("a version from 9.0 to 9.9", 4, @"^9\.\d$"), "Version of the Web API.", "9.2", Usual.ApiVersion);
    public static readonly Key<TimeSpan> Timeout = new("timeout", new DurationKind(TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(5)), "The longest that one request may take.", "2m", Duration.Say(Usual.Timeout));
    public static readonly Key<bool> AllowPrivate = new("allowPrivate", new YesNoKind(), SettingKinds.AllowsPrivate, "true", "false");
    public static readonly Key<int> BatchSize = new("batchSize", new WholeNumberKind(1, 1_000), "Rows of one batch, which are written one after the other.", "50", Say.Limit(Usual.BatchSize));
    public static readonly Key<int> Parallel = new("parallel", new WholeNumberKind(1, 50), "Requests under way at once for one call of many records.", "8", Say.Limit(Usual.Parallel));
    public static readonly Key<string> KeyField = new("keyField", new TextKind("a column's logical name", 100, "^[a-z][a-z0-9_]*$"), "The column that carries the creation key. Make it on every mapped table, with an alternate key of its own.", "crm_hubkey", Usual.KeyField);
    public static readonly Key<string> Tag = new("tag", new TextKind("letters, digits and hyphens", 40, "^[A-Za-z0-9-]+$"), "What the hub's writes carry for webhooks and plug-ins.", "acme-hub", Usual.Tag);
    public static readonly Key<bool> DetectDuplicates = new("detectDuplicates", new YesNoKind(), "Whether the environment's duplicate detection rules are applied to what the hub writes.", "true", "false");
    public static readonly Key<bool> ChangeTracking = new("changeTracking", new YesNoKind(), "Whether listings follow change tracking, which tells deletions too; else they go by the time of the last change.", "false", "true");
    public static readonly Key<TimeSpan> Overlap = new("overlap", new DurationKind(TimeSpan.Zero, TimeSpan.FromHours(1)), "How far a listing by time looks back behind the time asked for: what a long transaction saved shows only when it has ended.", "5m", Duration.Say(Usual.Overlap));
    public static readonly Key<int> PageSize = new("pageSize", new WholeNumberKind(1, 5_000), "Rows of a page.", "500", Say.Limit(Usual.PageSize));

    public static readonly Shape Shape = new("dynamics system", "Settings of a system with the connector dynamics.",
        [Url, TenantId, LoginUrl, ApiVersion, Timeout, AllowPrivate, BatchSize, Parallel, KeyField, Tag, DetectDuplicates, ChangeTracking, Overlap, PageSize]);
}

static class DynamicsAuthKeys
{
    public static readonly Key<string> ClientId = new("clientId", new TextKind("a text or a reference", 1_010), "The application's (client) id.", "env:DYNAMICS_CLIENT_ID", isRequired: true);
    public static readonly Key<string> ClientSecret = new("clientSecret", SettingKinds.Secret, "A client secret of the application.", "file:/run/secrets/dynamics-client-secret", isRequired: true);

    public static readonly Key<string> WebhookSecret = new("webhookSecret", SettingKinds.Secret, "The key or header value with which the environment's webhooks are registered; without it they are not taken.", "env:DYNAMICS_WEBHOOK_SECRET");

    public static readonly Shape Shape = new("dynamics sign-in", "Auth of a system with the connector dynamics: an application of the tenant, by client credentials.", [ClientId, ClientSecret, WebhookSecret]);
}

/// <summary>Links what a system with the connector <c>dynamics</c> says about its environment.</summary>
static class DynamicsReader
{
    public const string Connector = "dynamics";

    /// <returns>Null: the system is none, only reports by itself, or is wrong (which is noted).</returns>
    public static DynamicsDefinition? Read(Record system, DefinitionErrors errors)
    {
        if (system.Find(SystemKeys.Connector) != Connector || !(system.Has(SystemKeys.Settings) || system.Has(SystemKeys.Auth))) return null;
        var settings = ConnectorSettings.Read(DynamicsSettingsKeys.Shape, system.List(SystemKeys.Settings), RestReader.Section(system, SystemKeys.Settings), errors);
        var auth = ConnectorSettings.Read(DynamicsAuthKeys.Shape, system.List(SystemKeys.Auth), RestReader.Section(system, SystemKeys.Auth), errors);
        if (settings?.Find(DynamicsSettingsKeys.Url) is not { } url || settings.Find(DynamicsSettingsKeys.TenantId) is not { } tenant) return null;
        if (auth?.Find(DynamicsAuthKeys.ClientId) is not { } id || auth.Find(DynamicsAuthKeys.ClientSecret) is not { } secret) return null;
        if (RestReader.Address(url.TrimEnd('/'), settings.PlaceOf(DynamicsSettingsKeys.Url), errors) is not { } address) return null;
        var login = settings.Get(DynamicsSettingsKeys.LoginUrl, "https://login.microsoftonline.com").TrimEnd('/');
        if (RestReader.Address($"{login}/{tenant}/oauth2/v2.0/token", settings.PlaceOf(DynamicsSettingsKeys.LoginUrl), errors) is not { } token) return null;

        var usual = new DynamicsDefinition { Url = address, Auth = new RestAuth.ClientCredentials(token, id, secret, address.AbsoluteUri.TrimEnd('/') + "/.default", null) };
        var timeout = settings.Get(DynamicsSettingsKeys.Timeout, usual.Timeout);
        var callTime = system.Get(SystemKeys.MaxCallTime, new SystemDefinition("", "", []).MaxCallTime);

        // A write counts as settled after the longest call time, so none may still be under way then.
        if (timeout >= callTime)
            errors.Add(settings.PlaceOf(DynamicsSettingsKeys.Timeout), $"A request may take {Duration.Say(timeout)}, and a call no longer than {Duration.Say(callTime)} (maxCallTime).", "Lower the timeout or raise the system's maxCallTime.");
        return usual with
        {
            WebhookSecret = auth.Find(DynamicsAuthKeys.WebhookSecret),
            ApiVersion = settings.Get(DynamicsSettingsKeys.ApiVersion, usual.ApiVersion),
            Timeout = timeout,
            AllowPrivate = settings.Get(DynamicsSettingsKeys.AllowPrivate, usual.AllowPrivate),
            BatchSize = settings.Get(DynamicsSettingsKeys.BatchSize, usual.BatchSize),
            Parallel = settings.Get(DynamicsSettingsKeys.Parallel, usual.Parallel),
            KeyField = settings.Get(DynamicsSettingsKeys.KeyField, usual.KeyField),
            Tag = settings.Get(DynamicsSettingsKeys.Tag, usual.Tag),
            DetectDuplicates = settings.Get(DynamicsSettingsKeys.DetectDuplicates, usual.DetectDuplicates),
            ChangeTracking = settings.Get(DynamicsSettingsKeys.ChangeTracking, usual.ChangeTracking),
            Overlap = settings.Get(DynamicsSettingsKeys.Overlap, usual.Overlap),
            PageSize = settings.Get(DynamicsSettingsKeys.PageSize, usual.PageSize),
        };
    }
}
