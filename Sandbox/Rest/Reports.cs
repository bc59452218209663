using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using System.Threading.Channels;

namespace OrleansCrm.Sandbox.Rest;

/// <summary>Reports to the hub so far.</summary>
/// <param name="Told">The hub took them.</param>
/// <param name="Refused">The hub will never take them.</param>
/// <param name="GivenUp">Too many waited.</param>
/// <param name="Waiting">Not told yet, but for the one on its way.</param>
public readonly record struct ReportCounts(long Told, long Refused, long GivenUp, int Waiting)
{
    /// <summary>Those of which it is known what became.</summary>
    public long Ended => Told + Refused + GivenUp;
}

/// <summary>Tells the hub every change as a CloudEvent, in order, again until it is taken.</summary>
sealed class Reports : IAsyncDisposable
{
    static readonly TimeSpan WaitMin = TimeSpan.FromMilliseconds(100);
    static readonly TimeSpan WaitMax = TimeSpan.FromSeconds(10);

    readonly RestSandboxOptions _options;
    readonly HttpClient _client = new() { Timeout = TimeSpan.FromSeconds(30) };
    readonly Channel<(string Id, string Event)> _waiting;
    readonly CancellationTokenSource _stop = new();
    readonly Task _sending;
    long _told;
    long _refused;
    long _givenUp;

    public Reports(RestSandboxOptions options)
    {
        _options = options;
        _waiting = Channel.CreateBounded<(string, string)>(
            new BoundedChannelOptions(options.ReportsMax) { SingleReader = true, FullMode = BoundedChannelFullMode.DropOldest }, _ => Interlocked.Increment(ref _givenUp));
        _sending = options.ReportTo is null ? Task.CompletedTask : Task.Run(SendAsync);
    }

    public ReportCounts Counts => new(Interlocked.Read(ref _told), Interlocked.Read(ref _refused), Interlocked.Read(ref _givenUp), _waiting.Reader.Count);

    public void Add(LoggedChange change)
    {
        if (_options.ReportTo is null || !_options.RecordTypes.TryGetValue(change.Object, out var type)) return;
        var fields = new JsonObject();
        foreach (var (name, value) in change.Fields.Where(f => f.Key != _options.Key)) fields[name] = JsonNode.Parse(value);
        var id = string.Create(CultureInfo.InvariantCulture, $"{_options.System}-{change.Number}");
        var cloudEvent = new JsonObject
        {
            ["specversion"] = "1.0",
            ["id"] = id,
            ["source"] = _options.System,
            ["type"] = $"crm.{type}.{(change.Kind == ChangeKind.Deleted ? "deleted" : "changed")}",
            ["subject"] = $"{change.Object}/{change.Id}",
            ["time"] = StoredRecord.Say(change.At),
            ["datacontenttype"] = "application/json",
            ["data"] = new JsonObject { ["actor"] = change.By, ["version"] = change.Version, ["fields"] = fields },
        };
        _waiting.Writer.TryWrite((id, cloudEvent.ToJsonString()));
    }

    async Task SendAsync()
    {
        var wait = WaitMin;
        try
        {
            await foreach (var (_, body) in _waiting.Reader.ReadAllAsync(_stop.Token))
            {
                while (!await TrySendAsync(body))
                {
                    await Task.Delay(wait, _stop.Token);
                    wait = wait + wait < WaitMax ? wait + wait : WaitMax;
                }
                wait = WaitMin;
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // What still waits is lost with the sandbox: the hub finds it by listing.
        }
    }

    // False: it is to be told again.
    async Task<bool> TrySendAsync(string body)
    {
        try
        {
            using var content = new StringContent(body);
            content.Headers.ContentType = MediaTypeHeaderValue.Parse("application/cloudevents+json; charset=utf-8");
            using var response = await _client.PostAsync(_options.ReportTo, content, _stop.Token);
            if ((int)response.StatusCode is >= 500 or 408 or 429) return false;
            Interlocked.Increment(ref response.IsSuccessStatusCode ? ref _told : ref _refused);
            return true;
        }
        catch (HttpRequestException)
        {
            return false;
        }
        catch (OperationCanceledException) when (!_stop.IsCancellationRequested)
        {
            return false;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _sending;
        _client.Dispose();
        _stop.Dispose();
    }
}
