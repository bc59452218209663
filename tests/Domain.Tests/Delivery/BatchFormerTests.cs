using CsCheck;
using OrleansCrm.Domain.Delivery;
using Xunit;

namespace OrleansCrm.Domain.Tests.Delivery;

public sealed class BatchFormerTests
{
    static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void A_batch_is_of_the_kind_and_object_of_its_first_write()
    {
        HeldWrite[] held = [Write(1, WriteKind.Update), Write(2, WriteKind.Create), Write(3, WriteKind.Update, "Lead"), Write(4, WriteKind.Update)];

        Assert.Equal([1L, 4L], BatchFormer.Next(held, DeliveryPriority.Live, 10).Select(h => h.Order));
    }

    [Fact]
    public void The_more_important_goes_first_and_the_rest_fills_up()
    {
        HeldWrite[] held = [Write(1, priority: DeliveryPriority.Backfill), Write(2), Write(3, priority: DeliveryPriority.People)];

        Assert.Equal([3L, 2L], BatchFormer.Next(held, DeliveryPriority.People, 2).Select(h => h.Order));
    }

    [Fact]
    public void A_lower_priority_whose_turn_it_is_is_not_crowded_out()
    {
        HeldWrite[] held = [Write(1), Write(2), Write(3, priority: DeliveryPriority.Backfill)];

        Assert.Equal([3L, 1L], BatchFormer.Next(held, DeliveryPriority.Backfill, 2).Select(h => h.Order));
    }

    [Fact]
    public void A_link_is_never_twice_in_a_batch_and_a_batch_never_too_large() =>
        Gen.Select(Gen.Int[0, 5], Gen.Enum<WriteKind>(), Gen.Enum<DeliveryPriority>()).Array[0, 40].Select(Gen.Int[1, 8]).Sample((writes, size) =>
        {
            var held = writes.Select((w, i) => Write(i, w.Item2, link: w.Item1, priority: w.Item3)).ToArray();
            foreach (var priority in Enum.GetValues<DeliveryPriority>())
            {
                var batch = BatchFormer.Next(held, priority, size);
                if (batch.IsEmpty == held.Any(h => h.Priority == priority)) return false;
                if (batch.Length > size || batch.Select(h => h.Write.LinkId).Distinct().Count() != batch.Length) return false;
                if (batch.Select(h => h.Write.Kind).Distinct().Count() > 1) return false;
            }
            return true;
        }, iter: 3_000);

    [Fact]
    public void It_waits_for_company_only_while_calls_are_scarce_and_more_is_coming()
    {
        var batch = BatchFormer.Next([Write(1)], DeliveryPriority.Live, 10);
        var linger = TimeSpan.FromMilliseconds(200);

        Assert.Equal(Noon + linger, BatchFormer.LingersUntil(batch, 10, scarce: true, moreComing: true, linger));
        Assert.Equal(DateTimeOffset.MinValue, BatchFormer.LingersUntil(batch, 10, scarce: false, moreComing: true, linger));
        Assert.Equal(DateTimeOffset.MinValue, BatchFormer.LingersUntil(batch, 10, scarce: true, moreComing: false, linger));
        Assert.Equal(DateTimeOffset.MinValue, BatchFormer.LingersUntil(batch, 1, scarce: true, moreComing: true, linger));
    }

    [Fact]
    public void It_never_lingers_beyond_the_time_by_which_a_write_must_start() =>
        Assert.Equal(
            Noon.AddMinutes(1),
            BatchFormer.LingersUntil(BatchFormer.Next([Write(1)], DeliveryPriority.Live, 10), 10, scarce: true, moreComing: true, TimeSpan.FromHours(1)));

    static HeldWrite Write(long order, WriteKind kind = WriteKind.Update, string @object = "Contact", DeliveryPriority priority = DeliveryPriority.Live, int? link = null) => new(
        new("cus_1", $"l{link ?? order}", 1, 1, kind, "person", @object, "x", null, [], Noon.AddMinutes(1)), priority, order, Noon);
}
