namespace OrleansCrm.Domain.Journal;

/// <summary>Stored text is not a journal entry or a snapshot that this version can read. Nothing was changed; what was read so far is to be thrown away.</summary>
/// <remarks>The message names places and members, never field values.</remarks>
public sealed class JournalFormatException : Exception
{
    public JournalFormatException()
        : this("The text is not a journal document.", 0)
    {
    }

    public JournalFormatException(string message)
        : this(message, 0)
    {
    }

    public JournalFormatException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <param name="position">Bytes from the beginning of the text.</param>
    public JournalFormatException(string message, long position)
        : base(message) => Position = position;

    /// <summary>Where reading stopped, in bytes from the beginning; 0 where no position is known.</summary>
    public long Position { get; }
}
