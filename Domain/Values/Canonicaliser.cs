namespace OrleansCrm.Domain.Values;

/// <summary>Gives every value that a system reports the hub's one spelling of it.</summary>
public static partial class Canonicaliser
{
    /// <summary>Grows when a canonical form changes, so that old entries are read as they were decided.</summary>
    public const int CurrentVersion = 1;
}
