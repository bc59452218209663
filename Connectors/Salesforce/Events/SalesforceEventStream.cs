using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Avro;
using Avro.Generic;
using Avro.IO;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using OrleansCrm.Connectors.Http;
using OrleansCrm.Connectors.Salesforce.Events.Wire;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;

namespace OrleansCrm.Connectors.Salesforce.Events;

/// <summary>Subscribes to an organisation's change events over the Pub/Sub API.</summary>
/// <remarks>
/// Asks for a bounded number of events, and for more only when those are durable. See
/// <see href="https://developer.salesforce.com/docs/platform/pub-sub-api/references/methods/subscribe-rpc.html">Salesforce's documentation</see>.
/// </remarks>
sealed class SalesforceEventStream(
    HubDefinition hub, SystemDefinition system, SalesforceDefinition definition, SalesforceSignIn signIn, TimeProvider time, Func<string, CancellationToken, Task<IPAddress[]>>? resolve)
{
    /// <summary>Most events that are on their way; the service takes a larger number for this.</summary>
    public const int OutstandingMax = 100;

    /// <summary>A stream that says nothing for longer is dead: the service says at least every 270 seconds that it lives.</summary>
    static readonly TimeSpan SilenceMax = TimeSpan.FromSeconds(300);

    static readonly TimeSpan ProtectionWait = TimeSpan.FromSeconds(30);
    const string CodeBase = "sfdc.platform.eventbus.grpc.";
    const int AnswerMax = 64 << 20;
    const int SchemasMax = 200;

    readonly ConcurrentDictionary<string, Schema> _schemas = new(StringComparer.Ordinal);

    public async Task<StreamEnd> ListenAsync(string? after, Action began, Func<StreamNews, Task> take, CancellationToken cancellationToken)
    {
        X509Certificate2? pinned = null;
        try
        {
            if (definition.PubSubCertificate is { } file) pinned = X509Certificate2.CreateFromPem(await File.ReadAllTextAsync(file, cancellationToken));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or CryptographicException)
        {
            return new StreamEnd.Refused("certificate-unreadable", "The file that 'pubSubCertificate' names is not there, or holds no certificate. Correct it.");
        }
        using (pinned)
        {
            var (token, organisation, problem) = await signIn.TokenAsync(cancellationToken);
            if (problem is { Code: SalesforceSignIn.BoundElsewhere }) return new StreamEnd.Refused(problem.Code, "The credentials lead to another organisation than the system's 'binding' names. Correct one of the two.");
            if (problem is not null || token is null) return new StreamEnd.Broken(problem?.Code ?? Codes.SignInFailed);
            using var handler = Handler(pinned);
            using var channel = GrpcChannel.ForAddress(definition.PubSubUrl, new GrpcChannelOptions { HttpHandler = handler, MaxReceiveMessageSize = AnswerMax });
            var headers = new Metadata { { "accesstoken", token }, { "instanceurl", definition.Url.OriginalString }, { "tenantid", organisation ?? "" } };
            try
            {
                return await ListenAsync(new PubSub.PubSubClient(channel), headers, after, began, take, cancellationToken);
            }
            catch (RpcException error) when (!cancellationToken.IsCancellationRequested)
            {
                return EndOf(error, token);
            }
            catch (RpcException error)
            {
                throw new OperationCanceledException("The stream was given up.", error, cancellationToken);
            }
        }
    }

    async Task<StreamEnd> ListenAsync(PubSub.PubSubClient client, Metadata headers, string? after, Action began, Func<StreamNews, Task> take, CancellationToken cancellationToken)
    {
        using var silent = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var call = client.Subscribe(headers, cancellationToken: silent.Token);
        var first = new FetchRequest { TopicName = definition.Channel, NumRequested = OutstandingMax };
        if (after is not null)
        {
            first.ReplayPreset = ReplayPreset.Custom;
            if (!TryCursor(after, out var replayId)) return new StreamEnd.CursorLost("cursor-unreadable");
            first.ReplayId = replayId;
        }
        await call.RequestStream.WriteAsync(first, cancellationToken);
        var changes = new SalesforceChanges(hub, system, definition);
        var isOpen = false;
        var cursor = after;

        // Where "from now on" is, the service decides some time after it has opened the stream; its first response proves that it has.
        var isSure = after is not null;
        var headersCame = call.ResponseHeadersAsync;
        _ = headersCame.ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        while (true)
        {
            silent.CancelAfter(SilenceMax);
            var next = call.ResponseStream.MoveNext(silent.Token);
            if (!isOpen)
            {
                await Task.WhenAny(headersCame, next);
                if (headersCame.IsCompletedSuccessfully || next.IsCompletedSuccessfully)
                {
                    isOpen = true;
                    began();
                }
            }
            try
            {
                if (!await next) return new StreamEnd.Broken("stream-ended");
            }
            catch (Exception error) when (error is OperationCanceledException or RpcException { StatusCode: StatusCode.Cancelled } && silent.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
            {
                return new StreamEnd.Broken("stream-silent");
            }
            silent.CancelAfter(Timeout.InfiniteTimeSpan);
            if (!isSure)
            {
                isSure = true;
                began();
            }
            var response = call.ResponseStream.Current;
            foreach (var told in response.Events) await TakeAsync(client, headers, changes, told, cancellationToken);
            var reached = (response.Events is [.., var last] ? last.ReplayId : response.LatestReplayId).ToBase64();

            // A sign of life moves the cursor, too: the id of the last event may grow too old on a quiet channel.
            if (reached.Length > 0 && (response.Events.Count > 0 || reached != cursor)) await take(changes.Told(cursor = reached));
            if (response.PendingNumRequested <= OutstandingMax / 2)
                await call.RequestStream.WriteAsync(new FetchRequest { TopicName = definition.Channel, NumRequested = OutstandingMax - Math.Max(0, response.PendingNumRequested) }, cancellationToken);
        }
    }

    async Task TakeAsync(PubSub.PubSubClient client, Metadata headers, SalesforceChanges changes, ConsumerEvent told, CancellationToken cancellationToken)
    {
        if (told.Event is not { SchemaId.Length: > 0 } change)
        {
            changes.TakeUnreadable();
            return;
        }
        try
        {
            if (!_schemas.TryGetValue(change.SchemaId, out var schema))
            {
                var info = await client.GetSchemaAsync(new SchemaRequest { SchemaId = change.SchemaId }, headers, cancellationToken: cancellationToken);
                schema = Schema.Parse(info.SchemaJson);
                if (_schemas.Count >= SchemasMax) _schemas.Clear();
                _schemas[change.SchemaId] = schema;
            }
            using var payload = new MemoryStream(change.Payload.ToByteArray(), writable: false);
            changes.Take(new GenericDatumReader<GenericRecord>(schema, schema).Read(null!, new BinaryDecoder(payload)));
        }
        catch (Exception error) when (error is AvroException or InvalidCastException or EndOfStreamException or IndexOutOfRangeException or ArgumentException or OverflowException)
        {
            // One event that cannot be read must not stand in the way of all that follow.
            changes.TakeUnreadable();
        }
    }

    SocketsHttpHandler Handler(X509Certificate2? pinned)
    {
        var handler = Outbound.Handler(definition.AllowPrivate, 2, resolve);
        handler.PooledConnectionLifetime = Timeout.InfiniteTimeSpan;
        handler.KeepAlivePingDelay = TimeSpan.FromSeconds(30);
        handler.KeepAlivePingTimeout = TimeSpan.FromSeconds(20);
        if (pinned is not null)
        {
            var known = pinned.RawDataMemory;
            handler.SslOptions.RemoteCertificateValidationCallback = (_, shown, _, errors) =>
                shown is not null && !errors.HasFlag(SslPolicyErrors.RemoteCertificateNotAvailable) && CryptographicOperations.FixedTimeEquals(shown.GetRawCertData(), known.Span);
        }
        return handler;
    }

    StreamEnd EndOf(RpcException error, string token)
    {
        var told = error.Trailers.GetValue("error-code") ?? "";
        var code = told.StartsWith(CodeBase, StringComparison.Ordinal) ? told[CodeBase.Length..] : "";
        switch (code)
        {
            case "subscription.fetch.replayid.corrupted" or "subscription.fetch.replayid.validation.failed":
                return new StreamEnd.CursorLost(code);
            case "topic.not.found" or "subscription.topic.cannot.subscribe":
                return new StreamEnd.Refused(code, $"The organisation has no channel {definition.Channel} for the hub's user. Select the objects for change data capture, or correct 'channel'.");
            case "service.tenant.license":
                return new StreamEnd.Refused(code, "The organisation has no licence for the Pub/Sub API. Write 'changeEvents: false': it is polled.");
            case "service.auth.headers.invalid":
                return new StreamEnd.Refused(code, "Salesforce does not take who the hub says it is. Check 'instanceUrl' and 'binding'.");
            case "subscription.limit.exceeded":
                return new StreamEnd.Broken(code, time.GetUtcNow() + SalesforceMeanings.UsedUpWait);
            case "service.protection.triggered" or "service.protection.stream.limit.triggered" or "concurrent.client.limit.exceeded":
                return new StreamEnd.Broken(code, time.GetUtcNow() + ProtectionWait);
        }
        if (code == "service.auth.error" || error.StatusCode == StatusCode.Unauthenticated)
        {
            signIn.Forget(token);
            return new StreamEnd.Broken("service.auth.error");
        }
        for (Exception? cause = error.Status.DebugException; cause is not null; cause = cause.InnerException)
        {
            if (cause is AuthenticationException) return new StreamEnd.Refused("certificate-not-trusted", "The Pub/Sub API shows a certificate that is neither trusted here nor the one in 'pubSubCertificate'. Correct 'pubSubUrl', or name the certificate.");
            if (cause is AddressRefusedException) return new StreamEnd.Refused("address-not-public", "The address of 'pubSubUrl' is not public. Correct it, or write 'allowPrivate: true'.");
        }
        return new StreamEnd.Broken(code.Length > 0 ? code : $"grpc-{error.StatusCode.ToString().ToLowerInvariant()}");
    }

    static bool TryCursor(string cursor, out ByteString replayId)
    {
        replayId = ByteString.Empty;
        try
        {
            replayId = ByteString.FromBase64(cursor);
            return !replayId.IsEmpty;
        }
        catch (FormatException)
        {
            return false;
        }
    }
}
