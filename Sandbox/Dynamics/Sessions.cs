using System.Collections.Concurrent;
using System.Globalization;
using OrleansCrm.Sandbox.Dynamics.Records;
using OrleansCrm.Sandbox.Vendors;

namespace OrleansCrm.Sandbox.Dynamics;

/// <summary>Whom a token speaks for.</summary>
/// <param name="Authority">The environment's host and port that it was asked for.</param>
sealed record Session(DataverseEnvironment Environment, Guid User, string Authority, DateTimeOffset Until);

/// <summary>Tokens that were given. Safe for many callers at once.</summary>
sealed class Sessions(DynamicsOptions options)
{
    /// <summary>Most tokens; beyond, those that have ended are forgotten, then all of them.</summary>
    const int Max = 100_000;

    readonly Chance _chance = Chance.Of(options.Shared.Seed, "dynamics-tokens");
    readonly ConcurrentDictionary<string, Session> _tokens = new(StringComparer.Ordinal);

    public Session? Find(string token) => _tokens.GetValueOrDefault(token);

    public string Give(DataverseEnvironment environment, string authority)
    {
        var now = options.Shared.Time.GetUtcNow();
        if (_tokens.Count >= Max)
        {
            foreach (var (old, held) in _tokens)
            {
                if (held.Until < now) _tokens.TryRemove(old, out _);
            }
            if (_tokens.Count >= Max) _tokens.Clear();
        }
        var token = "eyJ0eXAiOiJKV1Qi." + string.Concat(Enumerable.Range(0, 4).Select(_ => _chance.Next().ToString("x16", CultureInfo.InvariantCulture)));
        _tokens[token] = new Session(environment, environment.Application, authority, now + options.TokenLife);
        return token;
    }

    public string Uuid()
    {
        Span<byte> bytes = stackalloc byte[16];
        BitConverter.TryWriteBytes(bytes, _chance.Next());
        BitConverter.TryWriteBytes(bytes[8..], _chance.Next());
        return new Guid(bytes).ToString();
    }
}
