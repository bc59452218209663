namespace OrleansCrm.Grains;

/// <summary>The hub's source of chance: given by the host, so that a test can foretell it.</summary>
public interface IChance
{
    /// <summary>Fills with bits that nobody can foretell.</summary>
    void Fill(Span<byte> bits);

    /// <summary>From 0 to below 1.</summary>
    double Next();
}
