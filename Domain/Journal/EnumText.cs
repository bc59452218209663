using System.Text;

namespace OrleansCrm.Domain.Journal;

/// <summary>The words for the members of an enum: lower case, hyphens between words (<c>out-of-scope</c>).</summary>
static class EnumText<T>
    where T : struct, Enum
{
    static readonly T[] Values = Enum.GetValues<T>();
    static readonly byte[][] Words = [.. Enum.GetNames<T>().Select(n => Encoding.UTF8.GetBytes(Word(n)))];

    /// <exception cref="ArgumentOutOfRangeException">The value has no name.</exception>
    public static ReadOnlySpan<byte> Of(T value)
    {
        for (var i = 0; i < Values.Length; i++)
        {
            if (EqualityComparer<T>.Default.Equals(Values[i], value)) return Words[i];
        }
        throw new ArgumentOutOfRangeException(nameof(value), value, $"No such {typeof(T).Name}.");
    }

    public static bool TryRead(ReadOnlySpan<byte> word, out T value)
    {
        for (var i = 0; i < Words.Length; i++)
        {
            if (!word.SequenceEqual(Words[i])) continue;
            value = Values[i];
            return true;
        }
        value = default;
        return false;
    }

    static string Word(string name)
    {
        var word = new StringBuilder();
        foreach (var c in name)
        {
            if (char.IsAsciiLetterUpper(c) && word.Length > 0) word.Append('-');
            word.Append(char.ToLowerInvariant(c));
        }
        return word.ToString();
    }
}
