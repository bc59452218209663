using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Storage;
using OrleansCrm.Grains.Committing;
using OrleansCrm.Grains.Customers;
using OrleansCrm.Grains.Definitions;
using OrleansCrm.Grains.Interfaces.Linking;

namespace OrleansCrm.Grains.Linking;

/// <summary>Ties records that were read to customers that somebody has named for them: the way past identity, where ids say more than values.</summary>
public sealed class Adoption(ICustomerStore store, CustomerReferences customers, HubDefinitions definitions, HubClock clock)
{
    /// <summary>Ties a record, with what it holds, to a customer.</summary>
    /// <param name="listed">As it was read just now.</param>
    /// <param name="customer">As it was loaded just now.</param>
    public async Task<LinkAnswer> AdoptAsync(ListedRecord listed, Customer customer, string batch)
    {
        var observed = listed.Observation with { Batch = batch };
        var source = observed.Source;
        if (customer.RecordType != observed.RecordType) return Refused(LinkRefusal.OtherType);
        if (observed.Kind is not (EditKind.Change or EditKind.Observation or EditKind.Restored)) return Refused(LinkRefusal.RecordMissing);
        foreach (var link in customer.Links)
        {
            if (link.System != source.System || link.Object != source.Object || link.State != LinkState.Linked) continue;
            return link.ExternalId == source.ExternalId ? new(LinkOutcome.AlreadyLinked, customer.Id) : Refused(LinkRefusal.SecondRecord);
        }

        // Where its references lead, intake will say when the record comes that way: here only whose it is is settled.
        var answers = await customers.Of(customer.Id).Ask([new CustomerCall.Offer(observed, clock.Now, Adopt: true, Found: false)], definitions.Current.Version);
        return answers[0] switch
        {
            OfferAnswer { Outcome: EditOutcome.Applied or EditOutcome.Unchanged } => new(LinkOutcome.Linked, customer.Id),
            OfferAnswer refused => new(LinkOutcome.Refused, null, refused.Reason ?? "refused"),
            CustomerAnswer.NotMine { MovedTo: { } holder } => new(LinkOutcome.Refused, holder, LinkRefusal.HeldElsewhere, LinkRefusal.AdviceFor(LinkRefusal.HeldElsewhere)),
            CustomerAnswer.NotMine => Refused(LinkRefusal.UnknownCustomer),
            _ => new(LinkOutcome.TryAgain, null, "customer-busy"),
        };
    }

    /// <summary>Customers by id, of those that live; a merge is followed once.</summary>
    /// <exception cref="StoreUnavailableException">The store could not be asked.</exception>
    public async Task<Dictionary<string, Customer>> LoadAsync(IEnumerable<string> ids, CancellationToken cancellationToken)
    {
        var found = new Dictionary<string, Customer>(StringComparer.Ordinal);
        foreach (var some in ids.Distinct(StringComparer.Ordinal).Chunk(250))
        {
            foreach (var stored in await store.LoadAsync([.. some], cancellationToken))
            {
                var customer = stored.Fold();
                if (customer is { Status: CustomerStatus.Merged, MovedTo: { } next }) customer = (await store.LoadAsync([next], cancellationToken))[0].Fold();
                if (customer is { Status: CustomerStatus.Living }) found[stored.CustomerId] = customer;
            }
        }
        return found;
    }

    internal static LinkAnswer Refused(string reason) => new(LinkOutcome.Refused, null, reason, LinkRefusal.AdviceFor(reason));
}
