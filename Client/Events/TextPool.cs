namespace OrleansCrm.Client.Events;

/// <summary>The few texts that come again with every event (systems, objects, record types), kept so that they are made once.</summary>
/// <remarks>Not for many threads. Forgets everything when full: texts that never come again would fill it for good otherwise.</remarks>
sealed class TextPool
{
    const int TextsMax = 512;
    readonly HashSet<string> _texts = new(StringComparer.Ordinal);
    readonly HashSet<string>.AlternateLookup<ReadOnlySpan<char>> _bySpan;

    public TextPool() => _bySpan = _texts.GetAlternateLookup<ReadOnlySpan<char>>();

    public string Get(ReadOnlySpan<char> text)
    {
        if (_bySpan.TryGetValue(text, out var known)) return known;
        if (_texts.Count == TextsMax) _texts.Clear();
        var made = new string(text);
        _texts.Add(made);
        return made;
    }
}
