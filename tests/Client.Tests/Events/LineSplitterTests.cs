using System.Buffers;
using System.Text;
using CsCheck;
using OrleansCrm.Client.Events;

namespace OrleansCrm.Client.Tests.Events;

public sealed class LineSplitterTests
{
    const int LineMax = 8;

    static readonly Gen<string> SomeText = Gen.String[Gen.Char["ab\n\r"], 0, 60];

    [Fact]
    public void Lines_are_the_same_however_the_bytes_arrive() => Gen.Select(SomeText, Gen.Int[1, 12].Array[0, 30]).Sample((text, cuts) =>
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        var expected = Expected(text);

        var found = Split(bytes, cuts);

        Assert.Equal(expected, found);
    });

    static List<(long Line, string? Text)> Expected(string text)
    {
        var lines = text.Split('\n').ToList();
        if (lines[^1].Length == 0) lines.RemoveAt(lines.Count - 1);
        return [.. lines.Select((line, i) => (i + 1L, Shortened(line)))];

        static string? Shortened(string line)
        {
            if (line.EndsWith('\r')) line = line[..^1];
            return line.Length > LineMax ? null : line;
        }
    }

    // As a pipe would: what was not taken comes again, with more behind it.
    static List<(long Line, string? Text)> Split(byte[] bytes, int[] cuts)
    {
        var splitter = new LineSplitter(LineMax);
        var found = new List<(long, string?)>();
        var taken = 0;
        var arrived = 0;
        for (var i = 0; ; i++)
        {
            arrived = i < cuts.Length ? Math.Min(bytes.Length, arrived + cuts[i]) : bytes.Length;
            var isLast = i >= cuts.Length;
            var buffer = Segmented(bytes.AsMemory(taken, arrived - taken));
            var length = buffer.Length;
            while (splitter.Next(ref buffer, isLast, out var line) is var what && what != LineSplitter.Found.Nothing)
            {
                found.Add((splitter.Line, what == LineSplitter.Found.TooLong ? null : Encoding.UTF8.GetString(line.ToArray())));
            }
            Assert.True(buffer.Length <= LineMax + 1, "More is kept than a line.");
            taken += (int)(length - buffer.Length);
            if (isLast) return found;
        }
    }

    static ReadOnlySequence<byte> Segmented(ReadOnlyMemory<byte> bytes)
    {
        if (bytes.Length < 2) return new(bytes);
        var first = new Segment(bytes[..(bytes.Length / 2)], 0);
        var last = first.Append(bytes[(bytes.Length / 2)..]);
        return new(first, 0, last, last.Memory.Length);
    }

    sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(ReadOnlyMemory<byte> memory, long index)
        {
            Memory = memory;
            RunningIndex = index;
        }

        public Segment Append(ReadOnlyMemory<byte> memory)
        {
            var next = new Segment(memory, RunningIndex + Memory.Length);
            Next = next;
            return next;
        }
    }
}
