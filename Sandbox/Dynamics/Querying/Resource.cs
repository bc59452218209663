using System.Buffers;
using System.Globalization;
using System.Text;
using OrleansCrm.Sandbox.Dynamics.Records;

namespace OrleansCrm.Sandbox.Dynamics.Querying;

/// <summary>A piece of an address: a name, and what stands behind it in parentheses.</summary>
/// <param name="Key">Null: there are no parentheses.</param>
readonly record struct Segment(string Name, string? Key);

/// <summary>An address behind the service's base: its pieces and its query.</summary>
sealed class Resource
{
    const int SegmentsMax = 10;

    /// <summary>Characters that no value of a key may hold in an address, escaped or not.</summary>
    static readonly SearchValues<char> Reserved = SearchValues.Create("/<>*%&:\\?+");

    Resource(IReadOnlyList<Segment> segments, IReadOnlyDictionary<string, string> query) => (Segments, Query) = (segments, query);

    public IReadOnlyList<Segment> Segments { get; }

    /// <summary>Decoded, by name.</summary>
    public IReadOnlyDictionary<string, string> Query { get; }

    public string? Option(string name) => Query.GetValueOrDefault(name);

    /// <param name="address">What stands behind <c>/api/data/v9.2/</c>, not decoded.</param>
    /// <exception cref="Refusal">It is no address.</exception>
    public static Resource Parse(string address)
    {
        var mark = address.IndexOf('?', StringComparison.Ordinal);
        var path = mark < 0 ? address : address[..mark];
        var query = new Dictionary<string, string>(StringComparer.Ordinal);
        if (mark >= 0)
        {
            foreach (var pair in address[(mark + 1)..].Split('&', StringSplitOptions.RemoveEmptyEntries))
            {
                var cut = pair.IndexOf('=', StringComparison.Ordinal);
                if (cut > 0) query[Decoded(pair[..cut])] = Decoded(pair[(cut + 1)..]);
            }
        }
        var segments = new List<Segment>();
        foreach (var piece in Pieces(path))
        {
            if (segments.Count == SegmentsMax) throw Refusals.BadAddress();
            var open = piece.IndexOf('(', StringComparison.Ordinal);
            if (open < 0) segments.Add(new Segment(piece, null));
            else if (piece[^1] == ')') segments.Add(new Segment(piece[..open], piece[(open + 1)..^1]));
            else throw Refusals.NoSegment(piece);
        }
        return new Resource(segments, query);
    }

    static string Decoded(string text) => Uri.UnescapeDataString(text.Replace('+', ' '));

    // Slashes part the pieces, except between quotation marks; then each is decoded.
    static IEnumerable<string> Pieces(string path)
    {
        var piece = new StringBuilder();
        var quoted = false;
        foreach (var sign in path)
        {
            if (sign == '\'') quoted = !quoted;
            if (sign == '/' && !quoted)
            {
                if (piece.Length > 0) yield return Uri.UnescapeDataString(piece.ToString());
                piece.Clear();
            }
            else
            {
                piece.Append(sign);
            }
        }
        if (piece.Length > 0) yield return Uri.UnescapeDataString(piece.ToString());
    }

    /// <summary>The names and values of a key in parentheses; a single id without a name has an empty one.</summary>
    /// <exception cref="Refusal">It cannot be read, or a value holds a reserved character.</exception>
    public static IReadOnlyList<KeyValuePair<string, string>> Keys(string key)
    {
        var keys = new List<KeyValuePair<string, string>>();
        var at = 0;
        while (at < key.Length)
        {
            var equals = key.IndexOf('=', at);
            var quote = key.IndexOf('\'', at);
            var name = equals > 0 && (quote < 0 || equals < quote) ? key[at..equals].Trim() : "";
            if (name.Length > 0) at = equals + 1;
            var value = new StringBuilder();
            if (at < key.Length && key[at] == '\'')
            {
                at++;
                while (true)
                {
                    if (at >= key.Length) throw Refusals.Syntax(string.Create(CultureInfo.InvariantCulture, $"There is an unterminated string literal at position {at} in '{key}'."));
                    if (key[at] != '\'') value.Append(key[at++]);
                    else if (at + 1 < key.Length && key[at + 1] == '\'')
                    {
                        value.Append('\'');
                        at += 2;
                    }
                    else
                    {
                        at++;
                        break;
                    }
                }
                if (value.ToString().AsSpan().ContainsAny(Reserved)) throw Refusals.BadAddress();
            }
            else
            {
                while (at < key.Length && key[at] != ',') value.Append(key[at++]);
            }
            keys.Add(KeyValuePair.Create(name, value.ToString().Trim()));
            if (at < key.Length && key[at++] != ',') throw Refusals.Syntax($"Bad Request - Error in query syntax.");
        }
        return keys.Count > 0 ? keys : throw Refusals.Syntax("Bad Request - Error in query syntax.");
    }
}
