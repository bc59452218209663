namespace OrleansCrm.Domain.Definitions.Reading;

/// <summary>Finds the word that was probably meant.</summary>
static class Suggestion
{
    const int LengthMax = 64;

    /// <summary>Words of other tools for what is called otherwise here.</summary>
    static readonly Dictionary<string, string> Synonyms = new(StringComparer.Ordinal)
    {
        ["string"] = "text", ["varchar"] = "text", ["str"] = "text", ["integer"] = "number", ["int"] = "number", ["float"] = "decimal",
        ["double"] = "decimal", ["bool"] = "boolean", ["enum"] = "choice", ["picklist"] = "choice", ["timestamp"] = "dateTime",
        ["textarea"] = "longText", ["lookup"] = "reference", ["currency"] = "money", ["multiselect"] = "multiChoice", ["multipicklist"] = "multiChoice",
        ["name"] = "hub", ["retry"] = "retryPolicy", ["keys"] = "identity", ["identitykeys"] = "identity", ["connection"] = "settings",
        ["dryrun"] = "shadow", ["readonly"] = "observe", ["production"] = "live", ["inbound"] = "in", ["outbound"] = "out", ["bidirectional"] = "both",
        ["winner"] = "owners", ["priority"] = "owners", ["max"] = "highest", ["min"] = "lowest", ["newest"] = "latest", ["mostrecent"] = "latest",
        ["oldest"] = "first", ["mapping"] = "mappings", ["requires"] = "requiredToCreate", ["filter"] = "scope", ["credentials"] = "auth",
    };

    /// <returns>The known word nearest to the given one, or null when none is near.</returns>
    public static string? For(string given, IEnumerable<string> known)
    {
        if (given.Length is 0 or > LengthMax) return null;
        var plain = Plain(given);
        string? nearest = null;
        var least = Math.Max(1, plain.Length / 3) + 1;
        foreach (var word in known)
        {
            if (word.Length > LengthMax) continue;
            if (Synonyms.TryGetValue(plain, out var synonym) && synonym == word) return word;
            var distance = Distance(plain, Plain(word), least);
            if (distance >= least) continue;
            least = distance;
            nearest = word;
        }
        return nearest;
    }

    /// <summary>A fix sentence: the near word first, then what is allowed (a bounded few).</summary>
    public static string Fix(string given, IReadOnlyCollection<string> known, string what)
    {
        const int shown = 24;
        var allowed = known.Count == 0 ? $"No {what} is declared." : $"{char.ToUpperInvariant(what[0])}{what[1..]}: {string.Join(", ", known.Take(shown))}{(known.Count > shown ? ", …" : "")}.";
        return For(given, known) is { } near ? $"Did you mean '{near}'? {allowed}" : allowed;
    }

    /// <summary>A short, single-line quotation of what the author wrote.</summary>
    public static string Quote(string text)
    {
        const int longest = 40;
        var line = string.Concat(text.Select(c => char.IsControl(c) ? ' ' : c));
        if (line.Length <= longest) return $"'{line}'";
        var cut = char.IsHighSurrogate(line[longest - 1]) ? longest - 1 : longest;
        return $"'{line[..cut]}…'";
    }

    static string Plain(string word) => string.Concat(word.Where(c => c is not ('-' or '_' or ' ' or '.'))).ToLowerInvariant();

    // Edits with swaps of neighbours; gives up beyond the bound.
    static int Distance(string a, string b, int bound)
    {
        if (Math.Abs(a.Length - b.Length) >= bound) return bound;
        var twoUp = new int[b.Length + 1];
        var up = Enumerable.Range(0, b.Length + 1).ToArray();
        var row = new int[b.Length + 1];
        for (var i = 1; i <= a.Length; i++)
        {
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var cost = a[i - 1] == b[j - 1] ? 0 : 1;
                row[j] = Math.Min(Math.Min(row[j - 1] + 1, up[j] + 1), up[j - 1] + cost);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = Math.Min(row[j], twoUp[j - 2] + 1);
            }
            (twoUp, up, row) = (up, row, twoUp);
        }
        return up[b.Length];
    }
}
