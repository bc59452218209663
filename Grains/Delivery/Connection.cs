using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;

namespace OrleansCrm.Grains.Delivery;

/// <summary>The connection to a system or sink under the newest definition. One that is replaced is closed when its last call has ended.</summary>
sealed class Connection<T>(Func<HubDefinition, Opening<T>?> open) : IAsyncDisposable
    where T : class, IAsyncDisposable
{
    readonly Lock _gate = new();
    Held? _held;
    bool _closed;

    /// <summary>What stands in the way, and what to do about it; null: nothing.</summary>
    public string? Problem { get; private set; }

    /// <summary>Opens it where the definition is a newer one, or the last attempt failed.</summary>
    /// <returns>The connection; null: <see cref="Problem"/>.</returns>
    public T? Reach(HubDefinition hub)
    {
        Held? replaced = null;
        T? opened;
        lock (_gate)
        {
            if (_closed) return null;
            if (_held?.Hub.Version == hub.Version && Problem is null) return _held.Opened;
            replaced = _held;
            var opening = open(hub);
            opened = opening?.Opened;
            Problem = opened is not null ? null : opening is null ? "The definition does not name it any more." : $"{opening.Problem} {opening.Fix}";
            _held = opened is null ? null : new(hub, opened);
            if (replaced is not null && --replaced.Users > 0) replaced = null;
        }
        Close(replaced);
        return opened;
    }

    /// <summary>Keeps the connection open until the lease is disposed of.</summary>
    /// <returns>Null: there is none.</returns>
    public Lease? Take()
    {
        lock (_gate)
        {
            if (_held is null) return null;
            _held.Users++;
            return new(this, _held);
        }
    }

    public async ValueTask DisposeAsync()
    {
        Held? last;
        lock (_gate)
        {
            _closed = true;
            last = _held;
            _held = null;
            if (last is not null && --last.Users > 0) last = null;
        }
        if (last is not null) await last.Opened.DisposeAsync();
    }

    void Release(Held held)
    {
        lock (_gate)
        {
            if (--held.Users > 0) return;
        }
        Close(held);
    }

    static void Close(Held? held)
    {
        if (held is not null) _ = Task.Run(async () => await held.Opened.DisposeAsync());
    }

    internal sealed class Held(HubDefinition hub, T opened)
    {
        public HubDefinition Hub => hub;

        public T Opened => opened;

        /// <summary>Leases, and one for being the present connection.</summary>
        public int Users { get; set; } = 1;
    }

    public readonly struct Lease(Connection<T> connection, Held held) : IDisposable
    {
        public T Opened => held.Opened;

        public HubDefinition Hub => held.Hub;

        public void Dispose() => connection.Release(held);
    }
}
