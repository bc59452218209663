using CsCheck;
using OrleansCrm.Client.Changes;
using OrleansCrm.Grains.Interfaces.Reading;

namespace OrleansCrm.Client.Tests.Changes;

public sealed class CursorTextTests
{
    static readonly Gen<ChangeCursor> SomeCursor =
        from hub in Gen.String[Gen.Char.AlphaNumeric, 1, 40]
        from epoch in Gen.OneOf(Gen.Long[1, 5], Gen.Long[0, long.MaxValue])
        from sequences in Gen.OneOf(Gen.Long[0, 100_000], Gen.Long[0, long.MaxValue]).Array[0, 300]
        select new ChangeCursor(hub, epoch, [.. sequences]);

    [Fact]
    public void A_cursor_comes_back_as_it_went() => SomeCursor.Sample(cursor =>
        CursorText.TryRead(CursorText.Write(cursor), out var back) && back.HubId == cursor.HubId && back.HubEpoch == cursor.HubEpoch && back.Sequences.SequenceEqual(cursor.Sequences));

    [Fact]
    public void A_cursor_fits_an_address() => SomeCursor.Sample(cursor => CursorText.Write(cursor).All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'));

    [Fact]
    public void A_cursor_over_the_usual_partitions_is_short()
    {
        var cursor = new ChangeCursor("01JDQ8ZB4T5N7G6W2X9K3M0B8R", 1, [.. Enumerable.Range(0, 256).Select(i => 4_000_000L + (i * 37 % 101 * 20))]);

        Assert.InRange(CursorText.Write(cursor).Length, 1, 900);
    }

    [Fact]
    public void A_cursor_that_was_changed_or_cut_is_none() => Gen.Select(SomeCursor, Gen.Int[0, 10_000], Gen.Char.AlphaNumeric).Sample((cursor, at, by) =>
    {
        var text = CursorText.Write(cursor);
        at %= text.Length;
        var changed = text[..at] + by + text[(at + 1)..];

        // The last character of base64 may have bits that mean nothing.
        return !CursorText.TryRead(text[..at], out _) && (changed == text || !CursorText.TryRead(changed, out var read) || (at == text.Length - 1 && read.Sequences.SequenceEqual(cursor.Sequences)));
    });

    [Fact]
    public void Any_text_is_read_or_not_but_never_thrown_at() => Gen.String[0, 200].Sample(text => CursorText.TryRead(text, out _) || true);
}
