using System.Collections.Immutable;
using Orleans;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Delivery;

[GenerateSerializer, Alias("crm.WriteKind")]
public enum WriteKind
{
    Create,
    Update,
    Delete,
}

/// <summary>One record's part of a call to a system: an intent on its way out.</summary>
/// <param name="IntentId">The revision of the customer's entry that records the intent: unique per customer.</param>
/// <param name="ExternalId">Null for a create.</param>
/// <param name="CreationKey">Immutable, made before the first call; carried by a create so that it can be found again. Null otherwise.</param>
/// <param name="StartBefore">The call may not start later: the hub counts the intent as lost after that, plus the system's longest call time.</param>
/// <param name="Beside">Golden values of fields that are not written, but share a text of the system with one that is: joined or cut there. Default or empty: none does.</param>
[GenerateSerializer, Immutable, Alias("crm.RecordWrite")]
public sealed record RecordWrite(
    string CustomerId,
    string LinkId,
    long LinkEpoch,
    long IntentId,
    WriteKind Kind,
    string RecordType,
    string Object,
    string? ExternalId,
    string? CreationKey,
    ImmutableArray<FieldWrite> Fields,
    DateTimeOffset StartBefore,
    ImmutableArray<FieldStored> Beside = default);

/// <param name="Version">Revision at which the golden value last changed: a later write never carries a smaller one.</param>
/// <param name="Held">What the record is believed to hold; null: nothing is known. Sets and associations go out as the difference against it.</param>
/// <param name="Rendered">What the system will report once it holds the value, where its mapping is not one-to-one; null: the value itself.</param>
[GenerateSerializer, Immutable, Alias("crm.FieldWrite")]
public readonly record struct FieldWrite(string Field, FieldValue Value, long Version, FieldValue? Held = null, FieldValue? Rendered = null)
{
    /// <summary>Whether the write takes away what the record holds, or may hold; emptying a set does so as clearing a field does. Writing blank over blank takes nothing away.</summary>
    public bool Clears => Value.IsBlank && Held is not { IsBlank: true };

    /// <summary>What a guard counts an update as.</summary>
    public static Customers.Operations Operations(ImmutableArray<FieldWrite> fields)
    {
        foreach (var field in fields)
        {
            if (field.Clears) return Customers.Operations.Change | Customers.Operations.Clear;
        }
        return Customers.Operations.Change;
    }
}

/// <summary>What became of one record's part of a call. Expected answers of a system are values, never exceptions.</summary>
[GenerateSerializer, Immutable, Alias("crm.WriteOutcome")]
public abstract record WriteOutcome
{
    /// <summary>The system took it.</summary>
    /// <param name="ExternalId">The record's id, for a create; null otherwise.</param>
    /// <param name="Stored">What the record holds now, canonical, for the fields that the system told (in its answer or on a read-back); a field not told is believed to hold what was written.</param>
    /// <param name="At">The system's own time of the save; null: not told.</param>
    /// <param name="Referrals">Where references among <paramref name="Stored"/> lead; default: none was looked up. Not the connector's: the hub tells.</param>
    [GenerateSerializer, Immutable, Alias("crm.WriteOutcome.Done")]
    public sealed record Done(string? ExternalId, ImmutableArray<FieldStored> Stored, long? Version, DateTimeOffset? At, ImmutableArray<Referral> Referrals = default) : WriteOutcome;

    /// <summary>Nothing was done; the system asks to wait.</summary>
    [GenerateSerializer, Immutable, Alias("crm.WriteOutcome.Throttled")]
    public sealed record Throttled(DateTimeOffset Until, string Code) : WriteOutcome;

    /// <summary>Nothing was done, and trying again may help (unavailable, row locked).</summary>
    [GenerateSerializer, Immutable, Alias("crm.WriteOutcome.Transient")]
    public sealed record Transient(string Code) : WriteOutcome;

    /// <summary>Nobody knows whether it was done (time-out, broken connection).</summary>
    [GenerateSerializer, Immutable, Alias("crm.WriteOutcome.Ambiguous")]
    public sealed record Ambiguous(string Code) : WriteOutcome;

    /// <summary>Nothing was done, and the same call will never succeed. No fields: the record as a whole is refused.</summary>
    [GenerateSerializer, Immutable, Alias("crm.WriteOutcome.Rejected")]
    public sealed record Rejected(ImmutableArray<string> Fields, string Code, string? Advice = null) : WriteOutcome;

    /// <summary>The record is not there any more.</summary>
    [GenerateSerializer, Immutable, Alias("crm.WriteOutcome.Gone")]
    public sealed record Gone(string Code) : WriteOutcome;

    /// <summary>A create met a record that is there already under the same key.</summary>
    [GenerateSerializer, Immutable, Alias("crm.WriteOutcome.Conflict")]
    public sealed record Conflict(string ExistingId, bool CarriesOurKey) : WriteOutcome;
}

[GenerateSerializer, Immutable, Alias("crm.FieldStored")]
public readonly record struct FieldStored(string Field, FieldValue Value);

/// <summary>What a read of one record by its id, or by a creation key, found.</summary>
[GenerateSerializer, Immutable, Alias("crm.ReadOutcome")]
public abstract record ReadOutcome
{
    /// <param name="SeenAt">The hub's time just before the read was started.</param>
    /// <param name="Referrals">Where references among <paramref name="Fields"/> lead; default: none was looked up. Not the connector's: the hub tells.</param>
    [GenerateSerializer, Immutable, Alias("crm.ReadOutcome.Found")]
    public sealed record Found(string ExternalId, ImmutableArray<FieldStored> Fields, long? Version, DateTimeOffset SeenAt, ImmutableArray<Referral> Referrals = default) : ReadOutcome;

    [GenerateSerializer, Immutable, Alias("crm.ReadOutcome.Missing")]
    public sealed record Missing(DateTimeOffset SeenAt) : ReadOutcome;

    [GenerateSerializer, Immutable, Alias("crm.ReadOutcome.Failed")]
    public sealed record Failed(string Code, DateTimeOffset? RetryAt) : ReadOutcome;
}
