using System.Text.Json;

namespace OrleansCrm.Cells.Checks;

/// <summary>Everything that the hub's change feed tells, from the beginning to its tail.</summary>
sealed class Journal
{
    readonly Dictionary<string, List<long>> _revisions = new(StringComparer.Ordinal);
    readonly Dictionary<string, Dictionary<string, string>> _folded = new(StringComparer.Ordinal);
    readonly Dictionary<(string System, string Id), int> _edits = [];
    readonly Dictionary<string, string> _systemOfLink = new(StringComparer.Ordinal);

    readonly Dictionary<string, List<int>> _definitions = new(StringComparer.Ordinal);
    readonly List<(string Customer, long Revision, int Definition, string Field, string System)> _setters = [];

    /// <summary>The version of the definition that each entry of a customer was decided under, in the order told.</summary>
    public IReadOnlyDictionary<string, List<int>> Definitions => _definitions;

    /// <summary>Whose value each change of a golden value took.</summary>
    public IReadOnlyList<(string Customer, long Revision, int Definition, string Field, string System)> Setters => _setters;

    /// <summary>Revisions by customer, in the order told.</summary>
    public IReadOnlyDictionary<string, List<long>> Revisions => _revisions;

    /// <summary>How often an edit stands in the journal.</summary>
    public int CountOf(string system, string editId) => _edits.GetValueOrDefault((system, editId));

    /// <summary>Golden values as the feed left them, canonical JSON by field.</summary>
    public IReadOnlyDictionary<string, string> GoldenOf(string customer) => _folded.GetValueOrDefault(customer) ?? [];

    public static async Task<Journal> ReadAsync(HttpClient hub)
    {
        var journal = new Journal();
        string? cursor = null;
        for (var tail = false; !tail;)
        {
            using var answer = await hub.GetAsync($"/v1/changes?include=all&max=1000{(cursor is null ? "" : "&after=" + Uri.EscapeDataString(cursor))}");
            answer.EnsureSuccessStatusCode();
            using var lines = new StreamReader(await answer.Content.ReadAsStreamAsync());
            while (await lines.ReadLineAsync() is { } line)
            {
                if (line.Length == 0) continue;
                using var document = JsonDocument.Parse(line);
                if (document.RootElement.TryGetProperty("cursor", out var next))
                {
                    cursor = next.GetString();
                    tail = document.RootElement.GetProperty("tail").GetBoolean();
                }
                else
                {
                    journal.Take(document.RootElement);
                }
            }
        }
        return journal;
    }

    void Take(JsonElement change)
    {
        var customer = change.GetProperty("subject").GetString()!;
        var data = change.GetProperty("data");
        if (!_revisions.TryGetValue(customer, out var revisions)) _revisions.Add(customer, revisions = []);
        var revision = data.GetProperty("revision").GetInt64();
        revisions.Add(revision);
        var entry = data.GetProperty("entry");
        var definition = entry.TryGetProperty("def", out var def) ? def.GetInt32() : 0;
        if (!_definitions.TryGetValue(customer, out var definitions)) _definitions.Add(customer, definitions = []);
        definitions.Add(definition);
        if (data.TryGetProperty("fields", out var fields))
        {
            if (!_folded.TryGetValue(customer, out var golden)) _folded.Add(customer, golden = new(StringComparer.Ordinal));
            foreach (var field in fields.EnumerateObject())
            {
                var before = golden.GetValueOrDefault(field.Name);
                if (field.Value.TryGetProperty("value", out var value)) golden[field.Name] = value.GetRawText();
                else golden.Remove(field.Name);

                // A value that only holds on, because nobody to whom the field was given has spoken yet, was set by nobody.
                if (golden.GetValueOrDefault(field.Name) == before) continue;
                if (field.Value.TryGetProperty("system", out var system)) _setters.Add((customer, revision, definition, field.Name, system.GetString()!));
            }
        }

        if (entry.TryGetProperty("links", out var links))
        {
            foreach (var link in links.EnumerateArray()) _systemOfLink[customer + link.GetProperty("id").GetString()] = link.GetProperty("system").GetString()!;
        }
        if (!entry.TryGetProperty("edits", out var edits)) return;
        foreach (var edit in edits.EnumerateArray())
        {
            var system = _systemOfLink[customer + edit.GetProperty("link").GetString()];
            var id = edit.GetProperty("id").GetString()!;
            _edits[(system, id)] = _edits.GetValueOrDefault((system, id)) + 1;
        }
    }
}
