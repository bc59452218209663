using System.Buffers;

namespace OrleansCrm.Client.Events;

/// <summary>Cuts what arrives into lines, of which none is longer than a bound: the rest of a longer one is passed over as it arrives.</summary>
/// <remarks>Line ends are <c>\n</c> or <c>\r\n</c>. A byte order mark before the first line is dropped.</remarks>
sealed class LineSplitter(int lineMax)
{
    long _searched;
    bool _isSkipping;
    bool _hasBegun;

    /// <summary>Number of the last line given out, from 1.</summary>
    public long Line { get; private set; }

    public enum Found
    {
        /// <summary>Nothing whole is left: read more.</summary>
        Nothing,
        Line,

        /// <summary>A line that is too long; the rest of it follows and is not given out.</summary>
        TooLong,
    }

    /// <summary>Takes the next line off the beginning of the buffer.</summary>
    /// <param name="isLast">Nothing comes after this buffer: what is left is a line, too.</param>
    public Found Next(ref ReadOnlySequence<byte> buffer, bool isLast, out ReadOnlySequence<byte> line)
    {
        line = default;
        while (true)
        {
            var end = buffer.Slice(_searched).PositionOf((byte)'\n');
            if (end is null && (!isLast || buffer.IsEmpty)) return NotYet(ref buffer);

            line = end is null ? buffer : buffer.Slice(0, end.Value);
            buffer = end is null ? buffer.Slice(buffer.End) : buffer.Slice(buffer.GetPosition(1, end.Value));
            _searched = 0;
            if (_isSkipping)
            {
                _isSkipping = false;    // its number was given when it turned out too long
                continue;
            }
            Line++;
            line = Trimmed(line);
            return line.Length > lineMax ? Found.TooLong : Found.Line;
        }
    }

    Found NotYet(ref ReadOnlySequence<byte> buffer)
    {
        if (!_isSkipping && buffer.Length <= lineMax + 1)       // a \r may belong to the line's end
        {
            _searched = buffer.Length;
            return Found.Nothing;
        }
        var isNew = !_isSkipping && !buffer.IsEmpty;
        _isSkipping = true;
        _searched = 0;
        buffer = buffer.Slice(buffer.End);
        if (!isNew) return Found.Nothing;
        _hasBegun = true;
        Line++;
        return Found.TooLong;
    }

    ReadOnlySequence<byte> Trimmed(ReadOnlySequence<byte> line)
    {
        if (!_hasBegun)
        {
            _hasBegun = true;
            if (line.Length >= 3 && IsMark(line.Slice(0, 3))) line = line.Slice(3);
        }
        return line.Length > 0 && LastOf(line) == '\r' ? line.Slice(0, line.Length - 1) : line;
    }

    static bool IsMark(ReadOnlySequence<byte> three)
    {
        Span<byte> bytes = stackalloc byte[3];
        three.CopyTo(bytes);
        return bytes.SequenceEqual("\uFEFF"u8);
    }

    static byte LastOf(ReadOnlySequence<byte> line) => line.IsSingleSegment ? line.FirstSpan[^1] : line.Slice(line.Length - 1).FirstSpan[0];
}
