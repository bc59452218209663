using System.Buffers;
using System.IO.Compression;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Journal;

namespace OrleansCrm.Grains.Customers;

/// <summary>A customer's state as compressed text: what a silo keeps of one that nobody asks for.</summary>
sealed class FrozenState
{
    // The quickest: a state is frozen far more often than it is worth another tenth of its size.
    const int Quality = 1;
    const int Window = 16;

    readonly byte[] _compressed;
    readonly bool _isCompressed;

    FrozenState(byte[] bytes, int length, bool isCompressed)
    {
        _compressed = bytes;
        _isCompressed = isCompressed;
        Length = length;
    }

    /// <summary>Bytes of the text.</summary>
    public int Length { get; }

    public static FrozenState Of(Customer customer)
    {
        var text = CustomerJson.Write(customer);
        var room = ArrayPool<byte>.Shared.Rent(BrotliEncoder.GetMaxCompressedLength(text.Length));
        try
        {
            return BrotliEncoder.TryCompress(text, room, out var written, Quality, Window) && written < text.Length
                ? new(room.AsSpan(0, written).ToArray(), text.Length, isCompressed: true)
                : new(text, text.Length, isCompressed: false);
        }
        finally
        {
            // It held personal data, and goes to whoever rents it next.
            ArrayPool<byte>.Shared.Return(room, clearArray: true);
        }
    }

    /// <exception cref="InvalidOperationException">The memory does not hold what was put there.</exception>
    public Customer Thaw()
    {
        if (!_isCompressed) return CustomerJson.Read(_compressed);
        var room = ArrayPool<byte>.Shared.Rent(Length);
        try
        {
            if (!BrotliDecoder.TryDecompress(_compressed, room, out var written) || written != Length) throw new InvalidOperationException("A frozen customer cannot be read back.");
            return CustomerJson.Read(room.AsSpan(0, written));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(room, clearArray: true);
        }
    }
}
