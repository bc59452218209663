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
    public void An_edit_moves_and_is_live() => Assert.Equal(new EntryDigest(true, DeliveryPriority.Live), EntryDigest.Of(EditEntry("cus_1", 2, "v")));

    [Fact]
    public void The_end_of_a_write_moves_nothing() =>
        Assert.Equal(new EntryDigest(false, DeliveryPriority.Live), EntryDigest.Of(Bare with { Receipts = [new("1.1", 1, IntentState.NotDone, Noon, "x")] }));

    [Fact]
    public void An_announced_write_moves_nothing() =>
        Assert.False(EntryDigest.Of(Bare with { Intents = [new("1.1", WriteKind.Update, Noon, [])] }).Moved);

    [Fact]
    public void The_end_of_a_write_that_changed_a_golden_value_moves() =>
        Assert.True(EntryDigest.Of(Bare with { Receipts = [new("1.1", 1, IntentState.Done, Noon, "x")], Golden = [new("email", null)] }).Moved);

    [Fact]
    public void What_a_person_released_goes_before_others() =>
        Assert.Equal(new EntryDigest(true, DeliveryPriority.People), EntryDigest.Of(Bare with { Troubles = [new("1.1", "email", new(TroubleKind.Watched, Domain.Delivery.Advice.Released, 1))] }));

    [Fact]
    public void What_only_waited_for_another_customer_is_a_live_edits_work() =>
        Assert.Equal(
            [DeliveryPriority.Live, DeliveryPriority.Live],
            new[] { Bare with { Troubles = [new("1.1", "email", null)] }, Bare with { Referred = [new("a/b/1", "cus_1", ["email"])] } }.Select(e => EntryDigest.Of(e).Priority));

    [Fact]
    public void What_a_new_definition_decided_waits_for_live_edits() =>
        Assert.Equal(new EntryDigest(true, DeliveryPriority.Backfill), EntryDigest.Of(Bare with { Golden = [new("email", null)] }));
}
