using System.Collections.Immutable;
using CsCheck;
using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Values;
using Xunit;

namespace OrleansCrm.Domain.Tests.Rules;

/// <summary>Rule 4: a source record, and an identity key, belong to at most one living customer.</summary>
public sealed class HolderTests
{
    const int Longest = 100;
    static readonly string[] Ids = ["cus_1", "cus_2", "cus_3"];
    static readonly FieldValue[] Emails = [.. new[] { "a@x", "b@x", "" }.Select(FieldValue.Text)];
    static readonly HubDefinition Hub = Make(PlantedFault.None);
    static readonly HubDefinition Faulty = Make(PlantedFault.KeepGivenKeys);

    [Fact]
    public void Rule_4_a_key_and_a_record_belong_to_at_most_one_living_customer() => Cases.Play(Cases.Many, Longest, tape => Play(tape, Hub));

    [Fact]
    public void A_planted_fault_of_keys_is_caught() => Assert.Throws<CsCheckException>(() => Cases.Play(Cases.Many, Longest, tape => Play(tape, Faulty)));

    static HubDefinition Make(PlantedFault planted)
    {
        MappingDefinition Mapping() => new("person", "contacts", [new() { Field = "email", Name = "email" }]) { Create = CreatePolicy.Never };
        var type = new RecordTypeDefinition("person", [new() { Name = "email", Type = FieldType.Email }]) { IdentityKeys = ["email"], Existence = new() { DeleteBy = ["alpha"], Grace = TimeSpan.Zero } };
        return new([type], [.. new[] { "alpha", "beta" }.Select(s => new SystemDefinition(s, "rules", [Mapping()]) { Mode = SystemMode.Live })]) { Version = 1, Planted = planted };
    }

    static void Play(Tape tape, HubDefinition hub)
    {
        var store = new Store();
        for (var at = 1; !tape.IsAtEnd; at++)
        {
            var now = RuleHub.Noon.AddMinutes(at);
            var id = tape.Pick(Ids);
            switch (tape.Next(12))
            {
                case 10: Merge(tape, store, hub, now); break;
                case 11: Unmerge(tape, store, hub, now, at); break;
                case 9 when store.Customers.GetValueOrDefault(id) is { Withheld.Length: > 0 } waiting: Commit(store, hub, id, new CustomerCall.ClaimKey(waiting.Withheld[0].Key), now); break;
                case 8: Commit(store, hub, id, new CustomerCall.Offer(Edit(tape, at, now, EditKind.Deleted), now), now); break;
                default: Commit(store, hub, id, new CustomerCall.Offer(Edit(tape, at, now, EditKind.Change), now, Adopt: true), now); break;
            }
            store.Check();
        }
    }

    static Edit Edit(Tape tape, int at, DateTimeOffset now, EditKind kind) => new()
    {
        Id = $"e{at}",
        Kind = kind,
        Source = new(tape.Chance(2) ? "alpha" : "beta", "contacts", tape.Chance(2) ? "1" : "2"),
        RecordType = "person",
        Time = now,
        Fields = kind == EditKind.Change ? [new("email", tape.Pick(Emails))] : [],
    };

    // As an activation does it: a key held by another is withheld, and the same calls are decided once more.
    static void Commit(Store store, HubDefinition hub, string id, CustomerCall call, DateTimeOffset now)
    {
        var held = HeldElsewhere.Nothing;
        for (var tries = 0; tries < 8; tries++)
        {
            var decision = CustomerDecision.Decide(id, store.Customers.GetValueOrDefault(id), [new(1, call)], hub, now, held);
            if (decision.ToCommit() is not { } commit) return;
            switch (store.Append(commit))
            {
                case CommitAnswer.Committed: store.Customers[id] = decision.Next!; return;
                case CommitAnswer.Held taken: held = held.With(taken.Key, taken.CustomerId); break;
                case var other: Assert.Fail($"{other}"); return;
            }
        }
        Assert.Fail("A commit finds keys held for ever.");
    }

    static void Merge(Tape tape, Store store, HubDefinition hub, DateTimeOffset now)
    {
        var living = store.Living;
        if (living.Count < 2) return;
        var survivor = tape.Pick(living);
        var loser = tape.Pick(living.Where(c => c.Id != survivor.Id).ToList());
        Rearrange(store, held => Merging.Merge(survivor, loser, hub, now, held));
    }

    static void Unmerge(Tape tape, Store store, HubDefinition hub, DateTimeOffset now, int at)
    {
        var many = store.Living.Where(c => c.Links.Count(l => l.ExternalId is not null) > 1).ToList();
        if (many.Count == 0) return;
        var customer = tape.Pick(many);
        var link = tape.Pick(customer.Links.Where(l => l.ExternalId is not null).ToList());
        Rearrange(store, held => Merging.Unmerge(customer, [link.Id], $"cus_new{at}", hub, now, held));
    }

    static void Rearrange(Store store, Func<HeldElsewhere, Rearrangement> arrange)
    {
        var held = HeldElsewhere.Nothing;
        for (var tries = 0; tries < 8; tries++)
        {
            var rearranged = arrange(held);
            var answer = store.Append(rearranged.Commit);
            if (answer is CommitAnswer.Held taken)
            {
                held = held.With(taken.Key, taken.CustomerId);
                continue;
            }
            Assert.IsType<CommitAnswer.Committed>(answer);
            store.Customers[rearranged.Remaining.Id] = rearranged.Remaining;
            store.Customers[rearranged.Other.Id] = rearranged.Other;
            return;
        }
        Assert.Fail("A merge finds keys held for ever.");
    }

    /// <summary>What every store must make of commits, in memory.</summary>
    sealed class Store : IAppendView
    {
        readonly Dictionary<int, long> _tails = [];
        readonly Dictionary<string, string> _keys = new(StringComparer.Ordinal);
        readonly Dictionary<SourceRecord, string> _records = [];

        public Dictionary<string, Customer> Customers { get; } = new(StringComparer.Ordinal);

        public List<Customer> Living => [.. Customers.Values.Where(c => c.Status == CustomerStatus.Living).OrderBy(c => c.Id, StringComparer.Ordinal)];

        public CommitAnswer Append(Commit commit)
        {
            var partitions = commit.Appends.Select(a => Partitions.Of(a.CustomerId)).Distinct().Order();
            var decided = AppendRules.Decide(new([.. partitions.Select(p => new PartitionTail(p, TailOf(p)))], [commit]), this, RuleHub.Noon);
            foreach (var tail in decided.Answer.Tails) _tails[tail.Partition] = tail.Sequence;
            foreach (var key in decided.Keys)
            {
                if (key.CustomerId is { } holder) _keys[key.Key] = holder;
                else _keys.Remove(key.Key);
            }
            foreach (var record in decided.Records)
            {
                if (record.CustomerId is { } holder) _records[record.Record] = holder;
                else _records.Remove(record.Record);
            }
            return decided.Answer.Commits[0];
        }

        /// <summary>No two living customers believe to hold the same, and the store agrees with each.</summary>
        public void Check()
        {
            var records = new HashSet<SourceRecord>();
            var keys = new HashSet<string>(StringComparer.Ordinal);
            foreach (var customer in Customers.Values)
            {
                foreach (var key in customer.Keys)
                {
                    if (!keys.Add(key)) Assert.Fail($"Two customers hold {key}; one is {customer.Id}.");
                    if (HolderOf(key) != customer.Id) Assert.Fail($"{customer.Id} believes to hold {key}, which the store gives to {HolderOf(key) ?? "nobody"}.");
                }
                if (customer.Status is CustomerStatus.Merged or CustomerStatus.Erased) continue;
                foreach (var link in customer.Links)
                {
                    if (link.Source is not { } record) continue;
                    if (!records.Add(record)) Assert.Fail($"Two customers hold {record}; one is {customer.Id}.");
                    if (HolderOf(record) != customer.Id) Assert.Fail($"{customer.Id} believes to hold {record}, which the store gives to {HolderOf(record) ?? "nobody"}.");
                }
            }
            foreach (var (key, holder) in _keys)
            {
                if (!keys.Contains(key)) Assert.Fail($"The store keeps {key} for {holder}, which does not hold it.");
            }
        }

        public long TailOf(int partition) => _tails.GetValueOrDefault(partition);

        public DateTimeOffset LastTimeOf(int partition) => DateTimeOffset.MinValue;

        public long RevisionOf(string customerId) => Customers.GetValueOrDefault(customerId)?.Revision ?? 0;

        public string? HolderOf(string key) => _keys.GetValueOrDefault(key);

        public string? HolderOf(SourceRecord record) => _records.GetValueOrDefault(record);
    }
}
