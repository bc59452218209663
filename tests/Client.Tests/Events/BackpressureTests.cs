using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using OrleansCrm.Client.Events;
using OrleansCrm.Client.Requests;
using OrleansCrm.Client.Tests.Fakes;

namespace OrleansCrm.Client.Tests.Events;

/// <summary>A stream over a body that has everything at once: whatever holds it back is the gateway's own doing.</summary>
public sealed class BackpressureTests
{
    const int Lines = 20_000;

    static GatewayOptions Small => new() { ChunkEventsMax = 16, CallsPerStream = 2, StreamBytesMax = 1 << 20 };

    // What a stream may hold: per caller a call under way and one waiting, the answers on their way out, and one line in hand.
    static int HeldMax(GatewayOptions o) => (o.CallsPerStream * 2 * o.ChunkEventsMax) + o.ChunkEventsMax + o.CallsPerStream + 1;

    [Fact]
    public async Task A_stream_reads_no_further_than_a_slow_intake_takes()
    {
        var answered = 0;
        var ahead = 0;
        var source = new EndlessLines(Lines, payloadBytes: 0);
        var hub = new FakeHub
        {
            BeforeAnswer = async events =>
            {
                await Task.Yield();
                ahead = Math.Max(ahead, source.GivenOut - Volatile.Read(ref answered));
                Interlocked.Add(ref answered, events.Length);
            },
        };

        await RunAsync(hub, Small, source, new Drain());

        Assert.Equal(Lines, answered);
        Assert.InRange(ahead, 1, HeldMax(Small) + EndlessLines.PerRead);
    }

    [Fact]
    public async Task A_stream_reads_no_further_than_a_slow_reader_of_its_answers_takes()
    {
        var source = new EndlessLines(Lines, payloadBytes: 0);
        var drain = new Drain();
        var ahead = 0;
        drain.OnFlush = async () =>
        {
            await Task.Yield();
            ahead = Math.Max(ahead, source.GivenOut - drain.LinesFlushed);
        };

        await RunAsync(new FakeHub(), Small, source, drain);

        Assert.Equal(Lines, drain.LinesFlushed);
        Assert.InRange(ahead, 1, HeldMax(Small) + EndlessLines.PerRead + 512);      // an answer buffer of 32 KB holds some 300 lines
    }

    [Fact]
    public async Task Large_lines_are_bounded_in_bytes()
    {
        var options = Small;
        options.StreamBytesMax = 256 << 10;
        options.EventSizeMax = 128 << 10;
        var answered = 0;
        var ahead = 0;
        var source = new EndlessLines(400, payloadBytes: 60 << 10);
        var hub = new FakeHub
        {
            BeforeAnswer = async events =>
            {
                await Task.Yield();
                ahead = Math.Max(ahead, source.GivenOut - Volatile.Read(ref answered));
                Interlocked.Add(ref answered, events.Length);
            },
        };

        await RunAsync(hub, options, source, new Drain());

        Assert.Equal(400, answered);
        Assert.InRange(ahead, 1, 5 + EndlessLines.PerRead);
    }

    [Fact]
    public async Task A_reader_that_has_gone_leaves_nothing_waiting()
    {
        var drain = new Drain { IsGone = true };

        await RunAsync(new FakeHub(), Small, new EndlessLines(Lines, payloadBytes: 0), drain).WaitAsync(TimeSpan.FromSeconds(30));

        Assert.Equal(0, drain.LinesFlushed);
    }

    static async Task RunAsync(FakeHub hub, GatewayOptions options, PipeReader body, PipeWriter answers)
    {
        var context = new DefaultHttpContext();
        context.Features.Set<IRequestBodyPipeFeature>(new BodyOf(body));
        context.Features.Set<IHttpResponseBodyFeature>(new AnswersTo(answers));
        using var limits = new GatewayLimits(Options.Create(options));
        var shell = new RequestShell(limits, new(), Options.Create(options), TimeProvider.System, NullLogger<RequestShell>.Instance);
        var stream = shell.Wrap("events-stream", c => new EventStream(c, new Hub(hub), limits, new(), options, TimeProvider.System, NullLogger.Instance).RunAsync(CancellationToken.None), limits.Streams);
        await stream(context);
    }

    sealed class BodyOf(PipeReader reader) : IRequestBodyPipeFeature
    {
        public PipeReader Reader => reader;
    }

    sealed class AnswersTo(PipeWriter writer) : IHttpResponseBodyFeature
    {
        public Stream Stream => writer.AsStream();

        public PipeWriter Writer => writer;

        public Task CompleteAsync() => Task.CompletedTask;

        public void DisableBuffering()
        {
        }

        public Task SendFileAsync(string path, long offset, long? count, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public Task StartAsync(CancellationToken cancellationToken = default) => Task.CompletedTask;
    }

    /// <summary>A body whose next lines are always there.</summary>
    sealed class EndlessLines(int lines, int payloadBytes) : PipeReader
    {
        public const int PerRead = 4;
        readonly string _payload = new('x', payloadBytes);
        ReadOnlySequence<byte> _current;
        volatile bool _cancelled;
        int _givenOut;

        public int GivenOut => Volatile.Read(ref _givenOut);

        public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
        {
            if (_current.IsEmpty)
            {
                var text = new StringBuilder();
                for (var i = 0; i < PerRead && _givenOut < lines; i++)
                {
                    text.Append(Given.Line($"e{_givenOut}", $"contacts/{_givenOut % 100}").Replace("\"111\"", $"\"{_payload}\"", StringComparison.Ordinal)).Append('\n');
                    Interlocked.Increment(ref _givenOut);
                }
                _current = new(Encoding.UTF8.GetBytes(text.ToString()));
            }
            return new(new ReadResult(_current, _cancelled, isCompleted: _givenOut == lines));
        }

        public override void AdvanceTo(SequencePosition consumed) => _current = _current.Slice(consumed);

        public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) => AdvanceTo(consumed);

        public override void CancelPendingRead() => _cancelled = true;

        public override void Complete(Exception? exception = null)
        {
        }

        public override bool TryRead(out ReadResult result) => throw new NotSupportedException();
    }

    /// <summary>Somebody who reads answers, at a pace.</summary>
    sealed class Drain : PipeWriter
    {
        readonly ArrayBufferWriter<byte> _written = new();

        public Func<Task> OnFlush { get; set; } = () => Task.CompletedTask;

        public bool IsGone { get; init; }

        public int LinesFlushed { get; private set; }

        public override async ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
        {
            if (IsGone) throw new IOException("Nobody reads.");
            await OnFlush();
            LinesFlushed += _written.WrittenSpan.Count((byte)'\n');
            _written.ResetWrittenCount();
            return default;
        }

        public override void Advance(int bytes) => _written.Advance(bytes);

        public override Memory<byte> GetMemory(int sizeHint = 0) => _written.GetMemory(sizeHint);

        public override Span<byte> GetSpan(int sizeHint = 0) => _written.GetSpan(sizeHint);

        public override void CancelPendingFlush()
        {
        }

        public override void Complete(Exception? exception = null)
        {
        }
    }
}
