namespace OrleansCrm.Domain.Intake;

/// <summary>What became of the edits of one system since this worker started. Nothing is silent: it always balances.</summary>
/// <param name="Offered">All that came, the same edit again counted again.</param>
/// <param name="HandedBack">Told to try again: the sender holds the edit still, so it does not count as received.</param>
public readonly record struct IntakeTally(
    string System, long Offered, long Applied, long Unchanged, long Refused, long Parked, long HandedBack, long InFlight)
{
    /// <summary>Stands in for every system that the definition does not know, lest a stranger fill the memory with names.</summary>
    public const string UnknownSystem = "?";

    public long Received => Offered - HandedBack;

    public bool Balances => Received == Applied + Unchanged + Refused + Parked + InFlight;
}
