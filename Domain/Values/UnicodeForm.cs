using System.Collections.Frozen;
using System.Text;

namespace OrleansCrm.Domain.Values;

/// <summary>Unicode normal form C, from our own table.</summary>
/// <remarks>
/// <see cref="string.Normalize()"/> returns its input unchanged where globalization is invariant, and elsewhere answers by
/// whatever ICU the machine has. A canonical form must be the same on every silo, today and after an upgrade.
/// </remarks>
static class UnicodeForm
{
    // Everything below is normal already and combines with nothing before it.
    const char FirstCombining = '\u0300';

    const int HangulBase = 0xAC00, LeadBase = 0x1100, VowelBase = 0x1161, TrailBase = 0x11A7;
    const int LeadCount = 19, VowelCount = 21, TrailCount = 28, HangulCount = LeadCount * VowelCount * TrailCount;

    static readonly FrozenDictionary<int, (int First, int Second)> Parts = ReadParts();
    static readonly FrozenDictionary<(int First, int Second), int> Composites = ReadComposites();
    static readonly FrozenDictionary<int, byte> Classes = ReadClasses();

    /// <summary>The text with every character composed as far as it goes (NFC). A lone surrogate is kept; callers refuse it.</summary>
    internal static string Compose(string text) =>
        text.AsSpan().IndexOfAnyInRange(FirstCombining, '\uffff') < 0 ? text : Text(Recompose(Decomposed(text)));

    /// <summary>The text with every character taken apart (NFD).</summary>
    internal static string Decompose(string text) => Text(Decomposed(text));

    static List<int> Decomposed(string text)
    {
        var runes = new List<int>(text.Length + 8);
        for (var i = 0; i < text.Length; i++)
        {
            int rune = text[i];
            if (char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1])) rune = char.ConvertToUtf32(text[i], text[++i]);
            Decompose(rune, runes);
        }
        Order(runes);
        return runes;
    }

    static void Decompose(int rune, List<int> into)
    {
        var syllable = rune - HangulBase;
        if (syllable is >= 0 and < HangulCount)
        {
            into.Add(LeadBase + (syllable / (VowelCount * TrailCount)));
            into.Add(VowelBase + (syllable % (VowelCount * TrailCount) / TrailCount));
            if (syllable % TrailCount > 0) into.Add(TrailBase + (syllable % TrailCount));
        }
        else if (rune >= 0xC0 && Parts.TryGetValue(rune, out var parts))
        {
            // Only the first part ever decomposes further, at most three times in all of Unicode.
            Decompose(parts.First, into);
            if (parts.Second != 0) Decompose(parts.Second, into);
        }
        else
        {
            into.Add(rune);
        }
    }

    // Marks on one letter in the order of their classes; those of one class keep theirs.
    static void Order(List<int> runes)
    {
        for (var i = 0; i < runes.Count; i++)
        {
            if (ClassOf(runes[i]) == 0) continue;
            var end = i + 1;
            var sorted = true;
            for (; end < runes.Count && ClassOf(runes[end]) != 0; end++) sorted &= ClassOf(runes[end - 1]) <= ClassOf(runes[end]);
            if (!sorted)
            {
                // A stable sort, so that a text of nothing but marks costs n log n and not n².
                int[] marks = [.. runes.GetRange(i, end - i).OrderBy(ClassOf)];
                for (var m = 0; m < marks.Length; m++) runes[i + m] = marks[m];
            }
            i = end - 1;
        }
    }

    static List<int> Recompose(List<int> runes)
    {
        var composed = new List<int>(runes.Count);
        var starter = -1;
        var lastClass = -1;
        foreach (var rune in runes)
        {
            int own = ClassOf(rune);
            if (starter >= 0 && lastClass < own | lastClass == -1 && Composite(composed[starter], rune) is { } composite)
            {
                composed[starter] = composite;
                continue;
            }
            if (own == 0)
            {
                starter = composed.Count;
                lastClass = -1;
            }
            else
            {
                lastClass = own;
            }
            composed.Add(rune);
        }
        return composed;
    }

    static int? Composite(int first, int second)
    {
        if (first is >= LeadBase and < LeadBase + LeadCount && second is >= VowelBase and < VowelBase + VowelCount)
        {
            return HangulBase + ((((first - LeadBase) * VowelCount) + second - VowelBase) * TrailCount);
        }
        if (first - HangulBase is >= 0 and < HangulCount && (first - HangulBase) % TrailCount == 0
            && second is > TrailBase and < TrailBase + TrailCount)
        {
            return first + second - TrailBase;
        }
        return Composites.TryGetValue((first, second), out var composite) ? composite : null;
    }

    static byte ClassOf(int rune) => rune < FirstCombining ? (byte)0 : Classes.GetValueOrDefault(rune);

    static string Text(List<int> runes)
    {
        var text = new StringBuilder(runes.Count);
        foreach (var rune in runes)
        {
            if (rune < 0x10000) text.Append((char)rune);
            else text.Append(char.ConvertFromUtf32(rune));
        }
        return text.ToString();
    }

    static FrozenDictionary<int, (int First, int Second)> ReadParts()
    {
        var table = UnicodeTables.Decompositions;
        var parts = new Dictionary<int, (int, int)>();
        for (var i = 0; i < table.Length; i += 4) parts.Add(table[i], (table[i + 1], table[i + 2]));
        return parts.ToFrozenDictionary();
    }

    static FrozenDictionary<(int First, int Second), int> ReadComposites()
    {
        var table = UnicodeTables.Decompositions;
        var composites = new Dictionary<(int, int), int>();
        for (var i = 0; i < table.Length; i += 4)
        {
            if (table[i + 3] == 1) composites.Add((table[i + 1], table[i + 2]), table[i]);
        }
        return composites.ToFrozenDictionary();
    }

    static FrozenDictionary<int, byte> ReadClasses()
    {
        var table = UnicodeTables.CombiningClasses;
        var classes = new Dictionary<int, byte>();
        for (var i = 0; i < table.Length; i += 3)
        {
            for (var rune = table[i]; rune <= table[i + 1]; rune++) classes.Add(rune, (byte)table[i + 2]);
        }
        return classes.ToFrozenDictionary();
    }
}
