using System.Collections.Immutable;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Claims;

/// <summary>
/// All that the hub remembers of one field of one source record: what was said about it, and what we wrote to it. The
/// record's claim, what it is known to hold, and whether a report is an echo are functions of this set, so that the order
/// in which its members arrived cannot matter. Immutable.
/// </summary>
/// <remarks>
/// Bounded: beyond <see cref="StatementsMax"/> the earliest statements are folded into <see cref="Past"/>, beyond
/// <see cref="WritesMax"/> the earliest settled writes are forgotten. A stamp may then only become earlier.
/// </remarks>
public sealed class FieldEvidence
{
    public const int StatementsMax = 8;
    public const int WritesMax = 8;
    public const int PastMax = 16;

    public static FieldEvidence None { get; } = new([], [], []);

    // The judgement under one set of rules: pure, so that computing it twice in a race does no harm.
    Judgement? _judgement;

    public FieldEvidence(ImmutableArray<Claim> past, ImmutableArray<Statement> statements, ImmutableArray<FieldIntent> writes)
    {
        Past = past;
        Statements = statements;
        Writes = writes;
    }

    /// <summary>What the statements that were dropped beyond the bound amount to: earlier values with their stamps, oldest first.</summary>
    public ImmutableArray<Claim> Past { get; }

    /// <summary>In their total order, each edit once.</summary>
    public ImmutableArray<Statement> Statements { get; }

    /// <summary>By intent, oldest first; those that were not done are not kept.</summary>
    public ImmutableArray<FieldIntent> Writes { get; }

    /// <summary>Adds what an edit says. The same edit twice is the same as once.</summary>
    public FieldEvidence With(Statement statement, FieldRules rules)
    {
        var at = 0;
        while (at < Statements.Length)
        {
            var order = Statement.Compare(Statements[at], statement);
            if (order == 0) return this;
            if (order > 0) break;
            at++;
        }
        if (Past.Length > 0 && EditEvidence.Compare(statement.By, Past[^1].LastBy) <= 0) return new(InsertPast(Past, statement), Statements, Writes);
        var statements = Statements.Insert(at, statement);
        if (statements.Length <= StatementsMax) return new(Past, statements, Writes);

        var earliest = statements[0];
        var past = DropInto(Past, earliest, new FieldEvidence(Past, statements, Writes), rules);
        return new(past, statements.RemoveAt(0), Writes);
    }

    /// <summary>Whether the statement is here already: to add it again would change nothing.</summary>
    public bool Holds(Statement statement)
    {
        foreach (var known in Statements)
        {
            if (Statement.Compare(known, statement) == 0) return true;
        }
        return false;
    }

    /// <summary>Adds a write of ours, or what has become of it.</summary>
    /// <param name="forgetBefore">Settled writes that a later one has replaced, and that ended before this, can have no echo under way any more.</param>
    public FieldEvidence With(FieldIntent write, DateTimeOffset forgetBefore, FieldRules rules)
    {
        var writes = Writes;
        for (var i = 0; i < writes.Length; i++)
        {
            if (writes[i].Intent.Id != write.Intent.Id || writes[i].Intent.Start != write.Intent.Start) continue;
            return new(Past, Statements, write.Intent.State == IntentState.NotDone ? writes.RemoveAt(i) : writes.SetItem(i, write));
        }
        if (write.Intent.State == IntentState.NotDone) return this;
        return new FieldEvidence(Past, Statements, Writes.Add(write)).Forgetting(forgetBefore, rules);
    }

    FieldEvidence Forgetting(DateTimeOffset before, FieldRules rules)
    {
        var done = LastDone();
        var writes = Writes;
        for (var i = 0; i < writes.Length - 1; i++)
        {
            var intent = writes[i].Intent;
            if (intent.IsUnsettled || ReferenceEquals(writes[i], done) || !(intent.End < before || writes.Length > WritesMax)) continue;
            writes = writes.RemoveAt(i--);
        }
        if (writes.Length == Writes.Length) return this;

        // What they explained is an echo for ever: without them it would look like an edit.
        Span<bool> echoes = stackalloc bool[StatementsMax + 1];
        FindEchoes(rules, aspect: null, echoes);
        var remaining = new FieldEvidence(Past, Statements, writes);
        Span<bool> still = stackalloc bool[StatementsMax + 1];
        remaining.FindEchoes(rules, aspect: null, still);
        var statements = Statements;
        for (var i = Statements.Length - 1; i >= 0; i--)
        {
            if (echoes[i] && !still[i]) statements = statements.RemoveAt(i);
        }
        return new(Past, statements, writes);
    }

    /// <summary>What two sets of evidence about one record know together.</summary>
    public FieldEvidence Union(FieldEvidence other, FieldRules rules)
    {
        var writes = Writes.AddRange(other.Writes.Where(w => !Writes.Any(o => o.Intent.Start == w.Intent.Start && o.Intent.Id == w.Intent.Id)));
        var union = new FieldEvidence(Past.IsEmpty ? other.Past : Past, Statements, [.. writes.OrderBy(w => w.Intent.Start)]);
        foreach (var statement in other.Statements) union = union.With(statement, rules);
        return union;
    }

    /// <summary>The same evidence with some edits undone by a person: they claim nothing, though the record may still hold what they said.</summary>
    public FieldEvidence Reverting(Func<EditEvidence, bool> undone)
    {
        if (!Statements.Any(s => undone(s.By) && !s.By.IsReverted)) return this;
        return new(Past, [.. Statements.Select(s => undone(s.By) && !s.By.IsReverted ? s with { By = s.By with { IsReverted = true } } : s)], Writes);
    }

    /// <summary>What the record claims; null: nothing eligible was ever said, or only echoes of our own writes.</summary>
    public Claim? ClaimOf(FieldRules rules)
    {
        var claims = Judge(rules).Claims;
        return claims.IsEmpty ? null : claims[^1];
    }

    /// <summary>Every value that the record has claimed, with its stamp, oldest first; the last is its claim.</summary>
    public ImmutableArray<Claim> ClaimsOf(FieldRules rules) => Judge(rules).Claims;

    /// <summary>As <see cref="ClaimsOf(FieldRules)"/>, of one aspect of the value (a member of a set).</summary>
    public ImmutableArray<Claim> ClaimsOf(FieldRules rules, Func<FieldValue, FieldValue> aspect) => Walk(rules, aspect);

    /// <summary>What the record holds now, as far as reports and our own writes tell.</summary>
    public Known KnownOf(FieldRules rules) => Judge(rules).Known;

    /// <summary>Whether a statement reports a value that is there because we put it there.</summary>
    public bool IsEcho(Statement statement, FieldRules rules)
    {
        Span<bool> echoes = stackalloc bool[StatementsMax + 1];
        FindEchoes(rules, aspect: null, echoes);
        var at = Statements.IndexOf(statement);
        return at >= 0 && echoes[at];
    }

    /// <summary>Whether a report that passes for an echo may as well be somebody's word: nothing but a write whose end nobody knows explains it, it does not carry our mark, and it is from after the last time at which that write could take effect.</summary>
    public bool IsDoubtfulEcho(Statement statement, FieldRules rules)
    {
        if (statement.By.Actor.Kind == ActorKind.Hub) return false;
        foreach (var write in Writes)
        {
            if (write.Refused || !Matches(write, statement.Value, rules, aspect: null)) continue;
            if (!write.Intent.MayStillTakeEffect || !IsAfter(statement.By, write.Intent, rules)) return false;
        }
        return true;
    }

    /// <summary>Whether a value is one of our writes as the record shows it: the value written, or this system's rendering of it.</summary>
    public bool Shows(FieldIntent write, FieldValue value, FieldRules rules) => Matches(write, value, rules, aspect: null);

    /// <summary>Whether the record is known to have held an aspect of the value (a member of a set) before it claimed to hold none: only then was it taken away there.</summary>
    public bool HeldBefore(Claim none, Func<FieldValue, FieldValue> aspect)
    {
        foreach (var claim in Past)
        {
            if (!aspect(claim.Value).IsCleared && EditEvidence.Compare(claim.By, none.LastBy) < 0) return true;
        }
        foreach (var statement in Statements)
        {
            if (!aspect(statement.Value).IsCleared && EditEvidence.Compare(statement.By, none.LastBy) < 0) return true;
        }
        foreach (var write in Writes)
        {
            if (write.Intent.State != IntentState.Done || write.Refused || aspect(write.Rendering ?? write.Value).IsCleared) continue;
            if ((write.Intent.SavedAt ?? write.Intent.Start) <= none.LastBy.Time) return true;
        }
        return false;
    }

    /// <summary>What the record held after the last write that the system took; null: there was none.</summary>
    public FieldValue? LastPut() => LastDone() is { } done ? done.Rendering ?? done.Value : null;

    /// <summary>The last write that the system took; null: none.</summary>
    public FieldIntent? LastDone()
    {
        for (var i = Writes.Length - 1; i >= 0; i--)
        {
            if (Writes[i].Intent.State == IntentState.Done && !Writes[i].Refused) return Writes[i];
        }
        return null;
    }

    /// <summary>Whether a value is one that we wrote over or wrote before the last write: a report of it goes to and fro with us.</summary>
    public bool HasHeldBefore(FieldValue value)
    {
        var last = LastDone();
        foreach (var write in Writes)
        {
            if (write.Before == value || (!ReferenceEquals(write, last) && (write.Value == value || write.Rendering == value))) return true;
        }
        return false;
    }

    /// <summary>How often the system took this very golden value, of the writes that are still known.</summary>
    /// <param name="after">Only writes announced after this revision.</param>
    public int TimesTaken(FieldValue value, long goldenVersion, long after)
    {
        var times = 0;
        foreach (var write in Writes)
        {
            if (write.Intent.State == IntentState.Done && write.Intent.Id > after && write.GoldenVersion == goldenVersion && write.Value == value) times++;
        }
        return times;
    }

    /// <summary>How many writes that began after a time put back a value that we had written before.</summary>
    public int ReturnsAfter(DateTimeOffset time)
    {
        var returns = 0;
        for (var i = 1; i < Writes.Length; i++)
        {
            if (Writes[i].Intent.Start <= time) continue;
            for (var j = 0; j < i; j++)
            {
                if (Writes[j].Value != Writes[i].Value) continue;
                returns++;
                break;
            }
        }
        return returns;
    }

    Judgement Judge(FieldRules rules)
    {
        var judgement = _judgement;
        if (judgement is null || !ReferenceEquals(judgement.Rules, rules))
        {
            judgement = new(rules, Walk(rules, aspect: null), FindKnown(rules));
            _judgement = judgement;
        }
        return judgement;
    }

    ImmutableArray<Claim> Walk(FieldRules rules, Func<FieldValue, FieldValue>? aspect)
    {
        if (Statements.IsEmpty) return aspect is null ? Past : Fold(Past, aspect);
        Span<bool> echoes = stackalloc bool[StatementsMax + 1];
        if (!Writes.IsEmpty) FindEchoes(rules, aspect, echoes);

        var claims = ImmutableArray.CreateBuilder<Claim>(Past.Length + 1);
        // Two claims of one value in a row are two: something of ours stood between them.
        if (aspect is null) claims.AddRange(Past);
        else foreach (var claim in Past) Extend(claims, claim with { Value = aspect(claim.Value) });
        // The latest evidence that the record held something else than the claim at hand, from a statement that may make no claim.
        EditEvidence? between = null;
        FieldValue? betweenValue = null;
        for (var i = 0; i < Statements.Length; i++)
        {
            if (echoes[i] && rules.Planted != PlantedFault.EchoIsAnEdit) continue;
            var statement = Statements[i];
            var value = aspect is null ? statement.Value : aspect(statement.Value);
            if (!rules.Counts(statement))
            {
                between = statement.By;
                betweenValue = value;
                continue;
            }
            var last = claims.Count > 0 ? claims[^1] : null;
            var differs = LastOther(last, between, betweenValue, value, statement, rules, aspect);
            var by = statement.By;
            var continues = last is not null && last.Value == value && differs is null;
            if (continues && rules.Planted != PlantedFault.EqualValueRestamps)
            {
                // Said again. A change says that it was set again just then; an observation only that it is still there.
                claims[^1] = by.IsChange && rules.Planted != PlantedFault.ChangeOfSameValueKeepsStamp
                    ? last! with { Stamp = by.ToStamp(), By = by, LastBy = by }
                    : last! with { LastBy = by };
            }
            else
            {
                claims.Add(new Claim(value, StampOf(by, differs, last, rules), by, by));
            }
        }
        return claims.DrainToImmutable();
    }

    static Stamp StampOf(EditEvidence by, Stamp? differs, Claim? last, FieldRules rules)
    {
        if (by.IsChange || rules.Planted == PlantedFault.ObservationIsAChange) return by.ToStamp();
        if (last is not null)
        {
            var held = last.LastBy.ToStamp();
            if (differs is null || held > differs) differs = held;
        }
        if (differs is not { } other) return Stamp.Initial;
        return by.Since is { } since && since > other.Time && rules.Planted != PlantedFault.ForgetSince
            ? Stamp.JustAfter(since, null, by.EditId)
            : Stamp.JustAfter(other.Time, other.Version, by.EditId);
    }

    /// <summary>The latest time between the claim at hand and a statement at which the record held another value than the statement's, by a write of ours or a statement that may not claim; null: none.</summary>
    Stamp? LastOther(Claim? last, EditEvidence? between, FieldValue? betweenValue, FieldValue value, Statement statement, FieldRules rules, Func<FieldValue, FieldValue>? aspect)
    {
        Stamp? found = null;
        if (between is not null && betweenValue != value && (last is null || EditEvidence.Compare(between, last.LastBy) > 0)) found = between.ToStamp();
        foreach (var write in Writes)
        {
            if (write.Intent.State != IntentState.Done || write.Refused || Matches(write, value, rules, aspect)) continue;
            var at = write.Intent.SavedAt ?? write.Intent.Start;
            if (at > statement.By.Time || IsBefore(statement.By, write.Intent, rules) || (last is not null && at < last.LastBy.Time)) continue;
            if (rules.Planted == PlantedFault.WritesAreNotEvidence) continue;
            var stamp = Stamp.At(at, write.Intent.SavedVersion, "");
            if (found is null || stamp > found) found = stamp;
        }
        return found;
    }

    void FindEchoes(FieldRules rules, Func<FieldValue, FieldValue>? aspect, Span<bool> echoes)
    {
        for (var i = 0; i < Statements.Length; i++)
        {
            var statement = Statements[i];
            if (rules.Planted == PlantedFault.EchoByMarkAlone)
            {
                echoes[i] = statement.By.Actor.Kind == ActorKind.Hub;
                continue;
            }
            foreach (var write in Writes)
            {
                if (!IsEchoOf(i, write, rules, aspect, echoes)) continue;
                echoes[i] = true;
                break;
            }
        }
    }

    bool IsEchoOf(int index, FieldIntent write, FieldRules rules, Func<FieldValue, FieldValue>? aspect, ReadOnlySpan<bool> echoes)
    {
        var statement = Statements[index];
        var value = aspect is null ? statement.Value : aspect(statement.Value);
        if (write.Refused || !Matches(write, value, rules, aspect)) return false;
        if (rules.Planted == PlantedFault.EchoByValueAlone) return true;
        if (statement.By.Actor.Kind == ActorKind.Hub) return !IsOlder(statement.By, write.Intent);
        // Where our own changes come back with our mark, a change with somebody else's is theirs.
        if (rules.HasMarks && statement.By.IsChange && statement.By.Actor.Kind != ActorKind.Unknown) return false;
        if (IsBefore(statement.By, write.Intent, rules)) return false;

        // A foreign value reported in between: who then reports ours has set it again.
        foreach (var claim in Past)
        {
            if (!Matches(write, aspect is null ? claim.Value : aspect(claim.Value), rules, aspect) && IsAfter(claim.LastBy, write.Intent, rules)) return false;
        }
        for (var i = 0; i < index; i++)
        {
            if (echoes[i]) continue;
            var other = Statements[i];
            if (!Matches(write, aspect is null ? other.Value : aspect(other.Value), rules, aspect) && IsAfter(other.By, write.Intent, rules)) return false;
        }
        // A later write of ours that surely held: after it, our older value can only have been set by somebody.
        // Without a time of its own, though, the report may simply be late.
        foreach (var later in Writes)
        {
            if (later.Intent.State != IntentState.Done || later.Refused || later.Intent.Start <= write.Intent.Start || write.Intent.MayStillTakeEffect) continue;
            if (Matches(later, value, rules, aspect)) continue;
            if (IsAfter(statement.By, later.Intent, rules)) return false;
        }
        return true;
    }

    bool Matches(FieldIntent write, FieldValue value, FieldRules rules, Func<FieldValue, FieldValue>? aspect)
    {
        if (aspect is not null)
        {
            return aspect(write.Value) == value || (write.Rendering is { } stored && aspect(stored) == value);
        }
        if (write.Value == value || write.Rendering == value) return true;
        if (write.Before == value || !rules.IsRendering(write.Value, value)) return false;
        // A report may overtake our receipt: until the end is known, what this system makes of our value is ours.
        if (write.Intent.MayStillTakeEffect) return true;

        // Afterwards it is where a report ties it to our write: by our mark, or by the version that the write made.
        for (var i = 0; i < Statements.Length; i++)
        {
            if (Statements[i].Value == value && IsTied(i, write.Intent)) return true;
        }
        return false;
    }

    // Our mark on a report of the whole record says that the last save was ours, not that each of its values is: what somebody else
    // reported first, after we wrote, is theirs.
    bool IsTied(int index, Intent write)
    {
        var by = Statements[index].By;
        if (by.Version is { } version && version == write.SavedVersion) return true;
        if (by.Actor.Kind != ActorKind.Hub) return false;
        for (var i = 0; i < index && !by.IsChange; i++)
        {
            var earlier = Statements[i];
            if (earlier.Value == Statements[index].Value && earlier.By.Actor.Kind != ActorKind.Hub && !IsOlder(earlier.By, write)) return false;
        }
        return true;
    }

    Known FindKnown(FieldRules rules)
    {
        Statement? statement = Statements.IsEmpty ? null : Statements[^1];
        var write = LastDone();
        if (rules.Planted == PlantedFault.LedgerInsteadOfKnown && write is not null) return new(write.Rendering ?? write.Value, true);
        if (statement is null)
        {
            if (write is not null) return new(write.Rendering ?? write.Value, true);
            return Past.IsEmpty ? Known.Nothing : new(Past[^1].Value, true);
        }
        if (write is null || Matches(write, statement.Value, rules, aspect: null)) return new(statement.Value, true);
        if (IsBefore(statement.By, write.Intent, rules)) return new(write.Rendering ?? write.Value, true);
        return new(statement.Value, IsAfter(statement.By, write.Intent, rules) || rules.Planted == PlantedFault.DoubtIsCertainty);
    }

    /// <summary>Whether the edit preceded the write, whatever clocks say.</summary>
    internal static bool IsOlder(EditEvidence edit, Intent write) =>
        edit.Version is { } version && write.SavedVersion is { } saved ? version < saved : edit.ReceivedAt < write.Start;

    /// <summary>Whether the edit surely preceded the write's effect.</summary>
    static bool IsBefore(EditEvidence edit, Intent write, FieldRules rules)
    {
        if (edit.Version is { } version && write.SavedVersion is { } saved) return version < saved;
        // What we had heard before we wrote had happened before we wrote, whatever the system's clock says.
        if (edit.ReceivedAt < write.Start) return true;
        if (!edit.TimeTold) return false;
        return write.SavedAt is { } at ? edit.Time < at : edit.Time < write.Start - rules.ClockTolerance;
    }

    /// <summary>Whether the edit surely followed the write's effect. Asked of values other than the written one: in the very version that the write made, such a value was put there after ours.</summary>
    static bool IsAfter(EditEvidence edit, Intent write, FieldRules rules)
    {
        if (edit.Version is { } version && write.SavedVersion is { } saved) return version >= saved;
        if (!edit.TimeTold) return false;
        if (write.SavedAt is { } at) return edit.Time > at;
        var latest = write.State == IntentState.Done ? write.End ?? write.StartBefore : write.StartBefore + rules.MaxCallTime;
        return edit.Time > latest + rules.ClockTolerance;
    }

    // The earliest statement leaves; what it amounts to stays as a claim of the past.
    static ImmutableArray<Claim> DropInto(ImmutableArray<Claim> past, Statement earliest, FieldEvidence whole, FieldRules rules)
    {
        Span<bool> echoes = stackalloc bool[StatementsMax + 1];
        whole.FindEchoes(rules, aspect: null, echoes);
        if (echoes[0]) return past;
        // A refusal of consent is remembered, whatever else the policy makes of who said it.
        if (!rules.Counts(earliest) && !rules.IsRefusal(earliest.Value)) return past;
        var claims = rules.Counts(earliest)
            ? new FieldEvidence(past, [earliest], whole.Writes).Walk(rules, aspect: null)
            : past.Add(new Claim(earliest.Value, earliest.By.ToStamp(), earliest.By, earliest.By));
        if (claims.Length <= PastMax) return claims;

        // Beyond the bound a value's first and last time stay, then the latest ones.
        var keep = claims.Where((claim, i) => i == claims.Length - 1
            || !claims.Take(i).Any(c => c.Value == claim.Value) || !claims.Skip(i + 1).Any(c => c.Value == claim.Value)).ToList();
        while (keep.Count > PastMax) keep.RemoveAt(1);
        return [.. keep];
    }

    static ImmutableArray<Claim> InsertPast(ImmutableArray<Claim> past, Statement late)
    {
        var stamp = late.By.IsChange ? late.By.ToStamp() : late.By.Since is { } since ? Stamp.JustAfter(since, null, late.By.EditId) : Stamp.Initial;
        if (past.Any(c => c.Value == late.Value && c.Stamp == stamp)) return past;
        var at = past.Length - 1;
        while (at > 0 && EditEvidence.Compare(past[at - 1].LastBy, late.By) > 0) at--;
        return past.Length >= PastMax ? past : past.Insert(at, new Claim(late.Value, stamp, late.By, late.By));
    }

    static ImmutableArray<Claim> Fold(ImmutableArray<Claim> past, Func<FieldValue, FieldValue> aspect)
    {
        var claims = ImmutableArray.CreateBuilder<Claim>(past.Length);
        foreach (var claim in past) Extend(claims, claim with { Value = aspect(claim.Value) });
        return claims.DrainToImmutable();
    }

    static void Extend(ImmutableArray<Claim>.Builder claims, Claim claim)
    {
        if (claims.Count > 0 && claims[^1].Value == claim.Value) claims[^1] = claims[^1] with { LastBy = claim.LastBy };
        else claims.Add(claim);
    }

    sealed record Judgement(FieldRules Rules, ImmutableArray<Claim> Claims, Known Known);
}
