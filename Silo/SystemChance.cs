using System.Security.Cryptography;
using OrleansCrm.Grains;

namespace OrleansCrm.Silo;

/// <summary>The system's source of chance.</summary>
sealed class SystemChance : IChance
{
    public void Fill(Span<byte> bits) => RandomNumberGenerator.Fill(bits);

    public double Next() => Random.Shared.NextDouble();
}
