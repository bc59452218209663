namespace OrleansCrm.Simulation.Time;

/// <summary>Seeded chance (splitmix64): the same seed draws the same world on every machine and in every version of .NET.</summary>
sealed class Chance(ulong seed)
{
    ulong _state = Scramble(seed);

    public ulong Next()
    {
        _state += 0x9E3779B97F4A7C15;
        return Scramble(_state);
    }

    /// <summary>A number from 0 up to, not including, <paramref name="bound"/>; 0 where the bound is not positive.</summary>
    public int Below(int bound) => bound <= 1 ? 0 : (int)(((Next() >> 32) * (ulong)bound) >> 32);

    public int Between(int first, int last) => first + Below(last - first + 1);

    public bool OneIn(int bound) => Below(bound) == 0;

    public bool Percent(int percent) => Below(100) < percent;

    /// <summary>From 0 up to, not including, 1.</summary>
    public double Fraction() => (Next() >> 11) * (1.0 / (1UL << 53));

    /// <summary>A duration in ticks, both ends included.</summary>
    public long Ticks(long first, long last) => first + (long)(Fraction() * (last - first + 1));

    public T Of<T>(ReadOnlySpan<T> choices) => choices[Below(choices.Length)];

    /// <summary>A stream of its own, so that what one part of the world draws does not move what another draws.</summary>
    public Chance Branch(ulong name) => new(_state ^ Scramble(name));

    static ulong Scramble(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
