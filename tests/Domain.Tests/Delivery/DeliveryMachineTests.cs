using System.Collections.Immutable;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Values;
using Xunit;

namespace OrleansCrm.Domain.Tests.Delivery;

public sealed class DeliveryMachineTests
{
    static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    readonly DeliveryMachine _machine = new("crm", new() { Rows = 4, Saves = 3 });
    readonly Queue<DeliveryEffect> _effects = [];
    DateTimeOffset _now = Noon;
    HubDefinition _hub = Hub();

    [Fact]
    public void A_link_that_is_marked_during_its_write_is_begun_again_after_it()
    {
        var again = MarkedDuringItsWrite();

        Assert.NotNull(again);
    }

    [Fact]
    public void Forgetting_a_mark_during_a_write_is_noticed()
    {
        _hub = Hub(PlantedFault.ForgetDueWhileInFlight);

        Assert.Null(MarkedDuringItsWrite());
    }

    [Fact]
    public void The_mark_of_its_own_intent_is_covered_by_the_write()
    {
        StartWith("a");
        Begun("a", Write("a", intent: 7));
        Page(1, new PageEntry(1, "cus_a", ["l"]) { Revision = 7, Moved = false });
        Ended(Take<DeliveryEffect.Call>()!, Done);
        Finished("a", new EndAnswer.Settled(false));

        Assert.Null(Take<DeliveryEffect.Begin>());
        Assert.Equal(0, _machine.Open);
    }

    [Fact]
    public void What_rang_while_a_page_was_read_is_read_next()
    {
        Start([]);
        var first = Take<DeliveryEffect.ReadPage>()!;
        Tell(new DeliveryMessage.Bell(0, 1));

        Tell(new DeliveryMessage.PageRead(0, first.After, first.After, []));

        var next = Take<DeliveryEffect.ReadPage>()!;
        Tell(new DeliveryMessage.PageRead(0, next.After, next.After, []));
        Assert.Null(Take<DeliveryEffect.ReadPage>());
    }

    [Theory]
    [InlineData(SystemMode.Observe, false)]
    [InlineData(SystemMode.Shadow, true)]
    public void A_system_that_is_only_observed_is_not_read_for_at_every_bell(SystemMode mode, bool isRead)
    {
        _hub = Hub(mode: mode);
        Start([]);
        var first = Take<DeliveryEffect.ReadPage>()!;
        Tell(new DeliveryMessage.PageRead(0, first.After, first.After, []));

        Tell(new DeliveryMessage.Bell(0, 1));
        Assert.Equal(isRead, Take<DeliveryEffect.ReadPage>() is not null);
    }

    [Fact]
    public void What_rang_while_a_system_was_observed_is_read_when_it_is_live()
    {
        var live = _hub;
        _hub = Hub(mode: SystemMode.Observe);
        Start([]);
        var first = Take<DeliveryEffect.ReadPage>()!;
        Tell(new DeliveryMessage.PageRead(0, first.After, first.After, []));
        Tell(new DeliveryMessage.Bell(0, 1));

        _hub = live;
        Tell(new DeliveryMessage.ModeChanged());

        Assert.NotNull(Take<DeliveryEffect.ReadPage>());
    }

    [Fact]
    public void A_system_that_throttles_for_hours_parks_nothing()
    {
        ThrottleTwenty();

        Assert.Empty(_machine.Rows(DueState.Parked));
    }

    [Fact]
    public void Counting_throttles_as_retries_is_noticed()
    {
        _hub = Hub(PlantedFault.CountThrottleAsRetry);

        ThrottleTwenty();

        Assert.Single(_machine.Rows(DueState.Parked));
    }

    [Fact]
    public void A_bad_record_delays_no_other_of_its_batch() => SendABadRecordWithAnother(PlantedFault.None);

    internal void SendABadRecordWithAnother(PlantedFault planted)
    {
        var outcomes = OutcomesBesideABadRecord(planted);

        Assert.IsType<WriteOutcome.Rejected>(outcomes[0]);
        Assert.IsType<WriteOutcome.Done>(outcomes[1]);
        Assert.Equal(CircuitState.Closed, _machine.Circuit.State);
    }

    [Fact]
    public void Creates_and_updates_do_not_share_a_call()
    {
        StartWith("a", "b");
        Begun("a", Write("a", kind: WriteKind.Create));
        Begun("b", Write("b"));

        Assert.Equal([WriteKind.Create, WriteKind.Update], TakeAll<DeliveryEffect.Call>().Select(c => c.Kind));
    }

    [Fact]
    public void A_write_that_was_begun_too_long_ago_is_dropped_and_tried_again_uncounted()
    {
        _hub = Hub(concurrency: 1);
        StartWith("a", "b");
        Begun("a", Write("a"));
        Begun("b", Write("b"));
        Pass(TimeSpan.FromMinutes(2));

        var end = Assert.Single(TakeAll<DeliveryEffect.End>());
        Assert.Equal(new WriteOutcome.Transient("not-started"), end.Ask.Outcome);
        Finished("b", new EndAnswer.Retry("not-started", null, true));
        Assert.Equal(0, Assert.Single(_machine.Rows(DueState.Retrying)).Attempts);
    }

    [Fact]
    public void Reading_first_waits_for_its_time_and_then_begins_again()
    {
        StartWith("a");
        Begun("a", new BeginAnswer.ReadFirst(1, "Contact", null, "key", Noon.AddMinutes(9)));
        Pass(TimeSpan.FromMinutes(8));
        Assert.Null(Take<DeliveryEffect.Read>());
        Pass(TimeSpan.FromMinutes(1));
        Assert.Equal("key", Take<DeliveryEffect.Read>()!.CreationKey);

        Tell(new DeliveryMessage.ReadEnded("cus_a", "l", new ReadOutcome.Missing(_now)));
        Assert.NotNull(Take<DeliveryEffect.Seen>());
        Finished("a", new EndAnswer.Settled(true));

        Assert.NotNull(Take<DeliveryEffect.Begin>());
    }

    [Fact]
    public void An_outcome_is_offered_until_the_customer_takes_it()
    {
        StartWith("a");
        Begun("a", Write("a"));
        Ended(Take<DeliveryEffect.Call>()!, Done);
        Take<DeliveryEffect.End>();
        Finished("a", new CustomerAnswer.TryAgain("silo is leaving"));

        Pass(TimeSpan.FromSeconds(30));

        Assert.IsType<WriteOutcome.Done>(Take<DeliveryEffect.End>()!.Ask.Outcome);
    }

    [Fact]
    public void A_link_that_has_moved_is_left_to_its_new_customer()
    {
        StartWith("a");
        Begun("a", new CustomerAnswer.NotMine("cus_z"));

        Assert.Equal(1, _machine.Counts.Superseded);
        Assert.Contains(TakeAll<DeliveryEffect.SaveRows>(), s => s.Removals.Contains(new("cus_a", "l")));
    }

    [Fact]
    public void A_link_that_has_left_and_come_back_while_it_was_read_is_begun_again()
    {
        StartWith("a");
        Begun("a", new BeginAnswer.ReadFirst(1, "Contact", "x", null, Noon));
        Take<DeliveryEffect.Read>();
        Tell(new DeliveryMessage.ReadEnded("cus_a", "l", new ReadOutcome.Missing(_now)));

        Finished("a", new CustomerAnswer.NotMine());

        Assert.NotNull(Take<DeliveryEffect.Begin>());
    }

    [Fact]
    public void A_receipt_of_its_last_failure_does_not_wake_a_delivery_that_was_given_up_and_an_edit_does()
    {
        Start([Row("a", DueState.Parked, RetrySchedule.GaveUp)]);
        Page(1, new PageEntry(1, "cus_a", ["l"]) { Revision = 4, Moved = false });
        Assert.Null(Take<DeliveryEffect.Begin>());

        Page(2, new PageEntry(2, "cus_a", ["l"]) { Revision = 5 });

        Assert.NotNull(Take<DeliveryEffect.Begin>());
    }

    [Fact]
    public void After_being_fenced_nothing_starts_and_what_was_held_is_reported_as_not_started()
    {
        _hub = Hub(concurrency: 1);
        StartWith("a", "b", "c");
        Begun("a", Write("a"));
        var call = Take<DeliveryEffect.Call>()!;
        Begun("b", Write("b"));
        Tell(new DeliveryMessage.RetryParked("cus_y", "l"));
        Tell(new DeliveryMessage.RowsSaved(Take<DeliveryEffect.SaveRows>()!.Ticket, RowsAnswer.Fenced));

        Assert.True(_machine.IsStopped);
        Assert.Equal("cus_b", Assert.Single(TakeAll<DeliveryEffect.End>()).CustomerId);
        Ended(call, Done);
        Begun("c", Write("c"));
        Assert.Equal(["cus_a", "cus_c"], TakeAll<DeliveryEffect.End>().Select(e => e.CustomerId));
        Assert.Empty(TakeAll<DeliveryEffect.Call>());
    }

    [Fact]
    public void While_paused_marks_become_rows_and_nothing_is_begun()
    {
        Start([]);
        Tell(new DeliveryMessage.Pause());
        Page(1, new PageEntry(1, "cus_a", ["l"]));
        Assert.Equal("cus_a", Assert.Single(_machine.Rows(DueState.Due)).CustomerId);
        Assert.Null(Take<DeliveryEffect.Begin>());

        Tell(new DeliveryMessage.Resume());

        Assert.NotNull(Take<DeliveryEffect.Begin>());
    }

    [Fact]
    public void A_persons_pause_is_saved_and_holds_after_a_restart()
    {
        Start([]);
        Tell(new DeliveryMessage.Pause());
        Assert.False(_machine.IsPauseSaved);
        var save = Take<DeliveryEffect.SaveRows>()!;
        Tell(new DeliveryMessage.RowsSaved(save.Ticket, RowsAnswer.Ok));
        Assert.True(_machine.IsPauseSaved);

        var next = new DeliveryMachine("crm");
        var effects = new List<DeliveryEffect>();
        next.Step(new DeliveryMessage.Started(2, [new(0, 0)], [Row("a", DueState.Due)], save.Brakes), _hub, _now, 0.5, effects);
        Assert.True(next is { IsPaused: true, IsPauseSaved: true });
        next.Step(new DeliveryMessage.RowsSaved(effects.OfType<DeliveryEffect.SaveRows>().Single().Ticket, RowsAnswer.Ok), _hub, _now, 0.5, effects);
        Assert.Empty(effects.OfType<DeliveryEffect.Begin>());
        next.Step(new DeliveryMessage.Resume(), _hub, _now, 0.5, effects);
        Assert.NotEmpty(effects.OfType<DeliveryEffect.Begin>());
        Assert.False(effects.OfType<DeliveryEffect.SaveRows>().Last().Brakes!.Paused);
    }

    [Fact]
    public void A_pause_that_changes_while_it_is_saved_is_saved_again()
    {
        Start([]);
        Tell(new DeliveryMessage.Pause());
        var first = Take<DeliveryEffect.SaveRows>()!;
        Tell(new DeliveryMessage.Resume());
        Tell(new DeliveryMessage.RowsSaved(first.Ticket, RowsAnswer.Ok));

        Assert.False(_machine.IsPauseSaved);
        var second = Take<DeliveryEffect.SaveRows>()!;
        Tell(new DeliveryMessage.RowsSaved(second.Ticket, RowsAnswer.Ok));
        Assert.True(first.Brakes!.Paused && !second.Brakes!.Paused && _machine.IsPauseSaved);
    }

    [Fact]
    public void A_halt_starts_nothing_and_no_restart_knows_of_it()
    {
        Start([]);
        Tell(new DeliveryMessage.Halt());
        Page(1, new PageEntry(1, "cus_a", ["l"]));
        Assert.Null(Take<DeliveryEffect.Begin>());
        Assert.DoesNotContain(TakeAll<DeliveryEffect.SaveRows>(), s => s.Brakes is { Paused: true });

        Tell(new DeliveryMessage.GoOn());

        Assert.NotNull(Take<DeliveryEffect.Begin>());
    }

    [Fact]
    public void What_the_guard_holds_is_shown_and_goes_on_when_released()
    {
        _hub = Hub(deletes: 0);
        StartWith("a");
        Begun("a", new BeginAnswer.Wait("guard", Operations.Delete));
        Assert.Equal(Guarded.Delete, _machine.Guard.Held);
        Assert.Equal(1, _machine.HeldByGuard);

        Tell(new DeliveryMessage.ReleaseGuard(Guarded.Delete, Next: 5));
        SaveAll();
        Pass(TimeSpan.FromSeconds(1));

        Assert.True(Take<DeliveryEffect.Begin>()!.Allowed.HasFlag(Operations.Delete));
    }

    [Fact]
    public void What_waits_until_a_time_that_the_customer_knows_is_asked_again_then()
    {
        StartWith("a");
        Begun("a", new BeginAnswer.Wait("settling", Until: _now.AddMinutes(1)));
        SaveAll();

        Pass(TimeSpan.FromSeconds(59));
        Assert.Null(Take<DeliveryEffect.Begin>());

        Pass(TimeSpan.FromSeconds(2));
        Assert.NotNull(Take<DeliveryEffect.Begin>());
    }

    [Fact]
    public void Operations_booked_ahead_are_counted_for_the_time_in_which_they_may_start()
    {
        _hub = Hub(changes: 1);
        Start([]);
        Pass(TimeSpan.FromMinutes(30));
        Page(1, new PageEntry(1, "cus_a", ["l"]) { Revision = 2 });

        // What was booked at noon has run out: it is booked anew before anything begins.
        Assert.Null(Take<DeliveryEffect.Begin>());
        var brakes = TakeAll<DeliveryEffect.SaveRows>().Single(s => s.Brakes is not null);
        Tell(new DeliveryMessage.RowsSaved(brakes.Ticket, RowsAnswer.Ok));
        Assert.NotNull(Take<DeliveryEffect.Begin>());
        Pass(TimeSpan.FromMinutes(1));
        Begun("a", Write("a", startBefore: _now.AddDays(1)));

        var call = Take<DeliveryEffect.Call>()!;
        var until = call.StartBefore;
        Assert.InRange(until, _now, _now.AddMinutes(2));
        Assert.Equal(1, brakes.Brakes!.Guard.Used(_hub.Systems[0].Guard, until.AddHours(1)).Changes);
    }

    [Fact]
    public void What_a_person_discards_is_parked_also_where_only_the_store_knows_of_it()
    {
        _hub = Hub(deletes: 0);
        StartWith("a");
        Begun("a", new BeginAnswer.Wait("guard", Operations.Delete));
        Tell(new DeliveryMessage.DiscardGuard(Guarded.Delete));
        SaveAll();
        Assert.Contains(TakeAll<DeliveryEffect.Scan>(), s => s.Of == ScanOf.Held);

        Tell(new DeliveryMessage.Scanned(ScanOf.Held, [Row("b", DueState.Waiting, DueLink.Guard) with { Needs = Operations.Delete }]));

        Assert.Equal(["cus_a", "cus_b"], _machine.Rows(DueState.Parked).Select(r => r.CustomerId));
        Assert.Equal(Guarded.None, _machine.Guard.Discarding);
    }

    [Fact]
    public void Beyond_its_bound_the_least_urgent_rows_are_left_to_the_store_and_scanned_for_later()
    {
        _hub = Hub(mode: SystemMode.Observe);
        Start([.. Enumerable.Range(0, 4).Select(i => Row($"{i}", DueState.Due) with { Priority = DeliveryPriority.Backfill })]);
        Page(1, new PageEntry(1, "cus_a", ["l"]), new PageEntry(2, "cus_b", ["l"]));

        Assert.Equal(["cus_a", "cus_b", "cus_0", "cus_1"], _machine.Rows(DueState.Due).Select(r => r.CustomerId));
        Assert.Equal(2, _machine.Counts.Spilled);
    }

    [Fact]
    public void An_answer_of_the_wrong_kind_stops_the_work()
    {
        StartWith("a");

        Assert.Throws<InvalidOperationException>(() => Begun("a", new EndAnswer.Settled(false)));
    }

    [Fact]
    public void The_same_messages_lead_to_the_same_effects()
    {
        var other = new DeliveryMachineTests();

        ThrottleTwenty();
        other.ThrottleTwenty();

        Assert.Equal(_seen, other._seen);
    }

    readonly List<string> _seen = [];

    static WriteOutcome Done => new WriteOutcome.Done(null, [], null, null);

    // The answer that nothing was left was on its way when the edit was committed and marked.
    DeliveryEffect.Begin? MarkedDuringItsWrite()
    {
        StartWith("a");
        Page(1, new PageEntry(1, "cus_a", ["l"]) { Revision = 9 });
        Begun("a", new BeginAnswer.Nothing());
        return Take<DeliveryEffect.Begin>();
    }

    WriteOutcome[] OutcomesBesideABadRecord(PlantedFault planted)
    {
        _hub = Hub(planted, concurrency: 1);
        StartWith("a", "b", "c");
        Begun("a", Write("a"));
        var first = Take<DeliveryEffect.Call>()!;
        Begun("b", Write("b"));
        Begun("c", Write("c"));
        Ended(first, Done);
        var call = Take<DeliveryEffect.Call>()!;
        Assert.Equal(["cus_b", "cus_c"], call.Writes.Select(w => w.CustomerId));
        TakeAll<DeliveryEffect.End>();

        Ended(call, new WriteOutcome.Rejected(["email"], "INVALID"), Done);
        return [.. TakeAll<DeliveryEffect.End>().Select(e => e.Ask.Outcome)];
    }

    void ThrottleTwenty()
    {
        StartWith("a");
        for (var i = 0; i < 20 && _machine.Open > 0; i++)
        {
            Begun("a", Write("a"));
            var call = Take<DeliveryEffect.Call>();
            if (call is null) return;
            Ended(call, new WriteOutcome.Throttled(_now.AddMinutes(5), "429"));
            Take<DeliveryEffect.End>();
            Finished("a", new EndAnswer.Retry("429", _now.AddMinutes(5), false));
            Pass(TimeSpan.FromMinutes(6));
        }
    }

    void StartWith(params string[] links)
    {
        Start([.. links.Select(l => Row(l, DueState.Due))]);
        Assert.Equal(links.Length, TakeAll<DeliveryEffect.Begin>().Length);
    }

    void Start(ImmutableArray<DueLink> rows)
    {
        Tell(new DeliveryMessage.Started(1, [new(0, 0)], rows));
        SaveAll();
        if (Take<DeliveryEffect.Scan>() is not null) Tell(new DeliveryMessage.Scanned(ScanOf.Due, []));
    }

    void SaveAll()
    {
        while (Take<DeliveryEffect.SaveRows>() is { } save) Tell(new DeliveryMessage.RowsSaved(save.Ticket, RowsAnswer.Ok));
    }

    void Page(long bell, params PageEntry[] entries)
    {
        SaveAll();
        Tell(new DeliveryMessage.Bell(0, bell));
        var read = TakeAll<DeliveryEffect.ReadPage>()[^1];
        Tell(new DeliveryMessage.PageRead(0, read.After, entries[^1].Sequence, [.. entries]));
        SaveAll();
        Tell(new DeliveryMessage.Marked(Take<DeliveryEffect.Mark>()!.Ticket, RowsAnswer.Ok));
    }

    void Begun(string link, CustomerAnswer answer) => Tell(new DeliveryMessage.Begun("cus_" + link, "l", answer));

    void Finished(string link, CustomerAnswer answer) => Tell(new DeliveryMessage.Finished("cus_" + link, "l", answer));

    void Ended(DeliveryEffect.Call call, params WriteOutcome[] outcomes) => Tell(new DeliveryMessage.CallEnded(call.CallId, [.. outcomes]));

    void Pass(TimeSpan time)
    {
        _now += time;
        Tell(new DeliveryMessage.Tick());
    }

    void Tell(DeliveryMessage message)
    {
        var effects = new List<DeliveryEffect>();
        _machine.Step(message, _hub, _now, 0.5, effects);
        foreach (var effect in effects)
        {
            _effects.Enqueue(effect);
            _seen.Add($"{effect.GetType().Name} {(effect as DeliveryEffect.WakeAt)?.Time:O}");
        }
    }

    T? Take<T>()
        where T : DeliveryEffect
    {
        var found = _effects.OfType<T>().FirstOrDefault();
        Keep(e => !ReferenceEquals(e, found));
        return found;
    }

    T[] TakeAll<T>()
        where T : DeliveryEffect
    {
        T[] found = [.. _effects.OfType<T>()];
        Keep(e => e is not T);
        return found;
    }

    void Keep(Func<DeliveryEffect, bool> keep)
    {
        var kept = _effects.Where(keep).ToArray();
        _effects.Clear();
        foreach (var effect in kept) _effects.Enqueue(effect);
    }

    static DueLink Row(string link, DueState state, string? reason = null) => new("cus_" + link, "l", state, 0, Noon, DeliveryPriority.Live, reason);

    BeginAnswer.Write Write(string link, long intent = 3, WriteKind kind = WriteKind.Update, DateTimeOffset? startBefore = null) => new(new(
        "cus_" + link, "l", 1, intent, kind, "person", "Contact", "x", null, [new("email", FieldValue.Text("a@b.c"), 2)], startBefore ?? _now.AddMinutes(1)));

    static HubDefinition Hub(
        PlantedFault planted = PlantedFault.None, SystemMode mode = SystemMode.Live, int concurrency = 4, int? deletes = 100, int? changes = null) =>
        new([], [new("crm", "fake", []) { Mode = mode, Budget = new() { Concurrency = concurrency }, Guard = new() { Deletes = deletes, Changes = changes } }]) { Planted = planted };
}
