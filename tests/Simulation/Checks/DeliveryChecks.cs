using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Resolution;
using OrleansCrm.Domain.Values;
using OrleansCrm.Simulation.FakeSystems;
using OrleansCrm.Simulation.Plans;

namespace OrleansCrm.Simulation;

/// <summary>Rules 6 and 9: every reachable system holds golden at the end, at a bounded price, and nothing was created twice.</summary>
sealed partial class World
{
    /// <summary>Writes per save that was not the hub's, per system: what coming to golden may cost, retries and fights included.</summary>
    const int WritesPerSave = 12;

    void CheckGolden()
    {
        foreach (var id in _store.CustomerIds)
        {
            var customer = Fold(id);
            if (customer.Status == CustomerStatus.Deleted) CheckRemoved(customer);
            if (customer.Status != CustomerStatus.Living) continue;
            for (var s = 0; s < _systems.Length; s++) CheckGoldenIn(customer, s);
        }
        CheckRows();
        CheckPrice();
    }

    void CheckGoldenIn(Customer customer, int index)
    {
        var system = _systems[index];
        var mapping = system.Plan.Definition.MappingOf(customer.RecordType);
        if (mapping is null || system.Plan.Definition.Mode != SystemMode.Live) return;
        var present = false;
        foreach (var link in customer.Links)
        {
            if (!string.Equals(link.System, system.Plan.Name, StringComparison.Ordinal)) continue;
            present = true;
            if (link.State == LinkState.Linked) CheckLinked(customer, link, system, index);
            else if (link.State is LinkState.Wanted or LinkState.Creating) CheckWanted(customer, link, system, index);
        }
        if (!present && mapping.Create == CreatePolicy.InScope) Violate(6, $"{customer.Id} has no link in {system.Plan.Name}, where it belongs");
    }

    /// <summary>What a system that may has deleted is gone wherever the mapping says so.</summary>
    void CheckRemoved(Customer customer)
    {
        foreach (var link in customer.Links)
        {
            var index = IndexOf(link.System);
            if (index < 0 || link.State != LinkState.Linked || _systems[index].Plan.Definition.Mode != SystemMode.Live || link.Trouble is not null) continue;
            if (_systems[index].ObjectOf(link.Object).Mapping.Delete == DeletePolicy.Never || _store.DeliveryOf(index).Row(customer.Id, link.Id) is { State: DueState.Parked }) continue;
            Violate(6, $"{customer.Id} is deleted, and {link.Source} is still there");
        }
    }

    void CheckLinked(Customer customer, Link link, FakeSystem system, int index)
    {
        var record = system.Find(link.ExternalId!);
        if (record is null)
        {
            Violate(6, $"{customer.Id} {link.Id} is linked to {link.Source}, which never was");
            return;
        }
        if (!record.Lives)
        {
            Violate(6, $"{customer.Id} {link.Id} is linked to {link.Source}, which is gone");
            return;
        }
        var row = _store.DeliveryOf(index).Row(customer.Id, link.Id);
        if (row is { State: DueState.Due or DueState.Retrying }) Violate(6, $"{customer.Id} {link.Id} in {system.Plan.Name} is still {row.State} ({row.Reason}) after {_rounds} quiet rounds");
        if (link.Trouble is { Code: "INVALID_VALUE" }) Violate(10, $"{customer.Id} {link.Id} in {system.Plan.Name} waits for a person as a whole, where only fields were refused");
        CheckShown(customer, link, system, row);
        if (link.Trouble is not null || (row is { State: DueState.Parked } && !IsAboutFields(link, row))) return;

        var type = _plan.Types[record.Object.Type];
        var definition = Newest.RecordType(customer.RecordType)!;
        foreach (var mapped in record.Object.Mapping.Outgoing)
        {
            if (link.Troubles.Get(mapped.Field) is { Kind: TroubleKind.Parked or TroubleKind.Contested } trouble)
            {
                CheckReason(customer, link, record, type.IndexOf(mapped.Field), mapped.Field, trouble);
                continue;
            }
            var field = definition.Field(mapped.Field)!;
            if (field.Scope == FieldScope.Link || customer.Golden.Get(mapped.Field) is not { } golden) continue;
            if (field.Group is { } group && AnyTrouble(link, definition.Group(group)!)) continue;
            var held = record.Values[type.IndexOf(mapped.Field)];
            if (held == golden.Value || (held.IsBlank && golden.Value.IsBlank)) continue;
            if (Rendering.IsRendering(field, field.Equivalence | mapped.Equivalence, mapped.MaxLength, golden.Value, held)) continue;
            if (RefusesInSilence(system, record, type.IndexOf(mapped.Field), golden.Value)) continue;
            TellEvidence(customer.Id, mapped.Field, customer.Revision);
            Violate(6, $"{mapped.Field} of {customer.Id} is golden {golden.Value} (version {golden.Version}, of {golden.LinkId}); {link.Source} holds {held}; row: {row?.State} {row?.Reason}; plan: {Planner.Plan(customer, link, Newest, DateTimeOffset.MaxValue)}, trouble {link.Troubles.Get(mapped.Field)}, mode {system.Plan.Definition.Mode}");
        }
    }

    /// <summary>Rule 11. What only a person can bring on is shown to one.</summary>
    void CheckShown(Customer customer, Link link, FakeSystem system, DueLink? row)
    {
        if (row is not { State: DueState.Parked } && Planner.Plan(customer, link, Newest, _clock.NowUtc) is LinkPlan.Park park)
        {
            Violate(11, $"{customer.Id} {link.Id} in {system.Plan.Name} waits for a person ({park.Reason} {string.Join(",", park.Fields)}), and nobody is told (row: {row?.State} {row?.Reason})");
        }
    }

    /// <summary>Whether some fields wait for a person, and all others must be golden.</summary>
    static bool IsAboutFields(Link link, DueLink row)
    {
        foreach (var (_, trouble) in link.Troubles)
        {
            if (trouble.Kind is TroubleKind.Parked or TroubleKind.Contested && string.Equals(trouble.Code, row.Reason, StringComparison.Ordinal)) return true;
        }
        return false;
    }

    /// <summary>Rule 11. No row speaks of a link that its customer does not have.</summary>
    void CheckRows()
    {
        for (var s = 0; s < _systems.Length; s++)
        {
            // Where nothing is ever begun, rows wait for the day when the system goes live.
            if (_systems[s].Plan.Definition.Mode != SystemMode.Live) continue;
            foreach (var row in _store.DeliveryOf(s).Rows)
            {
                if (_store.EntriesOf(row.CustomerId).Count == 0 || Fold(row.CustomerId).Link(row.LinkId) is null) Violate(11, $"a row of {_systems[s].Plan.Name} speaks of {row.CustomerId} {row.LinkId}, which is not there: {row.State} {row.Reason}");
            }
        }
    }

    /// <summary>A system that keeps its value and says so nowhere: the hub learns of it sweep by sweep, and counts.</summary>
    static bool RefusesInSilence(FakeSystem system, FakeRecord record, int field, FieldValue golden)
    {
        if (system.Plan.ReceiptTellsStored) return false;
        foreach (var other in record.Object.Habits)
        {
            if (other.TriggerSets == field && other.TriggerValue != golden) return true;
        }
        var habit = record.Object.Habits[field];
        return habit.ForwardOnly || (habit.Refuses is { } refused && refused == golden);
    }

    /// <summary>Rule 10. What waits for a person because its value was rejected was rejected itself, not its neighbour in a batch.</summary>
    void CheckReason(Customer customer, Link link, FakeRecord record, int index, string field, FieldTrouble trouble)
    {
        if (!string.Equals(trouble.Code, "INVALID_VALUE", StringComparison.Ordinal)) return;
        // Of whichever customer the link was of when it was written.
        foreach (var id in _store.CustomerIds)
        {
            foreach (var entry in _store.EntriesOf(id))
            {
                foreach (var change in entry.Golden)
                {
                    if (string.Equals(change.Field, field, StringComparison.Ordinal) && change.Golden is { } golden && golden.Value == record.Object.Habits[index].Rejects) return;
                }
            }
        }
        Violate(10, $"{field} of {customer.Id} waits for a person in {link.Source} as rejected; that value was never refused there");
    }

    static bool AnyTrouble(Link link, GroupDefinition group)
    {
        foreach (var field in group.Fields)
        {
            if (link.Troubles.Get(field) is { Kind: TroubleKind.Parked or TroubleKind.Contested }) return true;
        }
        return false;
    }

    void CheckWanted(Customer customer, Link link, FakeSystem system, int index)
    {
        var row = _store.DeliveryOf(index).Row(customer.Id, link.Id);
        CheckShown(customer, link, system, row);
        if (link.Trouble is not null || row is { State: DueState.Parked }) return;
        if (!AnythingToCreate(customer, system.ObjectOf(link.Object))) return;
        foreach (var required in system.ObjectOf(link.Object).Mapping.RequiredToCreate)
        {
            if (customer.Value(required) is not { IsBlank: false } || IsKeptBack(customer, required)) return;
        }
        if (row is { State: DueState.Waiting } && !string.Equals(row.Reason, DueLink.Guard, StringComparison.Ordinal)) return;
        Violate(6, $"{customer.Id} {link.Id} is {link.State} in {system.Plan.Name} and nothing brings it there (row: {(row is null ? "none" : $"{row.State} {row.Reason}")})");
    }

    /// <summary>A customer of whom nothing is golden that the system takes is created nowhere.</summary>
    bool AnythingToCreate(Customer customer, ObjectPlan @object)
    {
        foreach (var mapped in @object.Mapping.Outgoing)
        {
            if (customer.Value(mapped.Field) is { IsBlank: false } && !IsKeptBack(customer, mapped.Field)) return true;
        }
        return false;
    }

    /// <summary>Rule 13. While another customer holds the identity key, no yes travels with a create: its report might reach that one as a person's.</summary>
    bool IsKeptBack(Customer customer, string field) =>
        !customer.Withheld.IsEmpty && Newest.RecordType(customer.RecordType)!.ConsentOf(field) is { } status && customer.Value(status) == FieldResolver.Granted;

    void CheckPrice()
    {
        var foreign = 0;
        foreach (var system in _systems)
        {
            foreach (var record in system.Records)
            {
                foreach (var save in record.Saves)
                {
                    if (save.By != Saver.Hub) foreign++;
                }
            }
        }
        var most = (foreign + _store.CustomerIds.Count + 4) * _systems.Length * WritesPerSave;
        if (_writesStarted > most) Violate(6, $"{_writesStarted} writes for {foreign} saves by others in {_systems.Length} systems; {most} would be a lot");
    }

    /// <summary>Rule 9. One record per creation key, or, where a system keeps none, per link.</summary>
    void CheckCreates()
    {
        var seen = new Dictionary<(string, string), FakeRecord>();
        foreach (var system in _systems)
        {
            seen.Clear();
            foreach (var record in system.Records)
            {
                if (record.CreatedBy is not { } write) continue;
                if (!seen.TryAdd((write.CustomerId, write.LinkId), record)) Violate(9, $"{system.Plan.Name} has {record.Id} and {seen[(write.CustomerId, write.LinkId)].Id}, both created for {write.CustomerId} {write.LinkId}");
                else if (write.CreationKey is { } key && !seen.TryAdd(("", key), record)) Violate(9, $"{system.Plan.Name} has {record.Id} and {seen[("", key)].Id}, both created under {key}");
            }
        }
    }
}
