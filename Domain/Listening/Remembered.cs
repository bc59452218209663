namespace OrleansCrm.Domain.Listening;

/// <summary>The edit ids heard last, in two generations: when the younger is full the older is forgotten.</summary>
sealed class Remembered(int most)
{
    readonly int _half = Math.Max(1, most / 2);
    HashSet<string> _younger = new(StringComparer.Ordinal);
    HashSet<string> _older = new(StringComparer.Ordinal);

    public bool Contains(string id) => _younger.Contains(id) || _older.Contains(id);

    public void Add(string id)
    {
        if (_younger.Count >= _half)
        {
            (_older, _younger) = (_younger, _older);
            _younger.Clear();
        }
        _younger.Add(id);
    }
}
