using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Delivery;

namespace OrleansCrm.Simulation;

/// <summary>Rule 6, at every moment and not only in the end: a link that needs something, or somebody, has a row, or a mark that the delivery has yet to read.</summary>
sealed partial class World
{
    readonly Dictionary<(int System, int Partition), long> _passed = [];

    /// <summary>A row is gone: nobody must be left waiting for it.</summary>
    void WatchLetGo(int system, DeliveryEffect.SaveRows save)
    {
        foreach (var key in save.Removals) WatchLookedAfter(system, key, "was let go of");
    }

    /// <summary>A cursor has moved: what the entries behind it marked is a row, or needs nothing any more.</summary>
    void WatchPassed(int system, DeliveryEffect.Mark mark)
    {
        foreach (var cursor in mark.Cursors)
        {
            var journal = _store.Journal(cursor.Partition);
            for (var i = _passed.GetValueOrDefault((system, cursor.Partition)); i < cursor.Sequence; i++)
            {
                var entry = journal[(int)i].Entry;
                foreach (var due in entry.Due)
                {
                    if (string.Equals(due.System, _systems[system].Plan.Name, StringComparison.Ordinal)) WatchLookedAfter(system, new(entry.CustomerId, due.LinkId), "was marked and passed");
                }
            }
            _passed[(system, cursor.Partition)] = cursor.Sequence;
        }
    }

    void WatchLookedAfter(int system, LinkKey key, string how)
    {
        if (_store.DeliveryOf(system).Row(key.CustomerId, key.LinkId) is not null) return;
        var customer = _store.Peek(key.CustomerId);
        if (customer.Link(key.LinkId) is not { } link) return;
        // Of what a newer definition asks for the next entry of the customer tells.
        var plan = Planner.Outlook(customer, link, _plan.Definitions[customer.DefinitionVersion - 1], _clock.NowUtc);
        if (!(Planner.IsOpen(plan) || plan is LinkPlan.Park) || HasMarkAhead(system, key)) return;
        Violate(6, $"{key.CustomerId} {key.LinkId} {how} by the delivery to {_systems[system].Plan.Name} at revision {customer.Revision}, where it needs {plan}, and no mark is left to be read");
    }

    bool HasMarkAhead(int system, LinkKey key)
    {
        var partition = Partitions.Of(key.CustomerId, _plan.PartitionCount);
        var journal = _store.Journal(partition);
        for (var i = journal.Count - 1; i >= _store.DeliveryOf(system).CursorOf(partition); i--)
        {
            var entry = journal[i].Entry;
            if (!string.Equals(entry.CustomerId, key.CustomerId, StringComparison.Ordinal)) continue;
            foreach (var due in entry.Due)
            {
                if (string.Equals(due.LinkId, key.LinkId, StringComparison.Ordinal)) return true;
            }
        }
        return false;
    }
}
