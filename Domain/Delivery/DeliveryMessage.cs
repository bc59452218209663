using System.Collections.Immutable;
using Orleans;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Customers;

namespace OrleansCrm.Domain.Delivery;

/// <summary>How far a partition of the journal has been read.</summary>
/// <param name="Sequence">The last entry read; 0: none.</param>
[GenerateSerializer, Immutable, Alias("crm.PartitionCursor")]
public readonly record struct PartitionCursor(int Partition, long Sequence);

/// <summary>One journal entry, as far as delivery to one system is concerned.</summary>
/// <param name="LinkIds">Links of this system that the entry marks due; may be empty.</param>
public sealed record PageEntry(long Sequence, string CustomerId, ImmutableArray<string> LinkIds)
{
    /// <summary>The customer's revision; null: not told, then a mark that comes during a write always leads to another look.</summary>
    public long? Revision { get; init; }

    /// <summary>False for an intent or receipt, which says nothing about what is to be delivered: it does not wake a delivery that was given up.</summary>
    public bool Moved { get; init; } = true;

    public DeliveryPriority Priority { get; init; } = DeliveryPriority.Live;

    /// <summary>When it was committed, by the hub's clock; null: not told. Decides nothing.</summary>
    public DateTimeOffset? At { get; init; }
}

/// <summary>How a transaction on delivery's own rows and cursors ended.</summary>
public enum RowsAnswer
{
    /// <summary>Durable.</summary>
    Ok,

    /// <summary>The store knows a later cursor epoch: another delivery of this system has taken over. Nothing landed.</summary>
    Fenced,

    /// <summary>Nothing landed, and it may be tried again.</summary>
    Failed,

    /// <summary>Landed or not, nobody knows, or it may still land. Only a new cursor epoch makes sure.</summary>
    Unknown,
}

/// <summary>What reaches the delivery of a system. Every effect that asks for an answer is answered exactly once, with a failure where there is no answer.</summary>
public abstract record DeliveryMessage
{
    /// <summary>The first message: the store has raised the system's cursor epoch, which fences off all deliveries before.</summary>
    /// <param name="Cursors">One for every partition to be read.</param>
    /// <param name="Rows">Rows of the store, by priority and next attempt; a page of them is enough, the rest is scanned for.</param>
    /// <param name="Brakes">As last saved; null: never.</param>
    public sealed record Started(long Epoch, ImmutableArray<PartitionCursor> Cursors, ImmutableArray<DueLink> Rows, Brakes? Brakes = null) : DeliveryMessage;

    /// <summary>A signal that may be lost or doubled: the partition has reached this sequence.</summary>
    public sealed record Bell(int Partition, long Sequence) : DeliveryMessage;

    /// <summary>Answers <see cref="DeliveryEffect.ReadPage"/>.</summary>
    /// <param name="Through">The last sequence looked at; equal to <paramref name="After"/> when there was nothing more, or the read failed.</param>
    /// <param name="Entries">In order; entries that mark no link of this system may be left out.</param>
    public sealed record PageRead(int Partition, long After, long Through, ImmutableArray<PageEntry> Entries) : DeliveryMessage;

    /// <summary>Answers <see cref="DeliveryEffect.Mark"/>.</summary>
    public sealed record Marked(long Ticket, RowsAnswer Answer) : DeliveryMessage;

    /// <summary>Answers <see cref="DeliveryEffect.SaveRows"/>.</summary>
    public sealed record RowsSaved(long Ticket, RowsAnswer Answer) : DeliveryMessage;

    /// <summary>Answers <see cref="DeliveryEffect.Begin"/>.</summary>
    public sealed record Begun(string CustomerId, string LinkId, CustomerAnswer Answer) : DeliveryMessage;

    /// <summary>Answers <see cref="DeliveryEffect.Call"/>.</summary>
    /// <param name="Outcomes">One for each record, in the order of the call; a missing one counts as ambiguous.</param>
    public sealed record CallEnded(long CallId, ImmutableArray<WriteOutcome> Outcomes) : DeliveryMessage;

    /// <summary>Answers <see cref="DeliveryEffect.Read"/>.</summary>
    public sealed record ReadEnded(string CustomerId, string LinkId, ReadOutcome Outcome) : DeliveryMessage;

    /// <summary>What the system's last answers told of its own limits; told again it changes nothing.</summary>
    public sealed record Told(ImmutableArray<Allowance> Allowances) : DeliveryMessage;

    /// <summary>Answers <see cref="DeliveryEffect.End"/> and <see cref="DeliveryEffect.Seen"/>.</summary>
    public sealed record Finished(string CustomerId, string LinkId, CustomerAnswer Answer) : DeliveryMessage;

    /// <summary>Answers <see cref="DeliveryEffect.Scan"/>. Rows that this delivery knows already are passed over.</summary>
    public sealed record Scanned(ScanOf Of, ImmutableArray<DueLink> Rows) : DeliveryMessage;

    /// <summary>Time has passed; comes at least when <see cref="DeliveryEffect.WakeAt"/> asked for it.</summary>
    public sealed record Tick : DeliveryMessage;

    /// <summary>A person stops all calls; reading and marking go on. Saved with the brakes: no restart lets them go on.</summary>
    public sealed record Pause : DeliveryMessage;

    public sealed record Resume : DeliveryMessage;

    /// <summary>Whoever drives the machine makes no calls for now: it cannot connect, or is about to end. Not saved.</summary>
    public sealed record Halt : DeliveryMessage;

    public sealed record GoOn : DeliveryMessage;

    /// <summary>A person lets held operations go on; see <see cref="Guard.Release"/>.</summary>
    public sealed record ReleaseGuard(Guarded Kinds, int? Next = null) : DeliveryMessage;

    /// <summary>A person throws held deliveries away: they are parked, and no longer held.</summary>
    public sealed record DiscardGuard(Guarded Kinds) : DeliveryMessage;

    /// <summary>A person has a parked delivery tried again.</summary>
    public sealed record RetryParked(string CustomerId, string LinkId) : DeliveryMessage;

    /// <summary>The definition has changed, maybe the system's mode: look again.</summary>
    public sealed record ModeChanged : DeliveryMessage;
}

/// <summary>Which rows a scan looks for.</summary>
public enum ScanOf
{
    /// <summary>Not parked, and their next attempt has come.</summary>
    Due,

    /// <summary>Waiting on the system's guard, whatever their next attempt.</summary>
    Held,
}
