using System.Buffers;
using System.Collections.Immutable;
using System.IO.Pipelines;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Extensions.Logging;
using OrleansCrm.Client.Requests;
using OrleansCrm.Grains.Interfaces.Intake;

namespace OrleansCrm.Client.Events;

/// <summary>One stream of lines, both ways: each event is answered by a line of its own as soon as it is durable, in whatever order that happens.</summary>
/// <remarks>
/// <para>
/// Reading hands each event to one of a few callers, chosen by its source record. A caller has one call to intake under way and
/// takes what has gathered meanwhile into the next, so that the events of one source record keep their order, calls grow with
/// the load, and nothing ever waits for a call to fill.
/// </para>
/// <para>Everything between reading and writing is bounded, in events and in bytes; a caller who does not read its answers stops being read.</para>
/// </remarks>
sealed class EventStream
{
    const string Format = "ndjson";
    const int FlushBytes = 32 << 10;

    readonly HttpContext _context;
    readonly Hub _hub;
    readonly GatewayLimits _limits;
    readonly GatewayMetrics _metrics;
    readonly GatewayOptions _options;
    readonly TimeProvider _time;
    readonly ILogger _log;
    readonly string _correlationId;
    readonly ByteCredit _credit;
    readonly LineSplitter _lines;
    readonly Channel<Read>[] _waiting;
    readonly Channel<Answered> _answered;
    readonly OutcomeCounts _counts = new();

    // Set once, before reading is cancelled: why it was.
    volatile string? _end;

    public EventStream(HttpContext context, Hub hub, GatewayLimits limits, GatewayMetrics metrics, GatewayOptions options, TimeProvider time, ILogger log)
    {
        _context = context;
        _hub = hub;
        _limits = limits;
        _metrics = metrics;
        _options = options;
        _time = time;
        _log = log;
        _correlationId = RequestShell.CorrelationOf(context);
        _credit = new(options.StreamBytesMax);
        _lines = new(options.EventSizeMax);
        _waiting = new Channel<Read>[options.CallsPerStream];
        for (var i = 0; i < _waiting.Length; i++) _waiting[i] = Channel.CreateBounded<Read>(new BoundedChannelOptions(options.ChunkEventsMax) { SingleReader = true, SingleWriter = true });
        _answered = Channel.CreateBounded<Answered>(new BoundedChannelOptions(options.ChunkEventsMax) { SingleReader = true });
    }

    /// <summary>Until the body ends, the caller goes, the stream has been silent too long, or the host stops. What was read is answered first.</summary>
    public async Task RunAsync(CancellationToken stopping)
    {
        // Answers follow questions at the questions' pace, which may be slow.
        if (_context.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } rate) rate.MinDataRate = null;
        var response = _context.Response;
        response.StatusCode = StatusCodes.Status200OK;
        response.ContentType = "application/x-ndjson";
        response.Headers.CacheControl = "no-store";
        response.Headers.XContentTypeOptions = "nosniff";
        _context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();

        var body = _context.Request.BodyReader;
        await using var onStopping = stopping.UnsafeRegister(_ => End("stopping"), null);
        await using var onGone = _context.RequestAborted.UnsafeRegister(_ => End("gone"), null);
        await using var silence = _time.CreateTimer(_ => End("idle"), null, _options.StreamIdleMax, Timeout.InfiniteTimeSpan);

        // Asked for before the answer begins: a caller that waits for "100 Continue" is told so by the first read.
        var first = body.ReadAsync(CancellationToken.None);
        await response.StartAsync(CancellationToken.None);
        await IsGone(response.BodyWriter);      // the head goes out now: a caller may wait for it before its first line

        var writing = WriteAsync(response.BodyWriter);
        var calling = Array.ConvertAll(_waiting, w => CallAsync(w.Reader));
        var broken = false;
        try
        {
            await ReadAsync(body, first, silence);
        }
        catch (Exception failure) when (failure is BadHttpRequestException or IOException or OperationCanceledException)
        {
            broken = true;      // half a body: what came whole is dealt with, the rest was never said
        }
        finally
        {
            foreach (var waiting in _waiting) waiting.Writer.TryComplete();
            await Task.WhenAll(calling);
            _answered.Writer.TryComplete();
            await writing;
            _counts.Log(_log, Format, _end ?? (broken ? "broken" : "body"));
        }
        if (broken && !_context.RequestAborted.IsCancellationRequested) _context.Abort();
    }

    void End(string why)
    {
        _end ??= why;
        _context.Request.BodyReader.CancelPendingRead();
    }

    async Task ReadAsync(PipeReader body, ValueTask<ReadResult> first, ITimer silence)
    {
        for (var reading = first; ; reading = body.ReadAsync(CancellationToken.None))
        {
            var result = await reading;
            silence.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);     // a stream that is held back is not silent
            var buffer = result.Buffer;
            while (_end is null)
            {
                var found = _lines.Next(ref buffer, result.IsCompleted, out var line);
                if (found == LineSplitter.Found.Nothing) break;
                if (found == LineSplitter.Found.TooLong) await AnswerAsync(new(_lines.Line, 0, AnswerJson.AnswerOf(EventRefusal.TooLong(_options.EventSizeMax), null)));
                else if (!line.IsEmpty) await TakeAsync(line);
            }
            if (result.IsCompleted || _end is not null)
            {
                body.AdvanceTo(buffer.End);
                return;
            }
            body.AdvanceTo(buffer.Start, buffer.End);
            silence.Change(_options.StreamIdleMax, Timeout.InfiniteTimeSpan);
        }
    }

    async ValueTask TakeAsync(ReadOnlySequence<byte> line)
    {
        var bytes = (int)line.Length;
        var waits = _credit.TakeAsync(bytes);
        if (!waits.IsCompletedSuccessfully) await waits;

        var refusal = ReadEvent(line, out var incoming, out var id);
        if (refusal is not null)
        {
            await AnswerAsync(new(_lines.Line, bytes, AnswerJson.AnswerOf(refusal, id)));
            return;
        }
        var caller = (uint)HashCode.Combine(incoming!.System, incoming.Object, incoming.ExternalId) % (uint)_waiting.Length;
        await _waiting[caller].Writer.WriteAsync(new(_lines.Line, bytes, incoming));
    }

    EventRefusal? ReadEvent(ReadOnlySequence<byte> line, out IncomingEvent? incoming, out string? id)
    {
        if (line.IsSingleSegment) return EventReader.OfThisThread.Read(line.FirstSpan, _options.DepthMax, _correlationId, out incoming, out id);
        var bytes = ArrayPool<byte>.Shared.Rent((int)line.Length);
        try
        {
            line.CopyTo(bytes);
            return EventReader.OfThisThread.Read(bytes.AsSpan(0, (int)line.Length), _options.DepthMax, _correlationId, out incoming, out id);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }

    ValueTask AnswerAsync(Answered answered) => _answered.Writer.WriteAsync(answered);

    async Task CallAsync(ChannelReader<Read> waiting)
    {
        var chunk = new List<Read>(_options.ChunkEventsMax);
        while (await waiting.WaitToReadAsync())
        {
            chunk.Clear();
            var events = ImmutableArray.CreateBuilder<IncomingEvent>();
            while (chunk.Count < _options.ChunkEventsMax && waiting.TryRead(out var read))
            {
                chunk.Add(read);
                events.Add(read.Event);
            }
            var answers = await AskAsync(events.DrainToImmutable());
            for (var i = 0; i < chunk.Count; i++) await AnswerAsync(new(chunk[i].Line, chunk[i].Bytes, answers[i]));

            // A long file is not to be spent on an outage.
            if (answers[^1].Outcome == EventOutcome.TryAgain && _end is null) await Task.Delay(_options.StreamRest, _time);
        }
    }

    async Task<ImmutableArray<EventAnswer>> AskAsync(ImmutableArray<IncomingEvent> events)
    {
        string trouble;
        try
        {
            using var room = await _limits.StreamEvents.AcquireAsync(events.Length, CancellationToken.None);
            if (room.IsAcquired) return await _hub.Intake.Take(events, CancellationToken.None);
            trouble = Reason.Busy;
        }
#pragma warning disable CA1031 // One call's failure is the answer to its events, and the stream goes on.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            var problem = Failures.ProblemOf(failure);
            if (problem is null) _log.RequestBroke("events-stream", Failures.Describe(failure, withPlaces: true));
            trouble = (problem ?? Problem.InternalError).Reason;
            _log.StreamCallFailed(events.Length, trouble, Failures.Describe(failure));
        }
        return [.. events.Select(e => new EventAnswer(e.Id, EventOutcome.TryAgain, null, 0, [], trouble))];
    }

    /// <summary>Writes until nothing more comes. Where the caller has gone it takes what comes and drops it, so that nobody behind it waits for ever.</summary>
    async Task WriteAsync(PipeWriter to)
    {
        using var json = new Utf8JsonWriter(to, JsonAnswer.Options);
        var isGone = false;
        while (await _answered.Reader.WaitToReadAsync())
        {
            var unflushed = 0L;     // bytes of lines whose answers are not on their way yet
            var written = 0L;
            while (written < FlushBytes && _answered.Reader.TryRead(out var answered))
            {
                var answer = answered.Answer;
                _counts.Add(answer.Outcome);
                _metrics.Answered(Format, answer.Outcome, answer.Reason);
                _counts.LogNotTaken(_log, answered.Line, answer);
                unflushed += answered.Bytes;
                if (!isGone) written += WriteLine(json, to, answered);
            }
            if (!isGone) isGone = await IsGone(to);
            _credit.GiveBack(unflushed);
        }
        if (_end is "idle" or "stopping" && !isGone)
        {
            WriteEnd(json, to, _end);
            await IsGone(to);
        }
    }

    async ValueTask<bool> IsGone(PipeWriter to)
    {
        try
        {
            if (!(await to.FlushAsync(_context.RequestAborted)).IsCompleted) return false;
        }
        catch (Exception failure) when (failure is IOException or OperationCanceledException or InvalidOperationException)
        {
            // The same as completed: nobody reads any more.
        }
        End("gone");
        return true;
    }

    static long WriteLine(Utf8JsonWriter json, PipeWriter to, in Answered answered)
    {
        json.Reset(to);
        json.WriteStartObject();
        json.WriteNumber("line"u8, answered.Line);
        AnswerJson.WriteMembers(json, answered.Answer);
        json.WriteEndObject();
        json.Flush();
        to.Write("\n"u8);
        return json.BytesCommitted + 1;
    }

    void WriteEnd(Utf8JsonWriter json, PipeWriter to, string why)
    {
        json.Reset(to);
        json.WriteStartObject();
        json.WriteString("end"u8, why);
        json.WriteNumber("line"u8, _lines.Line);
        json.WriteEndObject();
        json.Flush();
        to.Write("\n"u8);
    }

    /// <param name="Bytes">Of the line: given back when its answer is on its way.</param>
    readonly record struct Read(long Line, int Bytes, IncomingEvent Event);

    readonly record struct Answered(long Line, int Bytes, EventAnswer Answer);
}
