using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;

namespace OrleansCrm.Bench.Http;

/// <summary>One connection that sends an event per request: the next when it has its answer, or at a fixed rate.</summary>
sealed class SingleLoad(LoadSettings settings, int connection, LoadClock clock, IPEndPoint to)
{
    readonly LoadEvents _events = new(connection);
    readonly Tally _tally = new();
    readonly byte[] _request = new byte[8 << 10];

    public async Task<Tally> RunAsync()
    {
        using var http = await HttpConnection.OpenAsync(to);
        for (long sent = 0; ; sent++)
        {
            var due = Stopwatch.GetTimestamp();
            if (settings.Rate > 0)
            {
                // Timed from when it should have been sent: a hub that stalls is not asked less, and does not look better for it.
                due = clock.Start + (long)(((sent * settings.Connections) + connection) * (double)Stopwatch.Frequency / settings.Rate);
                var early = Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), due);
                if (early > TimeSpan.Zero) await Task.Delay(early);
            }
            if (clock.IsOver(due)) return _tally;
            await http.SendAsync(Request(_events.NextEdit(settings.Persons)));
            var (status, body) = await http.ReadAnswerAsync();
            _tally.See();
            if (!clock.Counts(due)) continue;
            if (status is 200 or 202 or 422) _tally.Count(body.Span, Stopwatch.GetTimestamp() - due);
            else _tally.Fail();
        }
    }

    ReadOnlyMemory<byte> Request(ReadOnlyMemory<byte> body)
    {
        var head = string.Create(CultureInfo.InvariantCulture, $"POST /v1/events HTTP/1.1\r\nHost: hub\r\nContent-Type: application/cloudevents+json\r\nContent-Length: {body.Length}\r\n\r\n");
        var length = Encoding.ASCII.GetBytes(head, _request);
        body.CopyTo(_request.AsMemory(length));
        return _request.AsMemory(0, length + body.Length);
    }
}
