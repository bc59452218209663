using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Values;
using Xunit;
using static OrleansCrm.Domain.Tests.Intake.Given;

namespace OrleansCrm.Domain.Tests.Intake;

public sealed class IntakeRulesTests
{
    [Fact]
    public void An_edit_that_fits_the_definition_is_taken() => Assert.IsType<IntakeVerdict.Take>(Judge(Change(Contact("1"), "name", "Ada")));

    [Fact]
    public void An_edit_of_an_unknown_system_is_refused() =>
        Assert.Equal(RefusalReason.UnknownSystem, Refused(Change(new("pipedrive", "contacts", "1"), "name", "Ada")));

    [Fact]
    public void An_edit_of_an_object_that_is_not_mapped_is_refused() =>
        Assert.Equal(RefusalReason.UnknownObject, Refused(Change(new("hubspot", "tickets", "1"), "name", "Ada")));

    [Fact]
    public void An_edit_of_an_unknown_record_type_is_refused() =>
        Assert.Equal(RefusalReason.UnknownRecordType, Refused(Change(Contact("1"), "name", "Ada") with { RecordType = "pet" }));

    [Fact]
    public void An_edit_without_an_id_is_refused() => Assert.Equal(RefusalReason.Malformed, Refused(Change(Contact("1"), "name", "Ada") with { Id = "" }));

    [Fact]
    public void An_edit_that_names_a_field_twice_is_refused() =>
        Assert.Equal(RefusalReason.Malformed, Refused(Change(Contact("1"), "name", "Ada", "name", "Ida")));

    [Fact]
    public void A_merge_that_does_not_say_into_what_is_refused() => Assert.Equal(RefusalReason.Malformed, Refused(Edit(Contact("1"), EditKind.MergedInto)));

    [Fact]
    public void A_merge_into_a_record_of_another_system_is_refused() =>
        Assert.Equal(RefusalReason.Malformed, Refused(Edit(Contact("1"), EditKind.MergedInto, into: Lead("1"))));

    [Fact]
    public void An_edit_beyond_the_size_is_refused() => Assert.Equal(RefusalReason.TooLarge, Refused(Change(Contact("1"), "name", new('a', 2_000)) with { Id = "e1" }));

    [Fact]
    public void A_time_within_the_tolerance_is_taken() =>
        Assert.IsType<IntakeVerdict.Take>(Judge(Change(Contact("1"), "name", "Ada") with { Time = Noon.AddMinutes(5) }));

    [Fact]
    public void A_time_too_far_ahead_is_parked() =>
        Assert.Equal(ParkReason.FutureTime, Parked(Change(Contact("1"), "name", "Ada") with { Time = Noon.AddMinutes(5).AddTicks(1) }));

    [Fact]
    public void An_ancient_time_is_taken() =>
        Assert.IsType<IntakeVerdict.Take>(Judge(Change(Contact("1"), "name", "Ada") with { Time = DateTimeOffset.UnixEpoch }));

    [Fact]
    public void An_edit_with_an_unknown_field_is_parked_and_the_advice_names_the_field()
    {
        var verdict = Assert.IsType<IntakeVerdict.Park>(Judge(Change(Contact("1"), "name", "Ada", "shoe size", "43")));

        Assert.Equal(ParkReason.UnknownField, verdict.Reason);
        Assert.Contains("shoe size", verdict.Advice);
        Assert.DoesNotContain("43", verdict.Advice);
    }

    [Fact]
    public void What_is_to_be_refused_is_not_parked() =>
        Assert.Equal(RefusalReason.Malformed, Refused(Change(Contact("1"), "shoe size", "43") with { Id = "", Time = Noon.AddYears(1) }));

    [Theory]
    [InlineData(EditKind.Change, true)]
    [InlineData(EditKind.Observation, true)]
    [InlineData(EditKind.Deleted, false)]
    [InlineData(EditKind.Restored, false)]
    [InlineData(EditKind.MergedInto, false)]
    [InlineData(EditKind.Converted, false)]
    public void Only_an_edit_that_says_what_the_record_holds_founds_a_customer(EditKind kind, bool founds) =>
        Assert.Equal(founds, IntakeRules.Founds(Change(Contact("1"), "name", "Ada") with { Kind = kind }));

    [Fact]
    public void An_identity_key_names_type_field_and_value() =>
        Assert.Equal("person/email/ada@example.com", IdentityKey.Of("person", "email", FieldValue.Text("ada@example.com")));

    [Fact]
    public void A_blank_identifies_nobody()
    {
        Assert.Null(IdentityKey.Of("person", "email", FieldValue.Cleared));
        Assert.Null(IdentityKey.Of("person", "email", FieldValue.Text("")));
    }

    [Fact]
    public void Long_values_are_told_apart_by_their_hash()
    {
        var one = IdentityKey.Of("person", "email", FieldValue.Text(new string('a', 5_000) + "1"))!;
        var other = IdentityKey.Of("person", "email", FieldValue.Text(new string('a', 5_000) + "2"))!;

        Assert.NotEqual(one, other);
        Assert.True(one.Length < 100);
        Assert.NotEqual(one, IdentityKey.Of("person", "email", FieldValue.Text(one["person/email/".Length..])));
    }

    [Fact]
    public void Keys_come_in_the_order_that_the_record_type_declares() =>
        Assert.Equal(["person/email/a", "person/taxid/7"], IdentityKey.AllOf(Hub().RecordType("person")!, Change(Contact("1"), "taxid", "7", "name", "Ada", "email", "a")));

    static IntakeVerdict Judge(Edit edit) => IntakeRules.Judge(Hub(), edit, receivedAt: Noon, sizeMax: 1_000);

    static string Refused(Edit edit) => Assert.IsType<IntakeVerdict.Refuse>(Judge(edit)).Reason;

    static string Parked(Edit edit) => Assert.IsType<IntakeVerdict.Park>(Judge(edit)).Reason;
}
