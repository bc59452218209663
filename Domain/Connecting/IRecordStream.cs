using System.Collections.Immutable;
using OrleansCrm.Domain.Listening;

namespace OrleansCrm.Domain.Connecting;

/// <summary>A connector whose system tells what happens over a stream that stays open, and remembers for a while what it has told.</summary>
public interface IRecordStream
{
    /// <summary>The definition asks for the stream.</summary>
    bool IsWanted { get; }

    /// <summary>Listens until the stream ends, for whatever reason.</summary>
    /// <param name="after">Told before as <see cref="StreamNews.Cursor"/>: only what comes behind it is told. Null: what happens from now on.</param>
    /// <param name="began">Called when the stream is open; and, where it goes on behind no cursor, once more with its first sign: only then is it sure that nothing that happens from now on is missed.</param>
    /// <param name="take">Called with what was told, one call at a time; it ends when all of that is durable. More is asked for only then.</param>
    Task<StreamEnd> ListenAsync(string? after, Action began, Func<StreamNews, Task> take, CancellationToken cancellationToken);
}

/// <summary>What a stream told at one time.</summary>
/// <param name="Records">Edits in the order told. What is told twice is the same edit.</param>
/// <param name="ToRead">Records of which it told too little: what they hold is to be read. Each once.</param>
/// <param name="ToPoll">Objects of which so much happened that it was not told one by one. Each once.</param>
/// <param name="Cursor">Behind it the stream goes on, when all of this is durable.</param>
public sealed record StreamNews(ImmutableArray<ListedRecord> Records, ImmutableArray<RecordToRead> ToRead, ImmutableArray<string> ToPoll, string Cursor);

/// <summary>How a stream ended.</summary>
public abstract record StreamEnd
{
    /// <summary>It is worth another try.</summary>
    /// <param name="RetryAt">The system asked to wait until then; null: it did not.</param>
    public sealed record Broken(string Code, DateTimeOffset? RetryAt = null) : StreamEnd;

    /// <summary>The system does not remember so far back, or the cursor is another organisation's: what was missed has to be found otherwise.</summary>
    public sealed record CursorLost(string Code) : StreamEnd;

    /// <summary>It will never succeed as it is configured: a person has to act.</summary>
    public sealed record Refused(string Code, string Advice) : StreamEnd;
}
