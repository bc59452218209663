using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
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
            if (customer.Status != CustomerStatus.Living) continue;
            for (var s = 0; s < _systems.Length; s++) CheckGoldenIn(customer, s);
        }
        CheckPrice();
    }

    void CheckGoldenIn(Customer customer, int index)
    {
        var system = _systems[index];
        var mapping = system.Plan.Definition.MappingOf(customer.RecordType);
        if (mapping is null) return;
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
        if (link.Trouble is not null || row?.State == DueState.Parked) return;

        var type = _plan.Types[record.Object.Type];
        var definition = Newest.RecordType(customer.RecordType)!;
        foreach (var mapped in record.Object.Mapping.Outgoing)
        {
            if (link.Troubles.Get(mapped.Field) is { Kind: TroubleKind.Parked or TroubleKind.Contested }) continue;
            var field = definition.Field(mapped.Field)!;
            if (field.Scope == FieldScope.Link || customer.Golden.Get(mapped.Field) is not { } golden) continue;
            if (field.Group is { } group && AnyTrouble(link, definition.Group(group)!)) continue;
            var held = record.Values[type.IndexOf(mapped.Field)];
            if (held == golden.Value || (held.IsBlank && golden.Value.IsBlank)) continue;
            if (Rendering.IsRendering(field, field.Equivalence | mapped.Equivalence, mapped.MaxLength, golden.Value, held)) continue;
            if (RefusesInSilence(system, record, type.IndexOf(mapped.Field), golden.Value)) continue;
            TellEvidence(customer.Id, mapped.Field, customer.Revision);
            Violate(6, $"{mapped.Field} of {customer.Id} is golden {golden.Value} (version {golden.Version}, of {golden.LinkId}); {link.Source} holds {held}; row: {row?.State} {row?.Reason}");
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
        if (link.Trouble is not null || row is { State: DueState.Parked }) return;
        if (!AnythingToCreate(customer, system.ObjectOf(link.Object))) return;
        foreach (var required in system.ObjectOf(link.Object).Mapping.RequiredToCreate)
        {
            if (customer.Value(required) is not { IsBlank: false }) return;
        }
        if (row is { State: DueState.Waiting } && !string.Equals(row.Reason, DueLink.Guard, StringComparison.Ordinal)) return;
        Violate(6, $"{customer.Id} {link.Id} is {link.State} in {system.Plan.Name} and nothing brings it there (row: {(row is null ? "none" : $"{row.State} {row.Reason}")})");
    }

    /// <summary>A customer of whom nothing is golden that the system takes is created nowhere.</summary>
    static bool AnythingToCreate(Customer customer, ObjectPlan @object)
    {
        foreach (var mapped in @object.Mapping.Outgoing)
        {
            if (customer.Value(mapped.Field) is { IsBlank: false }) return true;
        }
        return false;
    }

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
