using System.Collections.Immutable;
using OrleansCrm.Domain.Claims;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Simulation.Time;

namespace OrleansCrm.Simulation;

/// <summary>Rule 2: what was said and written, taken in another order, makes the same claims and golden values.</summary>
sealed partial class World
{
    void CheckOrder()
    {
        var chance = _faults.Branch(77);
        foreach (var id in _store.CustomerIds)
        {
            var customer = Fold(id);
            if (customer.Status != CustomerStatus.Living || customer.DefinitionVersion != Newest.Version) continue;
            var other = customer with { Links = Shuffled(customer, chance) };
            var settlement = Settlement.Of(other, Newest.RecordType(customer.RecordType)!, Newest, _clock.NowUtc, customer.Revision + 1, customer.DefinitionVersion, touched: null);
            foreach (var change in settlement.Golden)
            {
                var recorded = customer.Golden.Get(change.Field);
                if (recorded?.Value == change.Golden?.Value && recorded?.LinkId == change.Golden?.LinkId) continue;
                TellEvidence(id, change.Field, customer.Revision);
                Violate(2, $"{change.Field} of {id} is golden {recorded?.Value.ToString() ?? "undetermined"} (of {recorded?.LinkId}, {recorded?.Rule}); the same evidence in another order makes it {change.Golden?.Value.ToString() ?? "undetermined"} (of {change.Golden?.LinkId}, {change.Golden?.Rule})");
            }
        }
    }

    ImmutableArray<Link> Shuffled(Customer customer, Chance chance)
    {
        var links = customer.Links.ToArray();
        for (var i = links.Length - 1; i > 0; i--)
        {
            var j = chance.Below(i + 1);
            (links[i], links[j]) = (links[j], links[i]);
        }
        for (var i = 0; i < links.Length; i++)
        {
            var fields = links[i].Fields.ToBuilder();
            foreach (var (name, evidence) in links[i].Fields)
            {
                fields.Set(name, Shuffled(evidence, chance));
            }
            links[i] = links[i] with { Fields = fields.ToMap() };
        }
        return [.. links];
    }

    /// <summary>The same members in another order.</summary>
    static FieldEvidence Shuffled(FieldEvidence evidence, Chance chance)
    {
        var statements = evidence.Statements.ToArray();
        var shuffled = new FieldEvidence([], evidence.Writes);
        for (var left = statements.Length; left > 0; left--)
        {
            var at = chance.Below(left);
            shuffled = shuffled.With(statements[at]);
            statements[at] = statements[left - 1];
        }
        return shuffled;
    }
}
