using System.Runtime.InteropServices;

namespace OrleansCrm.Domain.Intake;

/// <summary>Which customer held a source record when last heard of. May be wrong at any time: the customer says so and is looked up again.</summary>
/// <remarks>
/// The order of use is kept as places in one array, not as a list of nodes: half a million nodes that each question
/// rewrites would be looked at in every garbage collection.
/// </remarks>
sealed class RecordCache(int countMax)
{
    const int None = -1;

    readonly Dictionary<SourceRecord, int> _places = [];
    readonly List<Node> _nodes = [];
    int _usedLast = None;
    int _usedFirst = None;
    int _free = None;

    public string? Find(SourceRecord record)
    {
        if (!_places.TryGetValue(record, out var place)) return null;
        Use(place);
        return _nodes[place].CustomerId;
    }

    public void Remember(SourceRecord record, string customerId)
    {
        if (countMax == 0) return;
        if (_places.TryGetValue(record, out var place))
        {
            ref var known = ref At(place);
            if (known.CustomerId != customerId) known.CustomerId = customerId;
            Use(place);
            return;
        }
        if (_places.Count == countMax) Free(_usedFirst);
        if (_free == None)
        {
            place = _nodes.Count;
            _nodes.Add(default);
        }
        else
        {
            place = _free;
            _free = At(place).Earlier;
        }
        At(place) = new() { Record = record, CustomerId = customerId };
        _places.Add(record, place);
        PutLast(place);
    }

    /// <summary>Forgets that this customer held the record; if another one does by now, that stays.</summary>
    public void Forget(SourceRecord record, string customerId)
    {
        if (_places.TryGetValue(record, out var place) && _nodes[place].CustomerId == customerId) Free(place);
    }

    ref Node At(int place) => ref CollectionsMarshal.AsSpan(_nodes)[place];

    void Use(int place)
    {
        if (place == _usedLast) return;
        TakeOut(place);
        PutLast(place);
    }

    void Free(int place)
    {
        TakeOut(place);
        _places.Remove(At(place).Record);
        At(place) = new() { Earlier = _free };
        _free = place;
    }

    void PutLast(int place)
    {
        ref var node = ref At(place);
        (node.Earlier, node.Later) = (_usedLast, None);
        if (_usedLast == None) _usedFirst = place;
        else At(_usedLast).Later = place;
        _usedLast = place;
    }

    void TakeOut(int place)
    {
        var (earlier, later) = (At(place).Earlier, At(place).Later);
        if (earlier == None) _usedFirst = later;
        else At(earlier).Later = later;
        if (later == None) _usedLast = earlier;
        else At(later).Earlier = earlier;
    }

    struct Node
    {
        public SourceRecord Record;
        public string CustomerId;

        /// <summary>The place used just before this one; of a free place, the next free one.</summary>
        public int Earlier;
        public int Later;
    }
}
