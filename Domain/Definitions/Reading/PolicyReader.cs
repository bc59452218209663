using System.Collections.Immutable;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Definitions.Reading;

/// <summary>Links the policies of one record type.</summary>
sealed class PolicyReader(RecordTypeDraft type, HubNames names, DefinitionErrors errors)
{
    readonly ConditionLinker _conditions = new(type, errors);

    /// <param name="usual">The record type's default; null: none.</param>
    public FieldPolicy Read(Unit unit, FieldPolicy? usual)
    {
        if (unit.Policy is not { } record) return ByType(unit, usual);

        var owners = record.List(PolicyKeys.Owners);
        var strategy = record.FindValue(PolicyKeys.Strategy) ?? (owners.IsEmpty || unit.IsSetLike || unit.Word == FieldWord.Consent ? ByType(unit, null).Strategy : Strategy.Owners);
        RefuseUnfit(unit, strategy, record.PlaceOf(PolicyKeys.Strategy));
        RefuseMisplacedKeys(unit, record, strategy);

        var tiers = Tiers(owners, unit);
        if (strategy == Strategy.Owners && !record.Has(PolicyKeys.Owners) && !record.Spoilt(PolicyKeys.Owners))
            errors.Add(record.At, "The strategy is owners, but no owner is named.", "Add 'owners:' with systems, strongest first.");

        var fallback = record.Get(PolicyKeys.Fallback, Strategy.Latest);
        if (record.Has(PolicyKeys.Fallback)) RefuseUnfit(unit, fallback, record.PlaceOf(PolicyKeys.Fallback));
        if (fallback == Strategy.Owners && !record.Has(PolicyKeys.Owners))
            errors.Add(record.PlaceOf(PolicyKeys.Fallback), "The fallback is owners, but no owner is named.", "Add 'owners:', or fall back to latest.");

        var single = unit.IsGroup || unit.Fields.IsEmpty ? null : unit.Fields[0];
        var order = Values(record.List(PolicyKeys.Order), single);
        if (strategy == Strategy.Forward && single is not null) order = Order(record, single, order);
        return new FieldPolicy
        {
            Strategy = strategy,
            Tiers = tiers,
            YieldsAfter = record.FindValue(PolicyKeys.YieldsAfter),
            ClearedMayWin = record.Get(PolicyKeys.Cleared, ClearedWord.Never) == ClearedWord.MayWin,
            IgnoreValues = Values(record.List(PolicyKeys.IgnoreValues), single),
            IgnoreActors = [.. record.List(PolicyKeys.IgnoreActors).Select(a => a.Value).Distinct()],
            DemoteActors = Demoted(record),
            InitialOrder = Speakers(record.List(PolicyKeys.Initial), names.Speakers, errors),
            Order = order,
            Resets = Resets(record, single, order),
            OptInFrom = Speakers(record.List(PolicyKeys.OptInFrom), names.Speakers, errors),
            EvidenceField = Evidence(unit, record),
            Fallback = fallback,
            Effective = record.Get(PolicyKeys.Effective, PolicyEffect.All),
        };
    }

    static FieldPolicy ByType(Unit unit, FieldPolicy? usual)
    {
        if (unit.Word == FieldWord.Consent) return new FieldPolicy { Strategy = Strategy.Restrictive };
        if (unit.IsSetLike) return new FieldPolicy { Strategy = Strategy.Set };
        return usual ?? FieldPolicy.Latest;
    }

    /// <param name="unit">Whose owners these are; null: a default's, whose conditions are refused elsewhere.</param>
    public ImmutableArray<OwnerTier> Tiers(ImmutableArray<Placed<ImmutableArray<Placed<Record>>>> declared, Unit? unit)
    {
        var tiers = ImmutableArray.CreateBuilder<OwnerTier>();
        var always = new HashSet<string>(StringComparer.Ordinal);
        foreach (var tier in declared)
        {
            var owners = ImmutableArray.CreateBuilder<Owner>();
            foreach (var declaredOwner in tier.Value)
            {
                if (declaredOwner.Value.Find(OwnerKeys.System) is not { } system) continue;
                var at = declaredOwner.Value.PlaceOf(OwnerKeys.System);
                if (!IsSpeaker(new(system, at), names.Speakers, errors)) continue;
                var syntax = declaredOwner.Value.Find(OwnerKeys.When);
                if (always.Contains(system))
                {
                    errors.Add(at, $"'{system}' is an owner already, without a condition.", "Keep one of the two; a system may be there again only behind a 'when:'.");
                    continue;
                }
                if (syntax is null && !declaredOwner.Value.Spoilt(OwnerKeys.When)) always.Add(system);
                var when = syntax is null || unit is null ? null : _conditions.Link(syntax, (field, place) => Note(unit, field, place));
                owners.Add(new Owner(system, when));
            }
            if (owners.Count > 0) tiers.Add(new OwnerTier(owners.ToImmutable()));
        }
        return tiers.ToImmutable();
    }

    static void Note(Unit unit, string field, Place place) => unit.Reads.TryAdd(field, place);

    void RefuseUnfit(Unit unit, Strategy strategy, Place at)
    {
        if (unit.Fields.IsEmpty) return;
        var what = unit.Word is { } word ? $"a field of type {WordKind<FieldWord>.Say(word)}" : "a group";
        var fits = strategy switch
        {
            // Consent is never loosened by machinery: no other strategy may decide it.
            _ when unit.Word == FieldWord.Consent => strategy == Strategy.Restrictive,
            Strategy.Restrictive => false,
            Strategy.Highest or Strategy.Lowest => unit.Word is FieldWord.Number or FieldWord.Decimal or FieldWord.Date or FieldWord.DateTime,
            Strategy.Forward => unit.Word == FieldWord.Choice,
            Strategy.Set => unit.IsSetLike,
            _ => true,
        };
        if (fits) return;
        var fitting = unit.Word == FieldWord.Consent ? "restrictive"
            : "owners, latest, first or review" + (unit.IsSetLike ? ", or set" : "") + (unit.Word == FieldWord.Choice ? ", or forward" : "");
        errors.Add(at, $"The strategy {WordKind<Strategy>.Say(strategy)} does not fit {what}.", $"Use {fitting}.");
    }

    void RefuseMisplacedKeys(Unit unit, Record record, Strategy strategy)
    {
        Only(PolicyKeys.Order, strategy == Strategy.Forward, "forward");
        Only(PolicyKeys.Resets, strategy == Strategy.Forward, "forward");
        Only(PolicyKeys.OptInFrom, strategy == Strategy.Restrictive, "restrictive");
        Only(PolicyKeys.Evidence, strategy == Strategy.Restrictive, "restrictive");
        Only(PolicyKeys.Fallback, strategy == Strategy.Review, "review");
        if (record.Has(PolicyKeys.YieldsAfter) && !record.Has(PolicyKeys.Owners))
            errors.Add(record.PlaceOf(PolicyKeys.YieldsAfter), "Only an owner's claim can yield, and no owner is named.", "Add 'owners:', or remove 'yieldsAfter'.");
        if (record.Has(PolicyKeys.IgnoreValues) && unit.IsGroup)
            errors.Add(record.PlaceOf(PolicyKeys.IgnoreValues), $"'{unit.Name}' is a group and has no single value to ignore.", "Remove 'ignoreValues', or take the field out of the group.");

        void Only(Key key, bool fits, string needed)
        {
            if (!fits && record.Has(key)) errors.Add(record.PlaceOf(key), $"'{key.Name}' means nothing to the strategy {WordKind<Strategy>.Say(strategy)}.", $"Remove it, or write 'strategy: {needed}'.");
        }
    }

    ImmutableArray<FieldValue> Order(Record record, FieldDefinition field, ImmutableArray<FieldValue> stated)
    {
        if (!record.Has(PolicyKeys.Order))
        {
            if (field.Choices.IsEmpty && !record.Spoilt(PolicyKeys.Order))
                errors.Add(record.At, $"A forward field needs an order, and '{field.Name}' has no choices.", "Add 'choices:' to the field, or 'order:' to the policy.");
            return [.. field.Choices.Select(FieldValue.Text)];
        }
        foreach (var twice in stated.GroupBy(v => v).Where(g => g.Count() > 1))
            errors.Add(record.PlaceOf(PolicyKeys.Order), $"{Suggestion.Quote(twice.Key.AsText())} is in the order twice.", "Keep one of the two.");
        foreach (var missing in field.Choices.Where(c => !stated.Contains(FieldValue.Text(c))))
            errors.Add(record.PlaceOf(PolicyKeys.Order), $"The choice {Suggestion.Quote(missing)} is not in the order.", "Name every choice once, first to last.");
        return stated;
    }

    ImmutableArray<FieldValue> Resets(Record record, FieldDefinition? field, ImmutableArray<FieldValue> order)
    {
        var resets = Values(record.List(PolicyKeys.Resets), field);
        foreach (var reset in resets.Where(r => !order.IsEmpty && !order.Contains(r)))
            errors.Add(record.PlaceOf(PolicyKeys.Resets), $"{Suggestion.Quote(reset.AsText())} is not in the order.", "Reset to a value of the order.");
        return resets;
    }

    ImmutableArray<ActorKind> Demoted(Record record)
    {
        var ignored = record.List(PolicyKeys.IgnoreActors).Select(a => a.Value).ToHashSet();
        foreach (var actor in record.List(PolicyKeys.DemoteActors).Where(a => ignored.Contains(a.Value)))
            errors.Add(actor.At, $"{WordKind<ActorKind>.Say(actor.Value)} is ignored, so it cannot be demoted.", "Keep one of the two.");
        return [.. record.List(PolicyKeys.DemoteActors).Select(a => a.Value).Distinct()];
    }

    string? Evidence(Unit unit, Record record)
    {
        if (record.Find(PolicyKeys.Evidence) is not { } evidence || unit.Fields.IsEmpty) return null;
        var name = unit.Fields.Select(f => f.Name).FirstOrDefault(n => n == evidence || n == $"{unit.Name}.{evidence}");
        if (name is null)
        {
            var parts = unit.Fields.Select(f => f.Name[(f.Name.IndexOf('.', StringComparison.Ordinal) + 1)..]).ToArray();
            errors.Add(record.PlaceOf(PolicyKeys.Evidence), $"'{unit.Name}' has no part {Suggestion.Quote(evidence)}.", errors.Suggest(evidence, parts, "parts"));
        }
        return name;
    }

    ImmutableArray<FieldValue> Values(ImmutableArray<Placed<ScalarText>> stated, FieldDefinition? field)
    {
        if (field is null) return [];
        var values = ImmutableArray.CreateBuilder<FieldValue>();
        foreach (var value in stated)
        {
            if (DefinitionValues.Of(value, field, member: false, errors) is { } canonical) values.Add(canonical);
        }
        return values.ToImmutable();
    }

    public static ImmutableArray<string> Speakers(ImmutableArray<Placed<string>> stated, IReadOnlyCollection<string> known, DefinitionErrors errors)
    {
        var systems = ImmutableArray.CreateBuilder<string>();
        foreach (var system in stated)
        {
            if (!IsSpeaker(system, known, errors)) continue;
            if (systems.Contains(system.Value)) errors.Add(system.At, $"'{system.Value}' is there twice.", "Keep one of the two.");
            else systems.Add(system.Value);
        }
        return systems.ToImmutable();
    }

    static bool IsSpeaker(Placed<string> system, IReadOnlyCollection<string> known, DefinitionErrors errors)
    {
        if (known.Contains(system.Value)) return true;
        errors.Add(system.At, $"There is no system {Suggestion.Quote(system.Value)}.", errors.Suggest(system.Value, known, "systems"));
        return false;
    }
}
