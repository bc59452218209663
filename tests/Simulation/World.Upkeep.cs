using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Simulation.Hub;
using OrleansCrm.Simulation.Time;

namespace OrleansCrm.Simulation;

/// <summary>Work in the background, people in the console, and the safety net: polls, changed definitions, freed keys, released guards.</summary>
sealed partial class World
{
    const long UpkeepEvery = 10 * Clock.Minute;

    readonly List<Edit> _polled = [];
    int _newestVersion = 1;

    HubDefinition Newest => _plan.Definitions[_newestVersion - 1];

    void SchedulePolls()
    {
        for (var s = 0; s < _systems.Length; s++) Plan(Clock.Start + _wires.Ticks(0, _systems[s].Plan.PollEvery), Kind.PollRuns, s);
    }

    /// <param name="everything">A nightly sweep: all records, also those that the system does not say were modified.</param>
    void Poll(int who, bool everything = false)
    {
        _polled.Clear();
        _systems[who].Poll(_polled, withSince: !_wires.OneIn(4), everything);
        foreach (var edit in _polled) Plan(_clock.Now + _wires.Ticks(Clock.Millisecond, 5 * Clock.Second), Kind.ReportArrives, who, cargo: edit);
        if (!_draining) Plan(_clock.Now + _systems[who].Plan.PollEvery, Kind.PollRuns, who);
    }

    /// <summary>The store has a newer definition. One silo hears of it now, the others some time later, or when they meet one of its entries.</summary>
    void ChangeDefinition()
    {
        _newestVersion = _plan.Definitions.Length;
        _story?.Add($"definition {_newestVersion} is applied");
        foreach (var silo in _silos) Plan(_clock.Now + _wires.Ticks(0, 5 * Clock.Minute), Kind.DefinitionIsHeard, silo.Index, silo.Life);
    }

    void HearDefinition(Silo silo)
    {
        if (silo.Hub.Version >= _newestVersion) return;
        silo.Hub = Newest;
        _story?.Add($"silo {silo.Index} loads definition {_newestVersion}");
        foreach (var slot in silo.Deliveries)
        {
            if (slot is not null) StepDelivery(silo, slot, new DeliveryMessage.ModeChanged());
        }
    }

    /// <summary>What runs in the background of a hub, and what its people do now and then.</summary>
    void Upkeep(bool thorough)
    {
        foreach (var id in _store.CustomerIds)
        {
            var customer = _store.Peek(id);
            if (customer.Status == CustomerStatus.Merged) continue;
            if (customer.DefinitionVersion < _newestVersion || IsGraceOver(customer)) Ask(id, new CustomerCall.Reresolve());
            foreach (var withheld in customer.Withheld)
            {
                if (_store.HolderOf(withheld.Key) is null) Ask(id, new CustomerCall.ClaimKey(withheld.Key));
            }
        }
        if (_theyDecide && !thorough) Decide();
        foreach (var silo in _silos)
        {
            if (!silo.Alive || silo.FrozenUntil > _clock.Now) continue;
            LearnTime(silo);
            ReleaseEdits(silo);
            foreach (var slot in silo.Deliveries)
            {
                if (slot is null) continue;
                WatchParked(slot.System);
                if (thorough || _people.OneIn(2)) ReleaseGuard(silo, slot);
                if (thorough || _people.OneIn(3)) RetryParked(silo, slot);
            }
        }
    }

    bool IsGraceOver(Customer customer) =>
        customer.PendingDeletion is { } pending && pending.At + Newest.RecordType(customer.RecordType)!.Existence.Grace <= _clock.NowUtc;

    void ReleaseGuard(Silo silo, DeliverySlot slot)
    {
        var held = slot.Machine.Guard.Held;
        if (held == Guarded.None) return;
        // A limit of nothing is never opened by a new window, only by a number let through.
        var closed = false;
        foreach (var kind in GuardedKinds) closed |= held.HasFlag(kind) && Guard.Limit(_systems[slot.System].Plan.Definition.Guard, kind) == 0;
        if (_theyDecide && !_draining && _deciders.OneIn(4))
        {
            _story?.Add($"a person discards what {held} holds in {_systems[slot.System].Plan.Name}");
            StepDelivery(silo, slot, new DeliveryMessage.DiscardGuard(held));
            return;
        }
        int? next = closed || (_people.OneIn(3) && !_draining) ? _people.Between(1, 3) : null;
        _story?.Add($"a person releases {held} of {_systems[slot.System].Plan.Name}{(next is { } n ? $", the next {n}" : "")}");
        GuardIsReleased(slot.System, held, next);
        StepDelivery(silo, slot, new DeliveryMessage.ReleaseGuard(held, next));
    }

    /// <summary>People let fields and records go on that wait for them: some are taken now, some come back.</summary>
    void Decide()
    {
        foreach (var id in _store.CustomerIds)
        {
            var customer = _store.Peek(id);
            if (customer.Status != CustomerStatus.Living) continue;
            foreach (var link in customer.Links)
            {
                foreach (var (field, trouble) in link.Troubles)
                {
                    if (trouble.Kind != TroubleKind.Watched && _deciders.OneIn(3)) LetGoOn(id, link, field, trouble.Code);
                }
                if (link.Trouble is { } whole && _deciders.OneIn(3)) LetGoOn(id, link, "", whole.Code);
            }
        }
    }

    void LetGoOn(string customerId, Link link, string field, string code)
    {
        _story?.Add($"a person releases {(field.Length == 0 ? "the whole" : field)} of {customerId} {link.Id} ({code})");
        Ask(customerId, new CustomerCall.Release(link.Id, field));
    }

    void RetryParked(Silo silo, DeliverySlot slot)
    {
        _retries.Clear();
        foreach (var row in _store.DeliveryOf(slot.System).Rows)
        {
            if (row.State == DueState.Parked) _retries.Add(new LinkKey(row.CustomerId, row.LinkId));
        }
        foreach (var key in _retries) StepDelivery(silo, slot, new DeliveryMessage.RetryParked(key.CustomerId, key.LinkId));
    }

    readonly List<LinkKey> _retries = [];

    /// <summary>Asks a customer without waiting for the answer: what is lost is asked again in the next round.</summary>
    void Ask(string customerId, CustomerCall call)
    {
        foreach (var silo in _silos)
        {
            if (!silo.Alive) continue;
            SendCall(_silos[OwnerOfCustomer(customerId, silo.Believes)], new CallCargo(0, customerId, call, -1, 0));
            return;
        }
    }

    void UpkeepAnswered(CallCargo cargo, CustomerAnswer answer) => _ = (cargo, answer);
}
