using System.Buffers.Text;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace OrleansCrm.Bench.Http;

/// <summary>One HTTP/1.1 connection that reads and writes at the same time, which the platform's client does not.</summary>
sealed class HttpConnection : IDisposable
{
    readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    readonly byte[] _in = new byte[256 << 10];
    int _start;
    int _end;
    int _chunkLeft;
    bool _isFirstChunk = true;

    public static async Task<HttpConnection> OpenAsync(IPEndPoint to)
    {
        var connection = new HttpConnection();
        await connection._socket.ConnectAsync(to);
        return connection;
    }

    public async ValueTask SendAsync(ReadOnlyMemory<byte> bytes)
    {
        while (!bytes.IsEmpty) bytes = bytes[await _socket.SendAsync(bytes)..];
    }

    /// <summary>Reads an answer whole.</summary>
    /// <returns>The status and the body, good until the next read.</returns>
    public async ValueTask<(int Status, ReadOnlyMemory<byte> Body)> ReadAnswerAsync()
    {
        int head;
        while ((head = Waiting.IndexOf("\r\n\r\n"u8)) < 0) await FillAsync();
        var status = int.Parse(Waiting.Slice(9, 3), System.Globalization.CultureInfo.InvariantCulture);
        var length = LengthOf(Waiting[..head]);
        while (_end - _start < head + 4 + length) await FillAsync();
        var body = _in.AsMemory(_start + head + 4, length);
        _start += head + 4 + length;
        return (status, body);
    }

    /// <summary>Reads the head of a chunked answer.</summary>
    public async ValueTask<int> ReadHeadAsync()
    {
        int head;
        while ((head = Waiting.IndexOf("\r\n\r\n"u8)) < 0) await FillAsync();
        var status = int.Parse(Waiting.Slice(9, 3), System.Globalization.CultureInfo.InvariantCulture);
        _start += head + 4;
        return status;
    }

    /// <summary>Reads what has come of a chunked body.</summary>
    /// <returns>Empty: the body has ended. Good until the next read.</returns>
    public async ValueTask<ReadOnlyMemory<byte>> ReadChunkAsync()
    {
        if (_chunkLeft == 0)
        {
            if (!_isFirstChunk) await SkipLineAsync();
            _isFirstChunk = false;
            int end;
            while ((end = Waiting.IndexOf("\r\n"u8)) < 0) await FillAsync();
            if (!Utf8Parser.TryParse(Waiting[..end], out _chunkLeft, out int _, 'x')) throw new IOException("The hub's answer has a chunk without a length.");
            _start += end + 2;
            if (_chunkLeft == 0) return default;
        }
        if (_start == _end) await FillAsync();
        var take = Math.Min(_chunkLeft, _end - _start);
        var chunk = _in.AsMemory(_start, take);
        _start += take;
        _chunkLeft -= take;
        return chunk;
    }

    public void Dispose() => _socket.Dispose();

    Span<byte> Waiting => _in.AsSpan(_start, _end - _start);

    async ValueTask SkipLineAsync()
    {
        int end;
        while ((end = Waiting.IndexOf("\r\n"u8)) < 0) await FillAsync();
        _start += end + 2;
    }

    async ValueTask FillAsync()
    {
        if (_start > 0)
        {
            Waiting.CopyTo(_in);
            _end -= _start;
            _start = 0;
        }
        if (_end == _in.Length) throw new IOException("An answer is larger than this client reads.");
        var read = await _socket.ReceiveAsync(_in.AsMemory(_end));
        if (read == 0) throw new IOException("The hub closed the connection.");
        _end += read;
    }

    static int LengthOf(ReadOnlySpan<byte> head)
    {
        var at = head.IndexOf("Content-Length: "u8);
        return at >= 0 && Utf8Parser.TryParse(head[(at + "Content-Length: "u8.Length)..], out int length, out _) ? length : throw new IOException("An answer does not tell its length: " + Encoding.ASCII.GetString(head));
    }
}
