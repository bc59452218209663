using CsCheck;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Values;
using Xunit;

namespace OrleansCrm.Domain.Tests.Values;

public sealed class CanonicaliserTests
{
    static FieldDefinition Field(FieldType type) => new() { Name = "f", Type = type };

    static Canonicalised Canonical(FieldDefinition field, string json, string? country = "AT") => Canonicaliser.Canonicalise(field, country, Reports.Parsed(json));

    [Theory]
    [InlineData(FieldType.Text, "\"  Anna\\r\\nHuber \"", "\"Anna\\nHuber\"")]
    [InlineData(FieldType.Text, "1010", "\"1010\"")]
    [InlineData(FieldType.Text, "\"\"", "\"\"")]
    [InlineData(FieldType.Email, "\"Anna.Huber@M\\u00dcller.DE\"", "\"anna.huber@xn--mller-kva.de\"")]
    [InlineData(FieldType.Email, "\"\"", "null")]
    [InlineData(FieldType.Phone, "\"01 2345678\"", "\"+4312345678\"")]
    [InlineData(FieldType.Phone, "\"+1 (415) 555-2671 ext. 12\"", "\"+14155552671;ext=12\"")]
    [InlineData(FieldType.Number, "\"42\"", "42")]
    [InlineData(FieldType.Number, "4.2e1", "42")]
    [InlineData(FieldType.Decimal, "\"1.50\"", "1.5")]
    [InlineData(FieldType.Date, "\"2026-01-02\"", "\"2026-01-02\"")]
    [InlineData(FieldType.Date, "\"20260102\"", "\"2026-01-02\"")]
    [InlineData(FieldType.Date, "\"2026/1/2\"", "\"2026-01-02\"")]
    [InlineData(FieldType.Date, "\"2026-01-02T00:00:00.000Z\"", "\"2026-01-02\"")]
    [InlineData(FieldType.Date, "1767312000000", "\"2026-01-02\"")]
    [InlineData(FieldType.DateTime, "\"2026-01-02T03:04:05+01:00\"", "\"2026-01-02T02:04:05.000Z\"")]
    [InlineData(FieldType.DateTime, "\"2026-01-02T03:04:05.678+0000\"", "\"2026-01-02T03:04:05.678Z\"")]
    [InlineData(FieldType.DateTime, "1767323045678", "\"2026-01-02T03:04:05.678Z\"")]
    [InlineData(FieldType.DateTime, "\"1767323045678\"", "\"2026-01-02T03:04:05.678Z\"")]
    [InlineData(FieldType.Boolean, "\"Yes\"", "true")]
    [InlineData(FieldType.Boolean, "0", "false")]
    [InlineData(FieldType.MultiChoice, "\"b; a;b\"", "[\"a\",\"b\"]")]
    [InlineData(FieldType.MultiChoice, "[\"b\",\"a\",2]", "[\"2\",\"a\",\"b\"]")]
    [InlineData(FieldType.MultiChoice, "[]", "[]")]
    [InlineData(FieldType.Url, "\"HTTP://Example.com:80/\"", "\"http://example.com\"")]
    [InlineData(FieldType.Url, "\"m\\u00fcller.de/\\u00e4?q=1\"", "\"https://xn--mller-kva.de/%C3%A4?q=1\"")]
    [InlineData(FieldType.ConsentStatus, "\"OPTED_OUT\"", "\"denied\"")]
    [InlineData(FieldType.ConsentStatus, "\"NOT_SUBSCRIBED\"", "\"unknown\"")]
    [InlineData(FieldType.ConsentStatus, "\"SUBSCRIBED\"", "\"granted\"")]
    [InlineData(FieldType.User, "\"Anna@Example.com\"", "\"anna@example.com\"")]
    [InlineData(FieldType.Reference, "\"cus_01JD\"", "\"cus_01JD\"")]
    [InlineData(FieldType.Reference, "{\"system\":\"shop\",\"object\":\"customers\",\"id\":42}", "\"shop/customers/42\"")]
    [InlineData(FieldType.Association, "[{\"to\":\"cus_1\",\"role\":\"buyer\",\"primary\":false},\"cus_2\"]", "[{\"role\":\"buyer\",\"to\":\"cus_1\"},{\"to\":\"cus_2\"}]")]
    public void Each_type_has_one_spelling(FieldType type, string reported, string canonical) =>
        Assert.Equal(canonical, Canonical(Field(type), reported).Value.Json);

    [Theory]
    [InlineData(FieldType.Text, "[]", RefusalCode.WrongType)]
    [InlineData(FieldType.Text, "true", RefusalCode.WrongType)]
    [InlineData(FieldType.Text, "\"a\\u0000\"", RefusalCode.BrokenText)]
    [InlineData(FieldType.Text, "\"\\ud800\"", RefusalCode.BrokenText)]
    [InlineData(FieldType.Email, "\"anna\"", RefusalCode.InvalidEmail)]
    [InlineData(FieldType.Email, "\"Anna <a@b.c>\"", RefusalCode.InvalidEmail)]
    [InlineData(FieldType.Email, "42", RefusalCode.WrongType)]
    [InlineData(FieldType.Phone, "\"call me\"", RefusalCode.InvalidPhone)]
    [InlineData(FieldType.Number, "1.5", RefusalCode.NotWhole)]
    [InlineData(FieldType.Number, "\"1,234\"", RefusalCode.WrongType)]
    [InlineData(FieldType.Number, "1e400", RefusalCode.OutOfRange)]
    [InlineData(FieldType.Number, "9223372036854775808", RefusalCode.OutOfRange)]
    [InlineData(FieldType.Decimal, "\"12E5\"", RefusalCode.WrongType)]
    [InlineData(FieldType.Date, "\"2026-01-02T03:04:05Z\"", RefusalCode.DateHasTime)]
    [InlineData(FieldType.Date, "1767323045678", RefusalCode.DateHasTime)]
    [InlineData(FieldType.Date, "\"02.01.2026\"", RefusalCode.WrongType)]
    [InlineData(FieldType.DateTime, "\"2026-01-02T03:04:05\"", RefusalCode.NoOffset)]
    [InlineData(FieldType.DateTime, "\"2026-01-02\"", RefusalCode.NoOffset)]
    [InlineData(FieldType.Boolean, "\"maybe\"", RefusalCode.WrongType)]
    [InlineData(FieldType.Url, "\"https://anna:secret@example.com\"", RefusalCode.InvalidUrl)]
    [InlineData(FieldType.Url, "\"javascript:alert(1)\"", RefusalCode.InvalidUrl)]
    [InlineData(FieldType.ConsentStatus, "true", RefusalCode.UnmappedValue)]
    [InlineData(FieldType.ConsentStatus, "\"yes\"", RefusalCode.UnmappedValue)]
    [InlineData(FieldType.Reference, "\"42\"", RefusalCode.InvalidReference)]
    [InlineData(FieldType.Association, "[{\"to\":\"cus_1\",\"primary\":true},\"cus_1\"]", RefusalCode.DuplicateMember)]
    public void What_is_no_value_of_the_type_is_refused_with_a_code(FieldType type, string reported, string code) =>
        Assert.Equal(code, Canonical(Field(type), reported).Refusal);

    [Fact]
    public void A_number_without_a_country_is_refused_as_such() =>
        Assert.Equal(RefusalCode.PhoneWithoutCountry, Canonical(Field(FieldType.Phone), "\"01 2345678\"", country: null).Refusal);

    [Fact]
    public void The_fields_country_is_stronger_than_the_hubs() =>
        Assert.Equal("+4930123456", Canonical(Field(FieldType.Phone) with { Country = "DE" }, "\"030 123456\"").Value.AsText());

    [Fact]
    public void A_declared_choice_is_spelled_as_declared_and_another_waits_for_a_person()
    {
        var field = Field(FieldType.Choice) with { Choices = ["Gold", "Silver"] };

        Assert.Equal("Gold", Canonical(field, "\"gold \"").Value.AsText());
        Assert.Equal(RefusalCode.UnmappedValue, Canonical(field, "\"platinum\"").Refusal);
    }

    [Fact]
    public void An_amount_is_rounded_half_to_even_at_its_scale_and_the_reported_spelling_kept()
    {
        var amount = Canonical(Field(FieldType.Decimal) with { Scale = 2 }, "2.345");

        Assert.Equal("2.34", amount.Value.Json);
        Assert.Equal("2.345", amount.Reported);
    }

    [Fact]
    public void A_value_in_its_canonical_spelling_keeps_no_other()
    {
        Assert.Null(Canonical(Field(FieldType.Text), "\"Anna\"").Reported);
        Assert.Null(Canonical(Field(FieldType.Number), "42").Reported);
        Assert.Equal(" Anna", Canonical(Field(FieldType.Text), "\" Anna\"").Reported);
    }

    [Theory]
    [InlineData("address.country", "\"Österreich\"", "AT")]
    [InlineData("address.country", "\"usa\"", "US")]
    [InlineData("address.country", "\"Bosnia & Herzegovina\"", "BA")]
    [InlineData("address.country", "\"The Netherlands\"", "NL")]
    [InlineData("price.currency", "\"eur\"", "EUR")]
    public void Countries_and_currencies_are_codes(string name, string reported, string code) =>
        Assert.Equal(code, Canonical(Field(FieldType.Text) with { Name = name, Group = name.Split('.')[0] }, reported).Value.AsText());

    [Fact]
    public void Every_country_code_is_its_own_canonical_code()
    {
        Assert.Equal(250, CountryCode.All.Count);
        Assert.All(CountryCode.All, code => Assert.Equal(code, CountryCode.Canonicalise(code)));
        Assert.Null(CountryCode.Canonicalise("Atlantis"));
        Assert.Null(CountryCode.Canonicalise("N/A"));
        Assert.Equal("GB", CountryCode.Canonicalise("U.K."));
        Assert.Equal("NA", CountryCode.Canonicalise(" na"));
        Assert.Null(CurrencyCode.Canonicalise("$"));
    }

    [Fact]
    public void Members_of_a_set_are_told_apart_by_their_key()
    {
        var field = Field(FieldType.Set) with { MemberKey = "email" };

        Assert.Equal("[{\"email\":\"a@b.c\",\"label\":\"work\"},{\"email\":\"x@y.z\"}]", Canonical(field, "[{\"label\":\" work\",\"email\":\"a@b.c\"},\"x@y.z\",\"\"]").Value.Json);
        Assert.Equal(RefusalCode.MissingKey, Canonical(field, "[{\"label\":\"work\"}]").Refusal);
        Assert.Equal(RefusalCode.DuplicateMember, Canonical(field, "[\"a@b.c\",{\"email\":\"a@b.c\",\"label\":\"work\"}]").Refusal);
    }

    [Fact]
    public void Any_JSON_gets_an_answer_and_a_canonical_value_is_its_own_canonical_value() =>
        Gen.Select(Reports.Fields, Reports.Json).Sample((field, json) =>
        {
            var once = Canonical(field, json);
            if (once.IsRefused) return;

            var twice = Canonical(field, once.Value.Json);

            Assert.Null(twice.Refusal);
            Assert.Equal(once.Value.Json, twice.Value.Json);
            Assert.Null(twice.Reported);
        }, iter: 20_000);

    [Fact]
    public void An_unset_element_is_refused() => Assert.Equal(RefusalCode.WrongType, Canonicaliser.Canonicalise(Field(FieldType.Text), "AT", default(System.Text.Json.JsonElement)).Refusal);
}
