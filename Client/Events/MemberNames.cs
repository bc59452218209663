using System.Text.Json;

namespace OrleansCrm.Client.Events;

/// <summary>Notices a member that is there twice in one JSON object, at any depth: JSON lets it be, and every reader makes something else of it.</summary>
/// <remarks>Compares bytes while an object is small and its names are plain; else decoded names in a set, so that a hostile object costs no square.</remarks>
sealed class MemberNames
{
    const int PlainMax = 32;
    readonly List<Scope> _scopes = [];
    readonly List<(int Start, int Length)> _plain = [];
    int _depth;

    public void Reset()
    {
        _depth = 0;
        _plain.Clear();
    }

    public void Enter()
    {
        if (_depth == _scopes.Count) _scopes.Add(new());
        var scope = _scopes[_depth++];
        scope.Start = _plain.Count;
        scope.IsDecoded = false;
        scope.Decoded.Clear();      // may hold names of an object that was left in the middle
    }

    public void Leave()
    {
        var scope = _scopes[--_depth];
        _plain.RemoveRange(scope.Start, _plain.Count - scope.Start);
    }

    /// <summary>Takes the name at which the reader stands.</summary>
    /// <param name="text">All that the reader reads.</param>
    /// <returns>False: the object has it already.</returns>
    /// <exception cref="InvalidOperationException">The name holds half of a surrogate pair.</exception>
    public bool TryAdd(scoped in Utf8JsonReader reader, ReadOnlySpan<byte> text)
    {
        var scope = _scopes[_depth - 1];
        var count = _plain.Count - scope.Start;
        if (!scope.IsDecoded)
        {
            if (!reader.ValueIsEscaped && count < PlainMax)
            {
                var name = reader.ValueSpan;
                for (var i = scope.Start; i < _plain.Count; i++)
                {
                    var (start, length) = _plain[i];
                    if (name.SequenceEqual(text.Slice(start, length))) return false;
                }
                _plain.Add(((int)reader.TokenStartIndex + 1, name.Length));
                return true;
            }
            scope.IsDecoded = true;
            for (var i = scope.Start; i < _plain.Count; i++) scope.Decoded.Add(System.Text.Encoding.UTF8.GetString(text.Slice(_plain[i].Start, _plain[i].Length)));
        }
        return scope.Decoded.Add(reader.GetString()!);
    }

    sealed class Scope
    {
        public int Start;
        public bool IsDecoded;
        public readonly HashSet<string> Decoded = new(StringComparer.Ordinal);
    }
}
