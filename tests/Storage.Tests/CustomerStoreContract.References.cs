using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Storage;
using Xunit;
using static OrleansCrm.Storage.Tests.Given;

namespace OrleansCrm.Storage.Tests;

public abstract partial class CustomerStoreContract
{
    [Fact]
    public async Task Who_refers_to_a_record_or_a_customer_is_found_by_what_the_entries_say()
    {
        await AppendAsync(CommitOf(Referring("cus_a", 1, new ReferralChange("sf/accounts/7", null, []))));
        await AppendAsync(CommitOf(Referring("cus_b", 1, new ReferralChange("sf/accounts/7", "cus_org", []), new ReferralChange("sf/accounts/8", "cus_org", []))));

        Assert.Equal([new ReferringCustomer("sf/accounts/7", "cus_a"), new("sf/accounts/7", "cus_b"), new ReferringCustomer("sf/accounts/8", "cus_b")],
            await Store.ReadReferringAsync(["sf/accounts/8", "sf/accounts/7", "sf/accounts/9"], null, 100, Token));
        Assert.Equal([new ReferringCustomer("cus_org", "cus_b")], await Store.ReadReferringAsync(["cus_org"], null, 100, Token));
        Assert.Empty(await Store.ReadReferringAsync([], null, 100, Token));
    }

    [Fact]
    public async Task Who_refers_to_a_record_is_read_in_pages()
    {
        for (var i = 0; i < 5; i++) await AppendAsync(CommitOf(Referring($"cus_{i}", 1, new ReferralChange("sf/a/1", null, []), new ReferralChange("sf/a/\0" + new string('x', 900), null, []))));
        var asked = new[] { "sf/a/1", "sf/a/\0" + new string('x', 900) };

        var read = new List<ReferringCustomer>();
        ReferringCustomer? after = null;
        while (await Store.ReadReferringAsync([.. asked], after, 3, Token) is { IsEmpty: false } page)
        {
            Assert.True(page.Length <= 3);
            read.AddRange(page);
            after = page[^1];
        }

        Assert.Equal(10, read.Distinct().Count());
        Assert.Equal(10, read.Count);
        Assert.Equal(asked.Order(StringComparer.Ordinal), read.Select(r => r.Reference).Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_reference_that_is_made_again_is_recorded_once_and_one_that_is_dropped_is_gone()
    {
        await AppendAsync(CommitOf(Referring("cus_a", 1, new ReferralChange("sf/a/1", null, []), new ReferralChange("sf/a/2", null, []))));
        await AppendAsync(CommitOf(Referring("cus_a", 2, new ReferralChange("sf/a/1", "cus_org", ["company"]), new ReferralChange("sf/a/2", null, [], IsForgotten: true))));

        Assert.Equal([new ReferringCustomer("cus_org", "cus_a"), new ReferringCustomer("sf/a/1", "cus_a")], await Store.ReadReferringAsync(["sf/a/1", "sf/a/2", "cus_org"], null, 100, Token));
    }

    [Fact]
    public async Task A_commit_that_fails_records_no_reference()
    {
        await AppendAsync(Commit("cus_a", 0));

        await AppendAsync(CommitOf(Referring("cus_a", 1, new ReferralChange("sf/a/1", null, []))));

        Assert.Empty(await Store.ReadReferringAsync(["sf/a/1"], null, 100, Token));
    }

    [Fact]
    public async Task An_erased_customer_refers_to_nobody()
    {
        await AppendAsync(CommitOf(Referring("cus_a", 1, new ReferralChange("sf/a/1", "cus_org", []))));
        var (commit, erased, suppressed) = Erasure.Erase(Customer("cus_a", 1), Hub, Noon, Secret);

        await Store.EraseAsync(new(commit, erased, suppressed), Token);

        Assert.Empty(await Store.ReadReferringAsync(["sf/a/1", "cus_org"], null, 100, Token));
        Assert.DoesNotContain("sf/a/1", string.Concat((await Store.ReadHistoryAsync("cus_a", 0, 10, Token)).Select(e => Json(e.Entry))), StringComparison.Ordinal);
    }

    static JournalEntry Referring(string customer, long revision, params ReferralChange[] changes) => Entry(customer, revision) with { Referred = [.. changes] };
}
