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
/// Bounded by those who add to it: what is too much, <see cref="Customers.Forgetting"/> chooses where it is decided, and the entry names it.
/// So adding and taking away need no rules, and a fold under any definition makes the same set.
/// </remarks>
public sealed class FieldEvidence
{
    /// <summary>Most statements that are left after a decision.</summary>
    public const int StatementsMax = 16;

    /// <summary>Most writes that are left after one of them has ended; one more may be under way.</summary>
    public const int WritesMax = 8;

    public static FieldEvidence None { get; } = new([], []);

    // More than this many statements meet only where many edits of one field are decided together.
    const int OnStackMax = 64;

    // The judgement under one set of rules: pure, so that computing it twice in a race does no harm.
    Judgement? _judgement;

    public FieldEvidence(ImmutableArray<Statement> statements, ImmutableArray<FieldIntent> writes)
    {
        Statements = statements;
        Writes = writes;
    }

    /// <summary>In their total order, each edit once.</summary>
    public ImmutableArray<Statement> Statements { get; }

    /// <summary>By intent, oldest first; those that were not done are not kept.</summary>
    public ImmutableArray<FieldIntent> Writes { get; }

    /// <summary>Adds what an edit says. The same edit twice is the same as once.</summary>
    public FieldEvidence With(Statement statement)
    {
        var at = Statements.Length;
        while (at > 0)
        {
            var order = Statement.Compare(Statements[at - 1], statement);
            if (order == 0) return this;
            if (order < 0) break;
            at--;
        }
        return new(Statements.Insert(at, statement), Writes);
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
    public FieldEvidence With(FieldIntent write)
    {
        var writes = Writes;
        for (var i = 0; i < writes.Length; i++)
        {
            if (writes[i].Intent.Id != write.Intent.Id || writes[i].Intent.Start != write.Intent.Start) continue;
            return new(Statements, write.Intent.State == IntentState.NotDone ? writes.RemoveAt(i) : writes.SetItem(i, write));
        }
        return write.Intent.State == IntentState.NotDone ? this : new(Statements, writes.Add(write));
    }

    /// <summary>What is left when an entry says that some of it is forgotten. Each name takes away one statement or write, the earliest of that name.</summary>
    public FieldEvidence Without(ImmutableArray<string> edits, ImmutableArray<long> intents)
    {
        var statements = Statements;
        foreach (var edit in edits)
        {
            for (var i = 0; i < statements.Length; i++)
            {
                if (statements[i].By.EditId != edit) continue;
                statements = statements.RemoveAt(i);
                break;
            }
        }
        var writes = Writes;
        foreach (var intent in intents)
        {
            for (var i = 0; i < writes.Length; i++)
            {
                if (writes[i].Intent.Id != intent) continue;
                writes = writes.RemoveAt(i);
                break;
            }
        }
        return new(statements, writes);
    }

    /// <summary>What two sets of evidence about one record know together.</summary>
    public FieldEvidence Union(FieldEvidence other)
    {
        var writes = Writes.AddRange(other.Writes.Where(w => !Writes.Any(o => o.Intent.Start == w.Intent.Start && o.Intent.Id == w.Intent.Id)));
        var union = new FieldEvidence(Statements, [.. writes.OrderBy(w => w.Intent.Start)]);
        foreach (var statement in other.Statements) union = union.With(statement);
        return union;
    }

    /// <summary>The same evidence with some edits undone by a person: they claim nothing, though the record may still hold what they said.</summary>
    public FieldEvidence Reverting(Func<EditEvidence, bool> undone)
    {
        if (!Statements.Any(s => undone(s.By) && !s.By.IsReverted)) return this;
        return new([.. Statements.Select(s => undone(s.By) && !s.By.IsReverted ? s with { By = s.By with { IsReverted = true } } : s)], Writes);
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
        Span<bool> echoes = Statements.Length <= OnStackMax ? stackalloc bool[Statements.Length] : new bool[Statements.Length];
        FindEchoes(rules, aspect: null, echoes);
        var at = Statements.IndexOf(statement);
        return at >= 0 && echoes[at];
    }

    /// <summary>For each statement, whether it is an echo.</summary>
    internal bool[] EchoesOf(FieldRules rules)
    {
        var echoes = new bool[Statements.Length];
        FindEchoes(rules, aspect: null, echoes);
        return echoes;
    }

    /// <summary>The latest time at which somebody may have refused consent behind a report that passes for an echo of our own refusal; null: there is none, or a write that was taken explains each.</summary>
    /// <remarks>
    /// For any other value it is enough that a report is probably ours. A person's no, said while we wrote one, must not be lost for
    /// a probability. It counts as a refusal of that time, and no more: it makes no claim and starts no fight.
    /// </remarks>
    public Stamp? MayBeRefusedAt(FieldRules rules)
    {
        if (Writes.IsEmpty) return null;
        Span<bool> echoes = Statements.Length <= OnStackMax ? stackalloc bool[Statements.Length] : new bool[Statements.Length];
        FindEchoes(rules, aspect: null, echoes);
        Stamp? latest = null;
        for (var i = 0; i < Statements.Length; i++)
        {
            if (echoes[i] && MayRefuse(Statements[i], rules) is { } by && !(by.ToStamp() <= latest)) latest = by.ToStamp();
        }
        return latest;
    }

    /// <summary>The evidence of the no that somebody may have said behind an echo; null: nobody did.</summary>
    internal EditEvidence? MayRefuse(Statement echo, FieldRules rules)
    {
        var by = echo.By;
        if (!rules.IsRefusal(echo.Value) || by.Actor.Kind == ActorKind.Hub) return null;
        DateTimeOffset? lastEffect = null;
        foreach (var write in Writes)
        {
            if (write.IsRefusalTold || IsBefore(by, write.Intent, rules) || !Matches(write, echo.Value, rules, aspect: null)) continue;
            if (Explains(write, by)) return null;
            var effect = write.Intent.SavedAt ?? LastEffect(write.Intent, rules) + rules.ClockTolerance;
            if (!(effect <= lastEffect)) lastEffect = effect;
        }
        // A change was made at its time. Who only sees a no there sees ours, once we have put it there: somebody else's came before.
        return (by.IsChange && by.TimeTold) || !(lastEffect < by.Time) ? by : by with { Time = lastEffect.Value };
    }

    /// <summary>Whether a report of what a write put there needs nobody else: the system answered that it took the write, over another value.</summary>
    static bool Explains(FieldIntent write, EditEvidence by)
    {
        if (write.Intent is not { State: IntentState.Done, IsReadBack: false } intent) return false;
        if (intent.Kind != Delivery.WriteKind.Create && (write.Before is not { } before || before == write.Value)) return false;
        // The version of our answer, and yet from before our save: the save made none, and this one is somebody else's.
        return !(by.TimeTold && by.Time < intent.SavedAt && by.Version is { } version && version == intent.SavedVersion);
    }

    /// <summary>Whether a claim may be a late report of what we wrote there: nothing tells that it was made after whatever else was said since.</summary>
    internal bool MayBeLateEcho(Claim claim, FieldRules rules)
    {
        if (Writes.IsEmpty) return false;
        Span<bool> echoes = Statements.Length <= OnStackMax ? stackalloc bool[Statements.Length] : new bool[Statements.Length];
        FindEchoes(rules, aspect: null, echoes);
        for (var i = 0; i < Statements.Length; i++)
        {
            var statement = Statements[i];
            if (echoes[i] || statement.Value != claim.Value || EditEvidence.Compare(statement.By, claim.By) < 0 || EditEvidence.Compare(statement.By, claim.LastBy) > 0) continue;
            if (!MayBeLateEcho(i, rules, echoes)) return false;
        }
        return true;
    }

    bool MayBeLateEcho(int index, FieldRules rules, ReadOnlySpan<bool> echoes)
    {
        var (value, by) = (Statements[index].Value, Statements[index].By);
        if (rules.HasMarks && by.IsChange && by.Actor.Kind is not (ActorKind.Unknown or ActorKind.Hub)) return false;
        foreach (var write in Writes)
        {
            if (!MaySay(write, value, rules, aspect: null) || IsBefore(by, write.Intent, rules) || (write.IsUnseen && IsAfter(by, write.Intent, rules))) continue;
            if (!IsReplaced(index, write, rules, aspect: null, echoes, surely: true)) return true;
        }
        return false;
    }

    /// <summary>Whether what a record that nobody has tied to us claims may be what a create of ours put there: one that may have taken effect, and made we do not know which record.</summary>
    internal bool MayComeOfCreate(Claim claim, FieldRules rules)
    {
        foreach (var write in Writes)
        {
            if (write.Intent is not { Kind: Delivery.WriteKind.Create, MayStillTakeEffect: true } || write.Value != claim.Value) continue;
            if (!IsBefore(claim.By, write.Intent, rules) && !IsAfter(claim.By, write.Intent, rules)) return true;
        }
        return false;
    }

    /// <summary>Whether an edit says nothing but that a write of ours has been saved.</summary>
    internal bool IsSurelyEcho(FieldValue value, EditEvidence by, FieldRules rules)
    {
        foreach (var write in Writes)
        {
            // Whether an open write was made at all only its end tells.
            if (write.Intent.State != IntentState.Done || write.Refused || (write.Value != value && write.Rendering != value) || IsOlder(by, write.Intent) || IsOfAnotherSave(by, write.Intent, rules)) continue;
            if (by.Actor.Kind == ActorKind.Hub && IsOursByMark(by) && KnownOf(rules) is { IsCertain: true, Value: { } known } && known == value) return true;
            if (write.Intent.SavedVersion is { } saved && by.Version == saved && (!rules.IsRefusal(value) || by.Actor.Kind == ActorKind.Hub || Explains(write, by))) return true;
        }
        return MaySpeakOfForgotten(value, by, rules);
    }

    /// <summary>Whether a report with our mark speaks of a time before all writes that are still known, where others have been forgotten.</summary>
    /// <remarks>
    /// A record that we write often, and whose reports come late, reports writes that have left our memory. Each taken for an edit would be
    /// written to the other systems, which report that late as well: nothing would ever come to rest. What automation did in those
    /// transactions is lost instead; we have written over it since. A refusal of consent is never lost, and not many values can go to and fro with it.
    /// </remarks>
    bool MaySpeakOfForgotten(FieldValue value, EditEvidence by, FieldRules rules)
    {
        if (by.Actor.Kind != ActorKind.Hub || Writes.Length < WritesMax || rules.IsRefusal(value)) return false;
        foreach (var write in Writes)
        {
            if (write.Intent.State != IntentState.Done || write.Refused) continue;
            if (by.Version is { } version && write.Intent.SavedVersion is { } saved) return version < saved;
            return by.TimeTold && by.Time < (write.Intent.SavedAt ?? write.Intent.Start - rules.ClockTolerance);
        }
        return false;
    }

    /// <summary>Whether a value is one of our writes as the record shows it: the value written, or this system's rendering of it.</summary>
    public bool Shows(FieldIntent write, FieldValue value, FieldRules rules) => Matches(write, value, rules, aspect: null);

    /// <summary>Whether the record is known to have held an aspect of the value (a member of a set) before it claimed to hold none: only then was it taken away there.</summary>
    public bool HeldBefore(Claim none, Func<FieldValue, FieldValue> aspect, FieldRules rules)
    {
        foreach (var statement in Statements)
        {
            // Times may be of two clocks, or rounded: what is there because of a write of ours was not there before what may have crossed it.
            if (statement.By.Version > none.LastBy.Version || MayComeOfLater(statement, none.LastBy, rules)) continue;
            if (!aspect(statement.Value).IsCleared && EditEvidence.Compare(statement.By, none.LastBy) < 0) return true;
        }
        foreach (var write in Writes)
        {
            if (write.Intent.State != IntentState.Done || write.Refused || aspect(write.Rendering ?? write.Value).IsCleared || IsOlder(none.LastBy, write.Intent)) continue;
            if ((write.Intent.SavedAt ?? write.Intent.Start) <= none.LastBy.Time) return true;
        }
        return false;
    }

    bool MayComeOfLater(Statement statement, EditEvidence than, FieldRules rules)
    {
        foreach (var write in Writes)
        {
            if (write.Value != statement.Value || IsOlder(statement.By, write.Intent)) continue;
            // A change and a look round their times each in its own way.
            if (IsOlder(than, write.Intent) || (statement.By.IsChange != than.IsChange && !IsLater(than, statement.By, rules))) return true;
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

    /// <summary>How often this very golden value was written, of the writes that are still known; where the system told that it did not keep the value, for whichever golden version.</summary>
    /// <param name="after">Only writes announced after this revision.</param>
    public int TimesWritten(FieldValue value, long goldenVersion, long after)
    {
        var times = 0;
        foreach (var write in Writes)
        {
            if (write.Intent.State == IntentState.Done && write.Intent.Id > after && write.Value == value && (write.GoldenVersion == goldenVersion || write.IsRefusalTold)) times++;
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
        if (Statements.IsEmpty) return [];
        Span<bool> echoes = Statements.Length <= OnStackMax ? stackalloc bool[Statements.Length] : new bool[Statements.Length];
        if (!Writes.IsEmpty) FindEchoes(rules, aspect, echoes);

        var claims = ImmutableArray.CreateBuilder<Claim>(1);
        // The latest evidence that the record held something else than the claim at hand, from a statement that may make no claim.
        EditEvidence? between = null;
        FieldValue? betweenValue = null;
        for (var i = 0; i < Statements.Length; i++)
        {
            var statement = Statements[i];
            var value = aspect is null ? statement.Value : aspect(statement.Value);
            if (echoes[i] && rules.Planted != PlantedFault.EchoIsAnEdit)
            {
                // When a write was taken its answer tells. When one took effect that was settled by a read, or given up, only its echo tells, and
                // so that what comes after it was not always there.
                if (IsOfUntold(statement.By, value, rules, aspect)) (between, betweenValue) = (statement.By, value);
                continue;
            }
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
                    : last! with { Stamp = Narrowed(last!, by, rules), LastBy = by };
            }
            else
            {
                claims.Add(new Claim(value, StampOf(by, differs, last, rules), by, by));
            }
        }
        return claims.DrainToImmutable();
    }

    /// <summary>Whether nothing but writes whose end no answer told explains an echo.</summary>
    bool IsOfUntold(EditEvidence by, FieldValue value, FieldRules rules, Func<FieldValue, FieldValue>? aspect)
    {
        foreach (var write in Writes)
        {
            if (!write.IsUnseen && !write.Intent.IsReadBack && !IsBefore(by, write.Intent, rules) && MaySay(write, value, rules, aspect)) return false;
        }
        return true;
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

    /// <summary>The stamp of a value that is said again by a poll. One that finds the record still unmodified after the other value, but before this one was first said, narrows the guess.</summary>
    static Stamp Narrowed(Claim last, EditEvidence by, FieldRules rules) =>
        last.Stamp.IsGuess && by.Since is { } since && since > last.Stamp.Time && since < last.By.Time && rules.Planted != PlantedFault.ForgetSince
            ? Stamp.JustAfter(since, null, last.Stamp.EditId)
            : last.Stamp;

    /// <summary>The latest time between the claim at hand and a statement at which the record held another value than the statement's, by a write of ours or a statement that may not claim; null: none.</summary>
    Stamp? LastOther(Claim? last, EditEvidence? between, FieldValue? betweenValue, FieldValue value, Statement statement, FieldRules rules, Func<FieldValue, FieldValue>? aspect)
    {
        Stamp? found = null;
        // The very version that was seen before: nobody has touched the record since, however late this is told.
        if (last is not null && last.Value == value && statement.By.Version is { } version && version == last.LastBy.Version) return null;
        if (between is not null && betweenValue != value && (last is null || EditEvidence.Compare(between, last.LastBy) > 0)) found = between.ToStamp();
        foreach (var write in Writes)
        {
            if (write.Intent.State != IntentState.Done || write.Refused || Matches(write, value, rules, aspect)) continue;
            var at = write.Intent.SavedAt ?? write.Intent.Start;
            if (at > statement.By.Time || !Contradicts(statement.By, write.Intent, rules) || (last is not null && at < last.LastBy.Time)) continue;
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
        if (!MaySay(write, value, rules, aspect)) return false;
        if (rules.Planted == PlantedFault.EchoByValueAlone) return true;
        if (statement.By.Actor.Kind == ActorKind.Hub)
        {
            if (IsOlder(statement.By, write.Intent)) return false;
            // On a report of the whole record our mark says that the last save was ours, not that each of its values is: what somebody
            // has set since the write may have been left alone by a later save of other fields.
            return IsOursByMark(statement.By) || (statement.By.Version is { } version && version == write.Intent.SavedVersion) || !IsReplaced(index, write, rules, aspect, echoes, surely: true);
        }
        // Where our own changes come back with our mark, a change with somebody else's is theirs.
        if (rules.HasMarks && statement.By.IsChange && statement.By.Actor.Kind != ActorKind.Unknown) return false;
        if (IsBefore(statement.By, write.Intent, rules)) return false;
        // A write that was never seen there took effect within the longest call time or not at all. Its report may come at any time later, but
        // speaks of a time within: what was there after that, once we had seen something else, somebody has set.
        if (write.IsUnseen && IsAfter(statement.By, write.Intent, rules)) return false;
        return !IsReplaced(index, write, rules, aspect, echoes, surely: false);
    }

    /// <summary>Whether our mark settles it, whatever else comes to be known: on a change it speaks of its fields; and what tells neither time nor version may be late.</summary>
    static bool IsOursByMark(EditEvidence by) => by.IsChange || (!by.TimeTold && by.Version is null);

    /// <summary>Whether something else surely held between a write and a report that equals it: then somebody has set the value again.</summary>
    /// <param name="surely">What came before may not merely be what was heard before.</param>
    bool IsReplaced(int index, FieldIntent write, FieldRules rules, Func<FieldValue, FieldValue>? aspect, ReadOnlySpan<bool> echoes, bool surely)
    {
        var statement = Statements[index];
        var value = aspect is null ? statement.Value : aspect(statement.Value);
        // A change that was made after the write can have taken effect is not its own: then it is enough that something else was there meanwhile.
        var isSetAnew = statement.By is { IsChange: true, TimeTold: true } && IsAfter(statement.By, write.Intent, rules);

        // A foreign value reported in between: who then reports ours has set it again.
        for (var i = 0; i < index; i++)
        {
            var other = Statements[i];
            // Heard later, but of an earlier version: it is not this one that came in between.
            if (statement.By.Version < other.By.Version) continue;
            // Also our own later write, where its echo shows that it held before this.
            var isLater = IsLater(statement.By, other.By, rules);
            if ((echoes[i] || surely) && !isLater) continue;
            if (MaySay(write, aspect is null ? other.Value : aspect(other.Value), rules, aspect)) continue;
            if (IsAfter(other.By, write.Intent, rules) || (isSetAnew && isLater && !IsBefore(other.By, write.Intent, rules))) return true;
        }
        // A later write of ours that surely held: after it, our older value can only have been set by somebody, once it can take effect
        // no more. Without a time of its own, though, the report may simply be late.
        foreach (var later in Writes)
        {
            if (later.Intent.State != IntentState.Done || later.Refused || later.Intent.Start <= write.Intent.Start) continue;
            if (Matches(later, value, rules, aspect)) continue;
            // A read showed the later one when it settled it, however long its call may still have been under way.
            if (IsAfter(statement.By, later.Intent, later.Intent.End ?? later.Intent.StartBefore, rules) && IsAfter(statement.By, write.Intent, rules)) return true;
        }
        return false;
    }

    /// <summary>Whether the record was surely saved anew between two reports. Changes tell their times by one clock and round them alike; another kind of report may not.</summary>
    static bool IsLater(EditEvidence edit, EditEvidence other, FieldRules rules)
    {
        if (edit.Version is { } version && other.Version is { } before) return version > before;
        // What tells no time was made before it came.
        return edit.TimeTold && edit.Time > (other.TimeTold && edit.IsChange && other.IsChange ? other.Time : other.Time + rules.ClockTolerance);
    }

    /// <summary>Whether a report of another value tells that our write did not last. One that may have crossed it says nothing new; without a time of its own it is taken to have been made as it came.</summary>
    static bool Contradicts(EditEvidence edit, Intent write, FieldRules rules) =>
        edit.TimeTold && write.SavedAt is null ? IsAfter(edit, write, rules) : !IsBefore(edit, write, rules);

    /// <summary>Whether the record may hold the value because of the write.</summary>
    bool MaySay(FieldIntent write, FieldValue value, FieldRules rules, Func<FieldValue, FieldValue>? aspect) => write.IsRefusalTold
        // What we took for left as it was may be the system's spelling of ours, over a value that we had not heard of.
        ? aspect is null && write.Before == value && rules.IsRendering(write.Value, value)
        : Matches(write, value, rules, aspect);

    bool Matches(FieldIntent write, FieldValue value, FieldRules rules, Func<FieldValue, FieldValue>? aspect)
    {
        if (aspect is not null)
        {
            return aspect(write.Value) == value || (write.Rendering is { } stored && aspect(stored) == value);
        }
        if (write.Value == value) return true;
        if (write.Rendering == value) return !(write.Intent.IsReadBack && IsKept(write, value, rules));
        if (write.Before == value || !rules.IsRendering(write.Value, value)) return false;
        // A report may overtake our receipt: until the end is known, what this system makes of our value is ours. So it is where no answer
        // told and a read came too late to show it. Unless reports show that it makes nothing else of it.
        if (write.Intent.MayStillTakeEffect || write.IsUnseen) return !IsKept(write, value, rules);

        // Afterwards it is where a report ties it to our write: by our mark, or by the version that the write made.
        for (var i = 0; i < Statements.Length; i++)
        {
            if (Statements[i].Value == value && IsTied(i, write, rules)) return true;
        }
        return false;
    }

    // Reports show the very value that we wrote, before the other: the system renders nothing, and the other is somebody's.
    bool IsKept(FieldIntent write, FieldValue other, FieldRules rules)
    {
        foreach (var statement in Statements)
        {
            if ((statement.Value == write.Value || statement.Value == other) && !IsBefore(statement.By, write.Intent, rules)) return statement.Value == write.Value;
        }
        return false;
    }

    // Our mark on a report of the whole record says that the last save was ours, not that each of its values is: what somebody else
    // reported first, after we wrote, is theirs; and so is another spelling than the one that the system is known to make of ours, or any
    // where it is known to keep ours.
    bool IsTied(int index, FieldIntent write, FieldRules rules)
    {
        var by = Statements[index].By;
        if (by.Version is { } version && version == write.Intent.SavedVersion) return true;
        if (by.Actor.Kind != ActorKind.Hub || IsBefore(by, write.Intent, rules)) return false;
        // It is another write's very value: then the mark is that one's.
        foreach (var other in Writes)
        {
            if (other.Value == Statements[index].Value && !IsOlder(by, other.Intent)) return false;
        }
        if (by.IsChange) return true;
        if (write.Rendering is not null || IsKept(write, Statements[index].Value, rules)) return false;
        for (var i = 0; i < index; i++)
        {
            var earlier = Statements[i];
            if (earlier.Value == Statements[index].Value && earlier.By.Actor.Kind != ActorKind.Hub && !IsOlder(earlier.By, write.Intent)) return false;
        }
        return true;
    }

    Known FindKnown(FieldRules rules)
    {
        Statement? statement = Statements.IsEmpty ? null : Statements[^1];
        var write = LastDone();
        if (rules.Planted == PlantedFault.LedgerInsteadOfKnown && write is not null) return new(write.Rendering ?? write.Value, true);
        if (statement is null) return write is null ? Known.Nothing : new(write.Rendering ?? write.Value, true);
        if (write is null || Matches(write, statement.Value, rules, aspect: null)) return new(statement.Value, true);
        if (IsBefore(statement.By, write.Intent, rules)) return new(write.Rendering ?? write.Value, true);
        // What follows a read that showed our value has come last, as far as anybody knows; a call that takes effect later still is reported.
        var ended = write.Intent.End ?? write.Intent.StartBefore;
        return new(statement.Value, IsAfter(statement.By, write.Intent, ended, rules) || rules.Planted == PlantedFault.DoubtIsCertainty);
    }

    /// <summary>Whether the edit preceded the write, whatever a system's clock says.</summary>
    internal static bool IsOlder(EditEvidence edit, Intent write) =>
        // What we had heard before we wrote had happened before we wrote, and is no effect of it. A version cannot tell: a save that
        // finds everything as it should be makes none, and answers with the version that somebody else has made.
        edit.ReceivedAt <= write.Start || (edit.Version is { } version && write.SavedVersion is { } saved && version < saved);

    /// <summary>Whether the version that our answer told was there before our save: that found nothing to change and made none.</summary>
    static bool IsOfAnotherSave(EditEvidence edit, Intent write, FieldRules rules) =>
        edit.TimeTold && edit.Version is { } version && version == write.SavedVersion && edit.Time < (write.SavedAt ?? write.Start) - rules.ClockTolerance;

    /// <summary>Whether the edit surely preceded the write's effect.</summary>
    static bool IsBefore(EditEvidence edit, Intent write, FieldRules rules)
    {
        if (IsOlder(edit, write) || IsOfAnotherSave(edit, write, rules)) return true;
        if (IsOurRecord(write) || (edit.Version is not null && write.SavedVersion is not null) || !edit.TimeTold) return false;
        if (edit.IsHubTime) return edit.Time < write.Start;
        return write.SavedAt is { } at ? edit.Time < at : edit.Time < write.Start - rules.ClockTolerance;
    }

    /// <summary>Whether the edit surely followed the last moment at which the write can have taken effect. Asked of values other than the written one: in the very version that the write made, such a value was put there after ours.</summary>
    static bool IsAfter(EditEvidence edit, Intent write, FieldRules rules) => IsAfter(edit, write, LastEffect(write, rules), rules);

    static bool IsAfter(EditEvidence edit, Intent write, DateTimeOffset lastEffect, FieldRules rules)
    {
        if (IsOlder(edit, write)) return false;
        if (IsOurRecord(write) || (edit.Version is not null && write.SavedVersion is not null)) return true;
        if (!edit.TimeTold) return false;
        if (edit.IsHubTime) return edit.Time >= lastEffect;
        return write.SavedAt is { } at ? edit.Time > at : edit.Time > lastEffect + rules.ClockTolerance;
    }

    /// <summary>A record that our call has made: whatever is reported of it came after.</summary>
    static bool IsOurRecord(Intent write) => write is { Kind: Delivery.WriteKind.Create, State: IntentState.Done, IsReadBack: false };

    /// <summary>The last moment at which the write can have taken effect, by the hub's clock.</summary>
    static DateTimeOffset LastEffect(Intent write, FieldRules rules) =>
        write is { State: IntentState.Done, IsReadBack: false } ? write.End ?? write.StartBefore : write.StartBefore + rules.MaxCallTime;

    sealed record Judgement(FieldRules Rules, ImmutableArray<Claim> Claims, Known Known);
}
