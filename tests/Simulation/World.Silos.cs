using OrleansCrm.Domain.Committing;
using OrleansCrm.Simulation.Hub;
using OrleansCrm.Simulation.Time;

namespace OrleansCrm.Simulation;

/// <summary>The processes of the hub: how they come, go, freeze, and disagree about who is alive.</summary>
sealed partial class World
{
    const long DetectionMax = 20 * Clock.Second;

    readonly Silo[] _silos;
    readonly FakeStore _store;
    readonly Chance _faults;

    /// <summary>The silo that has a partition or a delivery, as one silo sees it.</summary>
    int OwnerOf(int slot, bool[] believes)
    {
        var owner = 0;
        var best = 0UL;
        for (var s = 0; s < _silos.Length; s++)
        {
            if (!believes[s]) continue;
            var weight = Weight(slot, s);
            if (weight < best) continue;
            (owner, best) = (s, weight);
        }
        return owner;
    }

    static ulong Weight(int slot, int silo)
    {
        var z = (ulong)(slot + 1) * 0x9E3779B97F4A7C15 + (ulong)(silo + 1) * 0xD1B54A32D192ED03;
        z = (z ^ (z >> 31)) * 0xBF58476D1CE4E5B9;
        return (z ^ (z >> 29)) | 1;
    }

    int OwnerOfCustomer(string customerId, bool[] believes) => OwnerOf(Partitions.Of(customerId, _plan.PartitionCount), believes);

    /// <summary>The hub's time as a silo knows it: its own clock, put right by the store's.</summary>
    DateTimeOffset ClockOf(Silo silo) => silo.Time.At(Clock.At(_clock.Now + silo.Skew));

    /// <summary>One exchange with the store tells a silo how far its clock is off, but for the way there and back.</summary>
    void LearnTime(Silo silo)
    {
        var there = _faults.Ticks(Clock.Millisecond / 5, 4 * Clock.Millisecond);
        var back = _faults.Ticks(Clock.Millisecond / 5, 4 * Clock.Millisecond);
        silo.Time.Learn(Clock.At(_clock.Now - there - back + silo.Skew), Clock.At(_clock.Now - back), Clock.At(_clock.Now + silo.Skew));
    }

    void StartSilos()
    {
        foreach (var silo in _silos)
        {
            silo.Start(Newest, _systems.Length);
            LearnTime(silo);
            TellOwned(silo);
        }
    }

    void ScheduleFaults()
    {
        var troubles = _plan.Troubles;
        var span = _plan.Activity + 3 * Clock.Minute;
        for (var i = 0; i < troubles.Crashes; i++) Plan(Clock.Start + _faults.Ticks(Clock.Second, span), Kind.SiloCrashes, _faults.Below(_silos.Length));
        for (var i = 0; i < troubles.Freezes; i++) Plan(Clock.Start + _faults.Ticks(Clock.Second, span), Kind.SiloFreezes, _faults.Below(_silos.Length));
        for (var i = 0; i < troubles.Twins; i++) Plan(Clock.Start + _faults.Ticks(Clock.Second, span), Kind.SiloIsSuspected, _faults.Below(_silos.Length));
    }

    void Crash(int index)
    {
        var silo = _silos[index];
        if (!silo.Alive) return;
        _story?.Add($"silo {index} is killed");
        CloseTally(silo);
        silo.Alive = false;
        silo.Life++;
        var back = _clock.Now + _faults.Ticks(Clock.Second, 3 * Clock.Minute);
        Plan(back, Kind.SiloStarts, index);
        foreach (var other in _silos)
        {
            if (other != silo) Plan(_clock.Now + _faults.Ticks(Clock.Second, DetectionMax), Kind.BeliefChanges, other.Index, number: index * 2);
        }
    }

    void StartAgain(int index)
    {
        var silo = _silos[index];
        _story?.Add($"silo {index} starts");
        silo.Start(Newest, _systems.Length);
        LearnTime(silo);
        foreach (var other in _silos)
        {
            if (other == silo) continue;
            if (!other.Alive) silo.Believes[other.Index] = false;
            Plan(_clock.Now + _faults.Ticks(0, DetectionMax), Kind.BeliefChanges, other.Index, number: index * 2 + 1);
        }
        TellOwned(silo);
    }

    /// <summary>Frozen, and taken for dead by the others; it comes back and knows of nothing.</summary>
    void Freeze(int index)
    {
        var silo = _silos[index];
        if (!silo.Alive) return;
        var length = _faults.OneIn(3) ? _faults.Ticks(Clock.Second, 20 * Clock.Second) : _faults.Ticks(Clock.Minute, 10 * Clock.Minute);
        silo.FrozenUntil = _clock.Now + length;
        _story?.Add($"silo {index} freezes until {Clock.Tell(silo.FrozenUntil)}");
        SuspectFor(index, length);
    }

    /// <summary>It works on, while some of the others take it for dead: for a while there are two of everything that is its.</summary>
    void Suspect(int index)
    {
        _story?.Add($"silo {index} is taken for dead while it lives");
        SuspectFor(index, _faults.Ticks(10 * Clock.Second, 5 * Clock.Minute));
    }

    void SuspectFor(int index, long length)
    {
        foreach (var other in _silos)
        {
            if (other.Index == index) continue;
            var from = _clock.Now + _faults.Ticks(0, Clock.Second * 5);
            Plan(from, Kind.BeliefChanges, other.Index, number: index * 2);
            Plan(from + length + _faults.Ticks(0, DetectionMax), Kind.BeliefChanges, other.Index, number: index * 2 + 1);
        }
    }

    void ChangeBelief(Silo silo, int about, bool alive)
    {
        if (!silo.Alive) return;
        if (alive && !_silos[about].Alive) return;
        if (silo.Believes[about] == alive) return;
        silo.Believes[about] = alive;
        _story?.Add($"silo {silo.Index} now believes that silo {about} is {(alive ? "alive" : "dead")}");
        TellOwned(silo);

        // Activations of customers that belong elsewhere now are collected at once, or linger until they are found out.
        if (_faults.OneIn(2)) return;
        foreach (var (id, slot) in silo.Activations)
        {
            if (OwnerOfCustomer(id, silo.Believes) == silo.Index) continue;
            slot.Gone = true;
            silo.Activations.Remove(id);
        }
    }

    void TellOwned(Silo silo)
    {
        var owned = System.Collections.Immutable.ImmutableArray.CreateBuilder<int>();
        for (var p = 0; p < _plan.PartitionCount; p++)
        {
            if (OwnerOf(p, silo.Believes) == silo.Index) owned.Add(p);
        }
        StepCommitter(silo, new CommitterMessage.Owned(owned.ToImmutable()));
        PlaceDeliveries(silo);
    }
}
