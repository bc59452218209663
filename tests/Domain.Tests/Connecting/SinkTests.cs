using CsCheck;
using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Definitions.Reading;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Values;
using Xunit;

namespace OrleansCrm.Domain.Tests.Connecting;

public sealed class SinkTests
{
    static readonly DateTimeOffset Noon = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void The_standard_schedule_is_the_one_that_Standard_Webhooks_shows() =>
        Assert.Equal(
            ["00:00:00", "00:00:05", "00:05:05", "00:35:05", "02:35:05", "07:35:05", "17:35:05", "1.07:35:05", "2.03:35:05", "3.03:35:05"],
            SinkSchedule.Attempts(SinkSchedule.Standard).Select(t => t.ToString()));

    [Fact]
    public void A_change_is_offered_once_after_each_wait_and_then_parked()
    {
        var times = new List<TimeSpan>();
        var now = Noon;
        var retries = 0;
        while (SinkSchedule.After(SinkSchedule.Standard, retries, new("http-500"), now, 0) is RetryDecision.Retry retry)
        {
            times.Add(retry.At - Noon);
            (now, retries) = (retry.At, retry.Retries);
        }

        Assert.Equal(SinkSchedule.Attempts(SinkSchedule.Standard).Skip(1), times);
        Assert.Equal("Given up after 10 attempts, the last one ended http-500. Mend the receiver, then retry the change.", Assert.IsType<RetryDecision.Park>(SinkSchedule.After(SinkSchedule.Standard, retries, new("http-500"), now, 0)).Advice);
    }

    [Fact]
    public void Chance_only_ever_adds_and_at_most_a_tenth() => Gen.Select(Gen.Int[0, 8], Gen.Double[0, 0.999]).Sample((retries, chance) =>
    {
        var wait = Assert.IsType<RetryDecision.Retry>(SinkSchedule.After(SinkSchedule.Standard, retries, new("x"), Noon, chance)).At - Noon;

        return wait >= SinkSchedule.Standard[retries] && wait <= SinkSchedule.Standard[retries] * 1.1;
    });

    [Fact]
    public void A_receiver_that_asks_to_wait_longer_is_heard_and_a_throttled_attempt_does_not_count()
    {
        var asked = Assert.IsType<RetryDecision.Retry>(SinkSchedule.After(SinkSchedule.Standard, 0, new("http-503", Noon.AddHours(1)), Noon, 0));
        var throttled = Assert.IsType<RetryDecision.Retry>(SinkSchedule.After(SinkSchedule.Standard, 9, new("http-429", Noon.AddSeconds(7), Throttled: true), Noon, 0));

        Assert.Equal((Noon.AddHours(1), 1), (asked.At, asked.Retries));
        Assert.Equal((Noon.AddSeconds(7), 9), (throttled.At, throttled.Retries));
    }

    [Fact]
    public void Intents_and_receipts_are_told_to_nobody() =>
        Assert.Null(Change(Entry() with { Intents = [new("l", WriteKind.Update, Noon, [])], Receipts = [new("l", 2, default, Noon, "")] }));

    [Fact]
    public void A_change_tells_values_links_existence_and_cause_and_cleared_is_not_undetermined()
    {
        var change = Change(Entry() with
        {
            Revision = 1,
            Golden = [new("email", Golden(FieldValue.Text("a@b.c"))), new("phone", Golden(FieldValue.Cleared)), new("title", null)],
            Links = [new("l", "crm", "Contact", "7", LinkState.Linked, 1, null)],
        })!;

        Assert.Equal(ExistenceChange.Created, change.Existence);
        Assert.Equal([FieldValue.Text("a@b.c"), FieldValue.Cleared, null], change.Fields.Select(f => f.Value));
        Assert.Equal(new ChangedLink("l", "crm", "Contact", "7", LinkState.Linked), change.Links.Single());
        Assert.Equal("msg_hub-1-2-17-4", change.Id);
    }

    [Theory]
    [InlineData(CustomerStatus.Deleted, null, ExistenceChange.Deleted)]
    [InlineData(CustomerStatus.Merged, "cus_2", ExistenceChange.Merged)]
    [InlineData(CustomerStatus.Living, null, ExistenceChange.Restored)]
    public void A_change_of_state_is_told(CustomerStatus status, string? into, ExistenceChange told)
    {
        var change = Change(Entry() with { Status = new(status, into) })!;

        Assert.Equal((told, into), (change.Existence, change.MergedInto));
    }

    [Fact]
    public void Values_of_a_stricter_class_are_left_out_and_what_is_left_empty_is_not_told()
    {
        var hub = HubDefinitionReader.Read("hub: a\nrecordTypes: { person: { defaults: { purpose: x }, fields: { nick: text, email: { type: email, data: personal }, faith: { type: text, data: sensitive } } } }").Definition!;
        var change = Change(Entry() with { Golden = [new("nick", Golden(FieldValue.Text("x"))), new("email", Golden(FieldValue.Text("x"))), new("faith", Golden(FieldValue.Text("x"))), new("former", Golden(FieldValue.Text("x")))] })!;
        SinkDefinition Sink(DataClass data) => new() { Name = "s", Connector = "c", Data = data };

        Assert.Equal(["nick", "email", "faith", "former"], Sink(DataClass.Sensitive).Select(change, hub)!.Fields.Select(f => f.Field));
        Assert.Equal(["nick", "email"], Sink(DataClass.Personal).Select(change, hub)!.Fields.Select(f => f.Field));
        Assert.Equal(["nick"], Sink(DataClass.None).Select(change, hub)!.Fields.Select(f => f.Field));
        Assert.Null(Sink(DataClass.None).Select(change with { Fields = change.Fields[1..] }, hub));
        Assert.Null((Sink(DataClass.Sensitive) with { RecordTypes = ["organization"] }).Select(change, hub));
    }

    static JournalEntry Entry() => new() { CustomerId = "cus_1", RecordType = "person", Revision = 3, DefinitionVersion = 1, At = Noon };

    static Golden Golden(FieldValue value) => new() { Value = value, Version = 3, LinkId = "l", Stamp = default, Rule = "latest" };

    static CustomerChange? Change(JournalEntry entry) => CustomerChange.Of(new(new Position(17, 4), entry, Noon), "hub-1", 2);
}
