using System.Buffers;
using System.Collections.Immutable;
using System.Text.Encodings.Web;
using System.Text.Json;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;

namespace OrleansCrm.Connectors.Lines;

/// <summary>Writes each change as one line of JSON; answers when it is on the disk. A change may be there twice: its position tells.</summary>
public sealed class JsonLinesSink : IChangeSink
{
    public const int BatchMax = 1_000;

    static readonly JsonWriterOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    readonly JsonLinesSettings _settings;
    readonly TimeProvider _time;
    readonly SemaphoreSlim _turn = new(1);

    // Null before the first change and after a failure: the next one opens the folder anew.
    LineFiles? _files;

    public JsonLinesSink(SinkDefinition sink, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(sink);
        _settings = sink.JsonLines ?? throw new ArgumentException("The sink has no settings of line files.", nameof(sink));
        _time = time;
    }

    public SinkCapabilities Capabilities { get; } = new(BatchMax, TimeSpan.FromSeconds(30), OrderedByCustomerOnly: false);

    public async Task<ImmutableArray<SinkOutcome>> DeliverAsync(ImmutableArray<CustomerChange> changes, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            // Waiting for the disk is no work for the caller's scheduler.
            return await Task.Run(() => Write(changes), CancellationToken.None);
        }
        finally
        {
            _turn.Release();
        }
    }

    ImmutableArray<SinkOutcome> Write(ImmutableArray<CustomerChange> changes)
    {
        var written = 0;
        try
        {
            var files = _files ??= LineFiles.Open(_settings.Folder);
            var lines = new ArrayBufferWriter<byte>(1 << 12);
            using var json = new Utf8JsonWriter(lines, Readable);
            var pending = 0;
            foreach (var change in changes)
            {
                var before = lines.WrittenCount;
                json.Reset();
                ChangeJson.Write(json, change);
                json.Flush();
                lines.Write("\n"u8);
                pending++;

                var full = files.Length + lines.WrittenCount > _settings.FileBytesMax && files.Length + before > 0;
                if (files.Current is not null && !full && !IsOld(files)) continue;

                // What was there before goes into the file that is full; this line begins the next.
                if (before > 0) files.Append(lines.WrittenSpan[..before]);
                written += pending - 1;
                pending = 1;
                files.Next(_time.GetUtcNow());
                var line = lines.WrittenSpan[before..].ToArray();
                lines.ResetWrittenCount();
                lines.Write(line);
            }
            if (pending > 0) files.Append(lines.WrittenSpan);
            written += pending;
            return [.. changes.Select(_ => SinkOutcome.Delivered.Instance)];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            _files?.Dispose();
            _files = null;
            var failure = new SinkOutcome.Retry(exception is UnauthorizedAccessException ? "folder-forbidden" : "disk", AllWait: true);
            return [.. changes.Select((_, i) => i < written ? (SinkOutcome)SinkOutcome.Delivered.Instance : i == written ? failure : SinkOutcome.NotTried.Instance)];
        }
    }

    bool IsOld(LineFiles files) => files.Length > 0 && _time.GetUtcNow() - files.BegunAt >= _settings.FileAgeMax;

    public async ValueTask DisposeAsync()
    {
        await _turn.WaitAsync();
        _files?.Dispose();
        _files = null;
        _turn.Dispose();
    }
}
