using System.Globalization;
using OrleansCrm.Domain.Values;
using OrleansCrm.Simulation.FakeSystems;
using OrleansCrm.Simulation.Plans;
using OrleansCrm.Simulation.Time;

namespace OrleansCrm.Simulation;

/// <summary>What people do in the systems, and how the systems tell of it.</summary>
sealed partial class World
{
    readonly List<FakeRecord> _touchable = [];
    int _deletesLeft;
    int _mergesLeft;
    int _conversionsLeft;

    void SchedulePeople()
    {
        _deletesLeft = _plan.Troubles.Deletes;
        _mergesLeft = _plan.Troubles.Merges;
        _conversionsLeft = _plan.Troubles.Conversions;
        for (var i = 0; i < _plan.Edits; i++) Plan(Clock.Start + _people.Ticks(0, _plan.Activity), Kind.HumanActs, 0);
    }

    /// <summary>One thing that one person does in one system.</summary>
    void Act()
    {
        var who = _people.Below(_systems.Length);
        var system = _systems[who];
        CollectTouchable(system);
        if (_touchable.Count == 0 || _people.OneIn(10)) CreateSomething(system);
        else if (_deletesLeft > 0 && _people.OneIn(8)) DeleteOrRestore(system);
        else if (_mergesLeft > 0 && _people.OneIn(6)) MergeSome(system);
        else if (_conversionsLeft > 0 && _people.OneIn(4)) ConvertSome(system);
        else EditSomething(_touchable[_people.Below(_touchable.Count)], system, who);
        SendReports(who);
    }

    void CollectTouchable(FakeSystem system)
    {
        _touchable.Clear();
        foreach (var record in system.Records)
        {
            if (record.Lives) _touchable.Add(record);
        }
    }

    void CreateSomething(FakeSystem system)
    {
        var @object = system.Plan.Objects[_people.Below(system.Plan.Objects.Length)];
        var type = _plan.Types[@object.Type];
        var person = _people.Below(_plan.People);
        var values = new FieldValue[type.Fields.Length];
        for (var f = 0; f < values.Length; f++)
        {
            var field = type.Fields[f];
            if (field.IsIdentity) values[f] = _people.OneIn(12) ? FieldValue.Cleared : EmailOf(@object.Type, person, alternate: _people.OneIn(12));
            else values[f] = _people.OneIn(3) ? FieldValue.Cleared : _people.Of<FieldValue>(field.Palette);
        }
        system.CreateByHuman(@object, person, values);
    }

    void EditSomething(FakeRecord record, FakeSystem system, int who)
    {
        var type = _plan.Types[record.Object.Type];
        Span<(int, FieldValue)> sets = new (int, FieldValue)[_people.Between(1, 2)];
        for (var i = 0; i < sets.Length; i++)
        {
            var f = _people.Below(type.Fields.Length);
            sets[i] = (f, DrawValue(record, type.Fields[f]));
        }
        // Two sets of one field in one save would be one field twice in a report, which no system sends.
        if (sets.Length == 2 && sets[0].Item1 == sets[1].Item1) sets = sets[..1];
        system.Set(record, sets, Saver.Human);

        // "V, X, V again": a person who changes a mind soon after.
        if (!_people.OneIn(6)) return;
        var back = new MindChange(who, record, sets[0].Item1, record.Values[sets[0].Item1]);
        Plan(_clock.Now + _people.Ticks(Clock.Second, 3 * Clock.Minute), Kind.MindChanges, -1, cargo: back with { Value = DrawValue(record, type.Fields[back.Field]) });
        Plan(_clock.Now + _people.Ticks(3 * Clock.Minute, 8 * Clock.Minute), Kind.MindChanges, -1, cargo: back);
    }

    void ChangeMind(MindChange change)
    {
        _systems[change.System].Set(change.Record, [(change.Field, change.Value)], Saver.Human);
        SendReports(change.System);
    }

    /// <summary>A value that a person sets some time after having set another.</summary>
    sealed record MindChange(int System, FakeRecord Record, int Field, FieldValue Value);

    FieldValue DrawValue(FakeRecord record, FieldPlan field)
    {
        if (field.IsIdentity) return EmailOf(record.Object.Type, record.Person >= 0 ? record.Person : _people.Below(_plan.People), _people.OneIn(2));
        return _people.OneIn(8) ? FieldValue.Cleared : _people.Of<FieldValue>(field.Palette);
    }

    static FieldValue EmailOf(int type, int person, bool alternate) =>
        FieldValue.Text(string.Create(CultureInfo.InvariantCulture, $"{(type == 0 ? "p" : "o")}{person}{(alternate ? "b" : "")}@example.com"));

    void DeleteOrRestore(FakeSystem system)
    {
        _deletesLeft--;
        foreach (var record in system.Records)
        {
            if (!record.Deleted || !_people.OneIn(2)) continue;
            system.RestoreByHuman(record);
            return;
        }
        system.DeleteByHuman(_touchable[_people.Below(_touchable.Count)]);
    }

    void MergeSome(FakeSystem system)
    {
        var loser = _touchable[_people.Below(_touchable.Count)];
        foreach (var survivor in _touchable)
        {
            if (survivor == loser || survivor.Object != loser.Object) continue;
            _mergesLeft--;
            system.MergeByHuman(loser, survivor);
            return;
        }
        EditSomething(loser, system, Array.IndexOf(_systems, system));
    }

    void ConvertSome(FakeSystem system)
    {
        if (!system.Plan.HasLeads) return;
        foreach (var record in _touchable)
        {
            if (!string.Equals(record.Object.Name, "leads", StringComparison.Ordinal)) continue;
            _conversionsLeft--;
            system.ConvertByHuman(record, system.ObjectOf("contacts"));
            return;
        }
    }

    /// <summary>What a system has to tell goes on its way: late, doubled, out of order, or not at all.</summary>
    void SendReports(int who)
    {
        var system = _systems[who];
        foreach (var edit in system.Outbox)
        {
            if (_wires.Percent(system.Plan.ReportsLostPercent)) continue;
            Plan(_clock.Now + _wires.Ticks(0, system.Plan.ReportDelayMax), Kind.ReportArrives, who, cargo: edit);
            if (_wires.Percent(system.Plan.ReportsDoubledPercent)) Plan(_clock.Now + _wires.Ticks(0, system.Plan.ReportDelayMax * 2), Kind.ReportArrives, who, cargo: edit);
        }
        system.Outbox.Clear();
        foreach (var (record, field) in system.FlowsWoken) Plan(_clock.Now + _wires.Ticks(Clock.Second, 2 * Clock.Minute), Kind.FlowLooks, who, number: field, cargo: record);
        system.FlowsWoken.Clear();
    }
}
