using OrleansCrm.Domain.Values;
using Xunit;

namespace OrleansCrm.Domain.Tests;

public sealed class FieldValueTests
{
    [Fact]
    public void Absent_cleared_and_empty_are_three_things()
    {
        FieldValue? absent = null;

        Assert.NotEqual(FieldValue.Cleared, FieldValue.Text(""));
        Assert.NotEqual(absent, FieldValue.Cleared);
        Assert.True(FieldValue.Cleared.IsCleared);
        Assert.False(FieldValue.Text("").IsCleared);
        Assert.True(FieldValue.Text("").IsBlank);
    }

    [Theory]
    [InlineData("1.50", "1.5")]
    [InlineData("100", "100")]
    [InlineData("-0.0", "0")]
    [InlineData("0.10", "0.1")]
    public void A_number_has_one_spelling(string given, string canonical) =>
        Assert.Equal(canonical, FieldValue.Number(decimal.Parse(given, System.Globalization.CultureInfo.InvariantCulture)).Json);

    [Theory]
    [InlineData("plain")]
    [InlineData("with \"quotes\" and \\")]
    [InlineData("Grüße, 東京 🎌")]
    [InlineData("")]
    public void A_text_reads_back_as_it_was_given(string text) => Assert.Equal(text, FieldValue.Text(text).AsText());

    [Fact]
    public void The_order_and_repetition_of_members_do_not_matter() =>
        Assert.Equal(
            FieldValue.Set([FieldValue.Text("a"), FieldValue.Text("b")]),
            FieldValue.Set([FieldValue.Text("b"), FieldValue.Text("a"), FieldValue.Text("b")]));
}
