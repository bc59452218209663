using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Intake;
using Xunit;
using static OrleansCrm.Domain.Tests.Intake.Given;

namespace OrleansCrm.Domain.Tests.Intake;

public sealed class IntakeMachineTests
{
    static readonly OfferAnswer Applied = new(EditOutcome.Applied, 1, []);

    readonly IntakeOptions _options = new();
    readonly IntakeMachine _intake;
    long _lastTicket;

    public IntakeMachineTests() => _intake = new(_options);

    [Fact]
    public void An_edit_of_a_known_record_goes_to_its_customer()
    {
        Receive(Change(Contact("1"), "name", "Ada"));

        var effects = LookedUp(Contact("1"), "cus_a");

        Assert.Equal(("cus_a", false), Offered(effects));
    }

    [Fact]
    public void The_customer_of_a_record_is_looked_up_once()
    {
        Known("1", "cus_a");

        Assert.Equal(("cus_a", false), Offered(Receive(Change(Contact("1"), "name", "Ida"))));
    }

    [Fact]
    public void The_customers_answer_is_the_senders()
    {
        Receive(Change(Contact("1"), "name", "Ada"));
        LookedUp(Contact("1"), "cus_a");

        var effects = Step(new IntakeMessage.Answered(1, "cus_a", new OfferAnswer(EditOutcome.Refused, 4, [], "edit-id-reused")));

        Assert.Equal(new(EditOutcome.Refused, "cus_a", 4, [], "edit-id-reused"), Done(effects));
    }

    [Fact]
    public void An_edit_of_an_unknown_record_founds_a_customer()
    {
        Receive(Change(Contact("1"), "name", "Ada"));

        Assert.Equal(("fresh_1", true), Offered(LookedUp(Contact("1"), null)));
    }

    [Theory]
    [InlineData("name")]
    [InlineData("email")]
    public void Nobody_is_founded_on_a_record_that_a_create_of_ours_may_have_made_and_whose_receipt_is_still_to_come(string field)
    {
        Receive(Ours(Contact("1"), field) with { Time = null });

        var effects = FoundNobody(field);

        var parked = Assert.IsType<IntakeEffect.Park>(Assert.Single(effects)).Parked;
        Assert.Equal((ParkReason.OwnCreate, Noon), (parked.Reason, parked.ParkedAt));
        Assert.Equal(EditOutcome.Parked, Done(Step(new IntakeMessage.ParkStored(1, true))).Outcome);
    }

    [Theory]
    [InlineData("name")]
    [InlineData("email")]
    public void What_was_parked_for_our_receipt_founds_a_customer_once_no_create_of_ours_can_be_under_way(string field)
    {
        var parked = new ParkedEdit("1", Ours(Contact("1"), field) with { Time = null }, ParkReason.OwnCreate, "", Noon);
        var longest = Hub().System("hubspot")!.MaxCallTime;
        Assert.False(ParkedEdits.IsDue(parked, Hub(), Noon + longest - TimeSpan.FromTicks(1)));
        Assert.True(ParkedEdits.IsDue(parked, Hub(), Noon + longest));

        Step(ParkedEdits.Release(parked, ++_lastTicket, "fresh_1", Noon + longest));

        var offer = Assert.IsType<IntakeEffect.Offer>(Assert.Single(FoundNobody(field)));
        Assert.Equal(("fresh_1", true, Noon), (offer.CustomerId, offer.Call.Adopt, offer.Call.ReceivedAt));
    }

    [Fact]
    public void What_our_account_did_longer_ago_than_a_call_can_take_founds_a_customer_at_once()
    {
        var system = Hub().System("hubspot")!;
        Receive(Ours(Contact("1"), "name") with { Time = Noon - system.MaxCallTime - system.ClockTolerance });

        Assert.Equal(("fresh_1", true), Offered(LookedUp(Contact("1"), null)));
    }

    [Fact]
    public void In_a_system_that_the_hub_does_not_write_to_nothing_waits_for_a_receipt()
    {
        Receive(Ours(Lead("1"), "name"));

        Assert.Equal(("fresh_1", true), Offered(LookedUp(Lead("1"), null)));
    }

    [Fact]
    public void Behind_a_report_that_waits_for_our_receipt_a_persons_edit_founds_the_customer()
    {
        Receive(Ours(Contact("1"), "email"));
        Receive(Change(Contact("1"), "phone", "1"));
        LookedUp(Contact("1"), null);

        var effects = Step(new IntakeMessage.KeysLookedUp(2, []));

        Assert.Contains(effects, e => e is IntakeEffect.Park { Ticket: 1 });
        Assert.Equal(("fresh_2", true), Offered(LookedUp(Contact("1"), null, id: 3)));
    }

    static Edit Ours(SourceRecord record, string field) => Change(record, field, "ada@example.com") with { Actor = new(ActorKind.Hub) };

    List<IntakeEffect> FoundNobody(string field)
    {
        var effects = LookedUp(Contact("1"), null);
        return field == "email" ? Step(new IntakeMessage.KeysLookedUp(2, [])) : effects;
    }

    [Fact]
    public void An_unknown_record_joins_the_customer_that_holds_its_identity_key()
    {
        Receive(Change(Contact("1"), "email", "ada@example.com"));
        var asked = LookedUp(Contact("1"), null);

        var effects = Step(new IntakeMessage.KeysLookedUp(2, [new("person/email/ada@example.com", "cus_a")]));

        Assert.Equal(["person/email/ada@example.com"], Assert.IsType<IntakeEffect.LookUpKeys>(Assert.Single(asked)).Keys);
        Assert.Equal(("cus_a", true), Offered(effects));
    }

    [Fact]
    public void Of_two_customers_that_hold_its_keys_the_first_declared_key_names_the_one()
    {
        Receive(Change(Contact("1"), "taxid", "7", "email", "a"));
        LookedUp(Contact("1"), null);

        Assert.Equal(("cus_a", true), Offered(Step(new IntakeMessage.KeysLookedUp(2, [new("person/taxid/7", "cus_b"), new("person/email/a", "cus_a")]))));
    }

    [Fact]
    public void What_an_edit_refers_to_is_looked_up_together_with_its_record()
    {
        var asked = Receive(Change(Contact("1"), "friend", "hubspot/contacts/2"));

        var effects = Step(new IntakeMessage.LookedUp(1, [new(Contact("1"), "cus_a", false), new(Contact("2"), "cus_b", false)]));

        Assert.Equal([Contact("1"), Contact("2")], Assert.IsType<IntakeEffect.LookUp>(Assert.Single(asked)).Records);
        Assert.Equal([new Referral("hubspot/contacts/2", "cus_b")], Assert.IsType<IntakeEffect.Offer>(Assert.Single(effects)).Call.Referrals);
    }

    [Fact]
    public void A_reference_to_a_record_that_was_met_before_is_not_looked_up()
    {
        Known("1", "cus_a");

        var offer = Assert.IsType<IntakeEffect.Offer>(Assert.Single(Receive(Change(Contact("1"), "friend", "hubspot/contacts/1"))));

        Assert.Equal([new Referral("hubspot/contacts/1", "cus_a")], offer.Call.Referrals);
    }

    [Fact]
    public void An_edit_of_a_known_record_waits_for_what_it_refers_to()
    {
        Known("1", "cus_a");

        var asked = Receive(Change(Contact("1"), "friend", "hubspot/contacts/2"));
        var lookUp = Assert.IsType<IntakeEffect.LookUp>(Assert.Single(asked));
        var effects = Step(new IntakeMessage.LookedUp(lookUp.LookUpId, [new(Contact("2"), null, false)]));

        Assert.Equal([Contact("2")], lookUp.Records);
        Assert.Equal([new Referral("hubspot/contacts/2", null)], Assert.IsType<IntakeEffect.Offer>(Assert.Single(effects)).Call.Referrals);
    }

    [Fact]
    public void Where_nobody_can_be_asked_about_a_reference_the_edit_goes_all_the_same()
    {
        Known("1", "cus_a");
        var lookUp = Assert.IsType<IntakeEffect.LookUp>(Assert.Single(Receive(Change(Contact("1"), "friend", "hubspot/contacts/2"))));

        var effects = Step(new IntakeMessage.LookUpFailed(lookUp.LookUpId, "down"));

        Assert.Equal(("cus_a", false), Offered(effects));
    }

    [Fact]
    public void A_reference_to_an_erased_persons_record_leads_to_nobody()
    {
        Known("1", "cus_a");
        var lookUp = Assert.IsType<IntakeEffect.LookUp>(Assert.Single(Receive(Change(Contact("1"), "friend", "hubspot/contacts/2"))));

        var effects = Step(new IntakeMessage.LookedUp(lookUp.LookUpId, [new(Contact("2"), "cus_b", Suppressed: true)]));

        Assert.Equal([new Referral("hubspot/contacts/2", null)], Assert.IsType<IntakeEffect.Offer>(Assert.Single(effects)).Call.Referrals);
    }

    [Fact]
    public void An_identity_key_that_nobody_holds_founds_a_customer()
    {
        Receive(Change(Contact("1"), "email", "a"));
        LookedUp(Contact("1"), null);

        Assert.Equal(("fresh_1", true), Offered(Step(new IntakeMessage.KeysLookedUp(2, []))));
    }

    [Fact]
    public void Of_two_edits_of_one_unknown_record_the_first_founds_and_the_other_follows()
    {
        var first = Receive(Change(Contact("1"), "name", "Ada"));
        var second = Receive(Change(Contact("1"), "phone", "1"));
        var founding = LookedUp(Contact("1"), null);

        var followed = Step(new IntakeMessage.Answered(1, "fresh_1", Applied));

        Assert.IsType<IntakeEffect.LookUp>(Assert.Single(first));
        Assert.Empty(second);
        Assert.Equal(("fresh_1", true), Offered(founding));
        Assert.Equal(("fresh_1", false), Offered(followed));
    }

    [Fact]
    public void When_the_first_finds_no_customer_the_next_looks_for_itself()
    {
        Receive(Change(Contact("1"), "name", "Ada"));
        Receive(Change(Contact("1"), "phone", "1"));
        LookedUp(Contact("1"), null);

        var effects = Step(new IntakeMessage.Answered(1, "fresh_1", new CustomerAnswer.TryAgain("store down")));
        var founding = LookedUp(Contact("1"), null, id: 2);

        Assert.Equal([new IntakeEffect.Answer(1, new IntakeAnswer.TryAgain("store down"))], effects.OfType<IntakeEffect.Answer>());
        Assert.Equal(("fresh_2", true), Offered(founding));
    }

    [Fact]
    public void Two_records_with_one_identity_key_that_arrive_together_become_one_customer()
    {
        Receive(Change(Contact("1"), "email", "a"));
        Receive(Change(Lead("9"), "email", "a"));
        LookedUp(Contact("1"), null);
        Step(new IntakeMessage.LookedUp(2, [new(Lead("9"), null, false)]));
        Step(new IntakeMessage.KeysLookedUp(3, []));
        var waits = Step(new IntakeMessage.KeysLookedUp(4, []));

        var asksAgain = Step(new IntakeMessage.Answered(1, "fresh_1", Applied));
        var joins = Step(new IntakeMessage.KeysLookedUp(5, [new("person/email/a", "fresh_1")]));

        Assert.Empty(waits);
        Assert.Contains(asksAgain, e => e is IntakeEffect.LookUpKeys);
        Assert.Equal(("fresh_1", true), Offered(joins));
    }

    [Fact]
    public void A_record_of_an_erased_person_is_refused()
    {
        Receive(Change(Contact("1"), "name", "Ada"));

        var effects = Step(new IntakeMessage.LookedUp(1, [new(Contact("1"), null, Suppressed: true)]));

        Assert.Equal((EditOutcome.Refused, RefusalReason.Suppressed), (Done(effects).Outcome, Done(effects).Reason));
    }

    [Theory]
    [InlineData(EditKind.Deleted)]
    [InlineData(EditKind.Restored)]
    [InlineData(EditKind.Change)]
    public void What_says_nothing_about_an_unknown_record_founds_nothing(EditKind kind)
    {
        Receive(Edit(Contact("1"), kind));

        Assert.Equal(new(EditOutcome.Unchanged, null, 0, []), Done(LookedUp(Contact("1"), null)));
    }

    [Fact]
    public void A_merge_of_a_known_record_goes_to_its_customer()
    {
        Receive(Edit(Contact("1"), EditKind.MergedInto, into: Contact("2")));

        Assert.Equal(("cus_a", false), Offered(Step(new IntakeMessage.LookedUp(1, [new(Contact("1"), "cus_a", false), new(Contact("2"), "cus_b", false)]))));
    }

    [Fact]
    public void A_conversion_of_an_unknown_record_goes_to_the_customer_that_holds_the_other()
    {
        var contact = new SourceRecord("salesforce", "Contact", "2");
        var asked = Receive(Edit(Lead("1"), EditKind.Converted, into: contact));

        var effects = Step(new IntakeMessage.LookedUp(1, [new(Lead("1"), null, false), new(contact, "cus_b", false)]));

        Assert.Equal([Lead("1"), contact], Assert.IsType<IntakeEffect.LookUp>(Assert.Single(asked)).Records);
        Assert.Equal(("cus_b", true), Offered(effects));
    }

    [Fact]
    public void A_merge_of_two_unknown_records_changes_nothing()
    {
        Receive(Edit(Contact("1"), EditKind.MergedInto, into: Contact("2")));

        var effects = Step(new IntakeMessage.LookedUp(1, [new(Contact("1"), null, false), new(Contact("2"), null, false)]));

        Assert.Equal(EditOutcome.Unchanged, Done(effects).Outcome);
    }

    [Fact]
    public void An_edit_follows_a_customer_that_was_merged()
    {
        Known("1", "cus_a");
        Receive(Change(Contact("1"), "name", "Ida"));

        Assert.Equal(("cus_b", false), Offered(Step(new IntakeMessage.Answered(2, "cus_a", new CustomerAnswer.NotMine("cus_b")))));
    }

    [Fact]
    public void A_record_that_its_customer_does_not_hold_any_more_is_looked_up_again()
    {
        Known("1", "cus_a");
        Receive(Change(Contact("1"), "name", "Ida"));

        var asked = Step(new IntakeMessage.Answered(2, "cus_a", new CustomerAnswer.NotMine()));

        Assert.Equal([Contact("1")], Assert.IsType<IntakeEffect.LookUp>(Assert.Single(asked)).Records);
        Assert.Equal(("cus_b", false), Offered(LookedUp(Contact("1"), "cus_b", id: 2)));
    }

    [Fact]
    public void An_edit_that_is_sent_on_too_often_is_handed_back()
    {
        _options.RoundsMax = 2;
        Known("1", "cus_a");
        Receive(Change(Contact("1"), "name", "Ida"));
        Step(new IntakeMessage.Answered(2, "cus_a", new CustomerAnswer.NotMine("cus_b")));
        Step(new IntakeMessage.Answered(2, "cus_b", new CustomerAnswer.NotMine("cus_a")));

        var effects = Step(new IntakeMessage.Answered(2, "cus_a", new CustomerAnswer.NotMine("cus_b")));

        Assert.Equal(new IntakeEffect.Answer(2, new IntakeAnswer.TryAgain("moving")), Assert.Single(effects));
    }

    [Fact]
    public void Look_ups_that_arrive_while_one_is_under_way_travel_together()
    {
        Receive(Change(Contact("1"), "name", "Ada"));
        Assert.Empty(Receive(Change(Contact("2"), "name", "Bob")));
        Assert.Empty(Receive(Change(Contact("3"), "name", "Cyd")));

        var effects = LookedUp(Contact("1"), "cus_a");

        Assert.Equal([Contact("2"), Contact("3")], Assert.Single(effects.OfType<IntakeEffect.LookUp>()).Records);
    }

    [Fact]
    public void A_failed_look_up_hands_its_edits_back()
    {
        Receive(Change(Contact("1"), "name", "Ada"));
        Receive(Change(Contact("1"), "name", "Ida"));

        var effects = Step(new IntakeMessage.LookUpFailed(1, "store down"));

        Assert.Equal([1, 2], effects.OfType<IntakeEffect.Answer>().Where(a => a.Value is IntakeAnswer.TryAgain("store down")).Select(a => a.Ticket));
        Assert.Equal(2, Assert.Single(_intake.Tallies).HandedBack);
    }

    [Fact]
    public void A_parked_edit_is_answered_when_it_is_stored()
    {
        Receive(Change(Contact("1"), "shoe size", "43"));
        var effects = LookedUp(Contact("1"), null);

        var stored = Step(new IntakeMessage.ParkStored(1, Stored: true));

        var parked = Assert.IsType<IntakeEffect.Park>(Assert.Single(effects)).Parked;
        Assert.Equal(("hubspot/hubspot/contacts/1:shoe size,43", ParkReason.UnknownField, Noon), (parked.Id, parked.Reason, parked.ParkedAt));
        Assert.Equal((EditOutcome.Parked, ParkReason.UnknownField), (Done(stored).Outcome, Done(stored).Reason));
    }

    [Fact]
    public void What_an_erased_persons_record_says_is_not_even_parked()
    {
        Known("1", "cus_a");
        Receive(Change(Contact("1"), "shoe size", "43"));

        var effects = Step(new IntakeMessage.LookedUp(2, [new(Contact("1"), null, Suppressed: true)]));

        Assert.Equal(RefusalReason.Suppressed, Done(effects).Reason);
    }

    [Fact]
    public void An_edit_that_could_not_be_stored_as_parked_is_handed_back()
    {
        Receive(Change(Contact("1"), "shoe size", "43"));
        LookedUp(Contact("1"), "cus_a");

        Assert.IsType<IntakeAnswer.TryAgain>(Assert.IsType<IntakeEffect.Answer>(Assert.Single(Step(new IntakeMessage.ParkStored(1, Stored: false)))).Value);
    }

    [Fact]
    public void An_edit_that_its_customer_parks_is_stored_as_parked()
    {
        Receive(Change(Contact("1"), "name", "Ada"));
        LookedUp(Contact("1"), "cus_a");

        var effects = Step(new IntakeMessage.Answered(1, "cus_a", new OfferAnswer(EditOutcome.Parked, 3, [], ParkReason.UnresolvedMapping)));
        var stored = Step(new IntakeMessage.ParkStored(1, Stored: true));

        Assert.Equal(ParkReason.UnresolvedMapping, Assert.IsType<IntakeEffect.Park>(Assert.Single(effects)).Parked.Reason);
        Assert.Equal((EditOutcome.Parked, "cus_a"), (Done(stored).Outcome, Done(stored).CustomerId));
    }

    [Fact]
    public void A_full_worker_hands_back()
    {
        _options.EditsMax = 1;
        Receive(Change(Contact("1"), "name", "Ada"));

        Assert.Equal(new IntakeEffect.Answer(2, new IntakeAnswer.TryAgain("busy")), Assert.Single(Receive(Change(Contact("2"), "name", "Bob"))));
    }

    [Fact]
    public void The_record_not_used_for_longest_is_forgotten_first()
    {
        var cache = new RecordCache(2);
        cache.Remember(Contact("1"), "a");
        cache.Remember(Contact("2"), "b");
        cache.Find(Contact("1"));

        cache.Remember(Contact("3"), "c");

        Assert.Equal(("a", null, "c"), (cache.Find(Contact("1")), cache.Find(Contact("2")), cache.Find(Contact("3"))));
    }

    [Fact]
    public void Edits_of_systems_that_nobody_declared_are_counted_together()
    {
        Receive(Change(new("one", "contacts", "1"), "name", "Ada"));
        Receive(Change(new("two", "contacts", "1"), "name", "Ada"));

        Assert.Equal(new IntakeTally(IntakeTally.UnknownSystem, 2, 0, 0, 2, 0, 0, 0), Assert.Single(_intake.Tallies));
    }

    void Known(string contact, string customer)
    {
        Receive(Change(Contact(contact), "name", "Ada"));
        LookedUp(Contact(contact), customer);
        Step(new IntakeMessage.Answered(1, customer, Applied));
    }

    List<IntakeEffect> Receive(Edit edit) => Step(new IntakeMessage.Receive(++_lastTicket, edit, Noon, $"fresh_{_lastTicket}"));

    List<IntakeEffect> LookedUp(SourceRecord record, string? customer, long id = 1) => Step(new IntakeMessage.LookedUp(id, [new(record, customer, false)]));

    List<IntakeEffect> Step(IntakeMessage message)
    {
        var effects = new List<IntakeEffect>();
        _intake.Step(message, Hub(), effects);
        return effects;
    }

    static (string Customer, bool Adopt) Offered(List<IntakeEffect> effects)
    {
        var offer = Assert.Single(effects.OfType<IntakeEffect.Offer>());
        return (offer.CustomerId, offer.Call.Adopt);
    }

    static IntakeAnswer.Done Done(List<IntakeEffect> effects) => Assert.IsType<IntakeAnswer.Done>(Assert.Single(effects.OfType<IntakeEffect.Answer>()).Value);
}
