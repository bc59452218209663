using System.Collections.Immutable;
using System.Globalization;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Values;
using OrleansCrm.Simulation.Plans;
using OrleansCrm.Simulation.Time;

namespace OrleansCrm.Simulation.FakeSystems;

/// <summary>A CRM as the hub meets them: it keeps records, saves in its own way, and reports what it likes.</summary>
sealed class FakeSystem(SystemPlan plan, WorldPlan world, Clock clock, Chance chance, Story? story)
{
    readonly Dictionary<string, FakeRecord> _byId = new(StringComparer.Ordinal);
    readonly List<FieldSave> _saving = [];
    int _ids;
    int _pollCount;
    long _polledTo = Clock.Start;
    long _quotaWindow;
    int _quotaUsed;

    public SystemPlan Plan => plan;

    public List<FakeRecord> Records { get; } = [];

    /// <summary>Reports that left the system and have not been picked up by the world.</summary>
    public List<Edit> Outbox { get; } = [];

    /// <summary>Fields that a flow will look at some time from now.</summary>
    public List<(FakeRecord Record, int Field)> FlowsWoken { get; } = [];

    /// <summary>People rest, and the network and the system are as they should be. Its habits stay: flows, triggers, refusals.</summary>
    public bool Resting { get; set; }

    public FakeRecord? Find(string id) => _byId.GetValueOrDefault(id);

    /// <summary>The system's own idea of a moment; null: it does not tell times.</summary>
    public DateTimeOffset? Tell(long time)
    {
        var mine = time + plan.Skew;
        return plan.Times switch
        {
            TimePrecision.None => null,
            TimePrecision.Second => Clock.At(mine - mine % Clock.Second),
            _ => Clock.At(mine),
        };
    }

    // ---- people -------------------------------------------------------------------------------------------------

    /// <summary>A person makes a record. Null where a unique field stands in the way.</summary>
    public FakeRecord? CreateByHuman(ObjectPlan @object, int person, FieldValue[] values)
    {
        if (Holder(@object, values, except: null) is not null) return null;
        return Insert(@object, NewId(@object), person, null, null, values, Saver.Human);
    }

    /// <summary>A person, flow or merge sets fields. False where nothing was saved.</summary>
    public bool Set(FakeRecord record, ReadOnlySpan<(int Field, FieldValue Value)> sets, Saver by)
    {
        if (!record.Lives) return false;
        _saving.Clear();
        foreach (var (field, value) in sets)
        {
            var habit = record.Object.Habits[field];
            if (!habit.Mapped) continue;
            var kept = Render(habit, value);
            if (kept == record.Values[field] || MovesBack(record, field, kept)) continue;
            if (habit.Unique && !kept.IsBlank && HolderOf(record.Object, field, kept, record) is not null) continue;
            _saving.Add(new FieldSave(field, record.Values[field], kept, by));
        }
        return _saving.Count > 0 && Commit(record, by, null);
    }

    public void DeleteByHuman(FakeRecord record)
    {
        if (!record.Lives) return;
        record.Deleted = true;
        record.DeletedAt = record.ModifiedAt = clock.Now;
        record.Version++;
        story?.Add($"{plan.Name}: a person deletes {record.Id}");
        Report(Existence(record, EditKind.Deleted, null, Saver.Human));
    }

    public void RestoreByHuman(FakeRecord record)
    {
        if (!record.Deleted || record.Into is not null) return;
        if (Holder(record.Object, record.Values, record) is not null) return;
        record.Deleted = false;
        record.ModifiedAt = clock.Now;
        record.Version++;
        story?.Add($"{plan.Name}: a person restores {record.Id}");
        Report(Existence(record, EditKind.Restored, null, Saver.Human));
    }

    /// <summary>A person merges two records of one object: the loser is gone, the survivor takes over what it lacks.</summary>
    public void MergeByHuman(FakeRecord loser, FakeRecord survivor)
    {
        if (!loser.Lives || !survivor.Lives || loser == survivor) return;
        loser.Into = survivor;
        loser.ModifiedAt = clock.Now;
        loser.Version++;
        story?.Add($"{plan.Name}: a person merges {loser.Id} into {survivor.Id}");
        Report(Existence(loser, EditKind.MergedInto, survivor, Saver.Human));
        TakeOver(loser, survivor);
    }

    /// <summary>A person converts a lead: a contact is made of it, and the lead is gone.</summary>
    public void ConvertByHuman(FakeRecord lead, ObjectPlan into)
    {
        if (!lead.Lives) return;
        var values = (FieldValue[])lead.Values.Clone();
        if (Holder(into, values, null) is { } holder)
        {
            lead.Into = holder;
            TakeOver(lead, holder);
        }
        else
        {
            lead.Into = Insert(into, NewId(into), lead.Person, null, null, values, Saver.Merge);
        }
        lead.ModifiedAt = clock.Now;
        lead.Version++;
        story?.Add($"{plan.Name}: a person converts {lead.Id} into {lead.Into.Id}");
        Report(Existence(lead, EditKind.Converted, lead.Into, Saver.Human));
    }

    void TakeOver(FakeRecord loser, FakeRecord survivor)
    {
        _saving.Clear();
        for (var f = 0; f < survivor.Values.Length; f++)
        {
            var habit = survivor.Object.Habits[f];
            if (!habit.Mapped || !survivor.Values[f].IsBlank || loser.Values[f].IsBlank) continue;
            if (habit.Unique && HolderOf(survivor.Object, f, loser.Values[f], survivor) is not null) continue;
            _saving.Add(new FieldSave(f, survivor.Values[f], loser.Values[f], Saver.Merge));
        }
        if (_saving.Count > 0) Commit(survivor, Saver.Merge, null);
    }

    /// <summary>The flow looks at a field again and puts its own value back.</summary>
    public void RunFlow(FakeRecord record, int field)
    {
        var habit = record.Object.Habits[field];
        if (!record.Lives || habit.FlowInsists is not { } value || record.Values[field] == value) return;
        record.FlowRuns ??= new int[record.Values.Length];
        if (record.FlowRuns[field]++ >= habit.FlowRuns) return;
        Set(record, [(field, value)], Saver.Flow);
    }

    // ---- the hub ------------------------------------------------------------------------------------------------

    /// <summary>Whether the system takes another call now; else when it will.</summary>
    public bool Takes(out long until)
    {
        const long window = 10 * Clock.Minute;
        until = 0;
        if (plan.Quota == 0) return true;
        var mine = clock.Now / window;
        if (mine != _quotaWindow) (_quotaWindow, _quotaUsed) = (mine, 0);
        if (_quotaUsed < plan.Quota)
        {
            _quotaUsed++;
            return true;
        }
        until = (mine + 1) * window;
        return false;
    }

    /// <summary>One record's part of a call takes effect now.</summary>
    public WriteOutcome Execute(RecordWrite write)
    {
        if (chance.Percent(plan.TransientPercent) && !Resting) return new WriteOutcome.Transient("ROW_LOCKED");
        return write.Kind switch
        {
            WriteKind.Create => Create(write),
            WriteKind.Update => Update(write),
            _ => Delete(write),
        };
    }

    WriteOutcome Create(RecordWrite write)
    {
        var @object = ObjectOf(write.Object);
        var mapping = @object.Mapping;
        if (mapping.CreationKey == CreationKey.Property && ByCreationKey(write) is { } same) return new WriteOutcome.Conflict(same.Id, CarriesOurKey: true);
        if (mapping.CreationKey == CreationKey.ClientId && _byId.TryGetValue(write.CreationKey!, out var mine)) return new WriteOutcome.Conflict(mine.Id, CarriesOurKey: true);

        var type = world.Types[@object.Type];
        var values = new FieldValue[type.Fields.Length];
        foreach (var field in write.Fields)
        {
            var index = type.IndexOf(field.Field);
            var habit = @object.Habits[index];
            if (!habit.Mapped) throw new InvalidOperationException($"{plan.Name} has no field {field.Field}.");
            if (Refusal(habit, field.Value)) return new WriteOutcome.Rejected([field.Field], "INVALID_VALUE");
            if (habit.Refuses is { } refused && refused == field.Value) continue;
            values[index] = Render(habit, field.Value);
        }
        foreach (var required in mapping.RequiredToCreate)
        {
            if (values[type.IndexOf(required)].IsBlank) return new WriteOutcome.Rejected([required], "REQUIRED_FIELD_MISSING");
        }
        if (Holder(@object, values, null) is { } holder) return new WriteOutcome.Conflict(holder.Id, CarriesOurKey: false);

        var id = mapping.CreationKey == CreationKey.ClientId ? write.CreationKey! : NewId(@object);
        var record = Insert(@object, id, -1, write.CreationKey, write, values, Saver.Hub);
        return Receipt(record, write, id);
    }

    WriteOutcome Update(RecordWrite write)
    {
        if (!_byId.TryGetValue(write.ExternalId!, out var record) || !record.Lives) return new WriteOutcome.Gone("NOT_FOUND");
        var type = world.Types[record.Object.Type];
        _saving.Clear();
        foreach (var field in write.Fields)
        {
            var index = type.IndexOf(field.Field);
            var habit = record.Object.Habits[index];
            if (!habit.Mapped) throw new InvalidOperationException($"{plan.Name} has no field {field.Field}.");
            if (Refusal(habit, field.Value)) return new WriteOutcome.Rejected([field.Field], "INVALID_VALUE");
            if (habit.Refuses is { } refused && refused == field.Value) continue;
            var kept = Render(habit, field.Value);
            if (habit.Unique && !kept.IsBlank && HolderOf(record.Object, index, kept, record) is not null) return new WriteOutcome.Rejected([field.Field], "DUPLICATE_VALUE");
            if (kept == record.Values[index] || MovesBack(record, index, kept)) continue;
            _saving.Add(new FieldSave(index, record.Values[index], kept, Saver.Hub));
        }
        AddTriggers(record, write);
        if (_saving.Count > 0 || plan.IdleSavesCount) Commit(record, Saver.Hub, write);
        return Receipt(record, write, null);
    }

    WriteOutcome Delete(RecordWrite write)
    {
        if (!_byId.TryGetValue(write.ExternalId!, out var record) || !record.Lives) return new WriteOutcome.Gone("NOT_FOUND");
        record.Deleted = true;
        record.DeletedAt = record.ModifiedAt = clock.Now;
        record.Version++;
        story?.Add($"{plan.Name}: our delete of {record.Id} takes effect");
        Report(Existence(record, EditKind.Deleted, null, Saver.Hub));
        return new WriteOutcome.Done(null, [], plan.ReceiptTellsVersion && plan.HasVersions ? record.Version : null, plan.ReceiptTellsTime ? Tell(clock.Now) : null);
    }

    /// <summary>Reads one record by id (never behind) or, where that is null, by creation key (through search, which lags).</summary>
    public ReadOutcome Read(string? externalId, string? creationKey, string objectName, DateTimeOffset seenAt)
    {
        FakeRecord? record = null;
        if (externalId is not null) _byId.TryGetValue(externalId, out record);
        else if (creationKey is not null && ObjectOf(objectName).Mapping.CreationKey != CreationKey.None)
        {
            foreach (var candidate in Records)
            {
                if (string.Equals(candidate.CreationKey, creationKey, StringComparison.Ordinal) && candidate.CreatedAt + plan.SearchLag <= clock.Now) record = candidate;
            }
        }
        if (record is null || !record.Lives) return new ReadOutcome.Missing(seenAt);
        return new ReadOutcome.Found(record.Id, StoredOf(record), plan.HasVersions ? record.Version : null, seenAt);
    }

    ImmutableArray<FieldStored> StoredOf(FakeRecord record)
    {
        var type = world.Types[record.Object.Type];
        var stored = ImmutableArray.CreateBuilder<FieldStored>(record.Values.Length);
        for (var f = 0; f < record.Values.Length; f++)
        {
            if (record.Object.Habits[f].Mapped) stored.Add(new FieldStored(type.Fields[f].Name, record.Values[f]));
        }
        return stored.DrainToImmutable();
    }

    WriteOutcome.Done Receipt(FakeRecord record, RecordWrite write, string? id)
    {
        ImmutableArray<FieldStored> stored = [];
        if (plan.ReceiptTellsStored)
        {
            var type = world.Types[record.Object.Type];
            var told = ImmutableArray.CreateBuilder<FieldStored>(write.Fields.Length);
            foreach (var field in write.Fields) told.Add(new FieldStored(field.Field, record.Values[type.IndexOf(field.Field)]));
            stored = told.MoveToImmutable();
        }
        return new WriteOutcome.Done(id, stored, plan.ReceiptTellsVersion && plan.HasVersions ? record.Version : null, plan.ReceiptTellsTime ? Tell(clock.Now) : null);
    }

    // ---- saving -------------------------------------------------------------------------------------------------

    FakeRecord Insert(ObjectPlan @object, string id, int person, string? creationKey, RecordWrite? write, FieldValue[] values, Saver by)
    {
        var type = world.Types[@object.Type];
        var record = new FakeRecord
        {
            Id = id,
            Object = @object,
            Values = new FieldValue[type.Fields.Length],
            CreatedAt = clock.Now,
            Person = person,
            CreationKey = creationKey,
            CreatedBy = write,
        };
        Records.Add(record);
        _byId.Add(id, record);

        _saving.Clear();
        for (var f = 0; f < values.Length; f++)
        {
            var habit = @object.Habits[f];
            if (!habit.Mapped) continue;
            var kept = Render(habit, values[f]);
            if (!kept.IsBlank) _saving.Add(new FieldSave(f, FieldValue.Cleared, kept, by));
            else if (habit.Default is { } filled) _saving.Add(new FieldSave(f, FieldValue.Cleared, filled, Saver.Default));
        }
        if (write is not null) AddTriggers(record, write);
        Commit(record, by, write);
        return record;
    }

    void AddTriggers(FakeRecord record, RecordWrite write)
    {
        var type = world.Types[record.Object.Type];
        foreach (var field in write.Fields)
        {
            var habit = record.Object.Habits[type.IndexOf(field.Field)];
            if (habit.TriggerSets < 0 || !record.Object.Habits[habit.TriggerSets].Mapped) continue;
            var before = record.Values[habit.TriggerSets];
            for (var i = _saving.Count - 1; i >= 0; i--)
            {
                if (_saving[i].Field == habit.TriggerSets) _saving.RemoveAt(i);
            }
            if (before != habit.TriggerValue) _saving.Add(new FieldSave(habit.TriggerSets, before, habit.TriggerValue, Saver.Trigger));
        }
    }

    bool Commit(FakeRecord record, Saver by, RecordWrite? write)
    {
        record.Version++;
        record.ModifiedAt = clock.Now;
        var save = new Save { At = clock.Now, Version = record.Version, By = by, Fields = [.. _saving], Write = write };
        record.Saves.Add(save);
        foreach (var field in save.Fields) record.Values[field.Field] = field.After;
        story?.Add($"{plan.Name}: {by} saves {record.Id} v{record.Version}: {Describe(record, save)}{(write is null ? "" : $" (intent {write.CustomerId}#{write.IntentId})")}");

        foreach (var field in save.Fields)
        {
            if (field.By != Saver.Flow && record.Object.Habits[field.Field].FlowInsists is not null) FlowsWoken.Add((record, field.Field));
        }
        if (plan.Reports != ReportForm.PollOnly) Report(EditOf(record, save));
        return true;
    }

    /// <summary>Every record changed since the poll before, each as an observation of all its fields.</summary>
    /// <param name="withSince">Whether the source tells the earlier poll's time as one at which the record was unmodified.</param>
    /// <param name="everything">Also what was not modified since; then no earlier time is told.</param>
    public void Poll(List<Edit> found, bool withSince, bool everything = false)
    {
        // Search lags: what was saved just now is not found yet, so the poll speaks of the moment that the index has reached.
        var upTo = clock.Now - plan.SearchLag;
        _pollCount++;
        foreach (var record in Records)
        {
            if ((record.ModifiedAt <= _polledTo && !everything) || record.ModifiedAt > upTo) continue;
            var id = string.Create(CultureInfo.InvariantCulture, $"poll{_pollCount}:{record.Id}");
            if (record.Into is { } survivor)
            {
                found.Add(Existence(record, record.Object == survivor.Object ? EditKind.MergedInto : EditKind.Converted, survivor, Saver.Human) with { Id = id });
                continue;
            }
            if (record.Deleted)
            {
                found.Add(Existence(record, EditKind.Deleted, null, Saver.Human) with { Id = id });
                continue;
            }
            var last = record.Saves[^1];
            found.Add(new Edit
            {
                Id = id,
                Kind = EditKind.Observation,
                Source = SourceOf(record),
                RecordType = world.Types[record.Object.Type].Definition.Name,
                Time = Clock.At(upTo + plan.Skew),
                Since = withSince && !everything ? Clock.At(_polledTo + plan.Skew) : null,
                Version = plan.HasVersions ? record.Version : null,
                Actor = ActorOf(last.By),
                CreationKey = plan.TellsCreationKey ? record.CreationKey : null,
                Fields = AllFields(record),
            });
        }
        if (upTo > _polledTo) _polledTo = upTo;
    }

    Edit EditOf(FakeRecord record, Save save) => new()
    {
        Id = string.Create(CultureInfo.InvariantCulture, $"{record.Id}.{save.Version}"),
        Kind = plan.Reports == ReportForm.Changes ? EditKind.Change : EditKind.Observation,
        Source = SourceOf(record),
        RecordType = world.Types[record.Object.Type].Definition.Name,
        Time = Tell(save.At),
        Version = plan.HasVersions ? save.Version : null,
        Actor = ActorOf(save.By),
        CreationKey = plan.TellsCreationKey && (plan.Reports == ReportForm.FullRecord || save.Version == 1) ? record.CreationKey : null,
        Fields = plan.Reports == ReportForm.Changes ? ChangedFields(record, save) : AllFields(record),
    };

    Edit Existence(FakeRecord record, EditKind kind, FakeRecord? into, Saver by) => new()
    {
        Id = string.Create(CultureInfo.InvariantCulture, $"{record.Id}.{record.Version}.{kind}"),
        Kind = kind,
        Source = SourceOf(record),
        RecordType = world.Types[record.Object.Type].Definition.Name,
        Time = Tell(clock.Now),
        Version = plan.HasVersions ? record.Version : null,
        Actor = ActorOf(by),
        Into = into is null ? null : SourceOf(into),
    };

    public SourceRecord SourceOf(FakeRecord record) => new(plan.Name, record.Object.Name, record.Id);

    Actor ActorOf(Saver by)
    {
        if (!plan.HasMarks) return default;
        return by switch
        {
            Saver.Hub or Saver.Trigger => new Actor(ActorKind.Hub, "hub"),
            Saver.Flow => new Actor(ActorKind.Automation, "flow"),
            Saver.Default => new Actor(ActorKind.Default),
            _ => new Actor(ActorKind.User, "someone"),
        };
    }

    ImmutableArray<FieldEdit> ChangedFields(FakeRecord record, Save save)
    {
        var type = world.Types[record.Object.Type];
        var fields = ImmutableArray.CreateBuilder<FieldEdit>(save.Fields.Count);
        foreach (var field in save.Fields) fields.Add(new FieldEdit(type.Fields[field.Field].Name, field.After));
        return fields.MoveToImmutable();
    }

    ImmutableArray<FieldEdit> AllFields(FakeRecord record)
    {
        var type = world.Types[record.Object.Type];
        var fields = ImmutableArray.CreateBuilder<FieldEdit>(record.Values.Length);
        for (var f = 0; f < record.Values.Length; f++)
        {
            if (record.Object.Habits[f].Mapped) fields.Add(new FieldEdit(type.Fields[f].Name, record.Values[f]));
        }
        return fields.DrainToImmutable();
    }

    void Report(Edit edit) => Outbox.Add(edit);

    // ---- habits -------------------------------------------------------------------------------------------------

    /// <summary>The value as this system keeps it.</summary>
    public static FieldValue Render(FieldHabit habit, FieldValue value)
    {
        if (habit.Rewriting == Rewriting.None || !value.IsText) return value;
        var text = value.AsText();
        var kept = habit.Rewriting switch
        {
            Rewriting.LowerCase => text.ToLowerInvariant(),
            Rewriting.Trim => text.Trim(),

            // Reports speak canonically, and there a short text has no blanks at its end.
            _ => text.Length > habit.CutAt ? text[..habit.CutAt].TrimEnd() : text,
        };
        return ReferenceEquals(kept, text) ? value : FieldValue.Text(kept);
    }

    bool Refusal(FieldHabit habit, FieldValue value) => habit.Rejects is { } rejected && rejected == value;

    bool MovesBack(FakeRecord record, int field, FieldValue value)
    {
        if (!record.Object.Habits[field].ForwardOnly) return false;
        var choices = world.Types[record.Object.Type].Fields[field].Palette;
        return Array.IndexOf(choices, value) < Array.IndexOf(choices, record.Values[field]);
    }

    FakeRecord? Holder(ObjectPlan @object, FieldValue[] values, FakeRecord? except)
    {
        for (var f = 0; f < values.Length; f++)
        {
            var habit = @object.Habits[f];
            if (!habit.Unique || values[f].IsBlank) continue;
            if (HolderOf(@object, f, Render(habit, values[f]), except) is { } holder) return holder;
        }
        return null;
    }

    FakeRecord? HolderOf(ObjectPlan @object, int field, FieldValue value, FakeRecord? except)
    {
        foreach (var record in Records)
        {
            if (record != except && record.Object == @object && record.Lives && record.Values[field] == value) return record;
        }
        return null;
    }

    FakeRecord? ByCreationKey(RecordWrite write)
    {
        foreach (var record in Records)
        {
            if (record.CreationKey is { } key && string.Equals(key, write.CreationKey, StringComparison.Ordinal)) return record;
        }
        return null;
    }

    public ObjectPlan ObjectOf(string name)
    {
        foreach (var candidate in plan.Objects)
        {
            if (string.Equals(candidate.Name, name, StringComparison.Ordinal)) return candidate;
        }
        throw new InvalidOperationException($"{plan.Name} has no object {name}.");
    }

    string NewId(ObjectPlan @object) => string.Create(CultureInfo.InvariantCulture, $"{plan.Name[0]}{@object.Name[0]}{++_ids}");

    string Describe(FakeRecord record, Save save)
    {
        var type = world.Types[record.Object.Type];
        return string.Join(", ", save.Fields.Select(f => $"{type.Fields[f.Field].Name}: {f.Before} -> {f.After}{(f.By == save.By ? "" : $" by {f.By}")}"));
    }
}
