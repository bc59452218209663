using System.Text;

namespace OrleansCrm.Domain.Journal;

/// <summary>
/// Gives names that are read again and again (fields, systems, objects, rules) one string each, so that a look-up in a
/// <see cref="Values.FieldMap{T}"/> by reference finds them and a thousand customers do not hold a thousand copies.
/// </summary>
/// <remarks>
/// Bounded: a name that finds its places taken replaces one of them. Threads may race for a place; the loser's string is
/// as good as the winner's, only not the same.
/// </remarks>
static class NamePool
{
    const int Sets = 1024;
    const int Ways = 4;
    const int BytesMax = 64;

    static readonly string?[] Places = new string?[Sets * Ways];

    /// <summary>The string for a name in UTF-8; long ones are not pooled.</summary>
    /// <exception cref="ArgumentException">The bytes are not UTF-8.</exception>
    public static string Get(ReadOnlySpan<byte> name)
    {
        if (name.IsEmpty) return "";
        if (name.Length > BytesMax) return Encoding.UTF8.GetString(name);
        Span<char> chars = stackalloc char[BytesMax];
        // A name that is not UTF-8 is taken with replacement characters, as the reader of other texts would refuse it earlier.
        var length = Encoding.UTF8.GetChars(name, chars);
        return Get((ReadOnlySpan<char>)chars[..length]);
    }

    static string Get(ReadOnlySpan<char> name)
    {
        var at = SetOf(name);
        for (var i = at; i < at + Ways; i++)
        {
            if (Places[i] is { } known && name.SequenceEqual(known)) return known;
        }
        var made = new string(name);
        Put(at, made);
        return made;
    }

    /// <summary>Makes this very string the one for its name: those of a definition, which everybody else's are compared with.</summary>
    public static void Prefer(string name)
    {
        if (name.Length is 0 or > BytesMax) return;
        var at = SetOf(name);
        for (var i = at; i < at + Ways; i++)
        {
            if (Places[i] is not { } known || known != name) continue;
            Places[i] = name;
            return;
        }
        Put(at, name);
    }

    static void Put(int at, string name)
    {
        for (var i = at; i < at + Ways; i++)
        {
            if (Places[i] is not null) continue;
            Places[i] = name;
            return;
        }
        Places[at + (name.Length % Ways)] = name;
    }

    // FNV-1a: names are short, and a fixed hash makes a run repeatable.
    static int SetOf(ReadOnlySpan<char> name)
    {
        var hash = 2166136261;
        foreach (var c in name) hash = (hash ^ c) * 16777619;
        return (int)((hash ^ (hash >> 15)) % Sets) * Ways;
    }
}
