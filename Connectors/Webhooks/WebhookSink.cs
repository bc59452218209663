using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using OrleansCrm.Connectors.Http;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;

namespace OrleansCrm.Connectors.Webhooks;

/// <summary>Posts each change to one address as a signed CloudEvent (Standard Webhooks). One attempt per call: the schedule of further ones is the engine's.</summary>
public sealed class WebhookSink : IChangeSink
{
    /// <summary>Changes taken at once: enough to keep all connections busy, few enough to lose little time to one slow answer.</summary>
    public const int BatchMax = 256;

    readonly string _hub;
    readonly WebhookSettings _settings;
    readonly int _concurrency;
    readonly ISecretResolver _secrets;
    readonly TimeProvider _time;
    readonly HttpClient _client;
    readonly SemaphoreSlim _free;

    // Bodies of answers are not looked at; whoever needs a connection back drains a bounded part of one.
    const int NoBody = 0;

    public WebhookSink(string hub, SinkDefinition sink, ISecretResolver secrets, TimeProvider time)
        : this(hub, sink, secrets, time, null)
    {
    }

    internal WebhookSink(string hub, SinkDefinition sink, ISecretResolver secrets, TimeProvider time, Func<string, CancellationToken, Task<IPAddress[]>>? resolve)
    {
        ArgumentNullException.ThrowIfNull(sink);
        _hub = hub;
        _settings = sink.Webhook ?? throw new ArgumentException("The sink has no settings of a webhook.", nameof(sink));
        _concurrency = sink.Concurrency;
        _secrets = secrets;
        _time = time;
        _client = Outbound.Client(_settings.AllowPrivate, _concurrency, resolve);
        _free = new SemaphoreSlim(_concurrency);
        Capabilities = new SinkCapabilities(BatchMax, _settings.Timeout, OrderedByCustomerOnly: true);
    }

    public SinkCapabilities Capabilities { get; }

    public async Task<ImmutableArray<SinkOutcome>> DeliverAsync(ImmutableArray<CustomerChange> changes, CancellationToken cancellationToken)
    {
        var outcomes = new SinkOutcome[changes.Length];
        Array.Fill(outcomes, SinkOutcome.NotTried.Instance);
        var keys = await KeysAsync(cancellationToken);
        if (keys.IsEmpty)
        {
            if (outcomes.Length > 0) outcomes[0] = new SinkOutcome.Retry(Codes.SecretMissing, AllWait: true);
            return [.. outcomes];
        }

        // One customer's changes go one after the other, customers side by side.
        var stop = new StrongBox();
        var customers = Enumerable.Range(0, changes.Length).GroupBy(i => changes[i].CustomerId, StringComparer.Ordinal).Select(g => g.ToArray());
        var options = new ParallelOptions { MaxDegreeOfParallelism = _concurrency, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(customers, options, async (customer, cancellation) =>
        {
            foreach (var i in customer)
            {
                if (stop.Value) return;
                await _free.WaitAsync(cancellation);
                try
                {
                    outcomes[i] = await PostAsync(changes[i], keys, cancellation);
                }
                finally
                {
                    _free.Release();
                }

                // Who is in trouble, or wants nothing any more, gets no further request of this batch.
                if (outcomes[i] is SinkOutcome.Disabled or SinkOutcome.Retry { AllWait: true }) stop.Value = true;
                if (outcomes[i] is not SinkOutcome.Delivered) return;
            }
        });
        return [.. outcomes];
    }

    async Task<SinkOutcome> PostAsync(CustomerChange change, ImmutableArray<byte[]> keys, CancellationToken cancellationToken)
    {
        var body = ChangeEvent.Encode(change, _hub);
        if (body.Length > _settings.BodyBytesMax)
        {
            return new SinkOutcome.Rejected("too-large", string.Create(CultureInfo.InvariantCulture,
                $"The change is {body.Length:N0} bytes long, {_settings.BodyBytesMax:N0} are allowed. Raise 'bodyBytesMax' of the sink, then retry the change."));
        }
        var at = _time.GetUtcNow();
        using var request = new HttpRequestMessage(HttpMethod.Post, _settings.Url) { Content = new WatchedContent(body, ChangeEvent.ContentType) };
        request.Headers.Add(WebhookSignature.IdHeader, change.Id);
        request.Headers.Add(WebhookSignature.TimestampHeader, at.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture));
        request.Headers.Add(WebhookSignature.SignatureHeader, WebhookSignature.Sign(keys, change.Id, at, body.Span));
        request.Headers.UserAgent.ParseAdd("OrleansCrm");
        return WebhookAnswers.Outcome(await Exchanges.SendAsync(_client, request, _settings.Timeout, NoBody, _time, cancellationToken), _time.GetUtcNow());
    }

    // All keys of all secrets, the present ones first. A secret that is none makes no signature.
    async Task<ImmutableArray<byte[]>> KeysAsync(CancellationToken cancellationToken)
    {
        var keys = ImmutableArray.CreateBuilder<byte[]>();
        foreach (var reference in _settings.Secrets)
        {
            if (await _secrets.ReadAsync(reference, cancellationToken) is not { } secret) continue;
            foreach (var one in secret.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
            {
                if (WebhookSignature.KeyOf(one) is { } key) keys.Add(key);
            }
        }
        return keys.ToImmutable();
    }

    public ValueTask DisposeAsync()
    {
        _client.Dispose();
        _free.Dispose();
        return ValueTask.CompletedTask;
    }

    sealed class StrongBox
    {
        volatile bool _value;

        public bool Value
        {
            get => _value;
            set => _value = value;
        }
    }
}

/// <summary>What an answer to a webhook means.</summary>
static class WebhookAnswers
{
    public static SinkOutcome Outcome(Exchange exchange, DateTimeOffset now)
    {
        switch (exchange)
        {
            case Exchange.Answered { IsSuccess: true }:
                return SinkOutcome.Delivered.Instance;
            case Exchange.Answered { Status: 410 } gone:
                return new SinkOutcome.Disabled(Codes.Of(gone.Status), "The receiver wants no more messages. Correct the address or remove the sink; enable it again to go on where it stopped.");
            case Exchange.Answered { Status: 413 } large:
                return new SinkOutcome.Rejected(Codes.Of(large.Status), "The receiver takes no message of this size. Raise its limit, then retry the change.");

            // Under load: the whole receiver is left in peace, and no change is to blame.
            case Exchange.Answered { Status: 429 } busy:
                return new SinkOutcome.Retry(Codes.Of(busy.Status), now + busy.Headers.Wait, Throttled: true, AllWait: true);
            case Exchange.Answered { Status: 503, Headers.Wait: { } wait } away:
                return new SinkOutcome.Retry(Codes.Of(away.Status), now + wait, Throttled: true, AllWait: true);
            case Exchange.Answered other:
                return new SinkOutcome.Retry(Codes.Of(other.Status), now + other.Headers.Wait, AllWait: other.Status is 502 or 503 or 504);
            case Exchange.NotSent { Code: Codes.AddressRefused } refused:
                return new SinkOutcome.Disabled(refused.Code, Codes.AddressAdvice);
            case Exchange.NotSent unsent:
                return new SinkOutcome.Retry(unsent.Code, AllWait: true);
            case Exchange.Lost lost:
                return new SinkOutcome.Retry(lost.Code);
            default:
                throw new ArgumentOutOfRangeException(nameof(exchange));
        }
    }
}
