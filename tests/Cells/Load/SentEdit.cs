namespace OrleansCrm.Cells.Load;

/// <summary>One edit as its sender remembers it.</summary>
/// <param name="Id">Unique in its system.</param>
/// <param name="Subject"><c>object/external-id</c>.</param>
/// <param name="At">The time that it carries; later for each edit of a record.</param>
/// <param name="Fields">By the system's names.</param>
sealed record SentEdit(string Id, string System, string Subject, DateTimeOffset At, IReadOnlyDictionary<string, string> Fields)
{
    /// <summary>What the hub said in the end; null: it never answered for good.</summary>
    public string? Outcome { get; set; }

    public string? Customer { get; set; }

    public long Revision { get; set; }

    /// <summary>How often it was sent.</summary>
    public int Tries { get; set; }
}
