using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;

namespace OrleansCrm.Sandbox.Salesforce.Api;

/// <summary>Somebody who has signed in.</summary>
sealed record Session(string Token, string UserId, string Scope)
{
    /// <summary>Slides on with use.</summary>
    public long Until;
}

/// <summary>The tokens of an organisation. Safe for many callers at once.</summary>
sealed class Sessions(TimeProvider time)
{
    /// <summary>Most sessions at once; beyond, all begin anew.</summary>
    const int Max = 10_000;

    readonly ConcurrentDictionary<string, Session> _sessions = new(StringComparer.Ordinal);

    // Codes of a consent, and refresh tokens: who is meant.
    readonly ConcurrentDictionary<string, string> _grants = new(StringComparer.Ordinal);

    /// <summary>How long a session lives without use.</summary>
    public TimeSpan Life { get; set; } = TimeSpan.FromHours(2);

    public Session Open(string orgId, string userId, string scope)
    {
        if (_sessions.Count >= Max) _sessions.Clear();
        var token = $"{orgId[..15]}!AQ{Convert.ToBase64String(RandomNumberGenerator.GetBytes(48)).Replace('+', '.').Replace('/', '_').TrimEnd('=')}";
        var session = new Session(token, userId, scope) { Until = (time.GetUtcNow() + Life).UtcTicks };
        _sessions[token] = session;
        return session;
    }

    /// <summary>Null: it has expired, was revoked, or never was.</summary>
    public Session? Find(string? token)
    {
        if (token is null || !_sessions.TryGetValue(token, out var session)) return null;
        var now = time.GetUtcNow();
        if (now.UtcTicks >= Volatile.Read(ref session.Until))
        {
            _sessions.TryRemove(token, out _);
            return null;
        }
        Volatile.Write(ref session.Until, (now + Life).UtcTicks);
        return session;
    }

    public bool Close(string token) => _sessions.TryRemove(token, out _) | _grants.TryRemove(token, out _);

    public void CloseOf(string userId)
    {
        foreach (var session in _sessions.Values.Where(s => s.UserId == userId)) _sessions.TryRemove(session.Token, out _);
    }

    public void CloseAll() => _sessions.Clear();

    public string Grant(string userId)
    {
        if (_grants.Count >= Max) _grants.Clear();
        var grant = RandomNumberGenerator.GetHexString(48, lowercase: true);
        _grants[grant] = userId;
        return grant;
    }

    /// <summary>Whom a code or refresh token was given to; null: nobody.</summary>
    public string? Granted(string? grant, bool once) => grant is null ? null : once ? _grants.TryRemove(grant, out var user) ? user : null : _grants.GetValueOrDefault(grant);

    /// <summary>What a client may check the answer to its sign-in with.</summary>
    public static string Sign(string secret, string text) => Convert.ToBase64String(HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), Encoding.UTF8.GetBytes(text)));
}

/// <summary>The calls of the last 24 hours, by the hour. Safe for many callers at once.</summary>
sealed class CallCount(TimeProvider time)
{
    readonly Lock _lock = new();
    readonly Queue<(long Hour, int Count)> _past = new();
    long _hour;
    int _now;
    int _sum;

    /// <summary>Most calls in 24 hours; null: no limit.</summary>
    public int? Max { get; set; }

    /// <summary>What is told as the most where there is no limit.</summary>
    public const int Unlimited = 100_000_000;

    public (int Used, int Max) State
    {
        get
        {
            lock (_lock)
            {
                Roll();
                return (_sum + _now, Max ?? Unlimited);
            }
        }
    }

    /// <returns>False: the limit is reached; the call is not counted.</returns>
    public bool TryTake(int calls = 1)
    {
        lock (_lock)
        {
            Roll();
            if (Max is { } max && _sum + _now + calls > max) return false;
            _now += calls;
            return true;
        }
    }

    public void Reset()
    {
        lock (_lock)
        {
            _past.Clear();
            _sum = _now = 0;
        }
    }

    void Roll()
    {
        var hour = time.GetUtcNow().UtcTicks / TimeSpan.TicksPerHour;
        if (hour == _hour) return;
        if (_now > 0)
        {
            _past.Enqueue((_hour, _now));
            _sum += _now;
        }
        _hour = hour;
        _now = 0;
        while (_past.TryPeek(out var oldest) && oldest.Hour <= hour - 24)
        {
            _sum -= oldest.Count;
            _past.Dequeue();
        }
    }
}
