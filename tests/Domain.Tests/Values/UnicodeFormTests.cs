using CsCheck;
using OrleansCrm.Domain.Values;
using Xunit;

namespace OrleansCrm.Domain.Tests.Values;

public sealed class UnicodeFormTests
{
    // Another implementation (CPython's unicodedata 14.0) composed every character, alone and among marks of three
    // classes; the hash is FNV-1a over the UTF-16 units of all its answers.
    [Fact]
    public void Every_character_of_Unicode_composes_as_another_implementation_composes_it()
    {
        var hash = 14695981039346656037UL;
        void Take(string text)
        {
            foreach (var c in UnicodeForm.Compose(text)) hash = (hash ^ c) * 1099511628211UL;
        }

        for (var rune = 0; rune < 0x110000; rune++)
        {
            if (rune is >= 0xD800 and <= 0xDFFF) continue;
            var c = char.ConvertFromUtf32(rune);
            Take(c);
            Take("a" + c + "\u0323\u0301");
            Take("q\u0301\u0327" + c + "\u0300");
        }

        Assert.Equal(0x41F4FD0A752D6076UL, hash);
    }

    [Theory]
    [InlineData("e\u0301", "é")]
    [InlineData("\u212b", "Å")]
    [InlineData("\u1100\u1161\u11a8", "각")]
    [InlineData("a\u0301\u0323", "ạ\u0301")]
    [InlineData("\u0958", "\u0915\u093c")]
    [InlineData("plain", "plain")]
    public void Composed_characters_have_one_spelling(string given, string composed) => Assert.Equal(composed, UnicodeForm.Compose(given));

    [Fact]
    public void Composing_twice_changes_nothing() =>
        Reports.Texts.Sample(text => Assert.Equal(UnicodeForm.Compose(text), UnicodeForm.Compose(UnicodeForm.Compose(text))), iter: 2_000);

    [Fact]
    public void A_text_of_nothing_but_marks_does_not_take_for_ever()
    {
        var marks = string.Concat(Enumerable.Range(0, 50_000).Select(i => i % 2 == 0 ? '\u0301' : '\u0323'));

        Assert.Equal(marks.Length, UnicodeForm.Compose(marks).Length);
    }
}
