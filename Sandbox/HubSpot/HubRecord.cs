namespace OrleansCrm.Sandbox.HubSpot;

/// <summary>Who or what set a value.</summary>
/// <param name="Type">As in histories and webhooks: <c>INTEGRATION</c>, <c>CRM_UI</c>, <c>AUTOMATION_PLATFORM</c>, ….</param>
/// <param name="Id">The app's id, or <c>userId:N</c>.</param>
/// <param name="UserId">Null: nobody.</param>
sealed record Source(string Type, string? Id, long? UserId = null)
{
    public static readonly Source Merge = new("MERGE_OBJECTS", null);

    public static readonly Source Calculated = new("CALCULATED", null);
}

/// <summary>A value of a property, and those before it, the newest first.</summary>
sealed class Held(string value, DateTimeOffset at, Source source, Held? before)
{
    /// <summary>Empty: cleared.</summary>
    public string Value { get; } = value;

    public DateTimeOffset At { get; } = at;

    public Source Source { get; } = source;

    public Held? Before { get; private set; } = before;

    /// <summary>How many there are from here on.</summary>
    public int Depth { get; private set; } = (before?.Depth ?? 0) + 1;

    /// <summary>Forgets the oldest ones.</summary>
    public void Keep(int most)
    {
        if (Depth <= most) return;
        var depth = most;
        var each = this;
        while (true)
        {
            each.Depth = depth--;
            if (each.Depth == 1) break;
            each = each.Before!;
        }
        each.Before = null;
    }
}

/// <summary>A record. Touched only under the portal's lock.</summary>
sealed class HubRecord(ObjectType type, long id, DateTimeOffset created, Source origin)
{
    /// <summary>Most versions of a property that are kept.</summary>
    public int HistoryMax => type == ObjectType.Contact ? 45 : 20;

    public ObjectType Type => type;

    public long Id => id;

    public DateTimeOffset Created { get; } = created;

    /// <summary>Who made it.</summary>
    public Source Origin => origin;

    public DateTimeOffset Updated { get; set; } = created;

    /// <summary>Null: it lives.</summary>
    public DateTimeOffset? ArchivedAt { get; set; }

    public bool IsArchived => ArchivedAt is not null;

    /// <summary>It became part of another record, or was deleted for good: nothing lists it any more.</summary>
    public bool IsGone { get; set; }

    /// <summary>The records that it was made of, and when.</summary>
    public List<(long Id, DateTimeOffset At)> Merged { get; } = [];

    public Dictionary<string, Held> Properties { get; } = new(StringComparer.Ordinal);

    /// <summary>Waits to be indexed for searches.</summary>
    public bool IsPending { get; set; }

    /// <returns>Null: it holds nothing.</returns>
    public string? this[string name] => Properties.TryGetValue(name, out var held) && held.Value.Length > 0 ? held.Value : null;

    public void Set(string name, string value, DateTimeOffset at, Source source)
    {
        var held = new Held(value, at, source, Properties.GetValueOrDefault(name));
        held.Keep(HistoryMax);
        Properties[name] = held;
    }
}
