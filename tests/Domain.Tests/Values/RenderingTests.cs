using System.Text;
using CsCheck;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Values;
using Xunit;

namespace OrleansCrm.Domain.Tests.Values;

public sealed class RenderingTests
{
    static bool Renders(FieldType type, Equivalence allowed, FieldValue written, FieldValue stored, int? maxLength = null) =>
        Rendering.IsRendering(new() { Name = "f", Type = type }, allowed, maxLength, written, stored);

    [Theory]
    [InlineData(FieldType.Text, Equivalence.Case, "Anna", "ANNA")]
    [InlineData(FieldType.Text, Equivalence.Whitespace, "Anna  Huber", "Anna Huber")]
    [InlineData(FieldType.Text, Equivalence.Format, "A-12/34", "A1234")]
    [InlineData(FieldType.Text, Equivalence.Case | Equivalence.Whitespace, "Anna \n Huber", "anna huber")]
    [InlineData(FieldType.Text, Equivalence.Cut, "Anna Huber", "Anna")]
    [InlineData(FieldType.Text, Equivalence.Cut | Equivalence.Case, "Anna Huber", "ANNA H")]
    [InlineData(FieldType.Phone, Equivalence.Format, "+4312345", "+43 1 2345")]
    [InlineData(FieldType.Phone, Equivalence.Format, "+4312345;ext=6", "+43 1 2345 x6")]
    [InlineData(FieldType.DateTime, Equivalence.Cut, "2026-01-02T03:04:05.678Z", "2026-01-02T03:04:05.000Z")]
    [InlineData(FieldType.Date, Equivalence.Format, "2026-01-02", "20260102")]
    [InlineData(FieldType.Url, Equivalence.Format, "https://a.b/c/", "https://a.b/c")]
    public void An_allowed_difference_makes_a_rendering(FieldType type, Equivalence allowed, string written, string stored)
    {
        Assert.True(Renders(type, allowed, FieldValue.Text(written), FieldValue.Text(stored)));
        Assert.False(Renders(type, Equivalence.Exact, FieldValue.Text(written), FieldValue.Text(stored)));
    }

    [Theory]
    [InlineData(FieldType.Text, Equivalence.Case | Equivalence.Whitespace | Equivalence.Format, "Anna", "Anne")]
    [InlineData(FieldType.Text, Equivalence.Format, "C#", "C")]
    [InlineData(FieldType.Text, Equivalence.Format, "--", "..")]
    [InlineData(FieldType.Text, Equivalence.Cut, "Anna", "")]
    [InlineData(FieldType.Text, Equivalence.Cut, "Anna", "Annabel")]
    [InlineData(FieldType.Email, Equivalence.Format | Equivalence.Cut, "a.b@c.de", "ab@c.de")]
    [InlineData(FieldType.Email, Equivalence.Cut, "a@b.com", "a@b.co")]
    [InlineData(FieldType.Phone, Equivalence.Format, "+4312345;ext=6", "+43123456")]
    [InlineData(FieldType.Phone, Equivalence.Cut | Equivalence.Format, "+4312345", "+431234")]
    [InlineData(FieldType.ConsentStatus, Equivalence.Case | Equivalence.Cut, "granted", "Granted")]
    public void Another_value_is_an_edit(FieldType type, Equivalence allowed, string written, string stored) =>
        Assert.False(Renders(type, allowed, FieldValue.Text(written), FieldValue.Text(stored)));

    [Fact]
    public void A_cut_at_a_known_length_is_told_from_an_edit_that_shortens()
    {
        var written = FieldValue.Text("Anna Maria Huber");

        Assert.True(Renders(FieldType.Text, Equivalence.Cut, written, FieldValue.Text("Anna Maria"), maxLength: 11));
        Assert.False(Renders(FieldType.Text, Equivalence.Cut, written, FieldValue.Text("Anna"), maxLength: 11));
        Assert.True(Renders(FieldType.Text, Equivalence.Cut, FieldValue.Text("ab🎌c"), FieldValue.Text("ab"), maxLength: 3));
    }

    [Fact]
    public void A_number_loses_places_only_behind_the_point()
    {
        Assert.True(Renders(FieldType.Decimal, Equivalence.Cut, FieldValue.Number(2.345m), FieldValue.Number(2.34m)));
        Assert.False(Renders(FieldType.Decimal, Equivalence.Cut, FieldValue.Number(2.345m), FieldValue.Number(2.35m)));
        Assert.False(Renders(FieldType.Number, Equivalence.Cut, FieldValue.Number(123), FieldValue.Number(12)));
        Assert.False(Renders(FieldType.Number, Equivalence.Format, FieldValue.Number(-5), FieldValue.Number(5)));
        Assert.True(Renders(FieldType.Number, Equivalence.Format, FieldValue.Number(1234), FieldValue.Text("1,234.00")));
    }

    [Fact]
    public void Members_are_matched_one_to_one()
    {
        static FieldValue Set(params string[] members) => FieldValue.Set(members.Select(FieldValue.Text));

        Assert.True(Renders(FieldType.MultiChoice, Equivalence.Case, Set("a", "B"), Set("A", "b")));
        Assert.False(Renders(FieldType.MultiChoice, Equivalence.Case, Set("a", "A"), Set("a", "b")));
        Assert.False(Renders(FieldType.MultiChoice, Equivalence.Case | Equivalence.Cut, Set("a", "b"), Set("a")));
    }

    [Fact]
    public void Comparing_two_scalars_allocates_nothing()
    {
        var field = new FieldDefinition { Name = "f", Type = FieldType.Text };
        var (written, stored) = (FieldValue.Text("Grüße  an Anna Huber"), FieldValue.Text("GRÜSSE an Anna"));
        const Equivalence All = Equivalence.Case | Equivalence.Whitespace | Equivalence.Format | Equivalence.Cut;
        Rendering.IsRendering(field, All, 10, written, stored);

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++) Rendering.IsRendering(field, All, 10, written, stored);

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    static readonly Gen<Equivalence> Allowed = Gen.Int[0, 15].Select(flags => (Equivalence)flags);

    [Fact]
    public void Every_value_renders_itself_and_exact_means_equal() =>
        Gen.Select(Gen.Enum<FieldType>(), Allowed, Reports.Texts.Where(Valid), Reports.Texts.Where(Valid)).Sample((type, allowed, one, other) =>
        {
            Assert.True(Renders(type, allowed, FieldValue.Text(one), FieldValue.Text(one)));
            Assert.Equal(one == other, Renders(type, Equivalence.Exact, FieldValue.Text(one), FieldValue.Text(other)));
        }, iter: 5_000);

    [Fact]
    public void Without_a_cut_no_letter_and_no_digit_ever_differs() =>
        Gen.Select(Gen.Enum<FieldType>().Where(t => t is not (FieldType.Number or FieldType.Decimal)), Allowed, Near).Sample((type, allowed, pair) =>
        {
            allowed &= ~Equivalence.Cut;
            if (!Renders(type, allowed, FieldValue.Text(pair.One), FieldValue.Text(pair.Other))) return;

            var ignoringCase = allowed.HasFlag(Equivalence.Case);
            Assert.Equal(LettersAndDigits(pair.One, ignoringCase), LettersAndDigits(pair.Other, ignoringCase));
        }, iter: 20_000);

    // Pairs that differ little, so that many of them are renderings.
    static readonly Gen<(string One, string Other)> Near =
        Gen.Select(Gen.String[Gen.Char["aAbB12äÄ .-/"], 1, 8], Gen.Int[0, 7], Gen.String[Gen.Char["aA1 .-ä"], 0, 1]).Select((text, at, patch) =>
            (text, text[..Math.Min(at, text.Length)] + patch + text[Math.Min(at + 1, text.Length)..]));

    static string LettersAndDigits(string text, bool ignoringCase)
    {
        var kept = string.Concat(text.Where(char.IsLetterOrDigit));
        return ignoringCase ? kept.ToUpperInvariant() : kept;
    }

    static bool Valid(string text) => text.IsNormalized(NormalizationForm.FormC) && !text.Any(char.IsSurrogate);
}
