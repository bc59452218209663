namespace OrleansCrm.Grains.Intake;

/// <summary>Makes ids of customers: <c>cus_</c>, 48 bits of time, 80 bits of chance, in the alphabet of ULIDs. Never the same twice, and younger ones sort behind older ones.</summary>
static class CustomerIds
{
    const string Prefix = "cus_";
    const string Alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    const int Letters = 26;

    public static string Fresh(DateTimeOffset now, IChance chance)
    {
        Span<byte> bits = stackalloc byte[10];
        chance.Fill(bits);
        Span<char> text = stackalloc char[Prefix.Length + Letters];
        Prefix.CopyTo(text);
        SpellTime(now, text.Slice(Prefix.Length, 10));
        Spell(bits[..5], text.Slice(Prefix.Length + 10, 8));
        Spell(bits[5..], text.Slice(Prefix.Length + 18, 8));
        return new string(text);
    }

    /// <summary>Whether the id was made at or after this time, as the clock of its maker had it.</summary>
    public static bool IsSince(string customerId, DateTimeOffset time)
    {
        Span<char> letters = stackalloc char[10];
        SpellTime(time, letters);
        return customerId.StartsWith(Prefix, StringComparison.Ordinal) && customerId.AsSpan(Prefix.Length).CompareTo(letters, StringComparison.Ordinal) >= 0;
    }

    static void SpellTime(DateTimeOffset at, Span<char> letters)
    {
        var time = at.ToUnixTimeMilliseconds();
        for (var i = 9; i >= 0; i--)
        {
            letters[i] = Alphabet[(int)(time & 31)];
            time >>= 5;
        }
    }

    // Five bytes are eight letters.
    static void Spell(ReadOnlySpan<byte> bytes, Span<char> letters)
    {
        var value = 0L;
        foreach (var b in bytes) value = (value << 8) | b;
        for (var i = 7; i >= 0; i--)
        {
            letters[i] = Alphabet[(int)(value & 31)];
            value >>= 5;
        }
    }
}
