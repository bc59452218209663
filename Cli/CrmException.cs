namespace OrleansCrm.Cli;

/// <summary>Ends a command with a message for the person who typed it.</summary>
public sealed class CrmException : Exception
{
    public CrmException()
    {
    }

    public CrmException(string message)
        : base(message)
    {
    }

    public CrmException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
