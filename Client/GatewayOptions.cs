using System.ComponentModel.DataAnnotations;
using OrleansCrm.Grains.Interfaces.Intake;
using OrleansCrm.Grains.Interfaces.Reading;

namespace OrleansCrm.Client;

/// <summary>How much the gateway takes on at once; beyond each bound a caller is told so and loses nothing. Section <c>Gateway</c>.</summary>
public sealed class GatewayOptions : IValidatableObject
{
    /// <summary>Most bytes of one event: the body of a single one, or a line.</summary>
    /// <value>1,048,576. Allowed: 1,024 to 16,777,216. A longer body is answered 413, a longer line is refused and the stream goes on.</value>
    [Range(1_024, 16 << 20)]
    public int EventSizeMax { get; set; } = 1 << 20;

    /// <summary>Most bytes of a batch.</summary>
    /// <value>8,388,608. Allowed: 1,024 to 67,108,864.</value>
    [Range(1_024, 64 << 20)]
    public int BatchSizeMax { get; set; } = 8 << 20;

    /// <summary>Most events of a batch.</summary>
    /// <value>1,000. Allowed: 1 to 1,024.</value>
    [Range(1, IIntakeGrain.EventsMax)]
    public int BatchEventsMax { get; set; } = 1_000;

    /// <summary>Most bytes of a webhook request. Each vendor's own bound counts, too.</summary>
    /// <value>8,388,608: a hundred events of HubSpot with long values. Allowed: 1,024 to 67,108,864. A longer body is answered 413.</value>
    [Range(1_024, 64 << 20)]
    public int WebhookSizeMax { get; set; } = 8 << 20;

    /// <summary>How deep an event may nest, the event itself counting as 1.</summary>
    /// <value>32. Allowed: 4 to 64.</value>
    [Range(4, 64)]
    public int DepthMax { get; set; } = 32;

    /// <summary>Most lines of a stream that go to intake in one call.</summary>
    /// <value>256. Allowed: 1 to 1,024. A call takes what has arrived and never waits for more.</value>
    [Range(1, IIntakeGrain.EventsMax)]
    public int ChunkEventsMax { get; set; } = 256;

    /// <summary>Calls to intake that one stream has under way. The events of one source record are always in the same of these, one call after the other.</summary>
    /// <value>8. Allowed: 1 to 64.</value>
    [Range(1, 64)]
    public int CallsPerStream { get; set; } = 8;

    /// <summary>Bytes of lines that a stream may have read and not answered; beyond, it reads no further.</summary>
    /// <value>4,194,304. Allowed: 1,024 to 268,435,456; not less than <see cref="EventSizeMax"/>.</value>
    [Range(1_024, 256 << 20)]
    public int StreamBytesMax { get; set; } = 4 << 20;

    /// <summary>Events that all streams together have under way to intake; beyond, they wait for each other.</summary>
    /// <value>2,048. Allowed: 1 to 1,000,000; not less than <see cref="ChunkEventsMax"/>.</value>
    [Range(1, 1_000_000)]
    public int StreamEventsInFlightMax { get; set; } = 2_048;

    /// <summary>Events that single requests and batches together have under way to intake; beyond, a request is answered 429.</summary>
    /// <value>2,048. Allowed: 1 to 1,000,000; not less than <see cref="BatchEventsMax"/>.</value>
    [Range(1, 1_000_000)]
    public int RequestEventsInFlightMax { get; set; } = 2_048;

    /// <summary>Bytes of bodies of single events and batches that are being read or dealt with; beyond, a request is answered 429.</summary>
    /// <value>67,108,864. Allowed: 1,024 to 1,073,741,824; not less than <see cref="BatchSizeMax"/>.</value>
    [Range(1_024, 1 << 30)]
    public int RequestBytesMax { get; set; } = 64 << 20;

    /// <summary>Requests under way at once, streams not counted; beyond, a request is answered 429.</summary>
    /// <value>1,024. Allowed: 1 to 100,000.</value>
    [Range(1, 100_000)]
    public int RequestsMax { get; set; } = 1_024;

    /// <summary>Streams of events open at once; beyond, a stream is answered 429.</summary>
    /// <value>64. Allowed: 1 to 10,000.</value>
    [Range(1, 10_000)]
    public int StreamsMax { get; set; } = 64;

    /// <summary>Readers of the change feed at once; beyond, a reader is answered 429.</summary>
    /// <value>64. Allowed: 1 to 10,000.</value>
    [Range(1, 10_000)]
    public int FeedsMax { get; set; } = 64;

    /// <summary>How long a stream of events may be silent before it is ended; what was read is answered first.</summary>
    /// <value>5 minutes. Allowed: 1 second to 1 day.</value>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan StreamIdleMax { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>How long a stream rests before its next call to intake when the store or the hub was not there for the last one, so that a long file is not spent on an outage.</summary>
    /// <value>250 milliseconds. Allowed: 0 to 1 minute.</value>
    [Range(typeof(TimeSpan), "00:00:00", "00:01:00")]
    public TimeSpan StreamRest { get; set; } = TimeSpan.FromMilliseconds(250);

    /// <summary>When a caller that was turned away should come again: the <c>Retry-After</c> of 429 and 503, in whole seconds.</summary>
    /// <value>1 second. Allowed: 1 second to 10 minutes.</value>
    [Range(typeof(TimeSpan), "00:00:01", "00:10:00")]
    public TimeSpan RetryAfter { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>Most changes that the feed asks for at once.</summary>
    /// <value>500. Allowed: 1 to 1,000.</value>
    [Range(1, IReaderGrain.PageMax)]
    public int FeedPageMax { get; set; } = 500;

    /// <summary>How often a feed that is followed looks for more at the tail while nobody would tell it of more.</summary>
    /// <value>200 milliseconds. Allowed: 10 milliseconds to 1 minute.</value>
    [Range(typeof(TimeSpan), "00:00:00.01", "00:01:00")]
    public TimeSpan FeedPoll { get; set; } = TimeSpan.FromMilliseconds(200);

    /// <summary>How often it looks all the same while it is told when there is more: what a lost signal costs.</summary>
    /// <value>2 seconds. Allowed: 10 milliseconds to 1 minute.</value>
    [Range(typeof(TimeSpan), "00:00:00.01", "00:01:00")]
    public TimeSpan FeedLook { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>The least time between two looks of a feed at the tail: what comes meanwhile is told together.</summary>
    /// <value>50 milliseconds. Allowed: 0 to 1 minute.</value>
    [Range(typeof(TimeSpan), "00:00:00", "00:01:00")]
    public TimeSpan FeedGather { get; set; } = TimeSpan.FromMilliseconds(50);

    /// <summary>A feed that is followed and has nothing to tell repeats its cursor this often, so that a dead connection is noticed.</summary>
    /// <value>15 seconds. Allowed: 100 milliseconds to 10 minutes.</value>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:10:00")]
    public TimeSpan FeedHeartbeat { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>Most bytes of all headers of a request.</summary>
    /// <value>32,768. Allowed: 4,096 to 1,048,576.</value>
    [Range(4_096, 1 << 20)]
    public int HeaderBytesMax { get; set; } = 32 << 10;

    /// <inheritdoc />
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (StreamBytesMax < EventSizeMax) yield return new($"{nameof(StreamBytesMax)} is less than {nameof(EventSizeMax)}: one event would not fit.", [nameof(StreamBytesMax)]);
        if (StreamEventsInFlightMax < ChunkEventsMax) yield return new($"{nameof(StreamEventsInFlightMax)} is less than {nameof(ChunkEventsMax)}: one call would not fit.", [nameof(StreamEventsInFlightMax)]);
        if (RequestEventsInFlightMax < BatchEventsMax) yield return new($"{nameof(RequestEventsInFlightMax)} is less than {nameof(BatchEventsMax)}: one batch would not fit.", [nameof(RequestEventsInFlightMax)]);
        if (RequestBytesMax < Math.Max(WebhookSizeMax, Math.Max(BatchSizeMax, EventSizeMax))) yield return new($"{nameof(RequestBytesMax)} is less than the largest body.", [nameof(RequestBytesMax)]);
    }
}
