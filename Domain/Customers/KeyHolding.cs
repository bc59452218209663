using System.Collections.Immutable;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Intake;

namespace OrleansCrm.Domain.Customers;

/// <summary>What the store said belongs to other customers when a decision was first committed: it is withheld and proposed for merging.</summary>
public sealed class HeldElsewhere
{
    readonly ImmutableDictionary<string, string> _holders;

    HeldElsewhere(ImmutableDictionary<string, string> holders) => _holders = holders;

    public static HeldElsewhere Nothing { get; } = new(ImmutableDictionary<string, string>.Empty);

    public int Count => _holders.Count;

    /// <summary>The name under which the store reports that a source record belongs to another.</summary>
    public static string RecordKey(SourceRecord record) => "record:" + record;

    /// <summary>The customer that holds an identity key or <see cref="RecordKey"/>; null: not known to be held.</summary>
    public string? HolderOf(string key) => _holders.GetValueOrDefault(key);

    /// <summary>Without what one customer holds: it gives that up in the same commit. What others hold stays withheld.</summary>
    public HeldElsewhere ExceptOf(string customerId) => new(_holders.RemoveRange(_holders.Where(h => h.Value == customerId).Select(h => h.Key)));

    public HeldElsewhere With(string key, string customerId) => new(_holders.SetItem(key, customerId));
}

/// <summary>The identity keys that a customer's golden values ask for, held or withheld.</summary>
/// <param name="Change">Null: as before.</param>
public sealed record KeyHolding(KeyChange? Change, ImmutableArray<string> Taken, ImmutableArray<string> Given)
{
    static readonly KeyHolding Same = new(null, [], []);

    // What nearly every decision finds: it holds just the keys that it asks for, and nothing is withheld or may come to be.
    static bool IsSettled(Customer customer, RecordTypeDefinition type)
    {
        if (!customer.Withheld.IsEmpty) return false;
        foreach (var link in customer.Links)
        {
            if (link.LastGone?.Into is not null) return false;
        }
        var held = 0;
        if (customer.Status == CustomerStatus.Living)
        {
            foreach (var field in type.IdentityKeys)
            {
                if (customer.Value(field) is not { } value || IdentityKey.Of(type.Name, field, value) is not { } key) continue;
                if (!customer.Keys.Contains(key)) return false;
                held++;
            }
        }
        return held == customer.Keys.Length;
    }

    /// <param name="claim">Ask again for keys that were withheld.</param>
    public static KeyHolding Of(Customer customer, RecordTypeDefinition type, HeldElsewhere elsewhere, bool claim)
    {
        if (IsSettled(customer, type)) return Same;
        var held = ImmutableArray.CreateBuilder<string>();
        var withheld = ImmutableArray.CreateBuilder<WithheldKey>();
        if (customer.Status == CustomerStatus.Living)
        {
            foreach (var field in type.IdentityKeys)
            {
                if (customer.Value(field) is not { } value || IdentityKey.Of(type.Name, field, value) is not { } key) continue;
                var known = customer.Withheld.FirstOrDefault(w => w.Key == key);
                if (customer.Keys.Contains(key)) held.Add(key);
                else if (elsewhere.HolderOf(key) is { } holder) withheld.Add(known is not null ? known with { HolderId = holder } : new(key, holder, customer.Revision));
                else if (known is not null && !claim) withheld.Add(known);
                else held.Add(key);
            }
        }
        // A record of ours that lives on in one that another customer holds: a proposal too.
        foreach (var link in customer.Links)
        {
            if (link.LastGone?.Into is not { } into) continue;
            var key = HeldElsewhere.RecordKey(into);
            if (customer.Withheld.FirstOrDefault(w => w.Key == key) is { } known) withheld.Add(known);
            else if (elsewhere.HolderOf(key) is { } holder) withheld.Add(new(key, holder, customer.Revision));
        }
        var taken = held.Where(k => !customer.Keys.Contains(k)).ToImmutableArray();
        var given = customer.Keys.RemoveAll(k => held.Contains(k));
        if (taken.IsEmpty && given.IsEmpty && withheld.SequenceEqual(customer.Withheld)) return new(null, [], []);
        return new(new(held.ToImmutable(), withheld.ToImmutable()), taken, given);
    }
}
