using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace OrleansCrm.Storage.Documents;

/// <summary>Names that come from outside (external ids, edit ids, keys) in a spelling that every database takes, different for different names.</summary>
/// <remarks>PostgreSQL refuses U+0000 in a text, no database keeps half a surrogate pair, and an index row has a largest size: one such name would stop a whole batch.</remarks>
static class StoredName
{
    // PostgreSQL's index rows end at about 2,700 bytes; a source record's three parts share one.
    const int BytesMax = 2_000;

    static readonly SearchValues<char> Suspects = SearchValues.Create([
        '\0', '\\', .. Enumerable.Range(0xD800, 0x800).Select(c => (char)c)]);

    public static string Of(string name)
    {
        var plain = !name.AsSpan().ContainsAny(Suspects);
        if (plain && name.Length <= BytesMax / 3) return name;
        var spelled = plain ? name : Escaped(name);
        return Encoding.UTF8.GetByteCount(spelled) <= BytesMax
            ? spelled
            : @"\#" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(spelled)));
    }

    /// <summary>The name that was stored in this spelling.</summary>
    /// <exception cref="ArgumentException">It was too long: only its hash was stored.</exception>
    public static string Read(string stored)
    {
        if (!stored.Contains('\\', StringComparison.Ordinal)) return stored;
        var text = new StringBuilder(stored.Length);
        for (var i = 0; i < stored.Length; i++)
        {
            if (stored[i] != '\\') text.Append(stored[i]);
            else if (stored[i + 1] == '\\') text.Append(stored[++i]);
            else if (stored[i + 1] == '#') throw new ArgumentException("Of a name that is too long only its hash is stored.", nameof(stored));
            else
            {
                text.Append((char)ushort.Parse(stored.AsSpan(i + 1, 4), NumberStyles.HexNumber, CultureInfo.InvariantCulture));
                i += 4;
            }
        }
        return text.ToString();
    }

    static string Escaped(string name)
    {
        var text = new StringBuilder(name.Length + 16);
        for (var i = 0; i < name.Length; i++)
        {
            var c = name[i];
            if (c == '\\') text.Append(@"\\");
            else if (char.IsHighSurrogate(c) && i + 1 < name.Length && char.IsLowSurrogate(name[i + 1])) text.Append(c).Append(name[++i]);
            else if (c == '\0' || char.IsSurrogate(c)) text.Append(CultureInfo.InvariantCulture, $@"\{(int)c:x4}");
            else text.Append(c);
        }
        return text.ToString();
    }
}
