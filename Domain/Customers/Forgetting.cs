using System.Collections.Immutable;
using OrleansCrm.Domain.Claims;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Resolution;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Customers;

/// <summary>Chooses what leaves the bounded memory of a field. Decided once, with the rules at hand, and recorded; the fold does as the entry says.</summary>
/// <remarks>
/// Statements beyond <see cref="FieldEvidence.StatementsMax"/> leave in this order, the earliest first: echoes, which claim
/// nothing under any policy; what others by the same kind of actor say as well; then whatever has the most company of its kind,
/// so that a busy integration does not push out what a person said. The latest <see cref="RecentMax"/> always stay. Policies
/// have no say in the order, because the next one may ask for what this one ignores. Among equals goes first what leaves the
/// present claim as it is; where none does, its stamp may only become earlier.
/// </remarks>
public static class Forgetting
{
    /// <summary>A settled and replaced write is forgotten after this: longer than any vendor replays its events.</summary>
    public static TimeSpan EchoHorizon { get; } = TimeSpan.FromDays(7);

    /// <summary>The latest statements, which always stay: late reports are judged against them.</summary>
    public const int RecentMax = 8;

    // Beyond this they leave by their worth alone.
    const int WeighedMax = FieldEvidence.StatementsMax + 4;

    /// <summary>What an entry makes its customer forget; empty: nothing.</summary>
    /// <param name="evidenced">The customer with all that the entry adds.</param>
    internal static ImmutableArray<Forgotten> In(Customer evidenced, JournalEntry entry, HubDefinition hub)
    {
        ImmutableArray<Forgotten>.Builder? forgotten = null;
        foreach (var receipt in entry.Receipts)
        {
            if (evidenced.Link(receipt.LinkId) is not { } link) continue;
            foreach (var (name, evidence) in link.Fields)
            {
                if (evidence.Writes is [_, .., var last] && last.Intent.Id == receipt.IntentId) Look(link, name, evidence, ended: true);
            }
        }
        foreach (var (_, into) in entry.LinksJoined) LookAtAll(evidenced.Link(into));
        if (entry.Renamed is not null)
        {
            foreach (var link in evidenced.Links) LookAtAll(link);
        }
        // Last: a field is looked at once, and who looks at writes looks at statements as well.
        foreach (var edit in entry.Edits)
        {
            if (edit.Fields.IsEmpty || evidenced.Link(edit.LinkId) is not { } link) continue;
            foreach (var field in edit.Fields)
            {
                if (link.Fields.Get(field.Field) is { } evidence && evidence.Statements.Length > FieldEvidence.StatementsMax) Look(link, field.Field, evidence, ended: false);
            }
        }
        return forgotten?.DrainToImmutable() ?? [];

        void LookAtAll(Link? link)
        {
            if (link is null) return;
            foreach (var (name, evidence) in link.Fields) Look(link, name, evidence, ended: true);
        }

        void Look(Link link, string field, FieldEvidence evidence, bool ended)
        {
            if (forgotten is not null && forgotten.Any(f => f.LinkId == link.Id && f.Field == field)) return;
            // A field that the definition no longer has has nothing to be judged by.
            if (hub.Rules.Of(evidenced.RecordType, link.System, link.Object).Field(field) is not { } rules) return;
            var (edits, intents) = Of(evidence, rules, ended ? entry.At - EchoHorizon : null);
            if (edits.IsEmpty && intents.IsEmpty) return;
            forgotten ??= ImmutableArray.CreateBuilder<Forgotten>();
            forgotten.Add(new(link.Id, field, edits, intents));
        }
    }

    /// <summary>What one field forgets.</summary>
    /// <param name="before">Replaced writes that ended before this can have no echo under way any more; null: writes are left alone.</param>
    public static (ImmutableArray<string> Edits, ImmutableArray<long> Intents) Of(FieldEvidence evidence, FieldRules rules, DateTimeOffset? before)
    {
        var intents = before is { } time ? Replaced(evidence, time) : [];
        if (intents.IsEmpty && evidence.Statements.Length <= FieldEvidence.StatementsMax) return ([], []);

        var edits = ImmutableArray.CreateBuilder<string>();
        if (!intents.IsEmpty)
        {
            // What they explained is an echo for ever: without them it would look like an edit.
            var explained = evidence.EchoesOf(rules);
            var remaining = evidence.Without([], intents);
            var still = remaining.EchoesOf(rules);
            for (var i = 0; i < explained.Length; i++)
            {
                // A no that may have been somebody's outlives the write that it may have been the echo of.
                if (explained[i] && !still[i] && evidence.MayRefuse(evidence.Statements[i], rules) is null) edits.Add(evidence.Statements[i].By.EditId);
            }
            evidence = remaining.Without(edits.ToImmutable(), []);
        }
        while (evidence.Statements.Length > FieldEvidence.StatementsMax)
        {
            var leaving = Choose(evidence, rules);
            edits.AddRange(leaving);
            evidence = evidence.Without(leaving, []);
        }
        return (edits.ToImmutable(), intents);
    }

    static ImmutableArray<long> Replaced(FieldEvidence evidence, DateTimeOffset before)
    {
        var done = evidence.LastDone();
        var left = evidence.Writes.Length;
        var replaced = ImmutableArray.CreateBuilder<long>();
        for (var i = 0; i < evidence.Writes.Length - 1; i++)
        {
            var write = evidence.Writes[i];
            if (write.Intent.IsUnsettled || ReferenceEquals(write, done) || !(write.Intent.End < before || left > FieldEvidence.WritesMax)) continue;
            replaced.Add(write.Intent.Id);
            left--;
        }
        return replaced.ToImmutable();
    }

    /// <summary>The statement that leaves next; many at once where there are far too many to weigh each against all others.</summary>
    static ImmutableArray<string> Choose(FieldEvidence evidence, FieldRules rules)
    {
        var statements = evidence.Statements;
        var echoes = evidence.EchoesOf(rules);
        var worthless = new bool[echoes.Length];
        for (var i = 0; i < worthless.Length; i++) worthless[i] = echoes[i] && evidence.MayRefuse(statements[i], rules) is null;
        var candidates = Enumerable.Range(0, statements.Length - RecentMax).OrderBy(i => Worth(statements, i, worthless)).ThenBy(i => i).ToList();
        if (statements.Length > WeighedMax) return [.. candidates.Take(statements.Length - WeighedMax).Select(i => statements[i].By.EditId)];

        var means = Meaning.Of(evidence, rules);
        foreach (var candidate in candidates)
        {
            var without = new FieldEvidence(statements.RemoveAt(candidate), evidence.Writes);
            if (SameEchoes(echoes, without.EchoesOf(rules), candidate) && Meaning.Of(without, rules).IsNoMoreThan(means)) return [statements[candidate].By.EditId];
        }
        return [statements[candidates[0]].By.EditId];
    }

    /// <summary>How much a statement is worth keeping: 0 for an echo, 1 where others say all that it says, and more the rarer its kind of actor is.</summary>
    /// <param name="worthless">Echoes that can be nothing else.</param>
    static int Worth(ImmutableArray<Statement> statements, int at, bool[] worthless)
    {
        if (worthless[at]) return 0;
        var company = 0;
        bool before = false, after = false, changedAfter = false;
        for (var i = 0; i < statements.Length; i++)
        {
            if (i == at || worthless[i] || !IsOneKind(statements[i].By, statements[at].By)) continue;
            company++;
            if (statements[i].Value != statements[at].Value) continue;
            before |= i < at;
            after |= i > at;
            changedAfter |= i > at && statements[i].By.IsChange;
        }
        // Of each value the first and the last time stay, and the last at which it was surely set.
        if (before && after && (changedAfter || !statements[at].By.IsChange)) return 1;
        // The last refusal of consent, and the very first word, outlast all others.
        if (at == 0 || (!after && statements[at].Value == FieldResolver.Denied)) return int.MaxValue;
        return int.MaxValue - 1 - company;
    }

    static bool IsOneKind(EditEvidence left, EditEvidence right) => left.Actor.Kind == right.Actor.Kind && left.IsReverted == right.IsReverted;

    static bool SameEchoes(bool[] before, bool[] after, int gone)
    {
        for (var i = 0; i < after.Length; i++)
        {
            if (after[i] != before[i < gone ? i : i + 1]) return false;
        }
        return true;
    }

    /// <summary>What a field's evidence amounts to under the present rules: its claim, or that of each member of a set, and the latest refusal.</summary>
    sealed record Meaning(ImmutableArray<(Claim? Claim, bool HeldBefore)> Claims, Stamp? Refused)
    {
        public static Meaning Of(FieldEvidence evidence, FieldRules rules)
        {
            var refused = rules.IsRefusal(FieldResolver.Denied) ? FieldResolver.MayBeRefusedAt(evidence, rules) : null;
            if (rules.Field.Type != FieldType.Set && rules.Policy.Strategy != Strategy.Set) return new([(evidence.ClaimOf(rules), false)], refused);

            var keys = new SortedSet<FieldValue>();
            FieldResolver.AddKeys(keys, rules.Field, evidence);
            var claims = ImmutableArray.CreateBuilder<(Claim?, bool)>(keys.Count + 1);
            claims.Add((evidence.ClaimOf(rules), false));
            foreach (var key in keys)
            {
                FieldValue Member(FieldValue value) => FieldResolver.MemberOf(rules.Field, value, key);
                var ofMember = evidence.ClaimsOf(rules, Member);
                claims.Add(ofMember.IsEmpty ? (null, false) : (ofMember[^1], evidence.HeldBefore(ofMember[^1], Member, rules)));
            }
            return new(claims.ToImmutable(), refused);
        }

        /// <summary>The same claims, with stamps that are no later.</summary>
        public bool IsNoMoreThan(Meaning other)
        {
            if (Refused != other.Refused || Claims.Length != other.Claims.Length) return false;
            for (var i = 0; i < Claims.Length; i++)
            {
                var (mine, theirs) = (Claims[i].Claim, other.Claims[i].Claim);
                if (mine?.Value != theirs?.Value || mine?.Stamp > theirs?.Stamp || Claims[i].HeldBefore != other.Claims[i].HeldBefore) return false;
            }
            return true;
        }
    }
}
