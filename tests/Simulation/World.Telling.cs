using System.Globalization;
using System.Text;
using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Simulation.Plans;
using OrleansCrm.Simulation.Time;

namespace OrleansCrm.Simulation;

/// <summary>How entries read in a story. Only worlds that are told come here.</summary>
sealed partial class World
{
    /// <summary>The cast: what a reader has to know of this world before its story.</summary>
    void TellPlan()
    {
        if (_story is null) return;
        foreach (var definition in _plan.Definitions)
        {
            foreach (var type in definition.RecordTypes)
            {
                Tell($"definition {definition.Version}, {type.Name}: {string.Join("; ", type.Fields.Select(f => $"{f.Name} {f.Type}{(f.Scope == FieldScope.Link ? " per link" : "")}: {Describe(f.Group is { } g ? type.Group(g)!.Policy : f.Policy)}"))}");
            }
        }
        foreach (var system in _systems)
        {
            var plan = system.Plan;
            var guard = plan.Definition.Guard;
            Tell($"{plan.Name}: reports {plan.Reports} lost {plan.ReportsLostPercent} %, times {plan.Times}, versions {plan.HasVersions}, marks {plan.HasMarks}, clock {plan.Skew / Clock.Millisecond} ms of {plan.Definition.ClockTolerance}, receipts tell {(plan.ReceiptTellsStored ? "stored " : "")}{(plan.ReceiptTellsVersion ? "version " : "")}{(plan.ReceiptTellsTime ? "time" : "")}, search lags {plan.SearchLag / Clock.Millisecond} ms, guard {guard.Window}: creates {guard.Creates} changes {guard.Changes} clears {guard.Clears} deletes {guard.Deletes}, budget {plan.Definition.Budget}");
            foreach (var o in plan.Objects)
            {
                Tell($"    {o.Name}: create {o.Mapping.Create} by {o.Mapping.CreationKey}, delete {o.Mapping.Delete}, needs {string.Join(",", o.Mapping.RequiredToCreate)}; fields {string.Join("; ", o.Mapping.Fields.Select(f => $"{f.Field} {f.Direction} {Describe(o.Habits[_plan.Types[o.Type].IndexOf(f.Field)], _plan.Types[o.Type])}"))}");
            }
        }
        foreach (var silo in _silos) Tell($"silo {silo.Index}: clock {silo.Skew / Clock.Millisecond} ms");
    }

    /// <summary>All that a customer knew of a field at a revision, and what it made of it.</summary>
    void TellEvidence(string customerId, string field, long revision)
    {
        if (_story is null) return;
        var entries = _store.EntriesOf(customerId);
        Customer? customer = null;
        for (var i = 0; i < Math.Min(revision, entries.Count); i++) customer = CustomerFold.Apply(customer, entries[i]);
        if (customer is null) return;
        Tell($"{field} of {customerId} at revision {customer.Revision}: golden {customer.Golden.Get(field)?.ToString() ?? "undetermined"}");
        foreach (var link in customer.Links)
        {
            if (link.Fields.Get(field) is not { } evidence || Newest.Rules.Of(customer.RecordType, link.System, link.Object).Field(field) is not { } rules) continue;
            Tell($"    {link.Id} {link.System}/{link.ExternalId} {link.State}, known {evidence.KnownOf(rules)}, trouble {link.Troubles.Get(field)}");
            foreach (var said in evidence.Statements)
            {
                Tell($"        {(said.By.IsChange ? "changed" : "seen")} {said.Value} {(said.By.TimeTold ? "" : "accepted ")}{Clock.Tell(said.By.Time.UtcTicks)}{(said.By.Since is { } since ? $" since {Clock.Tell(since.UtcTicks)}" : "")} v{said.By.Version} {said.By.Actor} {said.By.EditId}{(evidence.IsEcho(said, rules) ? " ECHO" : "")}");
            }
            foreach (var write in evidence.Writes)
            {
                var intent = write.Intent;
                Tell($"        wrote {write.Value} over {write.Before} #{intent.Id} {intent.State} {Clock.Tell(intent.Start.UtcTicks)}..{(intent.End is { } end ? Clock.Tell(end.UtcTicks) : "")} saved {(intent.SavedAt is { } saved ? Clock.Tell(saved.UtcTicks) : "")} v{intent.SavedVersion}{(write.Rendering is { } r ? $" rendered {r}" : "")}{(write.Refused ? " REFUSED" : "")}");
            }
            foreach (var claim in evidence.ClaimsOf(rules)) Tell($"        claim {claim.Value} {claim.Stamp} by {claim.By.EditId}");
        }
    }

    /// <summary>What moved last in a world that does not come to rest.</summary>
    void TellRestless()
    {
        if (_story is null) return;
        var most = "";
        foreach (var id in _store.CustomerIds)
        {
            if (most.Length == 0 || _store.RevisionOf(id) > _store.RevisionOf(most)) most = id;
        }
        if (most.Length == 0) return;
        var entries = _store.EntriesOf(most);
        for (var i = entries.Count - 1; i >= 0; i--)
        {
            if (entries[i].Golden.IsEmpty) continue;
            TellEvidence(most, entries[i].Golden[0].Field, entries[i].Revision - 1);
            TellEvidence(most, entries[i].Golden[0].Field, entries[i].Revision);
            return;
        }
    }

    /// <summary>How the deliveries stand when all is quiet.</summary>
    void TellDeliveries()
    {
        if (_story is null) return;
        foreach (var silo in _silos)
        {
            foreach (var slot in silo.Deliveries)
            {
                if (slot is null) continue;
                var machine = slot.Machine;
                Tell($"delivery to {_systems[slot.System].Plan.Name} on silo {silo.Index}: open {machine.Open}, calls {machine.CallsUnderWay}, held {machine.Guard.Held}, granted {machine.Guard.Granted}, used {machine.Guard.Used(_systems[slot.System].Plan.Definition.Guard, ClockOf(silo))}, {machine.Circuit}, saved {machine.Budget.Saved}");
                foreach (var row in _store.DeliveryOf(slot.System).Rows) Tell($"    {row}");
            }
        }
    }

    static string Describe(FieldPolicy policy) =>
        $"{policy.Strategy}{string.Concat(policy.Tiers.Select(t => " [" + string.Join(",", t.Owners.Select(o => o.System + (o.When is { } w ? $" when {w}" : ""))) + "]"))}{(policy.YieldsAfter is { } after ? $" yields after {after}" : "")}{(policy.ClearedMayWin ? " clearing may win" : "")}{(policy.OptInFrom.IsEmpty ? "" : $" opt-in from {string.Join(",", policy.OptInFrom)}")}{(policy.Effective == PolicyEffect.Now ? " effective now" : "")}";

    static string Describe(FieldHabit habit, TypePlan type)
    {
        var text = "";
        if (habit.Rewriting != Rewriting.None) text += $" {habit.Rewriting}{(habit.Rewriting == Rewriting.Cut ? habit.CutAt : "")}";
        if (habit.Refuses is { } refused) text += $" refuses {refused}";
        if (habit.Rejects is { } rejected) text += $" rejects {rejected}";
        if (habit.ForwardOnly) text += " forward only";
        if (habit.Unique) text += " unique";
        if (habit.Default is { } filled) text += $" default {filled}";
        if (habit.TriggerSets >= 0) text += $" trigger sets {type.Fields[habit.TriggerSets].Name}={habit.TriggerValue}";
        if (habit.FlowInsists is { } insisted) text += $" flow insists on {insisted} {habit.FlowRuns} times";
        return text;
    }

    void TellEntries(AppendBatch batch, AppendAnswer.Decided answer)
    {
        for (var i = 0; i < batch.Commits.Length; i++)
        {
            if (answer.Commits[i] is not CommitAnswer.Committed) continue;
            foreach (var append in batch.Commits[i].Appends)
            {
                foreach (var entry in append.Entries) Tell(Describe(entry));
                if (append.RecordsTaken.Length + append.RecordsGiven.Length + append.KeysTaken.Length + append.KeysGiven.Length > 0)
                {
                    Tell($"    takes {string.Join(", ", append.KeysTaken.Concat(append.RecordsTaken.Select(r => r.ToString())))}; gives {string.Join(", ", append.KeysGiven.Concat(append.RecordsGiven.Select(r => r.ToString())))}");
                }
            }
        }
    }

    static string Describe(JournalEntry entry)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"ENTRY {entry.CustomerId}#{entry.Revision} (definition {entry.DefinitionVersion}):");
        foreach (var edit in entry.Edits)
        {
            text.Append(CultureInfo.InvariantCulture, $" edit {edit.By.EditId} of {edit.LinkId} {edit.Kind} at {edit.By.Time.UtcTicks.Tell()} {edit.By.Actor} v{edit.By.Version} [{string.Join(", ", edit.Fields.Select(f => $"{f.Field}={f.Value}"))}]");
        }
        foreach (var link in entry.Links) text.Append(CultureInfo.InvariantCulture, $" link {link.LinkId} {link.System}/{link.ExternalId} {link.State} epoch {link.Epoch}");
        foreach (var receipt in entry.Receipts)
        {
            text.Append(CultureInfo.InvariantCulture, $" receipt {receipt.LinkId} #{receipt.IntentId} {receipt.State} {receipt.Code}");
            if (!receipt.Fields.IsDefault) text.Append(CultureInfo.InvariantCulture, $" [{string.Join(", ", receipt.Fields.Select(f => $"{f.Field}: {(f.Refused ? "refused" : "rendered " + f.Rendering)}"))}]");
        }
        foreach (var golden in entry.Golden) text.Append(CultureInfo.InvariantCulture, $" GOLDEN {golden.Field}={(golden.Golden is { } g ? $"{g.Value} of {g.LinkId} v{g.Version} by {g.Rule} {g.Stamp}" : "undetermined")}");
        foreach (var trouble in entry.Troubles) text.Append(CultureInfo.InvariantCulture, $" trouble {trouble.LinkId} {trouble.Field}: {trouble.Trouble}");
        foreach (var intent in entry.Intents) text.Append(CultureInfo.InvariantCulture, $" intent {intent.Kind} {intent.LinkId} [{string.Join(", ", intent.Fields.Select(f => $"{f.Field}={f.Value} v{f.Version}"))}]");
        if (entry.Status is { } status) text.Append(CultureInfo.InvariantCulture, $" status {status}");
        if (entry.MovedIn.Length > 0) text.Append(CultureInfo.InvariantCulture, $" moved in {string.Join(", ", entry.MovedIn.Select(l => l.Id))}");
        if (entry.MovedOut.Length > 0) text.Append(CultureInfo.InvariantCulture, $" moved out {string.Join(", ", entry.MovedOut)}");
        if (entry.Due.Length > 0) text.Append(CultureInfo.InvariantCulture, $" due {string.Join(", ", entry.Due.Select(d => $"{d.System}:{d.LinkId}"))}");
        return text.ToString();
    }
}

static class StoryTimes
{
    public static string Tell(this long ticks) => Time.Clock.Tell(ticks);
}
