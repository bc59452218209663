using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Resolution;

/// <summary>Chooses among claims. Every answer depends on the set of candidates alone, never on their order.</summary>
public static class Ranking
{
    /// <summary>The candidate that holds under a strategy that compares claims one against one; -1: there is none.</summary>
    public static int Choose(FieldPolicy policy, Strategy strategy, List<Candidate> candidates)
    {
        if (candidates.Count == 0) return -1;
        var best = Best(policy, strategy, candidates, gone: null);
        while (!candidates[best].Speaks && strategy != Strategy.First)
        {
            // Its record is gone: it keeps its place until somebody says something later. Old losers do not rise from the dead,
            // nor does it rise again when whoever took its place goes too: those who went after it still stand before it.
            var later = Best(policy, strategy, candidates, gone: candidates[best]);
            if (later < 0) break;
            best = later;
        }
        return best;
    }

    static bool Follows(in Candidate candidate, Candidate? gone) =>
        gone is not { } before || (candidate.Stamp > before.Stamp && (candidate.Speaks || candidate.WentAt > before.WentAt));

    /// <param name="gone">Null: all candidates. Else only those that are later than this one and spoke after it had gone.</param>
    static int Best(FieldPolicy policy, Strategy strategy, List<Candidate> candidates, Candidate? gone)
    {
        Span<bool> dropped = candidates.Count <= 64 ? stackalloc bool[candidates.Count] : new bool[candidates.Count];
        while (true)
        {
            var best = -1;
            for (var i = 0; i < candidates.Count; i++)
            {
                if (dropped[i] || !Follows(candidates[i], gone)) continue;
                if (best < 0 || Compare(policy, strategy, candidates[i], candidates[best]) > 0) best = i;
            }
            if (best < 0 || policy.YieldsAfter is not { } yields || candidates[best].Stamp.IsInitial) return best;

            // An owner that has been silent for too long yields to whoever has spoken since.
            var silent = false;
            for (var i = 0; i < candidates.Count && !silent; i++)
            {
                silent = i != best && !dropped[i] && Follows(candidates[i], gone)
                    && !candidates[i].Stamp.IsInitial && candidates[i].Stamp.Time - candidates[best].Stamp.Time > yields;
            }
            if (!silent) return best;
            dropped[best] = true;
        }
    }

    /// <summary>More than zero when the left one outranks the right one. A total order for each strategy.</summary>
    public static int Compare(FieldPolicy policy, Strategy strategy, in Candidate left, in Candidate right)
    {
        if (strategy is Strategy.Highest or Strategy.Lowest)
        {
            // Demoted and filled-in values count only where nobody else speaks.
            var order = (right.Tier >= Eligibility.Demoted).CompareTo(left.Tier >= Eligibility.Demoted);
            if (order == 0) order = strategy == Strategy.Highest ? ByAmount(left.Value, right.Value) : ByAmount(right.Value, left.Value);
            if (order != 0) return order;
        }
        else if (strategy == Strategy.Latest)
        {
            var order = (right.Tier / Eligibility.Demoted).CompareTo(left.Tier / Eligibility.Demoted);
            if (order != 0) return order;
        }
        else if (strategy != Strategy.First && left.Tier != right.Tier)
        {
            return right.Tier.CompareTo(left.Tier);
        }
        var time = ByTime(policy, left, right);
        if (strategy == Strategy.First) time = -time;
        return time != 0 ? time : Candidate.Tie(left, right);
    }

    static int ByTime(FieldPolicy policy, in Candidate left, in Candidate right)
    {
        if (left.Stamp.IsInitial && right.Stamp.IsInitial && policy.InitialOrder is { IsEmpty: false } order)
        {
            return Rank(order, right.System).CompareTo(Rank(order, left.System));
        }
        return left.Stamp.CompareTo(right.Stamp);
    }

    static int Rank(System.Collections.Immutable.ImmutableArray<string> order, string system)
    {
        var at = order.IndexOf(system);
        return at < 0 ? order.Length : at;
    }

    /// <summary>Numbers by size, everything else (dates, times) by its canonical text, which sorts as it reads.</summary>
    static int ByAmount(FieldValue left, FieldValue right) =>
        left.AsNumber() is { } l && right.AsNumber() is { } r ? l.CompareTo(r) : left.CompareTo(right);
}
