using System.Runtime.InteropServices;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Simulation.FakeSystems;
using OrleansCrm.Simulation.Hub;

namespace OrleansCrm.Simulation;

/// <summary>What is watched while the world lives: every write at its start and at its effect.</summary>
sealed partial class World
{
    static readonly Guarded[] GuardedKinds = [Guarded.Create, Guarded.Change, Guarded.Clear, Guarded.Delete];

    readonly Dictionary<(string Customer, string Link, string Field), long> _startedVersions = [];
    readonly Dictionary<(string Customer, long Intent), long> _startedAt = [];
    readonly List<(int System, long StartedAt, Guarded Kinds)> _done = [];
    readonly Dictionary<(int System, Guarded Kind), (long From, int Granted)> _releases = [];

    void WriteStarts(FakeSystem system, RecordWrite write, Silo silo)
    {
        if (_story is not null) Tell($"{system.Plan.Name}: call starts from silo {silo.Index}: {write.Kind} {write.ExternalId} for {write.CustomerId} {write.LinkId} intent {write.IntentId} [{string.Join(", ", write.Fields.Select(f => $"{f.Field}={f.Value} v{f.Version}"))}]");
        _startedAt[(write.CustomerId, write.IntentId)] = _clock.Now;
        var entries = _store.EntriesOf(write.CustomerId);
        if (write.IntentId < 1 || write.IntentId > entries.Count || !Announces(entries[(int)write.IntentId - 1], write))
        {
            Violate(5, $"{write.Kind} of {write.CustomerId} {write.LinkId} in {system.Plan.Name} starts under intent {write.IntentId}, which no entry announces");
            return;
        }
        if (system.Plan.Definition.Mode != Domain.Definitions.SystemMode.Live) Violate(14, $"{system.Plan.Name} is written to, and nobody has moved it to live");
        foreach (var field in write.Fields)
        {
            ref var last = ref CollectionsMarshal.GetValueRefOrAddDefault(_startedVersions, (write.CustomerId, write.LinkId, field.Field), out _);
            if (field.Version < last) Violate(5, $"{field.Field} of {write.CustomerId} {write.LinkId} in {system.Plan.Name}: version {field.Version} starts after version {last}");
            else last = field.Version;
            if (field.Version < 1 || field.Version > entries.Count || !Decides(entries[(int)field.Version - 1], field))
            {
                Violate(12, $"{field.Field} of {write.CustomerId} {write.LinkId} in {system.Plan.Name} is written as {field.Value}, which entry {field.Version} did not make golden");
            }
        }
    }

    static bool Announces(JournalEntry entry, RecordWrite write)
    {
        foreach (var intent in entry.Intents)
        {
            if (string.Equals(intent.LinkId, write.LinkId, StringComparison.Ordinal) && intent.Kind == write.Kind) return true;
        }
        return false;
    }

    static bool Decides(JournalEntry entry, FieldWrite field)
    {
        foreach (var golden in entry.Golden)
        {
            if (string.Equals(golden.Field, field.Field, StringComparison.Ordinal) && golden.Golden is { } decided && decided.Value == field.Value) return true;
        }
        return false;
    }

    void WriteTookEffect(FakeSystem system, RecordWrite write, WriteOutcome outcome)
    {
        if (_story is not null) Tell($"{system.Plan.Name}: {write.CustomerId} intent {write.IntentId} ends {outcome switch { WriteOutcome.Done d => $"done {d.ExternalId} v{d.Version}", _ => outcome.ToString() }}");
        if (outcome is not WriteOutcome.Done) return;
        WatchGivenUp(system, write);
        var index = Array.IndexOf(_systems, system);
        var kinds = KindsOf(system, write);
        var startedAt = _startedAt[(write.CustomerId, write.IntentId)];
        _done.Add((index, startedAt, kinds));

        var guard = system.Plan.Definition.Guard;
        foreach (var kind in GuardedKinds)
        {
            if (!kinds.HasFlag(kind) || Guard.Limit(guard, kind) is not { } limit || limit > 1_000) continue;
            _releases.TryGetValue((index, kind), out var release);
            var from = Math.Max(startedAt - guard.Window.Ticks, release.From);
            var used = 0;
            foreach (var (s, at, k) in _done)
            {
                if (s == index && at > from && at <= startedAt && k.HasFlag(kind)) used++;
            }
            if (used > limit + release.Granted) Violate(14, $"{used} operations of kind {kind} in {system.Plan.Name} within {guard.Window}; its guard allows {limit} and {release.Granted} were let through");
        }
    }

    /// <summary>What the write did, by its effect: a clear is one only where something was there; emptying a set is one.</summary>
    static Guarded KindsOf(FakeSystem system, RecordWrite write)
    {
        if (write.Kind != WriteKind.Update) return write.Kind == WriteKind.Create ? Guarded.Create : Guarded.Delete;
        if (system.Find(write.ExternalId!) is not { Saves: [.., { } last] } || last.Write != write) return Guarded.Change;
        foreach (var field in last.Fields)
        {
            if (field is { By: Saver.Hub, Before.IsBlank: false, After.IsBlank: true }) return Guarded.Change | Guarded.Clear;
        }
        return Guarded.Change;
    }

    void GuardIsReleased(int system, Guarded kinds, int? next)
    {
        foreach (var kind in GuardedKinds)
        {
            if (!kinds.HasFlag(kind)) continue;
            ref var release = ref CollectionsMarshal.GetValueRefOrAddDefault(_releases, (system, kind), out _);
            release = next is { } number ? (release.From, release.Granted + number) : (_clock.Now - 1, release.Granted);
        }
    }

    /// <summary>Rule 5. Nothing is given up while its call may still be under way.</summary>
    void WatchGivenUp(FakeSystem system, RecordWrite write)
    {
        foreach (var entry in _store.EntriesOf(write.CustomerId))
        {
            // An older receipt of the same number came along with a link that was another customer's then.
            if (entry.Revision <= write.IntentId) continue;
            foreach (var receipt in entry.Receipts)
            {
                if (receipt.IntentId != write.IntentId || entry.Revision <= write.IntentId || receipt.State is not (Domain.Claims.IntentState.Lost or Domain.Claims.IntentState.NotDone)) continue;
                if (!string.Equals(receipt.LinkId, write.LinkId, StringComparison.Ordinal)) continue;

                // A person who says that a create has failed gives it up, and may be wrong.
                if (string.Equals(receipt.Code, "released", StringComparison.Ordinal)) continue;
                Violate(5, $"intent {write.IntentId} of {write.CustomerId} {write.LinkId} in {system.Plan.Name} takes effect after entry {entry.Revision} gave it up as {receipt.State} ({receipt.Code})");
            }
        }
    }

    /// <summary>Rule 5. When a call starts, its intents are not counted as lost yet.</summary>
    void WatchDeadline(Silo silo, int system, DeliveryEffect.Call call)
    {
        if (ClockOf(silo) > call.StartBefore) Violate(5, $"delivery to {_systems[system].Plan.Name} starts a call after {call.StartBefore:O}, when the hub counts its intents as lost");
    }

    /// <summary>Rule 10. A system that is only busy is never given up.</summary>
    void WatchParked(int system)
    {
        if (_systems[system].Plan is not { Quota: > 0, TransientPercent: 0, AmbiguousPercent: 0, QueuedPercent: 0 }) return;
        foreach (var row in _store.DeliveryOf(system).Rows)
        {
            if (row is { State: DueState.Parked, Reason: "gave-up" } && !AnyLost(row)) Violate(10, $"{row.CustomerId} {row.LinkId} is given up in {_systems[system].Plan.Name}, which only throttles");
        }
    }

    // A call that was lost with our own silo counts as tried: nobody can tell it from one that the system swallowed.
    bool AnyLost(DueLink row)
    {
        foreach (var entry in _store.EntriesOf(row.CustomerId))
        {
            foreach (var receipt in entry.Receipts)
            {
                if (receipt.State == Domain.Claims.IntentState.Lost && string.Equals(receipt.LinkId, row.LinkId, StringComparison.Ordinal)) return true;
            }
        }
        return false;
    }

    int IndexOf(string system)
    {
        for (var i = 0; i < _systems.Length; i++)
        {
            if (string.Equals(_systems[i].Plan.Name, system, StringComparison.Ordinal)) return i;
        }
        return -1;
    }
}
