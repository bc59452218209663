namespace OrleansCrm.Domain.Intake;

/// <summary>Which customer held a source record when last heard of. May be wrong at any time: the customer says so and is looked up again.</summary>
sealed class RecordCache(int countMax)
{
    readonly Dictionary<SourceRecord, LinkedListNode<(SourceRecord Record, string CustomerId)>> _nodes = [];

    // Used last first.
    readonly LinkedList<(SourceRecord Record, string CustomerId)> _byUse = [];

    public string? Find(SourceRecord record)
    {
        if (!_nodes.TryGetValue(record, out var node)) return null;
        _byUse.Remove(node);
        _byUse.AddFirst(node);
        return node.Value.CustomerId;
    }

    public void Remember(SourceRecord record, string customerId)
    {
        if (countMax == 0) return;
        if (_nodes.TryGetValue(record, out var node))
        {
            node.Value = (record, customerId);
            _byUse.Remove(node);
            _byUse.AddFirst(node);
            return;
        }
        if (_nodes.Count == countMax)
        {
            _nodes.Remove(_byUse.Last!.Value.Record);
            _byUse.RemoveLast();
        }
        _nodes.Add(record, _byUse.AddFirst((record, customerId)));
    }

    /// <summary>Forgets that this customer held the record; if another one does by now, that stays.</summary>
    public void Forget(SourceRecord record, string customerId)
    {
        if (!_nodes.TryGetValue(record, out var node) || node.Value.CustomerId != customerId) return;
        _nodes.Remove(record);
        _byUse.Remove(node);
    }
}
