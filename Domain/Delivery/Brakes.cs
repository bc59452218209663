namespace OrleansCrm.Domain.Delivery;

/// <summary>What a restart must not forget of a system's limits: saved beside its rows.</summary>
/// <param name="Guard">With operations counted ahead, so that after a crash it knows of no fewer than were started.</param>
/// <param name="Paused">A person has stopped all calls, and has not let them go on.</param>
public sealed record Brakes(Guard Guard, Budget Budget, bool Paused = false);
