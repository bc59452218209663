using System.Collections.Immutable;
using OrleansCrm.Domain.Connecting;

namespace OrleansCrm.Connectors.Http;

/// <summary>What a system said last about its limits. Safe for many callers at once.</summary>
sealed class AllowanceBook(TimeProvider time)
{
    readonly Lock _gate = new();
    ImmutableArray<Allowance> _told = [];

    public ImmutableArray<Allowance> Told
    {
        get
        {
            lock (_gate) return _told;
        }
    }

    /// <param name="max">Null: not told.</param>
    /// <param name="length">Null: 24 hours.</param>
    public void Tell(string window, long? max, long left, TimeSpan? length = null)
    {
        lock (_gate)
        {
            // The time is taken inside, so that what is kept is never older than what was kept before.
            var told = new Allowance(window, max, Math.Max(0, left), time.GetUtcNow()) { Length = length ?? TimeSpan.FromDays(1) };
            var at = 0;
            while (at < _told.Length && _told[at].Window != window) at++;
            _told = at < _told.Length ? _told.SetItem(at, told) : _told.Add(told);
        }
    }
}
