using OrleansCrm.Domain.Claims;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Storage;
using Xunit;
using static OrleansCrm.Storage.Tests.Given;

namespace OrleansCrm.Storage.Tests;

public sealed class EntryDigestTests
{
    static readonly JournalEntry Bare = Entry("cus_1", 2);

    [Fact]
    public void An_edit_moves_and_is_live() => Assert.Equal(new EntryDigest(true, DeliveryPriority.Live, false), EntryDigest.Of(EditEntry("cus_1", 2, "v")));

    [Fact]
    public void The_end_of_a_write_moves_nothing() =>
        Assert.Equal(new EntryDigest(false, DeliveryPriority.Live, false), EntryDigest.Of(Bare with { Receipts = [new("1.1", 1, IntentState.NotDone, Noon, "x")] }));

    [Fact]
    public void An_announced_write_moves_nothing() =>
        Assert.False(EntryDigest.Of(Bare with { Intents = [new("1.1", WriteKind.Update, Noon, [])] }).Moved);

    [Fact]
    public void The_end_of_a_write_that_changed_a_golden_value_moves() =>
        Assert.True(EntryDigest.Of(Bare with { Receipts = [new("1.1", 1, IntentState.Done, Noon, "x")], Golden = [new("email", null)] }).Moved);

    [Fact]
    public void What_a_person_released_goes_before_others() =>
        Assert.Equal(new EntryDigest(true, DeliveryPriority.People, false), EntryDigest.Of(Bare with { Troubles = [new("1.1", "email", new(TroubleKind.Watched, Domain.Delivery.Advice.Released, 1))] }));

    [Fact]
    public void What_only_waited_for_another_customer_is_a_live_edits_work() =>
        Assert.Equal(
            [DeliveryPriority.Live, DeliveryPriority.Live],
            new[] { Bare with { Troubles = [new("1.1", "email", null)] }, Bare with { Referred = [new("a/b/1", "cus_1", ["email"])] } }.Select(e => EntryDigest.Of(e).Priority));

    [Fact]
    public void What_a_new_definition_decided_waits_for_live_edits() =>
        Assert.Equal(new EntryDigest(true, DeliveryPriority.Backfill, false), EntryDigest.Of(Bare with { Golden = [new("email", null)] }));

    [Fact]
    public void Upkeep_reads_what_may_change_what_others_hold_or_refer_to() =>
        Assert.All(
            new[]
            {
                Bare with { IsErasure = true },
                Bare with { Status = new(CustomerStatus.Deleted, null, null) },
                Bare with { Keys = new([], []) },
                Bare with { Referred = [new("a/b/1", "cus_1", ["email"])] },
                Bare with { Troubles = [new("1.1", "email", new(TroubleKind.Waiting, "reference", 1))] },
                Bare with { Links = [new("1.1", "shop", "customer", "7", LinkState.Linked, 1, null, IsNew: true)] },
            },
            e => Assert.True(EntryDigest.Of(e).IsForUpkeep));

    [Fact]
    public void Upkeep_need_not_read_what_only_changes_values() =>
        Assert.All(
            new[]
            {
                EditEntry("cus_1", 2, "v"),
                Bare with { Receipts = [new("1.1", 1, IntentState.Done, Noon, "x")], Golden = [new("email", null)] },
                Bare with { Links = [new("1.1", "shop", "customer", null, LinkState.Wanted, 1, null, IsNew: true)] },
            },
            e => Assert.False(EntryDigest.Of(e).IsForUpkeep));
}
