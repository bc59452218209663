using System.Buffers;
using System.Buffers.Text;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;

namespace OrleansCrm.Bench.Http;

/// <summary>One stream of lines: writes as long as its window allows, and reads answers meanwhile.</summary>
sealed class StreamLoad(LoadSettings settings, int connection, LoadClock clock, IPEndPoint to) : IDisposable
{
    const int SendBytes = 32 << 10;
    readonly LoadEvents _events = new(connection);
    readonly Tally _tally = new();
    readonly SemaphoreSlim _room = new(settings.Window, settings.Window);

    // When line n was sent, at n modulo its length. Lines are answered in any order, but never more than a window apart from the oldest unanswered one.
    readonly long[] _sentAt = new long[1 << 20];
    long _sent;
    long _answered;

    public async Task<Tally> RunAsync()
    {
        using var http = await HttpConnection.OpenAsync(to);
        await http.SendAsync("POST /v1/events HTTP/1.1\r\nHost: hub\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"u8.ToArray());
        var status = await http.ReadHeadAsync();
        if (status != 200) throw new IOException($"The hub answered a stream with {status}.");
        var reading = ReadAsync(http);
        await WriteAsync(http);
        await reading;
        for (var lost = _sent - _answered; lost > 0; lost--) _tally.Fail();
        return _tally;
    }

    public void Dispose() => _room.Dispose();

    async Task WriteAsync(HttpConnection http)
    {
        var buffer = new ArrayBufferWriter<byte>(SendBytes * 2);
        using var lines = Lines().GetEnumerator();
        var isMore = lines.MoveNext();
        while (isMore)
        {
            await _room.WaitAsync();
            var taken = 1;
            buffer.ResetWrittenCount();
            do
            {
                _sentAt[++_sent % _sentAt.Length] = Stopwatch.GetTimestamp();
                buffer.Write(lines.Current.Span);
                isMore = lines.MoveNext();
            }
            while (isMore && buffer.WrittenCount < SendBytes && _room.Wait(0) && taken++ > 0);
            await http.SendAsync(Encoding.ASCII.GetBytes(buffer.WrittenCount.ToString("x", CultureInfo.InvariantCulture) + "\r\n"));
            buffer.Write("\r\n"u8);
            await http.SendAsync(buffer.WrittenMemory);
        }
        await http.SendAsync("0\r\n\r\n"u8.ToArray());
    }

    IEnumerable<ReadOnlyMemory<byte>> Lines()
    {
        if (settings.Mode == "fill")
        {
            for (var person = connection; person < settings.Persons; person += settings.Connections)
            {
                for (var system = 0; system < LoadEvents.SystemsCount; system++) yield return _events.Fill(person, system);
            }
            yield break;
        }
        while (!clock.IsOver(Stopwatch.GetTimestamp())) yield return _events.NextEdit(settings.Persons);
    }

    async Task ReadAsync(HttpConnection http)
    {
        var line = new ArrayBufferWriter<byte>(4 << 10);
        while (await http.ReadChunkAsync() is { IsEmpty: false } chunk)
        {
            while (chunk.Span.IndexOf((byte)'\n') is var end and >= 0)
            {
                line.Write(chunk.Span[..end]);
                chunk = chunk[(end + 1)..];
                Answer(line.WrittenSpan);
                line.ResetWrittenCount();
            }
            line.Write(chunk.Span);
        }
    }

    void Answer(ReadOnlySpan<byte> line)
    {
        if (!line.StartsWith("{\"line\":"u8) || !Utf8Parser.TryParse(line["{\"line\":"u8.Length..], out long number, out _)) return;     // how the stream ended
        var now = Stopwatch.GetTimestamp();
        if (clock.Counts(now)) _tally.Count(line, now - _sentAt[number % _sentAt.Length]);
        _answered++;
        _tally.See();
        _room.Release();
    }
}
