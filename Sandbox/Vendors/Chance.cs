namespace OrleansCrm.Sandbox.Vendors;

/// <summary>Chance that begins with a seed: the same seed, the same numbers, on every machine (SplitMix64). Safe for many callers at once, whose order then decides who gets which number.</summary>
public sealed class Chance(ulong seed)
{
    const ulong Step = 0x9E37_79B9_7F4A_7C15;

    ulong _state = seed;

    /// <summary>Chance of its own for one purpose, whatever the others draw.</summary>
    public static Chance Of(ulong seed, string purpose)
    {
        var state = seed;
        foreach (var letter in purpose) state = Mixed(state ^ letter);
        return new Chance(state);
    }

    /// <summary>Chance of its own for one number, so that the hundredth person is the same whoever was made before.</summary>
    public static Chance Of(ulong seed, long number) => new(Mixed(seed ^ Mixed((ulong)number + Step)));

    public ulong Next() => Mixed(Interlocked.Add(ref _state, Step));

    /// <summary>0 to <paramref name="below"/> - 1.</summary>
    public int Below(int below) => (int)(((UInt128)Next() * (uint)below) >> 64);

    /// <summary>0 to just under 1.</summary>
    public double Unit() => (Next() >> 11) * (1.0 / (1UL << 53));

    public T Of<T>(IReadOnlyList<T> all) => all[Below(all.Count)];

    public void Shuffle<T>(IList<T> all)
    {
        for (var i = all.Count - 1; i > 0; i--)
        {
            var j = Below(i + 1);
            (all[i], all[j]) = (all[j], all[i]);
        }
    }

    static ulong Mixed(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58_476D_1CE4_E5B9;
        z = (z ^ (z >> 27)) * 0x94D0_49BB_1331_11EB;
        return z ^ (z >> 31);
    }
}
