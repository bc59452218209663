namespace OrleansCrm.Domain.Definitions.Reading;

static class HubSpotSettingsKeys
{
    static readonly HubSpotDefinition Usual = new() { Auth = new RestAuth.None() };

    public static readonly Key<string> Url = new("url", SettingKinds.Base, "HubSpot's API.", "https://api.hubapi.com", Usual.Url.OriginalString);
    public static readonly Key<TimeSpan> Timeout = new("timeout", new DurationKind(TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(5)), "The longest that one request may take.", "20s", Duration.Say(Usual.Timeout));
    public static readonly Key<bool> AllowPrivate = new("allowPrivate", new YesNoKind(), SettingKinds.AllowsPrivate, "true", "false");
    public static readonly Key<int> Parallel = new("parallel", new WholeNumberKind(1, 10), "Requests under way at once for one call of many records.", "2", Say.Limit(Usual.Parallel));
    public static readonly Key<string> KeyProperty = new("keyProperty", new TextKind("a property's internal name", 100, "^[a-z][a-z0-9_]*$"), "The property that carries the creation key. Make it in HubSpot for every mapped object, with unique values.", "crm_hub_key", Usual.KeyProperty);
    public static readonly Key<TimeSpan> SearchLag = new("searchLag", new DurationKind(TimeSpan.Zero, TimeSpan.FromHours(1)), "How far HubSpot's search index may lag behind: listings of what was modified begin so much earlier.", "5m", Duration.Say(Usual.SearchLag));
    public static readonly Key<string> WebhookUrl = new("webhookUrl", SettingKinds.Address, "The address at which HubSpot calls the hub, as it is registered there.", "https://crm.example.com/v1/webhooks/hubspot", "webhooks are not taken");

    public static readonly Shape Shape = new("hubspot system", "Settings of a system with the connector hubspot.", [Url, Timeout, AllowPrivate, Parallel, KeyProperty, SearchLag, WebhookUrl]);
}

static class HubSpotAuthKeys
{
    static readonly TextKind Plain = new("a text or a reference", 1_010);

    public static readonly Key<string> Token = new("token", SettingKinds.Secret, "The access token of a private app.", "env:HUBSPOT_TOKEN");
    public static readonly Key<string> ClientId = new("clientId", Plain, "The client id of an OAuth app.", "env:HUBSPOT_CLIENT_ID");
    public static readonly Key<string> ClientSecret = new("clientSecret", SettingKinds.Secret, "The app's client secret: with it tokens are asked for, and webhooks are verified.", "env:HUBSPOT_CLIENT_SECRET");
    public static readonly Key<string> RefreshToken = new("refreshToken", SettingKinds.Secret, "The refresh token of an OAuth app in this account.", "file:/run/secrets/hubspot-refresh");

    public static readonly Shape Shape = new("hubspot sign-in", "Auth of a system with the connector hubspot: a private app's token, or clientId, clientSecret and refreshToken of an OAuth app.", [Token, ClientId, ClientSecret, RefreshToken]);
}

/// <summary>Links what a system with the connector <c>hubspot</c> says about its account.</summary>
static class HubSpotReader
{
    public const string Connector = "hubspot";

    /// <returns>Null: the system is none, only reports by itself, or is wrong (which is noted).</returns>
    public static HubSpotDefinition? Read(Record system, DefinitionErrors errors)
    {
        if (system.Find(SystemKeys.Connector) != Connector) return null;
        if (!system.Has(SystemKeys.Settings) && !system.Has(SystemKeys.Auth)) return null;
        var settings = ConnectorSettings.Read(HubSpotSettingsKeys.Shape, system.List(SystemKeys.Settings), RestReader.Section(system, SystemKeys.Settings), errors);
        var auth = Auth(system, settings, errors);
        foreach (var mapping in system.Map(SystemKeys.Mappings)) Check(mapping, errors);
        if (settings is null || auth is not { } signIn) return null;
        if (!TryAddress(settings, HubSpotSettingsKeys.Url, errors, out var url) || !TryAddress(settings, HubSpotSettingsKeys.WebhookUrl, errors, out var webhook)) return null;

        var usual = new HubSpotDefinition { Auth = signIn.Auth };
        var timeout = settings.Get(HubSpotSettingsKeys.Timeout, usual.Timeout);
        var callTime = system.Get(SystemKeys.MaxCallTime, new SystemDefinition("", "", []).MaxCallTime);

        // A write counts as settled after the longest call time, so none may still be under way then.
        if (timeout >= callTime)
            errors.Add(settings.PlaceOf(HubSpotSettingsKeys.Timeout), $"A request may take {Duration.Say(timeout)}, and a call no longer than {Duration.Say(callTime)} (maxCallTime).", "Lower the timeout or raise the system's maxCallTime.");
        if (webhook is not null && signIn.ClientSecret is null)
            errors.Add(settings.PlaceOf(HubSpotSettingsKeys.WebhookUrl), "Webhooks cannot be verified without the app's client secret.", $"Add '{HubSpotAuthKeys.ClientSecret.Name}: {HubSpotAuthKeys.ClientSecret.Example}' under 'auth'.");
        return usual with
        {
            Url = url ?? usual.Url,
            Timeout = timeout,
            AllowPrivate = settings.Get(HubSpotSettingsKeys.AllowPrivate, usual.AllowPrivate),
            Parallel = settings.Get(HubSpotSettingsKeys.Parallel, usual.Parallel),
            KeyProperty = settings.Get(HubSpotSettingsKeys.KeyProperty, usual.KeyProperty),
            SearchLag = settings.Get(HubSpotSettingsKeys.SearchLag, usual.SearchLag),
            WebhookUrl = webhook,
            ClientSecret = signIn.ClientSecret,
        };
    }

    static bool TryAddress(Record settings, Key<string> key, DefinitionErrors errors, out Uri? address)
    {
        address = null;
        if (settings.Find(key) is not { } text) return true;
        address = RestReader.Address(text.TrimEnd('/'), settings.PlaceOf(key), errors);
        return address is not null;
    }

    static (RestAuth Auth, string? ClientSecret)? Auth(Record system, Record? settings, DefinitionErrors errors)
    {
        var place = RestReader.Section(system, SystemKeys.Auth);
        if (ConnectorSettings.Read(HubSpotAuthKeys.Shape, system.List(SystemKeys.Auth), place, errors) is not { } record) return null;
        if (HubSpotAuthKeys.Shape.KnownKeys.Any(record.Spoilt)) return null;
        var (token, refresh) = (record.Find(HubSpotAuthKeys.Token), record.Find(HubSpotAuthKeys.RefreshToken));
        var (id, secret) = (record.Find(HubSpotAuthKeys.ClientId), record.Find(HubSpotAuthKeys.ClientSecret));
        if (token is not null && (refresh is not null || id is not null))
        {
            errors.Add(record.At, "A private app's token and an OAuth app's sign-in stand beside each other.", "Keep 'token', or 'clientId' and 'refreshToken'.");
            return null;
        }
        if (token is not null) return (new RestAuth.Bearer(token), secret);
        if (id is null || secret is null || refresh is null)
        {
            errors.Add(record.At, "Nothing says how the hub signs in to HubSpot.", $"Add 'token: {HubSpotAuthKeys.Token.Example}', or clientId, clientSecret and refreshToken.");
            return null;
        }
        var url = (settings?.Find(HubSpotSettingsKeys.Url) ?? new HubSpotDefinition { Auth = new RestAuth.None() }.Url.OriginalString).TrimEnd('/');
        return Uri.TryCreate(url + "/oauth/v1/token", UriKind.Absolute, out var tokenUrl) ? (new RestAuth.RefreshToken(tokenUrl, id, secret, refresh), secret) : null;
    }

    static void Check(Named<Record> mapping, DefinitionErrors errors)
    {
        var record = mapping.Value;
        if (record.Get(MappingKeys.CreationKey, new MappingDefinition("", "", []).CreationKey) == CreationKey.ClientId)
            errors.Add(record.PlaceOf(MappingKeys.CreationKey), "HubSpot gives its records their ids itself.", "Write 'creationKey: property' or 'creationKey: none'.");
    }
}
