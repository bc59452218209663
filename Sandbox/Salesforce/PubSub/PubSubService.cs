using System.Buffers.Binary;
using Google.Protobuf;
using Grpc.Core;
using OrleansCrm.Sandbox.Salesforce.Api;
using OrleansCrm.Sandbox.Salesforce.Changes;
using OrleansCrm.Sandbox.Salesforce.PubSub.Wire;
using OrleansCrm.Sandbox.Salesforce.Records;
using OrleansCrm.Sandbox.Salesforce.Schema;
using OrleansCrm.Sandbox.Vendors;

namespace OrleansCrm.Sandbox.Salesforce.PubSub;

/// <summary>Change data capture over the Pub/Sub API.</summary>
/// <seealso href="https://developer.salesforce.com/docs/platform/pub-sub-api/guide/intro.html"/>
sealed class PubSubService(SalesforceSandbox sandbox) : Wire.PubSub.PubSubBase
{
    public const string CodeBase = "sfdc.platform.eventbus.grpc.";

    /// <summary>Events that a subscriber may have asked for and not got.</summary>
    const int PendingMax = 100;

    const int StreamsMax = 1_000;

    int _streams;

    static RpcException Fail(StatusCode status, string code, string message)
    {
        var trailers = new Metadata { { "error-code", CodeBase + code } };
        return new RpcException(new Status(status, $"{message} rpcId: {Guid.NewGuid():D}"), trailers);
    }

    (SalesforceOrganisation Organisation, Session Session) Signed(ServerCallContext context)
    {
        string? Of(string name) => context.RequestHeaders.GetValue(name);
        if (Of("accesstoken") is not { Length: > 0 } token || Of("instanceurl") is not { Length: > 0 } || Of("tenantid") is not { Length: > 0 } tenant)
            throw Fail(StatusCode.InvalidArgument, "service.auth.headers.invalid", "The accesstoken, instanceurl or tenantid header is missing.");
        if (sandbox.Signed(token) is not { } signed) throw Unauthenticated();
        if (!RecordId.TryParse(tenant, out var id) || id != signed.Organisation.Org.OrgId) throw Fail(StatusCode.InvalidArgument, "service.auth.headers.invalid", "The tenantid header does not match the token.");
        return signed;
    }

    static RpcException Unauthenticated() => Fail(StatusCode.Unauthenticated, "service.auth.error", "Authentication exception occurred: INVALID_SESSION_ID.");

    // Null: all selected objects.
    static string? Entity(SalesforceOrganisation organisation, string topic)
    {
        if (topic == "/data/ChangeEvents") return null;
        var spec = organisation.Org.Read(o => o.Tables.Select(t => t.Spec).FirstOrDefault(s => topic == "/data/" + EventSchema.ChannelName(s.Name)));
        if (spec is null || !organisation.Org.Selected.Contains(spec.Name)) throw Fail(StatusCode.NotFound, "topic.not.found", $"Unable to find topic {topic}.");
        return spec.Name;
    }

    public override Task<SchemaInfo> GetSchema(SchemaRequest request, ServerCallContext context)
    {
        var (organisation, _) = Signed(context);
        if (organisation.Org.Changes.Schema(request.SchemaId) is not { } schema) throw Fail(StatusCode.NotFound, "schema.not.found", "The schema is not known.");
        return Task.FromResult(new SchemaInfo { SchemaId = schema.Id, SchemaJson = schema.Json, RpcId = Guid.NewGuid().ToString("D") });
    }

    public override Task<TopicInfo> GetTopic(TopicRequest request, ServerCallContext context)
    {
        var (organisation, _) = Signed(context);
        var entity = Entity(organisation, request.TopicName);
        var schema = organisation.Org.Changes.SchemaOf(organisation.Org.Read(o => o.SpecOf(entity ?? "Account")));
        return Task.FromResult(new TopicInfo { TopicName = request.TopicName, TenantGuid = organisation.Org.OrgId, CanPublish = false, CanSubscribe = true, SchemaId = schema.Id, RpcId = Guid.NewGuid().ToString("D") });
    }

    // Change events come from changes; nobody publishes them.
    public override Task<PublishResponse> Publish(PublishRequest request, ServerCallContext context)
    {
        var (organisation, _) = Signed(context);
        _ = Entity(organisation, request.TopicName);
        throw Fail(StatusCode.PermissionDenied, "publish.topic.cannot.publish", $"Publishing to {request.TopicName} is not allowed.");
    }

    public override async Task PublishStream(IAsyncStreamReader<PublishRequest> requestStream, IServerStreamWriter<PublishResponse> responseStream, ServerCallContext context)
    {
        if (await requestStream.MoveNext(context.CancellationToken)) await Publish(requestStream.Current, context);
    }

    // Positions are kept only for subscriptions that an administrator has set up; there are none.
    public override async Task ManagedSubscribe(IAsyncStreamReader<ManagedFetchRequest> requestStream, IServerStreamWriter<ManagedFetchResponse> responseStream, ServerCallContext context)
    {
        _ = Signed(context);
        if (await requestStream.MoveNext(context.CancellationToken)) throw Fail(StatusCode.NotFound, "subscription.managed.not.found", "There is no such managed event subscription.");
    }

    public override async Task Subscribe(IAsyncStreamReader<FetchRequest> requestStream, IServerStreamWriter<FetchResponse> responseStream, ServerCallContext context)
    {
        var (organisation, session) = Signed(context);
        if (Interlocked.Increment(ref _streams) > StreamsMax)
        {
            Interlocked.Decrement(ref _streams);
            throw Fail(StatusCode.ResourceExhausted, "service.protection.stream.limit.triggered", "Too many streams are open.");
        }
        try
        {
            // Whoever subscribes is answered before there is an event.
            await context.WriteResponseHeadersAsync([]);
            if (!await requestStream.MoveNext(context.CancellationToken)) return;
            await new Subscription(sandbox, organisation, session, responseStream, requestStream.Current, context).RunAsync(requestStream);
        }
        catch (OperationCanceledException) when (context.CancellationToken.IsCancellationRequested)
        {
            // The subscriber has gone.
        }
        finally
        {
            Interlocked.Decrement(ref _streams);
        }
    }

    /// <summary>One stream of events to one subscriber.</summary>
    sealed class Subscription
    {
        readonly SalesforceSandbox _sandbox;
        readonly SalesforceOrganisation _organisation;
        readonly IServerStreamWriter<FetchResponse> _writer;
        readonly ServerCallContext _context;
        readonly ChangeStream _changes;
        readonly string _topic;
        readonly string? _entity;
        readonly string _rpcId = Guid.NewGuid().ToString("D");
        string _token;
        long _at;
        int _pending;
        long _spokeAt;

        public Subscription(SalesforceSandbox sandbox, SalesforceOrganisation organisation, Session session, IServerStreamWriter<FetchResponse> writer, FetchRequest first, ServerCallContext context)
        {
            _sandbox = sandbox;
            _organisation = organisation;
            _writer = writer;
            _context = context;
            _changes = organisation.Org.Changes;
            _token = session.Token;
            _topic = first.TopicName;
            _entity = Entity(organisation, _topic);
            _at = Begin(first);
            _spokeAt = sandbox.Options.Time.GetTimestamp();
            Ask(first, isFirst: true);
        }

        long Begin(FetchRequest first)
        {
            switch (first.ReplayPreset)
            {
                case ReplayPreset.Earliest: return _changes.First;
                case ReplayPreset.Custom:
                    if (first.ReplayId.IsEmpty) throw Fail(StatusCode.InvalidArgument, "subscription.fetch.replayid.validation.failed", "The Replay ID validation failed. Ensure that the Replay ID is valid.");
                    if (first.ReplayId.Length == 8 && BinaryPrimitives.ReadInt64BigEndian(first.ReplayId.Span) is var at && _changes.Knows(at)) return at;
                    throw Fail(StatusCode.InvalidArgument, "subscription.fetch.replayid.corrupted", "The Replay ID validation failed. Ensure that the Replay ID is valid.");
                default: return _changes.Last;
            }
        }

        void Ask(FetchRequest request, bool isFirst)
        {
            if (request.AuthRefresh.Length > 0) _token = request.AuthRefresh;
            if (!isFirst)
            {
                if (request.TopicName.Length > 0 && request.TopicName != _topic) throw Fail(StatusCode.InvalidArgument, "subscription.fetch.topic.mismatch", "The topic of a stream cannot change.");
                if (request.ReplayPreset == ReplayPreset.Custom && !request.ReplayId.IsEmpty) throw Fail(StatusCode.InvalidArgument, "subscription.fetch.replay.repeated", "The replay settings of a stream cannot change.");
            }
            if (request.NumRequested <= 0) throw Fail(StatusCode.InvalidArgument, "subscription.fetch.requested.events.invalid", "The number of events requested must be positive.");

            // What is asked for adds up, to a limit.
            _pending = (int)Math.Min(PendingMax, (long)_pending + request.NumRequested);
        }

        public async Task RunAsync(IAsyncStreamReader<FetchRequest> requests)
        {
            var time = _sandbox.Options.Time;
            var next = requests.MoveNext(_context.CancellationToken);
            while (true)
            {
                if (_organisation.Sessions.Find(_token) is not { } session) throw Unauthenticated();

                // Taken before looking, so that what arrives while looking is not missed.
                var arrival = _changes.Arrival;
                if (_pending > 0 && await TellAsync(session)) continue;
                if (next.IsCompleted)
                {
                    if (!await next) return;
                    Ask(requests.Current, isFirst: false);
                    next = requests.MoveNext(_context.CancellationToken);
                    continue;
                }
                var patience = (_pending > 0 ? _sandbox.KeepAlive : _sandbox.StreamIdle) - time.GetElapsedTime(_spokeAt);
                if (patience <= TimeSpan.Zero)
                {
                    // Nobody asks any more: the stream ends. Somebody waits: it is told how far things are.
                    if (_pending == 0) return;
                    await SpeakAsync([]);
                    continue;
                }
                using var sooner = CancellationTokenSource.CreateLinkedTokenSource(_context.CancellationToken, _sandbox.Stopping);
                var timer = Task.Delay(patience, time, sooner.Token);
                await (_pending > 0 ? Task.WhenAny(next, timer, arrival) : Task.WhenAny(next, timer));
                await sooner.CancelAsync();
                _context.CancellationToken.ThrowIfCancellationRequested();
                if (_sandbox.Stopping.IsCancellationRequested) return;
            }
        }

        async Task SpeakAsync(IReadOnlyList<ConsumerEvent> events)
        {
            var response = new FetchResponse { LatestReplayId = Bytes(_at), RpcId = _rpcId, PendingNumRequested = _pending };
            response.Events.AddRange(events);
            await _writer.WriteAsync(response, _context.CancellationToken);
            _spokeAt = _sandbox.Options.Time.GetTimestamp();
        }

        static ByteString Bytes(long replayId)
        {
            var bytes = new byte[8];
            BinaryPrimitives.WriteInt64BigEndian(bytes, replayId);
            return UnsafeByteOperations.UnsafeWrap(bytes);
        }

        // False: there was nothing to tell.
        async Task<bool> TellAsync(Session session)
        {
            var (found, at) = _changes.After(_at, _entity, _pending);
            if (found.Count == 0)
            {
                _at = at;
                return false;
            }
            var told = new List<ConsumerEvent>(found.Count);
            var visible = new Dictionary<ObjectSpec, bool[]>();
            foreach (var change in found)
            {
                var faults = _organisation.Faults.Take(FaultScope.Report, new Occasion("event", change.Entity, change.RecordIds[0]));
                if (faults.Any(f => f.Kind == SalesforceFaults.StreamDrop.Name))
                {
                    if (told.Count > 0) await SpeakAsync(told);
                    throw Fail(StatusCode.Unavailable, "service.unavailable", "The stream is cut.");
                }
                if (faults.FirstOrDefault(f => f.Kind == SalesforceFaults.StreamDenied.Name) is { } denied)
                    throw Fail(denied.Code == "service.auth.error" ? StatusCode.Unauthenticated : StatusCode.ResourceExhausted, denied.Code ?? "subscription.limit.exceeded", "You have exceeded the event delivery limit for your org.");
                _at = change.ReplayId;
                if (faults.Any(f => f.Kind == FaultKinds.Lose.Name)) continue;
                var spec = change.Schema.Spec;
                if (!visible.TryGetValue(spec, out var seen)) visible[spec] = seen = Visible(new Caller(session.UserId), spec);
                var payload = Written(change, seen);
                told.Add(payload);
                if (faults.Any(f => f.Kind == FaultKinds.Duplicate.Name) && told.Count < _pending) told.Add(payload);
            }
            if (told.Count == 0) return true;
            if (!_organisation.Events.TryTake(told.Count)) throw Fail(StatusCode.ResourceExhausted, "subscription.limit.exceeded", "You have exceeded the event delivery limit for your org.");
            _pending -= Math.Min(_pending, told.Count);
            await SpeakAsync(told);
            return true;
        }

        static ConsumerEvent Written(ChangeEvent change, bool[] visible) => new()
        {
            ReplayId = Bytes(change.ReplayId),
            Event = new ProducerEvent
            {
                Id = IdOf(change),
                SchemaId = change.Schema.Id,
                Payload = UnsafeByteOperations.UnsafeWrap(change.Schema.Write(change, slot => visible[slot])),
            },
        };

        static string IdOf(ChangeEvent change) => FormattableString.Invariant($"{change.Commit.TransactionKey}-{change.Sequence}");

        // A sharing of records does not count here, hidden fields do.
        bool[] Visible(Caller caller, ObjectSpec spec) => _organisation.Org.Read(o => spec.Fields.Select(f => o.IsVisible(caller, spec, f)).ToArray());
    }
}
