using System.Buffers;
using System.Buffers.Text;
using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
using OrleansCrm.Grains.Interfaces.Reading;

namespace OrleansCrm.Client.Changes;

/// <summary>A cursor of the change feed as text that fits an address and means nothing to anybody else.</summary>
/// <remarks>base64url of: form, hub id, hub epoch, the last sequences as differences from one partition to the next, and a check sum against a text that was cut or retyped.</remarks>
static class CursorText
{
    const byte Form = 1;
    const int CheckBytes = 4;
    const int HubIdBytesMax = 256;
    const int PartitionsMax = 1 << 16;
    const int TextMax = 1 << 20;

    public static string Write(ChangeCursor cursor)
    {
        var bytes = new ArrayBufferWriter<byte>(512);
        bytes.Write([Form]);
        var hub = Encoding.UTF8.GetBytes(cursor.HubId);
        Number(bytes, (ulong)hub.Length);
        bytes.Write(hub);
        Number(bytes, (ulong)cursor.HubEpoch);
        Number(bytes, (ulong)cursor.Sequences.Length);
        var before = 0L;
        foreach (var sequence in cursor.Sequences)
        {
            var difference = sequence - before;
            Number(bytes, (ulong)((difference << 1) ^ (difference >> 63)));
            before = sequence;
        }
        bytes.Write(CheckOf(bytes.WrittenSpan));
        return Base64Url.EncodeToString(bytes.WrittenSpan);
    }

    /// <returns>False: this text was never written here.</returns>
    public static bool TryRead(string text, [NotNullWhen(true)] out ChangeCursor? cursor)
    {
        cursor = null;
        if (text.Length > TextMax || !Base64Url.IsValid(text)) return false;
        var bytes = Base64Url.DecodeFromChars(text).AsSpan();
        if (bytes.Length < 1 + CheckBytes || bytes[0] != Form) return false;
        var body = bytes[..^CheckBytes];
        if (!CheckOf(body).SequenceEqual(bytes[^CheckBytes..])) return false;

        ReadOnlySpan<byte> rest = body[1..];
        if (!Number(ref rest, out var hubLength) || hubLength is 0 or > HubIdBytesMax || (ulong)rest.Length < hubLength) return false;
        var hub = Encoding.UTF8.GetString(rest[..(int)hubLength]);
        rest = rest[(int)hubLength..];
        if (!Number(ref rest, out var epoch) || epoch > long.MaxValue || !Number(ref rest, out var count) || count > PartitionsMax) return false;
        var sequences = ImmutableArray.CreateBuilder<long>((int)count);
        var before = 0L;
        for (var i = 0; i < (int)count; i++)
        {
            if (!Number(ref rest, out var folded)) return false;
            before = unchecked(before + ((long)(folded >> 1) ^ -(long)(folded & 1)));
            if (before < 0) return false;
            sequences.Add(before);
        }
        if (!rest.IsEmpty) return false;
        cursor = new(hub, (long)epoch, sequences.MoveToImmutable());
        return true;
    }

    static ReadOnlySpan<byte> CheckOf(ReadOnlySpan<byte> bytes) => SHA256.HashData(bytes).AsSpan(0, CheckBytes);

    static void Number(ArrayBufferWriter<byte> into, ulong number)
    {
        Span<byte> bytes = stackalloc byte[10];
        var length = 0;
        for (; number >= 0x80; number >>= 7) bytes[length++] = (byte)(number | 0x80);
        bytes[length++] = (byte)number;
        into.Write(bytes[..length]);
    }

    static bool Number(ref ReadOnlySpan<byte> from, out ulong number)
    {
        number = 0;
        for (var i = 0; i < from.Length && i < 10; i++)
        {
            number |= (ulong)(from[i] & 0x7F) << (7 * i);
            if (from[i] >= 0x80) continue;
            from = from[(i + 1)..];
            return i < 9 || number >> 63 <= 1;
        }
        return false;
    }
}
