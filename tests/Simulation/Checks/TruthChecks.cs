using System.Runtime.InteropServices;
using OrleansCrm.Domain.Claims;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Values;
using OrleansCrm.Simulation.FakeSystems;
using OrleansCrm.Simulation.Plans;
using OrleansCrm.Simulation.Time;

namespace OrleansCrm.Simulation;

/// <summary>Rules 7 and 8 from the other side: what people really did, and when, says whose value has to hold. Asked only where the evidence that the hub was given leaves one answer.</summary>
sealed partial class World
{
    const long Blur = 2 * Clock.Second;

    readonly Dictionary<SourceRecord, List<Edit>> _said = [];
    readonly List<TrueClaim> _trueClaims = [];

    /// <summary>The last thing that others than the hub put into a field of a record, with the earliest and the latest stamp that the hub may have given it.</summary>
    readonly record struct TrueClaim(string System, string LinkId, FieldValue Value, long Earliest, long Latest);

    void CheckTruth()
    {
        if (_plan.Definitions.Length > 1) return;
        foreach (var post in _posts)
        {
            if (post.Edit.Id.EndsWith(FutureMark, StringComparison.Ordinal)) continue;
            ref var said = ref CollectionsMarshal.GetValueRefOrAddDefault(_said, post.Edit.Source, out _);
            (said ??= []).Add(post.Edit);
        }
        foreach (var id in _store.CustomerIds)
        {
            var customer = Fold(id);
            if (customer.Status != CustomerStatus.Living || AnyGone(customer)) continue;
            var type = Newest.RecordType(customer.RecordType)!;
            foreach (var field in type.Fields)
            {
                if (field.Group is null && field.Scope == FieldScope.Customer && IsPlain(field.Policy)) CheckTruth(customer, field);
            }
        }
    }

    static bool AnyGone(Customer customer)
    {
        foreach (var link in customer.Links)
        {
            if (!link.Speaks) return true;
        }
        return false;
    }

    static bool IsPlain(FieldPolicy policy)
    {
        if (policy.Strategy is not (Strategy.Latest or Strategy.Owners) || policy.YieldsAfter is not null) return false;
        if (!policy.IgnoreValues.IsEmpty || !policy.IgnoreActors.IsEmpty || !policy.DemoteActors.IsEmpty) return false;
        foreach (var _ in policy.FieldsRead()) return false;
        return true;
    }

    void CheckTruth(Customer customer, FieldDefinition field)
    {
        _trueClaims.Clear();
        foreach (var link in customer.Links)
        {
            if (link.ExternalId is null) continue;
            if (!TryClaim(link, field, out var claim)) return;
            if (claim is not { } made) continue;
            if (!made.Value.IsCleared || field.Policy.ClearedMayWin) _trueClaims.Add(made);

            // What somebody cleared there may have come back with a late report of what was there before.
            else if (made.Latest == long.MaxValue && SaidOfIt(link, field.Name)) return;
        }
        if (Winner(field.Policy) is not { } winner) return;
        if (customer.Value(field.Name) == winner.Value) return;

        // A blank that was always there determines nothing.
        if (winner.Value.IsCleared && winner.Earliest == long.MinValue) return;
        TellEvidence(customer.Id, field.Name, customer.Revision);
        Violate(7, $"{field.Name} of {customer.Id} is golden {customer.Value(field.Name)?.ToString() ?? "undetermined"}; the last word was {winner.Value} in {winner.System} ({winner.LinkId}) at {Clock.Tell(winner.Earliest)} or later, all others spoke before");
    }

    TrueClaim? Winner(FieldPolicy policy)
    {
        var best = -1;
        for (var i = 0; i < _trueClaims.Count; i++)
        {
            if (TierOf(policy, _trueClaims[i].System) is not { } tier) continue;
            var wins = true;
            for (var j = 0; j < _trueClaims.Count && wins; j++)
            {
                if (j == i || TierOf(policy, _trueClaims[j].System) is not { } other) continue;
                wins = tier < other || (tier == other && _trueClaims[i].Earliest > _trueClaims[j].Latest);
            }
            if (wins) best = i;
        }
        return best < 0 ? null : _trueClaims[best];
    }

    static int? TierOf(FieldPolicy policy, string system)
    {
        if (policy.Strategy == Strategy.Latest || policy.Tiers.IsEmpty) return 0;
        for (var t = 0; t < policy.Tiers.Length; t++)
        {
            foreach (var owner in policy.Tiers[t].Owners)
            {
                if (string.Equals(owner.System, system, StringComparison.Ordinal)) return t;
            }
        }
        return null;
    }

    /// <returns>False where the truth about this record is not the hub's to know; then nothing is asked of the customer's field.</returns>
    bool TryClaim(Link link, FieldDefinition field, out TrueClaim? claim)
    {
        claim = null;
        var index = IndexOf(link.System);
        if (index < 0 || _systems[index].Find(link.ExternalId!) is not { Lives: true } record) return false;
        var f = _plan.Types[record.Object.Type].IndexOf(field.Name);
        if (!record.Object.Habits[f].Mapped) return true;
        if (link.Fields.Get(field.Name) is { } evidence && (evidence.Statements.Length >= FieldEvidence.StatementsMax || evidence.Writes.Length >= FieldEvidence.WritesMax)) return false;

        // Where a clock is further off than declared, which came first, a report or a write of ours, is anybody's guess.
        if (link.Fields.Get(field.Name) is { Writes.Length: > 0 } && !_systems[index].Plan.ClockIsWithinTolerance) return false;
        if (IsStoredOtherwise(link, field.Name)) return false;
        if (IsKeptOtherwise(link, field.Name, record.Object.Habits[f], _systems[index].Plan)) return false;

        Save? last = null;
        var value = FieldValue.Cleared;
        var (isOurs, confirmsOurs) = (false, false);
        foreach (var save in record.Saves)
        {
            foreach (var saved in save.Fields)
            {
                if (saved.Field != f) continue;
                if (saved.By is Saver.Default or Saver.Trigger or Saver.Merge) return false;
                if (saved.By == Saver.Hub)
                {
                    isOurs = true;
                    continue;
                }
                (last, value) = (save, saved.After);
                confirmsOurs = isOurs && saved.Before == saved.After;
                isOurs = confirmsOurs;
            }
        }
        var plan = _systems[index].Plan;
        if (last is null) return NobodySpoke(record, field.Name, link, plan, out claim);

        // Who saves a form over what the hub has put there says what the hub said, with nothing else in between: an echo, by rule 7.
        if (confirmsOurs) return false;
        if (link.Troubles.Get(field.Name) is not null) return false;
        if (RepeatsOurs(link, field.Name, record, f, value, last, plan)) return false;
        var isToldAsChange = IsToldAsChange(link, field.Name, last);
        if (WroteTheSame(record, f, value, last.At, plan, isToldAsChange) || CalledForTheSame(link, field.Name, record.Object.Habits[f], value, last.At, plan, isToldAsChange)) return false;
        if (!isToldAsChange && MayBeOurSpelling(link, _plan.Types[record.Object.Type].Definition.Name, field.Name, value)) return false;
        return TryStamp(link, record, plan, field.Name, value, last, out claim);
    }

    /// <summary>Nobody has ever set the field there: a blank that was reported may count as a claim of unknown time.</summary>
    bool NobodySpoke(FakeRecord record, string field, Link link, SystemPlan plan, out TrueClaim? claim)
    {
        var latest = TellsNoTimes(plan) ? long.MaxValue : record.CreatedAt + plan.Skew + Blur;
        claim = record.CreatedBy is null && Said(link, field) ? new TrueClaim(plan.Name, link.Id, FieldValue.Cleared, long.MinValue, latest) : null;
        return record.CreatedBy is null || !Said(link, field);
    }

    bool SaidOfIt(Link link, string field) =>
        _said.TryGetValue(link.Source!.Value, out var edits) && edits.Any(e => e.Fields.Any(f => string.Equals(f.Field, field, StringComparison.Ordinal) && !f.Value.IsCleared));

    /// <summary>Then what is reported counts from when it came, and what comes late looks like news.</summary>
    static bool TellsNoTimes(SystemPlan plan) => plan.Times == TimePrecision.None && plan.Reports != ReportForm.PollOnly;

    bool Said(Link link, string field)
    {
        if (!_said.TryGetValue(link.Source!.Value, out var edits)) return false;
        foreach (var edit in edits)
        {
            foreach (var said in edit.Fields)
            {
                if (string.Equals(said.Field, field, StringComparison.Ordinal)) return true;
            }
        }
        return false;
    }

    /// <summary>Whether a report of the very save, as a change, has not been lost.</summary>
    bool IsToldAsChange(Link link, string field, Save save) => _said.TryGetValue(link.Source!.Value, out var edits)
        && edits.Any(e => e.Kind == EditKind.Change && SaveOf(e.Id, out _, out _) == save && e.Fields.Any(f => string.Equals(f.Field, field, StringComparison.Ordinal)));

    /// <summary>Whether the hub wrote that very value so near to the person's save that nobody can tell one from the other.</summary>
    static bool WroteTheSame(FakeRecord record, int field, FieldValue value, long at, SystemPlan plan, bool isToldAsChange)
    {
        // Where only what is held is told, a value changed and changed back between two looks is as if nobody had touched it.
        var near = isToldAsChange ? plan.Definition.ClockTolerance.Ticks + plan.CallTimeMax + Math.Abs(plan.Skew) + Clock.Minute : long.MaxValue;
        foreach (var save in record.Saves)
        {
            if (save.Write is null || Math.Abs(save.At - at) > near) continue;
            foreach (var saved in save.Fields)
            {
                if (saved.Field == field && saved.By == Saver.Hub && saved.After == value) return true;
            }
        }
        return false;
    }

    /// <summary>
    /// Whether somebody set our value again over another one that nobody ever told of, because its report was lost and no look fell between.
    /// All that the hub has been given says our value then, and who saves a form over it is reported alike.
    /// </summary>
    bool RepeatsOurs(Link link, string field, FakeRecord record, int index, FieldValue value, Save last, SystemPlan plan)
    {
        Save? ours = null;
        foreach (var save in record.Saves)
        {
            if (save.Version < last.Version && save.Fields.Any(s => s.Field == index && s.By == Saver.Hub && s.After == value)) ours = save;
        }
        if (ours is null) return false;
        var (from, to) = (ours.At + plan.Skew - Blur, last.At + plan.Skew + Blur);
        foreach (var edit in _said.GetValueOrDefault(link.Source!.Value) ?? [])
        {
            if (!edit.Fields.Any(s => string.Equals(s.Field, field, StringComparison.Ordinal) && s.Value != value)) continue;
            if (SaveOf(edit.Id, out _, out _) is { } reported ? reported.Version > ours.Version && reported.Version < last.Version : edit.Time?.UtcTicks > from && edit.Time?.UtcTicks < to) return false;
        }
        return link.Fields.Get(field)?.Statements.Any(s => s.By.IsHubTime && s.Value != value && s.By.Time.UtcTicks > ours.At - Blur && s.By.Time.UtcTicks < last.At + Blur) != true;
    }

    /// <summary>Whether a report of an earlier save, of another value, was accepted after what was said of the last one.</summary>
    bool IsOvertaken(Link link, string field, FieldValue value, Save last)
    {
        DateTimeOffset? heard = null;
        foreach (var statement in link.Fields.Get(field)?.Statements ?? [])
        {
            if (SaveOf(statement.By.EditId, out _, out _) is not { } save) continue;
            if (save.Version == last.Version) heard ??= statement.By.Time;
            else if (save.Version < last.Version && statement.Value != value && statement.By.Time > heard) return true;
        }
        return false;
    }

    /// <summary>Whether somebody's value, which nothing but a look has found, is by the field's own rule another spelling of one that we wrote, and no report showed ours as we wrote it: then it may be what the system made of it.</summary>
    bool MayBeOurSpelling(Link link, string recordType, string field, FieldValue value)
    {
        if (link.Fields.Get(field) is not { } evidence || Newest.Rules.Of(recordType, link.System, link.Object).Field(field) is not { } rules) return false;
        foreach (var write in evidence.Writes)
        {
            if (write.Value != value && rules.IsRendering(write.Value, value) && !evidence.Statements.Any(s => s.Value == write.Value)) return true;
        }
        return false;
    }

    /// <summary>The first thing ever said of a field is of unknown time, whatever the poll before; and what is found as it was then has not been set, for all that a look can tell.</summary>
    static bool SaidOtherBefore(List<Edit> edits, string field, FieldValue value, DateTimeOffset since)
    {
        Edit? last = null;
        var differs = false;
        foreach (var edit in edits)
        {
            if (!(edit.Time <= since) || edit.Time < last?.Time) continue;
            foreach (var said in edit.Fields)
            {
                if (string.Equals(said.Field, field, StringComparison.Ordinal)) (last, differs) = (edit, said.Value != value);
            }
        }
        return differs;
    }

    /// <summary>Whether an answer to a write told another value than ours and than the one before: put there by the save, or by somebody earlier and left there, nobody tells.</summary>
    static bool IsStoredOtherwise(Link link, string field) =>
        link.Fields.Get(field) is { } evidence && evidence.Statements.Any(s => s.By.EditId.EndsWith(":stored", StringComparison.Ordinal));

    /// <summary>Whether the system may have saved a value of ours in its own way, or not at all, and no answer told so: then its report of another value is an edit, until something ties it to our write.</summary>
    static bool IsKeptOtherwise(Link link, string field, FieldHabit habit, SystemPlan plan)
    {
        if (plan.ReceiptTellsStored || link.Fields.Get(field) is not { } evidence) return false;
        foreach (var write in evidence.Writes)
        {
            if (FakeSystem.Render(habit, write.Value) != write.Value || habit.Refuses == write.Value || habit.ForwardOnly) return true;
        }
        return false;
    }

    /// <summary>Whether the hub called with that very value, and the call's part in what the record holds is anybody's guess: it found the value there and saved nothing, or nobody told its end.</summary>
    static bool CalledForTheSame(Link link, string field, FieldHabit habit, FieldValue value, long at, SystemPlan plan, bool isToldAsChange)
    {
        if (link.Fields.Get(field) is not { } evidence) return false;
        var near = plan.Definition.ClockTolerance.Ticks + Math.Abs(plan.Skew) + Clock.Minute;
        foreach (var write in evidence.Writes)
        {
            if (write.Value != value && write.Rendering != value && FakeSystem.Render(habit, write.Value) != value) continue;
            var intent = write.Intent;
            var isTold = intent is { State: IntentState.Done, IsReadBack: false };
            var end = isTold ? intent.End!.Value : intent.StartBefore + plan.Definition.MaxCallTime;

            // Who tells no times may mean any time.
            if (plan.Times == TimePrecision.None) return true;

            // Where only what is held is told, and not what changed, or the report of the change was lost, it may be told only after the call.
            if (isToldAsChange && at < intent.Start.UtcTicks - near) continue;

            // A write that was given up explains nothing from after the longest call time.
            var lasts = !write.IsUnseen && !isToldAsChange;
            if (lasts || at <= end.UtcTicks + near) return true;
        }
        return false;
    }

    bool TryStamp(Link link, FakeRecord record, SystemPlan plan, string field, FieldValue value, Save last, out TrueClaim? claim)
    {
        claim = null;
        var at = last.At + plan.Skew;
        var latest = TellsNoTimes(plan) ? long.MaxValue : at + Blur;
        long? earliest = null;
        if (!_said.TryGetValue(link.Source!.Value, out var edits)) return false;
        foreach (var edit in edits)
        {
            foreach (var said in edit.Fields)
            {
                if (!string.Equals(said.Field, field, StringComparison.Ordinal)) continue;

                // Only what was said of the record at or after the save is about this save.
                var isOfIt = SaveOf(edit.Id, out _, out _) is { } reported ? reported.Version >= last.Version : edit.Time?.UtcTicks >= at - Blur;
                if (!isOfIt || said.Value != value) continue;
                var from = edit.Kind == EditKind.Change
                    ? SaveOf(edit.Id, out _, out _) is { } own && own.Version == last.Version ? at - Blur : long.MinValue
                    : edit.Since is { } since && since.UtcTicks <= at && SaidOtherBefore(edits, field, value, since) ? since.UtcTicks - Blur : long.MinValue;
                if (earliest is null || from > earliest) earliest = from;
            }
        }
        if (earliest is not { } known) return false;

        // Where nothing orders reports but when they came, one that was overtaken looks like the last word.
        if (TellsNoTimes(plan) && !plan.HasVersions && IsOvertaken(link, field, value, last)) return false;

        // The poll that found the save first never arrived, and the next one tells of a time after it.
        if (link.Fields.Get(field)?.Statements.FirstOrDefault(s => s.Value == value)?.By.Since?.UtcTicks > at + Blur) return false;

        // What replaced a value of ours was set after our write, which the hub dates by its own clock, however far behind it the system's is.
        foreach (var save in record.Saves)
        {
            if (save.Version >= last.Version || save.Write is not { } put || link.Fields.Get(field) is not { } evidence) continue;
            foreach (var write in evidence.Writes)
            {
                if (write.Intent.Id == put.IntentId && write.Value != value) latest = Math.Max(latest, (write.Intent.SavedAt ?? write.Intent.Start).UtcTicks + Blur);
            }
        }
        // So was what replaced another value that the hub has read there itself.
        foreach (var seen in link.Fields.Get(field)?.Statements ?? [])
        {
            if (seen.By.IsHubTime && seen.Value != value && seen.By.Time.UtcTicks <= last.At) latest = Math.Max(latest, seen.By.Time.UtcTicks + Blur);
        }
        claim = new TrueClaim(plan.Name, link.Id, value, TellsNoTimes(plan) ? Math.Min(known, last.At - Blur) : known, latest);
        return true;
    }
}
