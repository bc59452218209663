using System.Collections.Concurrent;
using System.Globalization;
using OrleansCrm.Sandbox.Vendors;

namespace OrleansCrm.Sandbox.HubSpot;

/// <summary>Whom a token speaks for.</summary>
/// <param name="Until">Null: it does not end.</param>
sealed record Session(Portal Portal, HubApp App, IReadOnlyCollection<string> Scopes, DateTimeOffset? Until, long UserId);

/// <summary>Tokens and codes that were given. Safe for many callers at once.</summary>
sealed class Sessions
{
    /// <summary>Most access tokens; beyond, those that have ended are forgotten, then all of them.</summary>
    const int Max = 100_000;

    public static readonly string[] AllScopes =
    [
        "oauth", "crm.objects.contacts.read", "crm.objects.contacts.write", "crm.objects.companies.read", "crm.objects.companies.write", "crm.objects.owners.read",
        "crm.schemas.contacts.read", "crm.schemas.contacts.write", "crm.schemas.companies.read", "crm.schemas.companies.write", "forms", "communication_preferences.read_write",
    ];

    readonly HubSpotOptions _options;
    readonly Chance _chance;
    readonly ConcurrentDictionary<string, Session> _tokens = new(StringComparer.Ordinal);
    readonly ConcurrentDictionary<string, Session> _refresh = new(StringComparer.Ordinal);
    readonly ConcurrentDictionary<string, (Session Session, string RedirectUri)> _codes = new(StringComparer.Ordinal);

    public Sessions(HubSpotOptions options, IReadOnlyList<Portal> portals, HubApp oauth, HubApp own)
    {
        _options = options;
        _chance = Chance.Of(options.Shared.Seed, "hubspot-tokens");
        foreach (var portal in portals)
        {
            var mark = portal.Number == 1 ? "" : "-" + Answer.Text(portal.Number);
            _tokens["sandbox-token" + mark] = new Session(portal, own, AllScopes, null, portal.Owners[0].UserId);
            _refresh["sandbox-refresh" + mark] = new Session(portal, oauth, AllScopes, null, portal.Owners[0].UserId);
        }
    }

    public Session? Find(string token) => _tokens.GetValueOrDefault(token);

    public Session? FindRefresh(string token) => _refresh.GetValueOrDefault(token);

    public bool Revoke(string refreshToken) => _refresh.TryRemove(refreshToken, out _);

    public string Give(Session session)
    {
        if (_tokens.Count >= Max)
        {
            var now = _options.Shared.Time.GetUtcNow();
            foreach (var (token, held) in _tokens.Where(t => t.Value.Until is { } until && (until < now || _tokens.Count >= Max))) _tokens.TryRemove(token, out _);
        }
        var given = "CN" + Random() + Random() + Random();
        _tokens[given] = session with { Until = _options.Shared.Time.GetUtcNow() + _options.TokenLife };
        return given;
    }

    public string GiveRefresh(Session session)
    {
        if (_refresh.Count >= Max) _refresh.Clear();
        var given = Uuid();
        _refresh[given] = session;
        return given;
    }

    public string GiveCode(Session session, string redirectUri)
    {
        if (_codes.Count >= Max) _codes.Clear();
        var code = Uuid();
        _codes[code] = (session, redirectUri);
        return code;
    }

    /// <summary>A code is worth something once.</summary>
    public (Session Session, string RedirectUri)? TakeCode(string code) => _codes.TryRemove(code, out var held) ? held : null;

    string Random() => _chance.Next().ToString("x16", CultureInfo.InvariantCulture);

    public string Uuid()
    {
        var text = Random() + Random();
        return $"{text[..8]}-{text[8..12]}-{text[12..16]}-{text[16..20]}-{text[20..]}";
    }
}
