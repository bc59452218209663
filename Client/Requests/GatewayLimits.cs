using System.Threading.RateLimiting;
using Microsoft.Extensions.Options;

namespace OrleansCrm.Client.Requests;

/// <summary>The bounds that all requests share. Who finds no room is told so at once; only streams wait, since they can stop reading.</summary>
sealed class GatewayLimits : IDisposable
{
    public GatewayLimits(IOptions<GatewayOptions> options)
    {
        var o = options.Value;
        Requests = Bound(o.RequestsMax);
        RequestBytes = Bound(o.RequestBytesMax);
        RequestEvents = Bound(o.RequestEventsInFlightMax);
        Streams = Bound(o.StreamsMax);
        Feeds = Bound(o.FeedsMax);

        // Every call of every stream may wait here: that is a bound, too.
        StreamEvents = Bound(o.StreamEventsInFlightMax, waiting: checked(o.StreamsMax * o.CallsPerStream * o.ChunkEventsMax));
    }

    public ConcurrencyLimiter Requests { get; }

    public ConcurrencyLimiter RequestBytes { get; }

    public ConcurrencyLimiter RequestEvents { get; }

    public ConcurrencyLimiter Streams { get; }

    public ConcurrencyLimiter StreamEvents { get; }

    public ConcurrencyLimiter Feeds { get; }

    public void Dispose()
    {
        Requests.Dispose();
        RequestBytes.Dispose();
        RequestEvents.Dispose();
        Streams.Dispose();
        StreamEvents.Dispose();
        Feeds.Dispose();
    }

    static ConcurrencyLimiter Bound(int permits, int waiting = 0) => new(new() { PermitLimit = permits, QueueLimit = waiting, QueueProcessingOrder = QueueProcessingOrder.OldestFirst });
}
