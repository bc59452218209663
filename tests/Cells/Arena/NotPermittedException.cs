namespace OrleansCrm.Cells.Arena;

/// <summary>This machine does not allow what a cell needs. The cell is left out, and says so.</summary>
sealed class NotPermittedException(string message) : Exception(message);
