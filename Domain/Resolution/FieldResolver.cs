using System.Collections.Immutable;
using OrleansCrm.Domain.Claims;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Resolution;

/// <summary>What a field resolves to; null: undetermined.</summary>
public readonly record struct Resolved(string Field, Winner? Winner);

/// <summary>The claim that holds, before it has a version.</summary>
public readonly record struct Winner(FieldValue Value, string LinkId, Stamp Stamp, string Rule, bool InConflict = false);

/// <summary>Chooses golden values among the claims of a customer, whatever order they arrived in.</summary>
public sealed class FieldResolver
{
    /// <summary>The canonical consent status that forbids.</summary>
    public static FieldValue Denied { get; } = FieldValue.Text("denied");

    /// <summary>The canonical consent status that allows.</summary>
    public static FieldValue Granted { get; } = FieldValue.Text("granted");

    readonly HubDefinition _hub;
    readonly RecordTypeDefinition _type;
    readonly Customer _customer;
    readonly Func<string, FieldValue?> _golden;
    readonly List<Candidate> _candidates = [];

    /// <param name="golden">Golden values as resolved so far: what owners' conditions read.</param>
    public FieldResolver(HubDefinition hub, RecordTypeDefinition type, Customer customer, Func<string, FieldValue?> golden)
    {
        _hub = hub;
        _type = type;
        _customer = customer;
        _golden = golden;
    }

    /// <summary>Resolves one unit of <see cref="RecordTypeDefinition.ResolutionOrder"/>: a field, or a group with all its fields.</summary>
    public void Resolve(string unit, List<Resolved> results)
    {
        if (_type.Group(unit) is { } group)
        {
            ResolveGroup(group, results);
            return;
        }
        var field = _type.Field(unit)!;
        if (field.Scope == FieldScope.Link) return;
        results.Add(new(unit, ResolveField(field, field.Policy, HoldOf(unit))));
    }

    /// <summary>What was said until then has no effect on a unit, since its policy has changed; null: all that was said counts. A group is held as one, also where not all of it was determined then.</summary>
    public Stamp? HoldOf(string unit)
    {
        if (_type.Group(unit) is not { } group) return _customer.Golden.Get(unit)?.Hold;
        Stamp? latest = null;
        foreach (var name in group.Fields)
        {
            if (_customer.Golden.Get(name)?.Hold is { } hold && !(hold <= latest)) latest = hold;
        }
        return latest;
    }

    Winner? ResolveField(FieldDefinition field, FieldPolicy policy, Stamp? hold)
    {
        if (field.Type == FieldType.ConsentStatus || policy.Strategy == Strategy.Restrictive) return Restrictive(field, policy);
        return policy.Strategy switch
        {
            Strategy.Set => Members(field, policy, hold),
            Strategy.Forward => Forward(field, policy, hold),
            Strategy.First => Earliest(field, policy, hold),
            Strategy.Review => Review(field, policy, hold),
            _ => Plain(field, policy, policy.Strategy, hold),
        };
    }

    Winner? Plain(FieldDefinition field, FieldPolicy policy, Strategy strategy, Stamp? hold)
    {
        _candidates.Clear();
        foreach (var link in _customer.Links)
        {
            if (EvidenceOf(link, field.Name, out var rules) is not { } evidence || evidence.ClaimOf(rules) is not { } claim) continue;
            Offer(link, claim, policy, hold, policy.ClearedMayWin);
        }
        var chosen = Ranking.Choose(policy, strategy, _candidates);
        return chosen < 0 ? Held(field.Name, hold) : Of(_candidates[chosen], RuleOf(strategy, _candidates[chosen]));
    }

    // Write once: the earliest thing that anybody eligible ever said. Records that have gone said it all the same.
    Winner? Earliest(FieldDefinition field, FieldPolicy policy, Stamp? hold)
    {
        _candidates.Clear();
        foreach (var link in _customer.Links)
        {
            if (EvidenceOf(link, field.Name, out var rules) is not { } evidence) continue;
            foreach (var claim in evidence.ClaimsOf(rules))
            {
                if (!claim.Value.IsBlank) Offer(link, claim, policy, hold, clearedMayWin: false);
            }
        }
        var best = -1;
        for (var i = 0; i < _candidates.Count; i++)
        {
            if (best < 0 || Ranking.Compare(policy, Strategy.First, _candidates[i], _candidates[best]) > 0) best = i;
        }
        return best < 0 ? Held(field.Name, hold) : Of(_candidates[best], "first");
    }

    // The furthest choice that anybody eligible has ever named since the last reset.
    Winner? Forward(FieldDefinition field, FieldPolicy policy, Stamp? hold)
    {
        _candidates.Clear();
        var reset = -1;
        foreach (var link in _customer.Links)
        {
            if (EvidenceOf(link, field.Name, out var rules) is not { } evidence) continue;
            foreach (var claim in evidence.ClaimsOf(rules))
            {
                if (claim.Value.IsCleared || !policy.Order.Contains(claim.Value)) continue;
                var before = _candidates.Count;
                Offer(link, claim, policy, hold, clearedMayWin: false);
                if (_candidates.Count == before || !policy.Resets.Contains(claim.Value)) continue;
                if (reset < 0 || Later(_candidates[before], _candidates[reset])) reset = before;
            }
        }
        var best = reset;
        for (var i = 0; i < _candidates.Count; i++)
        {
            if (reset >= 0 && _candidates[i].Stamp <= _candidates[reset].Stamp) continue;
            if (best < 0 || Further(policy, _candidates[i], _candidates[best])) best = i;
        }
        return best < 0 ? Held(field.Name, hold) : Of(_candidates[best], best == reset ? "reset" : "forward");
    }

    static bool Later(in Candidate left, in Candidate right)
    {
        var order = left.Stamp.CompareTo(right.Stamp);
        return order > 0 || (order == 0 && Candidate.Tie(left, right) > 0);
    }

    static bool Further(FieldPolicy policy, in Candidate left, in Candidate right)
    {
        var order = policy.Order.IndexOf(left.Value).CompareTo(policy.Order.IndexOf(right.Value));
        return order > 0 || (order == 0 && Later(left, right));
    }

    // Each member for itself: the later word of those who ever held it. Who never held a member has not removed it.
    Winner? Members(FieldDefinition field, FieldPolicy policy, Stamp? hold)
    {
        var keys = new SortedSet<FieldValue>();
        foreach (var link in _customer.Links)
        {
            if (EvidenceOf(link, field.Name, out _) is not { } evidence) continue;
            AddKeys(keys, field, evidence);
        }
        var members = new List<FieldValue>();
        Candidate? latest = null;
        foreach (var key in keys)
        {
            _candidates.Clear();
            foreach (var link in _customer.Links)
            {
                if (EvidenceOf(link, field.Name, out var rules) is not { } evidence) continue;
                FieldValue Member(FieldValue value) => MemberOf(field, value, key);
                var claims = evidence.ClaimsOf(rules, Member);
                if (claims.IsEmpty) continue;
                if (claims[^1].Value.IsCleared && !evidence.HeldBefore(claims[^1], Member, rules) && _hub.Planted != PlantedFault.AbsentIsRemoved) continue;
                if (claims[^1].Value.IsCleared && _hub.Planted == PlantedFault.UnionWithoutRemoval) continue;
                Offer(link, claims[^1], policy, hold, clearedMayWin: true);
            }
            var chosen = Ranking.Choose(policy, policy.Tiers.IsEmpty ? Strategy.Latest : Strategy.Owners, _candidates);
            if (chosen < 0) continue;
            var winner = _candidates[chosen];
            if (latest is not { } best || Later(winner, best)) latest = winner;
            if (!winner.Value.IsCleared) members.Add(winner.Value);
        }
        if (latest is not { } by) return AnyClaim(field, policy, hold) ?? Held(field.Name, hold);
        return new(FieldValue.Set(members), by.LinkId, by.Stamp, "set");
    }

    // Somebody holds the empty set and nobody a member: empty, not undetermined.
    Winner? AnyClaim(FieldDefinition field, FieldPolicy policy, Stamp? hold)
    {
        _candidates.Clear();
        foreach (var link in _customer.Links)
        {
            if (EvidenceOf(link, field.Name, out var rules) is { } evidence && evidence.ClaimOf(rules) is { } claim) Offer(link, claim, policy, hold, clearedMayWin: true);
        }
        var chosen = Ranking.Choose(policy, policy.Tiers.IsEmpty ? Strategy.Latest : Strategy.Owners, _candidates);
        return chosen < 0 ? null : Of(_candidates[chosen], "set") with { Value = FieldValue.Set([]) };
    }

    /// <summary>Adds the key of every member that a record was ever said, or written, to hold.</summary>
    internal static void AddKeys(SortedSet<FieldValue> keys, FieldDefinition field, FieldEvidence evidence)
    {
        foreach (var statement in evidence.Statements) AddKeys(keys, field, statement.Value);
        foreach (var write in evidence.Writes) AddKeys(keys, field, write.Value);
    }

    static void AddKeys(SortedSet<FieldValue> keys, FieldDefinition field, FieldValue set)
    {
        foreach (var member in set.Members()) keys.Add(KeyOf(field, member));
    }

    static FieldValue KeyOf(FieldDefinition field, FieldValue member) => field.MemberKey is { } key ? member.Part(key) ?? member : member;

    /// <summary>The member of a set that a key names; cleared: it is not in there.</summary>
    internal static FieldValue MemberOf(FieldDefinition field, FieldValue set, FieldValue key)
    {
        foreach (var member in set.Members())
        {
            if (KeyOf(field, member) == key) return member;
        }
        return FieldValue.Cleared;
    }

    // A refusal by anybody, at any time, holds until a later, evidenced opt-in by a system named for it.
    Winner? Restrictive(FieldDefinition field, FieldPolicy policy)
    {
        Candidate? refusal = null, doubtful = null, optIn = null;
        _candidates.Clear();
        foreach (var link in _customer.Links)
        {
            if (EvidenceOf(link, field.Name, out var rules) is not { } evidence) continue;
            if (RefusedAt(evidence, rules) is { } refused) Keep(ref refusal, Of(link, Denied, refused, 0));
            if (evidence.MayBeRefusedAt(rules) is { } maybe) Keep(ref doubtful, Of(link, Denied, maybe, 0));
            foreach (var claim in evidence.ClaimsOf(rules))
            {
                if (claim.Value == Granted && IsEvidenced(link, claim, policy, field) && !evidence.MayBeLateEcho(claim, rules)) Keep(ref optIn, Of(link, Granted, claim.Stamp, 0));
            }
            if (evidence.ClaimOf(rules) is { } present) Offer(link, present, policy, hold: null, policy.ClearedMayWin);
        }
        if (_customer.Refusals.TryGet(field.Name, out var kept) && (refusal is not { } known || kept > known.Stamp))
        {
            refusal = new Candidate("", "", "", "", Denied, kept, 0, true);
        }
        if (_hub.Planted == PlantedFault.ConsentByLatest) refusal = doubtful = null;
        if (refusal is { } denied && (optIn is not { } later || !IsLater(later, denied))) return Of(denied, "refusal");
        // Where nobody can tell a person's no from the echo of ours, it is a no.
        if (doubtful is { } said && (optIn is not { } granted || !IsLater(granted, said))) return Of(said, "refusal");
        if (optIn is { } opted) return Of(opted, "opt-in");
        var chosen = Ranking.Choose(policy, Strategy.Owners, _candidates);
        return chosen < 0 ? null : Of(_candidates[chosen], "no refusal");
    }

    // At one and the same time only the versions of one record tell what came later; an order that serves for other claims must not loosen consent.
    static bool IsLater(in Candidate optIn, in Candidate refusal)
    {
        if (optIn.Stamp.Time != refusal.Stamp.Time) return optIn.Stamp.Time > refusal.Stamp.Time;
        return optIn.LinkId == refusal.LinkId && optIn.Stamp.Version is { } version && refusal.Stamp.Version is { } before && version > before;
    }

    /// <summary>The latest time at which a record surely said no; null: it never did.</summary>
    /// <remarks>A refusal counts from when it was first seen, not from the earliest time that it may have: what may have been said before it does not undo it.</remarks>
    static Stamp? RefusedAt(FieldEvidence evidence, FieldRules rules)
    {
        Stamp? latest = null;
        foreach (var claim in evidence.ClaimsOf(rules))
        {
            if (claim.Value == Denied && !(claim.By.ToStamp() <= latest)) latest = claim.By.ToStamp();
        }
        foreach (var statement in evidence.Statements)
        {
            // Also what the policy ignores, and what a person has undone: none of that makes a refusal unsaid.
            if (statement.Value != Denied || rules.Counts(statement) || evidence.IsEcho(statement, rules)) continue;
            if (!(statement.By.ToStamp() <= latest)) latest = statement.By.ToStamp();
        }
        return latest;
    }

    /// <summary>The latest time at which a record said no, surely or maybe; null: it never did.</summary>
    internal static Stamp? MayBeRefusedAt(FieldEvidence evidence, FieldRules rules) =>
        (RefusedAt(evidence, rules), evidence.MayBeRefusedAt(rules)) switch
        {
            ({ } sure, { } maybe) => sure > maybe ? sure : maybe,
            var (sure, maybe) => sure ?? maybe,
        };

    static void Keep(ref Candidate? best, Candidate candidate)
    {
        if (best is not { } known || Later(candidate, known)) best = candidate;
    }

    bool IsEvidenced(Link link, Claim claim, FieldPolicy policy, FieldDefinition field)
    {
        if (_hub.Planted == PlantedFault.AnyOptIn) return true;
        if (!policy.OptInFrom.Contains(link.System) || claim.Stamp.IsInitial || claim.Stamp.IsGuess) return false;
        if (policy.EvidenceField is { } evidenceField)
        {
            if (EvidenceOf(link, evidenceField, out var rules) is not { } evidence || evidence.ClaimOf(rules) is not { Value.IsBlank: false }) return false;
        }
        if (MayBeOurCreate(link, claim, field)) return false;
        // A policy that names a system anew does not make its old opt-ins good.
        if (policy.SinceVersion == 0 || claim.Stamp.Time > policy.SinceTime) return true;
        return _customer.Golden.Get(field.Name) is { } golden && golden.Value == Granted && claim.Stamp <= golden.Stamp;
    }

    /// <summary>Whether a record may be the one that a create of ours, whose end nobody knows, has made: its opt-in is then what we wrote there, and nobody's word.</summary>
    bool MayBeOurCreate(Link link, Claim claim, FieldDefinition field)
    {
        foreach (var other in _customer.Links)
        {
            if (other.Id == link.Id || other.System != link.System || other.Object != link.Object) continue;
            if (EvidenceOf(other, field.Name, out var rules) is { } evidence && evidence.MayComeOfCreate(claim, rules)) return true;
        }
        return false;
    }

    Winner? Review(FieldDefinition field, FieldPolicy policy, Stamp? hold)
    {
        _candidates.Clear();
        Claim? decision = null;
        foreach (var link in _customer.Links)
        {
            if (EvidenceOf(link, field.Name, out var rules) is not { } evidence || evidence.ClaimOf(rules) is not { } claim) continue;
            if (link.System == SystemDefinition.Steward && !claim.By.Judged.IsEmpty) decision = claim;
            Offer(link, claim, policy, hold, policy.ClearedMayWin);
        }
        if (decision is not null)
        {
            var judged = decision.By.Judged;
            _candidates.RemoveAll(c => c.System != SystemDefinition.Steward && judged.Contains(new(c.LinkId, field.Name, c.Stamp)));
        }
        if (_candidates.Count == 0) return Held(field.Name, hold);
        var conflict = false;
        for (var i = 1; i < _candidates.Count && !conflict; i++) conflict = _candidates[i].Value != _candidates[0].Value;
        // A decision is the last word on what it judged; what came after competes with it by the fallback.
        if (decision is not null) Demote(SystemDefinition.Steward);
        var chosen = Ranking.Choose(policy, policy.Fallback, _candidates);
        return Of(_candidates[chosen], decision is not null && _candidates[chosen].System == SystemDefinition.Steward ? "decision" : "review") with { InConflict = conflict };
    }

    void Demote(string system)
    {
        var weakest = _candidates.Max(c => c.Tier);
        for (var i = 0; i < _candidates.Count; i++)
        {
            if (_candidates[i].System == system && _candidates.Count > 1) _candidates[i] = _candidates[i] with { Tier = weakest };
        }
    }

    void ResolveGroup(GroupDefinition group, List<Resolved> results)
    {
        var policy = group.Policy;
        if (_type.ConsentOf(group.Fields[0]) is { } status)
        {
            var lead = _type.Field(status)!;
            var decided = Restrictive(lead, policy);
            AddTuple(group, decided, results, lead.Name, first: false);
            return;
        }
        var first = policy.Strategy == Strategy.First;
        var hold = HoldOf(group.Name);
        _candidates.Clear();
        foreach (var link in _customer.Links)
        {
            Claim? lead = null;
            var filled = false;
            foreach (var name in group.Fields)
            {
                if (EvidenceOf(link, name, out var rules) is not { } evidence || Part(evidence, rules, first) is not { } claim) continue;
                if (claim.Value.IsCleared && claim.Stamp.IsInitial) continue;
                filled |= !claim.Value.IsCleared;
                // The tuple is as new as its newest part, or in a first touch as old as its oldest.
                if (lead is null || (first ? claim.Stamp < lead.Stamp : claim.Stamp > lead.Stamp)) lead = claim;
            }
            if (lead is null || (!filled && !policy.ClearedMayWin)) continue;
            Offer(link, lead, policy, hold, clearedMayWin: true);
        }
        var strategy = policy.Strategy == Strategy.Review ? policy.Fallback : policy.Strategy;
        var chosen = Ranking.Choose(policy, strategy, _candidates);
        if (chosen < 0)
        {
            foreach (var name in group.Fields) results.Add(new(name, Held(name, hold)));
            return;
        }
        var conflict = policy.Strategy == Strategy.Review && _candidates.Count > 1;
        AddTuple(group, Of(_candidates[chosen], RuleOf(strategy, _candidates[chosen])) with { InConflict = conflict }, results, lead: null, first);
    }

    // The winner's parts, each from that same record: no customer gets one system's street with another's city.
    void AddTuple(GroupDefinition group, Winner? winner, List<Resolved> results, string? lead, bool first)
    {
        var link = winner is { } w ? _customer.Link(w.LinkId) : null;
        if (_hub.Planted == PlantedFault.GroupsFieldByField && lead is null)
        {
            foreach (var name in group.Fields) results.Add(new(name, Plain(_type.Field(name)!, group.Policy, group.Policy.Strategy, hold: null)));
            return;
        }
        foreach (var name in group.Fields)
        {
            if (name == lead)
            {
                results.Add(new(name, winner));
                continue;
            }
            Winner? part = null;
            if (link is not null && EvidenceOf(link, name, out var rules) is { } evidence && StillSays(link, lead, winner!.Value)
                && (Part(evidence, rules, first)?.Value ?? evidence.LastPut()) is { } value)
            {
                // What the record did not say itself, it holds because we wrote it there: still the same record's tuple.
                part = winner.Value with { Value = value };
            }
            results.Add(new(name, part));
        }
    }

    // Where and when a consent was given belongs to the status it was given for.
    bool StillSays(Link link, string? lead, Winner winner) =>
        lead is null || (EvidenceOf(link, lead, out var rules) is { } evidence && evidence.ClaimOf(rules)?.Value == winner.Value);

    static Claim? Part(FieldEvidence evidence, FieldRules rules, bool first)
    {
        if (!first) return evidence.ClaimOf(rules);
        var claims = evidence.ClaimsOf(rules);
        return claims.IsEmpty ? null : claims[0];
    }

    FieldEvidence? EvidenceOf(Link link, string field, out FieldRules rules)
    {
        rules = null!;
        if (link.Fields.Get(field) is not { } evidence) return null;
        rules = _hub.Rules.Of(_customer.RecordType, link.System, link.Object).Field(field)!;
        return evidence;
    }

    void Offer(Link link, Claim claim, FieldPolicy policy, Stamp? hold, bool clearedMayWin)
    {
        // Nobody has cleared what was blank when the record was first seen.
        if (claim.Value.IsCleared && claim.Stamp.IsInitial) return;
        if (claim.Value.IsCleared && !clearedMayWin && _hub.Planted != PlantedFault.ClearingAlwaysWins) return;
        if (hold is { } held && claim.Stamp <= held && _hub.Planted != PlantedFault.ForgetHold) return;
        var tier = _hub.Planted == PlantedFault.OwnershipOnlyOnCollision && _candidates.Count == 0
            ? Eligibility.TierOf(policy, link.System, claim.Actor, _golden) ?? 500
            : Eligibility.TierOf(policy, link.System, claim.Actor, _golden);
        if (tier is not { } strength) return;
        var speaks = !link.IsGone && link.Speaks;
        if (!speaks && _hub.Planted == PlantedFault.GoneClaimsVanish) return;
        _candidates.Add(Of(link, claim.Value, claim.Stamp, strength) with { Speaks = speaks, WentAt = speaks ? default : link.LastGone?.Since ?? default });
    }

    static Candidate Of(Link link, FieldValue value, Stamp stamp, int tier) => new(link.Id, link.System, link.Object, link.ExternalId ?? "", value, stamp, tier, true);

    static Winner Of(Candidate candidate, string rule) => new(candidate.Value, candidate.LinkId, candidate.Stamp, rule);

    // Nothing later than the hold has been said: what held goes on holding.
    Winner? Held(string field, Stamp? hold) =>
        hold is not null && _customer.Golden.Get(field) is { } golden ? new(Led(field, golden.Value), golden.LinkId, golden.Stamp, "hold") : null;

    // A reference that holds leads where it leads by now: that is not another value.
    FieldValue Led(string field, FieldValue value) =>
        !_customer.Referred.IsEmpty && _type.Field(field) is { } definition && Referring.Refers(definition) ? Referring.Lead(value, _customer.Referred.GetValueOrDefault) : value;

    static string RuleOf(Strategy strategy, in Candidate winner) => strategy switch
    {
        Strategy.Owners => Tiers[Math.Min(winner.Tier, Tiers.Length - 1)],
        Strategy.Highest => "highest",
        Strategy.Lowest => "lowest",
        _ => "latest",
    };

    static readonly ImmutableArray<string> Tiers = ["steward", "tier 1", "tier 2", "tier 3", "tier 4", "tier 5", "tier 6", "tier 7", "tier 8", "lower tier"];
}
