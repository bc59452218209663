namespace OrleansCrm.Sandbox.Dynamics.Records;

/// <summary>As whom something is done, and what it belongs to.</summary>
/// <param name="User">Id of a user.</param>
/// <param name="By">The user's name, for the log of writes.</param>
/// <param name="Request">The request's number; 0: nobody asked by the API.</param>
sealed record Caller(Guid User, string By, long Request)
{
    /// <summary>What the request carries in its address, for those who listen.</summary>
    public string? Tag { get; init; }

    public Guid Correlation { get; init; }

    public Guid RequestId { get; init; }

    /// <summary>1 for what is done from outside; one more for each reaction to a reaction.</summary>
    public int Depth { get; init; } = 1;

    /// <summary>What this reacts to; null: nothing.</summary>
    public Happening? Parent { get; init; }

    /// <summary>Synchronous listeners are passed over.</summary>
    public bool BypassesSync { get; init; }

    public bool BypassesAsync { get; init; }

    public bool DetectsDuplicates { get; init; }

    /// <summary>Whether the environment's own workings do it, which may set what nobody else may.</summary>
    public bool IsSystem { get; init; }
}

/// <summary>Something that happened to a row, as those who listen are told it.</summary>
/// <param name="Message">Create, Update, Delete, Merge, ….</param>
/// <param name="Target">What the request gave, with what was derived from it; null for a deletion.</param>
/// <param name="Before">The row before; null: there was none.</param>
/// <param name="After">The row after; null: it is gone.</param>
sealed record Happening(string Message, Table Table, Guid Id, IReadOnlyDictionary<string, object?>? Target, Content? Before, Content? After, Caller Caller, DateTimeOffset At)
{
    /// <summary>Of a merge: the row that ended.</summary>
    public Guid? Subordinate { get; init; }

    public Guid Operation { get; init; }
}
