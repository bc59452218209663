using System.Collections.Immutable;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Delivery;

namespace OrleansCrm.Domain.Listening;

/// <summary>How far one object of a system, or its stream of events, has been listened to. Durable; it moves only behind records that were taken in.</summary>
public sealed record ListeningCursor
{
    /// <summary>In the place of an object: the system's stream of events, of which only <see cref="Mark"/> is kept.</summary>
    public const string Stream = "";

    /// <summary>The system's name for the kind of record; or <see cref="Stream"/>.</summary>
    public required string Object { get; init; }

    /// <summary>The next sweep lists what was modified at or after this time of the system's clock; null: everything.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>Every record was still unmodified then, as it was last listed; null: nobody knows.</summary>
    public DateTimeOffset? Before { get; init; }

    /// <summary>The hub's time just before the first request of the sweep under way; null: none is.</summary>
    public DateTimeOffset? SweepAt { get; init; }

    /// <summary>The page that the sweep under way asks for next; null: its first.</summary>
    public string? Page { get; init; }

    /// <summary>Pages of the sweep under way that were taken in.</summary>
    public int Pages { get; init; }

    /// <summary>What the system told with the last page of the last sweep, for the next one to go on behind; null: it goes by time.</summary>
    public string? Mark { get; init; }

    /// <summary>When the last complete sweep began; null: there was none.</summary>
    public DateTimeOffset? SweptAt { get; init; }
}

/// <summary>A record that is to be read again: an event about it told too little, came out of order, or a field could not be taken.</summary>
/// <param name="Asking">The store's number of the latest asking, never given twice: an answer to an earlier asking does not settle a later one. 0: not asked for yet.</param>
/// <param name="Definition">It is of no use before a newer definition than this; 0: at once.</param>
public sealed record RecordToRead(string Object, string ExternalId, long Asking = 0, int Definition = 0);

/// <summary>What reaches the listener of a system. Every effect that asks for an answer is answered exactly once.</summary>
public abstract record ListeningMessage
{
    /// <summary>The first message: the store has raised the listener's cursor epoch, which fences off all listeners before.</summary>
    /// <param name="Cursors">Of all objects that were ever listened to.</param>
    public sealed record Started(long Epoch, ImmutableArray<ListeningCursor> Cursors) : ListeningMessage;

    /// <summary>The connection was opened anew; null: it could not be, and nothing is asked until it can.</summary>
    public sealed record Opened(ImmutableArray<ObjectCapabilities>? Objects) : ListeningMessage;

    /// <summary>Answers <see cref="ListeningEffect.List"/>.</summary>
    public sealed record Listed(string Object, ListOutcome Outcome) : ListeningMessage;

    /// <summary>Answers <see cref="ListeningEffect.Read"/>.</summary>
    public sealed record HasRead(ListOutcome Outcome) : ListeningMessage;

    /// <summary>Answers <see cref="ListeningEffect.Take"/>.</summary>
    /// <param name="Settled">For each record, in order: whether its answer is final and durable.</param>
    /// <param name="Noted">What was to be noted for reading is durable, or there was nothing.</param>
    public sealed record Taken(string? Object, ImmutableArray<bool> Settled, bool Noted = true) : ListeningMessage;

    /// <summary>Answers <see cref="ListeningEffect.Save"/>.</summary>
    public sealed record Saved(string? Object, RowsAnswer Answer) : ListeningMessage;

    /// <summary>Answers <see cref="ListeningEffect.ScanReads"/>.</summary>
    /// <param name="Failed">The store could not be asked.</param>
    public sealed record ReadsScanned(ImmutableArray<RecordToRead> Reads, bool Failed = false) : ListeningMessage;

    /// <summary>A signal that may be lost or doubled: records are to be read.</summary>
    public sealed record ReadsCame : ListeningMessage;

    /// <summary>A signal that may be lost: something may have happened in the system that is worth a poll now (a stream broke off, a gap was told).</summary>
    /// <param name="Object">Null: all objects.</param>
    public sealed record PollNow(string? Object) : ListeningMessage;

    /// <summary>The system tells what happens over a stream, and that is wanted. Comes with each <see cref="Opened"/> of such a connection, behind it.</summary>
    public sealed record Streams : ListeningMessage;

    /// <summary>The stream that <see cref="ListeningEffect.Listen"/> asked for is open. Where it goes on behind no cursor it comes once more, before anything is told: from then on nothing is missed.</summary>
    public sealed record StreamBegan : ListeningMessage;

    /// <summary>What the stream told; nothing more comes before <see cref="ListeningEffect.GoOn"/>.</summary>
    public sealed record StreamTold(StreamNews News) : ListeningMessage;

    /// <summary>Answers <see cref="ListeningEffect.Listen"/>.</summary>
    public sealed record StreamEnded(StreamEnd End) : ListeningMessage;

    /// <summary>A signal that may be lost or doubled: something that the system said was taken in, by whatever way.</summary>
    public sealed record Spoke : ListeningMessage;

    /// <summary>Time has passed, or the definition has changed: look again.</summary>
    public sealed record Tick : ListeningMessage;
}

/// <summary>What the listener of a system wants done. Effects are independent of each other and may be carried out at the same time.</summary>
public abstract record ListeningEffect
{
    /// <summary>Ask the system for a page; answered by <see cref="ListeningMessage.Listed"/>. At most one of an object is under way.</summary>
    public sealed record List(RecordList Page) : ListeningEffect;

    /// <summary>Ask the system for these records; answered by <see cref="ListeningMessage.HasRead"/>. At most one is under way.</summary>
    /// <param name="Before">As in <see cref="RecordList.Before"/>.</param>
    public sealed record Read(string Object, ImmutableArray<string> ExternalIds, DateTimeOffset? Before) : ListeningEffect;

    /// <summary>Offer the records to intake; answered by <see cref="ListeningMessage.Taken"/>.</summary>
    /// <param name="Object">Whose sweep they are of, or <see cref="ListeningCursor.Stream"/>; null: they were read.</param>
    /// <param name="ToRead">Records to be noted for reading, before anything is offered.</param>
    public sealed record Take(string? Object, ImmutableArray<ListedRecord> Records, ImmutableArray<RecordToRead> ToRead) : ListeningEffect;

    /// <summary>Open the stream, and tell what it tells; answered by <see cref="ListeningMessage.StreamEnded"/> when it has ended. At most one is open.</summary>
    public sealed record Listen(string? After) : ListeningEffect;

    /// <summary>All that the stream told is durable: it may tell more. Nothing is to be answered.</summary>
    public sealed record GoOn : ListeningEffect;

    /// <summary>In one transaction, if the cursor epoch is still this one: keep the cursor, add and settle readings. Answered by <see cref="ListeningMessage.Saved"/>.</summary>
    /// <param name="Object">Whose sweep it is of; null: of readings.</param>
    /// <param name="Cursor">Null: none moves.</param>
    /// <param name="Wait">Records of which a field waits for a newer definition; beyond the store's bound they are left out.</param>
    /// <param name="Settled">Readings that are done with, unless they were asked for again since.</param>
    public sealed record Save(string? Object, long Epoch, ListeningCursor? Cursor, ImmutableArray<RecordToRead> Wait, ImmutableArray<RecordToRead> Settled) : ListeningEffect;

    /// <summary>Read at most so many readings that are due; answered by <see cref="ListeningMessage.ReadsScanned"/>.</summary>
    public sealed record ScanReads(int Definition, int Max) : ListeningEffect;

    /// <summary>Step with <see cref="ListeningMessage.Tick"/> then. One alarm: the latest asked for replaces those before.</summary>
    public sealed record WakeAt(DateTimeOffset Time) : ListeningEffect;

    /// <summary>For people: a page or reading did not succeed. Nothing is to be answered.</summary>
    /// <param name="Advice">Null: it may pass by itself.</param>
    public sealed record Tell(string Object, string Code, string? Advice, DateTimeOffset Again) : ListeningEffect;

    /// <summary>For people: an object is listened to from now on. Nothing is to be answered.</summary>
    public sealed record Begins(string Object, DateTimeOffset Since) : ListeningEffect;

    /// <summary>For people: the system has said nothing for longer than it is expected to. Nothing is to be answered.</summary>
    public sealed record Silent(DateTimeOffset Since, TimeSpan ExpectEvery) : ListeningEffect;

    /// <summary>For people: the system speaks again. Nothing is to be answered.</summary>
    public sealed record SpeaksAgain(DateTimeOffset SilentSince) : ListeningEffect;

    /// <summary>This listener has ended. A new one needs a new cursor epoch.</summary>
    public sealed record Stop(string Reason) : ListeningEffect;
}

/// <summary>The bounds of one system's listener.</summary>
public sealed record ListeningLimits
{
    /// <summary>Code of a page that could not be asked for because the system's budget leaves no call now: it counts as no failure.</summary>
    public const string NoCallLeft = "no-call-left";

    /// <summary>Code of a page that the system named twice in one sweep, or of a sweep that did not end.</summary>
    public const string Endless = "listing-without-end";

    /// <summary>Pages and readings asked for at once. Default 2.</summary>
    public int Calls { get; init; } = 2;

    /// <summary>Records read together. Default 100.</summary>
    public int Reads { get; init; } = 100;

    /// <summary>Edit ids remembered of each object, so that what two polls both list is offered once. Default 20,000.</summary>
    public int Remembered { get; init; } = 20_000;

    /// <summary>Pages of one sweep; then it is begun anew. Default 200,000.</summary>
    public int Pages { get; init; } = 200_000;

    /// <summary>How often readings are looked for without a signal. Default 30 seconds.</summary>
    public TimeSpan Look { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The wait after a first failure; it doubles up to <see cref="AgainMost"/>, and chance picks below it. Default 2 seconds.</summary>
    public TimeSpan Again { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>The longest wait before a broken stream is opened again: while it is not, only polls tell what happens. Default 30 seconds.</summary>
    public TimeSpan OpenMost { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Default 5 minutes; also the wait after a refusal, which only a person can end.</summary>
    public TimeSpan AgainMost { get; init; } = TimeSpan.FromMinutes(5);
}
