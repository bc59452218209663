using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace OrleansCrm.Client.Tests.Fakes;

/// <summary>HTTP/1.1 by hand: reads and writes at the same time, stops in the middle, and says what no client library would.</summary>
sealed class RawHttp : IDisposable
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    readonly byte[] _buffer = new byte[64 << 10];
    int _start;
    int _end;

    public static async Task<RawHttp> ConnectAsync(IPEndPoint to)
    {
        var http = new RawHttp();
        await http._socket.ConnectAsync(to);
        return http;
    }

    public static async Task<RawHttp> StreamAsync(IPEndPoint to, string more = "")
    {
        var http = await ConnectAsync(to);
        await http.SendAsync($"POST /v1/events HTTP/1.1\r\nHost: hub\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n{more}\r\n");
        return http;
    }

    public Task SendAsync(string text) => SendAsync(Encoding.UTF8.GetBytes(text));

    public async Task SendAsync(ReadOnlyMemory<byte> bytes)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!bytes.IsEmpty) bytes = bytes[await _socket.SendAsync(bytes, patience.Token)..];
    }

    public Task SendChunkAsync(string text) => SendChunkAsync(Encoding.UTF8.GetBytes(text));

    public async Task SendChunkAsync(ReadOnlyMemory<byte> bytes)
    {
        await SendAsync(bytes.Length.ToString("x", CultureInfo.InvariantCulture) + "\r\n");
        await SendAsync(bytes);
        await SendAsync("\r\n");
    }

    public Task EndChunksAsync() => SendAsync("0\r\n\r\n");

    /// <summary>The status and the headers, names in small letters.</summary>
    public async Task<(int Status, Dictionary<string, string> Headers)> ReadHeadAsync()
    {
        var status = await ReadLineAsync() ?? throw new IOException("The server said nothing.");
        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        while (await ReadLineAsync() is { Length: > 0 } line)
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            headers[line[..colon]] = line[(colon + 1)..].Trim();
        }
        return (int.Parse(status.Split(' ')[1], CultureInfo.InvariantCulture), headers);
    }

    readonly StringBuilder _text = new();
    bool _hasEnded;

    /// <summary>The next line of a chunked body; null: the body has ended.</summary>
    public async Task<string?> ReadBodyLineAsync()
    {
        while (true)
        {
            var text = _text.ToString();
            var at = text.IndexOf('\n', StringComparison.Ordinal);
            if (at >= 0)
            {
                _text.Remove(0, at + 1);
                return text[..at];
            }
            if (_hasEnded) return null;
            var length = int.Parse(await ReadLineAsync() ?? throw new IOException("The body was cut off."), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            var bytes = new byte[length];
            for (var read = 0; read < length;)
            {
                if (_start == _end && !await FillAsync()) throw new IOException("The body was cut off.");
                var take = Math.Min(length - read, _end - _start);
                _buffer.AsSpan(_start, take).CopyTo(bytes.AsSpan(read));
                read += take;
                _start += take;
            }
            _text.Append(Encoding.UTF8.GetString(bytes));
            await ReadLineAsync();
            _hasEnded = length == 0;
        }
    }

    public void Dispose() => _socket.Dispose();

    async Task<string?> ReadLineAsync()
    {
        var line = new StringBuilder();
        while (true)
        {
            if (_start == _end && !await FillAsync()) return line.Length == 0 ? null : line.ToString();
            var c = (char)_buffer[_start++];
            if (c == '\n') return line.ToString().TrimEnd('\r');
            line.Append(c);
        }
    }

    async Task<bool> FillAsync()
    {
        using var patience = new CancellationTokenSource(Patience);
        _start = 0;
        try
        {
            _end = await _socket.ReceiveAsync(_buffer, patience.Token);
        }
        catch (SocketException reset)
        {
            throw new IOException("The connection was cut.", reset);
        }
        return _end > 0;
    }
}
