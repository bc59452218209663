using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Storage;
using Xunit;
using static OrleansCrm.Storage.Tests.Given;

namespace OrleansCrm.Storage.Tests;

public abstract partial class CustomerStoreContract
{
    [Fact]
    public async Task A_customer_that_does_not_exist_loads_as_nothing()
    {
        var stored = await LoadAsync("cus_\0");

        Assert.Equal(0, stored.Revision);
        Assert.Null(stored.Fold());
    }

    [Fact]
    public async Task An_entry_comes_back_as_it_was_written()
    {
        var entry = EditEntry("cus_1", 1, "zo\u00eb \ud83d\ude00 \u0000 \"quoted\"");

        await AppendAsync(CommitOf(entry));

        var stored = await LoadAsync("cus_1");
        Assert.Equal(Json(entry), Json(Assert.Single(stored.Entries).Entry));
        Assert.Equal(1, stored.Fold()!.Revision);
        Assert.True(stored.EntriesBytes > 0);
    }

    [Fact]
    public async Task A_history_is_read_in_pages_and_has_the_customers_own_entries_only()
    {
        await AppendAsync(Commit("cus_1", 0, entries: 5), Commit("cus_2", 0, entries: 2));
        await Store.SaveSnapshotsAsync([Customer("cus_1", 4)], Token); // a snapshot takes nothing away from it

        var first = await Store.ReadHistoryAsync("cus_1", 0, 3, Token);
        var rest = await Store.ReadHistoryAsync("cus_1", 3, 100, Token);

        Assert.Equal([1L, 2, 3, 4, 5], first.Concat(rest).Select(e => e.Entry.Revision));
        Assert.All(first.Concat(rest), e => Assert.Equal(("cus_1", PartitionOf("cus_1")), (e.Entry.CustomerId, e.Position.Partition)));
        Assert.Empty(await Store.ReadHistoryAsync("cus_9", 0, 10, Token));
    }

    [Fact]
    public async Task Many_customers_load_at_once_in_the_order_asked_for()
    {
        await AppendAsync(Commit("cus_1", 0, entries: 3), Commit("cus_2", 0));
        await Store.SaveSnapshotsAsync([Customer("cus_1", 2)], Token);

        var stored = await Store.LoadAsync(["cus_2", "cus_9", "cus_1"], Token);

        Assert.Equal([("cus_2", 1L), ("cus_9", 0L), ("cus_1", 3L)], stored.Select(s => (s.CustomerId, s.Revision)));
        Assert.Equal(2, stored[2].Snapshot!.Revision);
        Assert.Equal(3, Assert.Single(stored[2].Entries).Entry.Revision);
    }

    [Fact]
    public async Task An_older_snapshot_does_not_replace_a_newer_one()
    {
        await AppendAsync(Commit("cus_1", 0, entries: 3));
        await Store.SaveSnapshotsAsync([Customer("cus_1", 3)], Token);

        await Store.SaveSnapshotsAsync([Customer("cus_1", 2)], Token);

        Assert.Equal(3, (await LoadAsync("cus_1")).Snapshot!.Revision);
    }

    [Fact]
    public async Task Customers_are_listed_page_by_page_with_and_without_entries_left()
    {
        var (a, b, c) = (IdIn(0), IdIn(0, 1), IdIn(0, 2));
        await AppendAsync(Commit(a, 0, entries: 2), Commit(b, 0), Commit(c, 0));
        await Store.SaveSnapshotsAsync([Customer(a, 2)], Token);
        await Store.TrimAsync(0, long.MaxValue, 10, Token);

        var first = await Store.ListCustomersAsync(null, 2, Token);
        var second = await Store.ListCustomersAsync(first[^1].CustomerId, 2, Token);

        string[] ids = [a, b, c];
        Assert.Equal(ids.Order(StringComparer.Ordinal), first.Concat(second).Select(h => h.CustomerId));
        Assert.Equal(new CustomerHead(a, 2, 1), first.Concat(second).Single(h => h.CustomerId == a));
    }

    [Fact]
    public async Task Trimming_takes_what_a_snapshot_covers_and_leaves_the_tail()
    {
        var (covered, other) = (IdIn(0), IdIn(0, 1));
        await AppendAsync(Commit(covered, 0, entries: 2), Commit(other, 0), Commit(covered, 2));
        await Store.SaveSnapshotsAsync([Customer(covered, 3)], Token);

        var trimmed = await Store.TrimAsync(0, long.MaxValue, 10, Token);

        Assert.Equal(2, trimmed);
        var page = await Store.ReadPageAsync(0, 0, 10, Token);
        Assert.Equal([3L, 4L], page.Entries.Select(e => e.Position.Sequence));
        Assert.Equal(2, page.TrimmedThrough);
        Assert.Equal(new PartitionTail(0, 4), Assert.Single(await Store.ReadTailsAsync([0], Token)));
        Assert.Equal(0, await Store.TrimAsync(0, long.MaxValue, 10, Token));
    }

    [Fact]
    public async Task Trimming_stops_where_it_is_told_to()
    {
        await AppendAsync(Commit(IdIn(0), 0, entries: 5));
        await Store.SaveSnapshotsAsync([Customer(IdIn(0), 5)], Token);

        Assert.Equal(1, await Store.TrimAsync(0, 3, 1, Token));
        Assert.Equal(2, await Store.TrimAsync(0, 3, 10, Token));
        Assert.Equal(4, (await Store.ReadPageAsync(0, 0, 10, Token)).Entries[0].Position.Sequence);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_writer_from_before_a_trim_finds_itself_stale(long expected)
    {
        var (old, last) = (IdIn(0), IdIn(0, 1));
        await AppendAsync(Commit(old, 0, entries: 3), Commit(last, 0));
        await Store.SaveSnapshotsAsync([Customer(old, 3)], Token);
        await Store.TrimAsync(0, long.MaxValue, 10, Token);

        var stale = await AppendAsync(Commit(old, expected));
        var fenced = (AppendAnswer.Decided)await Store.AppendAsync(new([new(0, expected)], [Commit(old, 3)]), Token);
        var fresh = await AppendAsync(Commit(old, 3));

        Assert.IsType<CommitAnswer.Stale>(stale.Commits[0]);
        Assert.True(fenced.Tails[0].Fenced);
        Assert.IsType<CommitAnswer.Committed>(fresh.Commits[0]);
    }

    [Fact]
    public async Task An_erased_customer_leaves_skeletons_and_nothing_that_was_theirs()
    {
        const string Value = "ada@erased.example";
        var record = Contact("512");
        var customer = await GivenErasableAsync("cus_1", Value, record);
        await Store.ParkAsync(Parked("late", record, Value), Token);
        await Store.ParkAsync(Parked("other", Contact("other")), Token);

        var answer = await Store.EraseAsync(Erasing(customer), Token);

        Assert.IsType<CommitAnswer.Committed>(answer);
        var stored = await LoadAsync("cus_1");
        Assert.Equal(CustomerStatus.Erased, stored.Snapshot!.Status);
        Assert.Equal(3, stored.Revision);
        var page = await Store.ReadPageAsync(PartitionOf("cus_1"), 0, 10, Token);
        Assert.Equal([1L, 2L, 3L], page.Entries.Select(e => e.Entry.Revision));
        Assert.All(page.Entries, e => Assert.DoesNotContain(Value, Json(e.Entry), StringComparison.Ordinal));
        Assert.Null(await HolderOfAsync("person/email/" + Value));
        Assert.Equal(new(record, null, Suppressed: true), Assert.Single(await Store.LookUpRecordsAsync([record], Token)));
        Assert.Equal("hubspot/other", Assert.Single(await Store.ListParkedEditsAsync(null, null, 10, Token)).Id);
    }

    [Fact]
    public async Task What_was_suppressed_is_taken_by_nobody_again()
    {
        const string Value = "ada@erased.example";
        var record = Contact("512");
        await Store.EraseAsync(Erasing(await GivenErasableAsync("cus_1", Value, record)), Token);

        var answer = await AppendAsync(Commit("cus_2", 0, holds: [record]), Commit("cus_3", 0, takes: ["person/email/" + Value]), Commit("cus_4", 0, holds: [Contact("513")]));
        var parked = await Store.ParkAsync(Parked("again", record, Value), Token);

        Assert.Equal(new CommitAnswer.Held("record:hubspot/contacts/512", "cus_1"), answer.Commits[0]);
        Assert.Equal(new CommitAnswer.Held("person/email/" + Value, "cus_1"), answer.Commits[1]);
        Assert.IsType<CommitAnswer.Committed>(answer.Commits[2]);
        Assert.False(parked);
        Assert.Empty(await Store.ListParkedEditsAsync(null, null, 10, Token));
    }

    [Fact]
    public async Task A_snapshot_from_before_an_erasure_does_not_come_back()
    {
        var customer = await GivenErasableAsync("cus_1", "ada@erased.example", Contact("512"));
        await Store.EraseAsync(Erasing(customer), Token);

        await Store.SaveSnapshotsAsync([customer], Token);

        Assert.Equal(CustomerStatus.Erased, (await LoadAsync("cus_1")).Snapshot!.Status);
    }

    [Fact]
    public async Task An_erasure_decided_on_an_old_revision_is_stale_and_erases_nothing()
    {
        var customer = await GivenErasableAsync("cus_1", "ada@erased.example", Contact("512"));
        await AppendAsync(Commit("cus_1", 2));

        var answer = await Store.EraseAsync(Erasing(customer), Token);

        Assert.IsType<CommitAnswer.Stale>(answer);
        Assert.Equal("cus_1", await HolderOfAsync(Contact("512")));
    }

    [Fact]
    public async Task Edits_are_parked_once_and_listed_as_they_were()
    {
        var parked = Parked("e\u0000 1", Contact("1"));

        Assert.True(await Store.ParkAsync(parked, Token));
        Assert.True(await Store.ParkAsync(parked with { Reason = "other" }, Token));

        var listed = Assert.Single(await Store.ListParkedEditsAsync("hubspot", null, 10, Token));
        Assert.Equal(parked with { Edit = listed.Edit }, listed);
        Assert.Equal(parked.Edit with { Fields = listed.Edit.Fields, Judged = listed.Edit.Judged }, listed.Edit);
        Assert.Equal(parked.Edit.Fields, listed.Edit.Fields);
        Assert.Equal(parked.Edit.Judged, listed.Edit.Judged);
        Assert.Empty(await Store.ListParkedEditsAsync("salesforce", null, 10, Token));
    }

    [Fact]
    public async Task Parked_edits_are_paged_and_removed()
    {
        foreach (var id in (string[])["a", "b", "c"]) await Store.ParkAsync(Parked(id, Contact(id)), Token);

        var first = await Store.ListParkedEditsAsync(null, null, 2, Token);
        var second = await Store.ListParkedEditsAsync(null, first[^1].Id, 2, Token);
        var removed = await Store.RemoveParkedEditAsync("hubspot/b", Token);

        Assert.Equal(["hubspot/a", "hubspot/b", "hubspot/c"], first.Concat(second).Select(p => p.Id));
        Assert.True(removed);
        Assert.False(await Store.RemoveParkedEditAsync("hubspot/b", Token));
        Assert.Equal(2, (await Store.ListParkedEditsAsync(null, null, 10, Token)).Length);
    }

    [Fact]
    public async Task Definitions_follow_one_another_and_are_never_replaced()
    {
        var first = new StoredDefinition(1, "hub: one\n", Noon, "by ada");

        Assert.Null(await Store.ReadDefinitionAsync(null, Token));
        Assert.False(await Store.AppendDefinitionAsync(first with { Version = 2 }, Token));
        Assert.True(await Store.AppendDefinitionAsync(first, Token));
        Assert.False(await Store.AppendDefinitionAsync(first with { Text = "other" }, Token));
        Assert.True(await Store.AppendDefinitionAsync(new(2, "hub: two\n", Noon), Token));

        Assert.Equal(2, (await Store.ReadDefinitionAsync(null, Token))!.Version);
        Assert.Equal(first, await Store.ReadDefinitionAsync(1, Token));
        Assert.Null(await Store.ReadDefinitionAsync(3, Token));
    }

    async Task<Customer> GivenErasableAsync(string id, string value, Domain.Intake.SourceRecord record)
    {
        var append = Append(id, 0, takes: ["person/email/" + value], holds: [record]) with { Entries = [EditEntry(id, 1, value), EditEntry(id, 2, value)] };
        await AppendAsync(new Commit([append]));
        var customer = Customer(id, 2) with
        {
            Keys = ["person/email/" + value],
            Links = [new Link { Id = "1.1", System = record.System, Object = record.Object, ExternalId = record.ExternalId, State = LinkState.Linked }],
        };
        await Store.SaveSnapshotsAsync([customer], Token);
        return customer;
    }

    static ErasureOrder Erasing(Customer customer)
    {
        var (commit, erased, suppressed) = Erasure.Erase(customer, Hub, Noon, Secret);
        return new(commit, erased, suppressed);
    }
}
