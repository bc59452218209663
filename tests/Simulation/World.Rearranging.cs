using System.Collections.Immutable;
using System.Globalization;
using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Simulation.Hub;

namespace OrleansCrm.Simulation;

/// <summary>People merge customers in the hub, and take them apart again: one commit over two customers, past the activations, which find themselves stale.</summary>
sealed partial class World
{
    readonly Dictionary<(string Customer, long Revision), HashSet<string>> _refusedBefore = [];
    readonly List<Customer> _mergeable = [];

    void Rearrange()
    {
        var silo = _silos[_people.Below(_silos.Length)];
        if (!silo.Alive || silo.FrozenUntil > _clock.Now) return;
        _mergeable.Clear();
        foreach (var id in _store.CustomerIds)
        {
            var customer = _store.Peek(id);
            if (customer.Status == CustomerStatus.Living) _mergeable.Add(customer);
        }
        if (_mergeable.Count == 0) return;
        var one = _mergeable[_people.Below(_mergeable.Count)];
        var job = _people.OneIn(3) ? Unmerging(one) : Merging(one);
        if (job is not null) Plan(_clock.Now + StoreTime(), Kind.RearrangingIsRead, silo.Index, silo.Life, cargo: job);
    }

    /// <summary>With the customer that holds a key which this one asks for, else with anybody of its kind.</summary>
    Rearranging? Merging(Customer one)
    {
        foreach (var withheld in one.Withheld) return new Rearranging(withheld.HolderId, one.Id, [], "");
        foreach (var other in _mergeable)
        {
            if (!string.Equals(other.Id, one.Id, StringComparison.Ordinal) && string.Equals(other.RecordType, one.RecordType, StringComparison.Ordinal)) return new Rearranging(one.Id, other.Id, [], "");
        }
        return null;
    }

    Rearranging? Unmerging(Customer one)
    {
        var links = ImmutableArray.CreateBuilder<string>();
        foreach (var link in one.Links)
        {
            if (link.State == LinkState.Linked) links.Add(link.Id);
        }
        if (links.Count < 2) return null;
        while (links.Count > 1) links.RemoveAt(_people.Below(links.Count));
        return new Rearranging(one.Id, null, links.ToImmutable(), string.Create(CultureInfo.InvariantCulture, $"cus_{++_customers:D4}"));
    }

    /// <summary>Reads both customers, decides, and hands the one commit to this silo's committer.</summary>
    void RearrangingIsRead(Silo silo, Rearranging job)
    {
        var one = LoadFor(silo, job.Survivor);
        var other = job.Loser is null ? null : LoadFor(silo, job.Loser);
        if (one is not { Status: CustomerStatus.Living } || one.DefinitionVersion > silo.Hub.Version) return;
        Rearrangement result;
        if (job.Loser is not null)
        {
            if (other is not { Status: CustomerStatus.Living } || other.DefinitionVersion > silo.Hub.Version) return;
            result = Domain.Customers.Merging.Merge(one, other, silo.Hub, ClockOf(silo), job.Elsewhere);
            Note(one, other, one.Id, one.Revision + 1);
        }
        else
        {
            if (!CanLeave(one, job.Links)) return;
            result = Domain.Customers.Merging.Unmerge(one, job.Links, job.Fresh, silo.Hub, ClockOf(silo), job.Elsewhere);
            Note(one, null, one.Id, one.Revision + 1);
            Note(one, null, job.Fresh, 1);
        }
        var ticket = ++_lastTicket;
        silo.Rearrangings.Add(ticket, job);
        StepCommitter(silo, new CommitterMessage.Submit(ticket, result.Commit, 900));
    }

    static bool CanLeave(Customer customer, ImmutableArray<string> links)
    {
        foreach (var id in links)
        {
            if (customer.Link(id) is not { State: LinkState.Linked }) return false;
        }
        foreach (var link in customer.Links)
        {
            if (link.ExternalId is not null && !links.Contains(link.Id)) return true;
        }
        return false;
    }

    /// <summary>Which consents were refused before two customers became one, or one became two.</summary>
    void Note(Customer one, Customer? other, string customerId, long revision)
    {
        var refused = new HashSet<string>(StringComparer.Ordinal);
        AddRefused(one, refused);
        if (other is not null) AddRefused(other, refused);
        _refusedBefore[(customerId, revision)] = refused;
    }

    static void AddRefused(Customer customer, HashSet<string> refused)
    {
        foreach (var (field, golden) in customer.Golden)
        {
            if (golden.Value == Domain.Resolution.FieldResolver.Denied) refused.Add(field);
        }
    }

    void RearrangingEnds(Silo silo, Rearranging job, CommitAnswer answer)
    {
        _story?.Add($"rearranging of {job.Survivor} and {job.Loser ?? job.Fresh} ends {answer.GetType().Name}");
        if (answer is CommitAnswer.Committed || job.Tries >= 5) return;
        if (answer is CommitAnswer.Held held) job.Elsewhere = job.Elsewhere.With(held.Key, held.CustomerId);
        job.Tries++;
        Plan(_clock.Now + StoreTime(), Kind.RearrangingIsRead, silo.Index, silo.Life, cargo: job);
    }
}
