using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace OrleansCrm.Domain.Backfilling;

/// <summary>Which way a first load goes.</summary>
public enum BackfillDirection
{
    /// <summary>All records of the system are taken into the hub.</summary>
    In,

    /// <summary>All customers of the hub are brought to the system.</summary>
    Out,

    /// <summary>All records of the system are compared with what the hub knows and wants there.</summary>
    Check,
}

public enum BackfillPhase
{
    Running,
    Ended,

    /// <summary>It cannot go on before a person has acted; then it is resumed.</summary>
    Stopped,
    Cancelled,
}

/// <summary>What a run to a system does next with the customers.</summary>
public enum OutStage
{
    /// <summary>Customers are decided under the newest definition, so that each has its links and what is due is marked.</summary>
    Deciding,

    /// <summary>Delivery works them off, at its priority and budget.</summary>
    Delivering,

    /// <summary>Every customer is looked at once more, for the report.</summary>
    Accounting,
}

/// <summary>How far a first load has come, and what became of every record so far. Durable; it moves only behind what was done for good.</summary>
public sealed record BackfillState
{
    /// <summary>Names the run; edits that it takes in carry it as their batch, so that they can be reverted together.</summary>
    public required string Id { get; init; }

    public required string System { get; init; }

    public required BackfillDirection Direction { get; init; }

    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>Null: not yet.</summary>
    public DateTimeOffset? EndedAt { get; init; }

    public BackfillPhase Phase { get; init; }

    /// <summary>Code of what it stopped for; null: it did not stop.</summary>
    public string? Problem { get; init; }

    /// <summary>What a person can do about it; null: it did not stop.</summary>
    public string? Advice { get; init; }

    /// <summary>Into the hub: the objects, in the order in which they are loaded. Empty the other way.</summary>
    public ImmutableArray<ObjectBackfill> Objects { get; init; } = [];

    /// <summary>Out of the hub: what is done with the customers now.</summary>
    public OutStage Stage { get; init; }

    /// <summary>Out of the hub: the last customer of the present stage that is done with; null: none.</summary>
    public string? After { get; init; }

    /// <summary>Out of the hub: customers and links of the present stage, by how they stand.</summary>
    public BackfillCounts Customers { get; init; } = BackfillCounts.Nothing;

    /// <summary>A check: differences are mended as far as taking records in, and reading them again, does that.</summary>
    public bool Repair { get; init; }

    /// <summary>A check: some of the differences, the first found first.</summary>
    public ImmutableArray<Reconciling.Difference> Found { get; init; } = [];

    /// <summary>Most differences that are kept one by one; all are counted.</summary>
    public const int FoundMax = 500;

    /// <summary>Out of the hub: how they stood when the run began.</summary>
    public BackfillCounts Before { get; init; } = BackfillCounts.Nothing;

    [JsonIgnore]
    public bool IsOver => Phase is BackfillPhase.Ended or BackfillPhase.Cancelled;
}

/// <summary>One object of a run into the hub.</summary>
public sealed record ObjectBackfill
{
    public required string Object { get; init; }

    /// <summary>The page that is asked for next; null: the first.</summary>
    public string? Page { get; init; }

    /// <summary>Pages taken in.</summary>
    public int Pages { get; init; }

    public bool IsDone { get; init; }

    /// <summary>Times that it was begun anew, because the system did not know the page any more.</summary>
    public int Restarts { get; init; }

    /// <summary>Every record listed, by what became of it.</summary>
    public BackfillCounts Counts { get; init; } = BackfillCounts.Nothing;
}

/// <summary>Numbers by name.</summary>
/// <remarks>
/// Into the hub: <c>listed</c> is the sum of <c>applied</c>, <c>unchanged</c>, <c>refused:…</c> and <c>parked:…</c>; of those that were taken, <c>already-linked</c>,
/// <c>joined</c> (a customer that was there) and <c>founded</c> (a new one) say whose they are.
/// </remarks>
[JsonConverter(typeof(BackfillCountsJson))]
public sealed class BackfillCounts
{
    /// <summary>Most names; a further one is counted as its kind alone.</summary>
    public const int NamesMax = 200;

    public static BackfillCounts Nothing { get; } = new([]);

    readonly ImmutableSortedDictionary<string, long> _counts;

    BackfillCounts(IEnumerable<KeyValuePair<string, long>> counts) => _counts = counts.ToImmutableSortedDictionary(StringComparer.Ordinal);

    public IReadOnlyDictionary<string, long> All => _counts;

    public long Of(string name) => _counts.GetValueOrDefault(name);

    /// <summary>The sum of all whose name is this, or begins with it and a colon.</summary>
    public long OfKind(string kind) => _counts.Where(c => c.Key == kind || (c.Key.StartsWith(kind, StringComparison.Ordinal) && c.Key.Length > kind.Length && c.Key[kind.Length] == ':')).Sum(c => c.Value);

    public BackfillCounts Plus(IReadOnlyDictionary<string, long> more)
    {
        ArgumentNullException.ThrowIfNull(more);
        var counts = _counts.ToBuilder();
        foreach (var (name, count) in more)
        {
            // Codes come from vendors and may be many.
            var key = counts.ContainsKey(name) || counts.Count < NamesMax ? name : name.Split(':')[0];
            counts[key] = counts.GetValueOrDefault(key) + count;
        }
        return new(counts);
    }

    sealed class BackfillCountsJson : JsonConverter<BackfillCounts>
    {
        public override BackfillCounts Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => new(JsonSerializer.Deserialize<Dictionary<string, long>>(ref reader, options) ?? []);

        public override void Write(Utf8JsonWriter writer, BackfillCounts value, JsonSerializerOptions options) => JsonSerializer.Serialize(writer, value._counts, options);
    }
}

/// <summary>A run as it is kept.</summary>
public static class BackfillJson
{
    static readonly JsonSerializerOptions Form = new() { PropertyNamingPolicy = JsonNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) } };

    public static string Write(BackfillState state) => JsonSerializer.Serialize(state, Form);

    public static BackfillState Read(string text) => JsonSerializer.Deserialize<BackfillState>(text, Form) ?? throw new FormatException("A first load is kept as a document, and this one is empty.");
}
