namespace OrleansCrm.Silo;

/// <summary>The hub cannot start as it was told to; a person has to decide. The text says what is wrong, what state that leaves, and what to do.</summary>
sealed class StartRefusedException(string message) : Exception(message);
