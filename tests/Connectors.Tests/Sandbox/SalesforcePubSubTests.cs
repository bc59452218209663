using System.Buffers.Binary;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using OrleansCrm.Sandbox.Salesforce;
using OrleansCrm.Sandbox.Salesforce.PubSub.Wire;
using OrleansCrm.Sandbox.Vendors;
using Xunit;

namespace OrleansCrm.Connectors.Tests.Sandbox;

/// <summary>The simulated Pub/Sub API by a plain gRPC client: who asks for how much, silence, errors.</summary>
public sealed class SalesforcePubSubTests : IAsyncLifetime
{
    const string Topic = "/data/ContactChangeEvent";

    SalesforceSandbox _sandbox = null!;
    GrpcChannel _channel = null!;
    PubSub.PubSubClient _client = null!;

    public async ValueTask InitializeAsync()
    {
        _sandbox = await SalesforceSandbox.OpenAsync(new VendorOptions(), CancellationToken.None);

        // The certificate is the sandbox's own and no other.
        var thumbprint = System.Security.Cryptography.X509Certificates.X509Certificate2.CreateFromPem(_sandbox.CertificatePem).Thumbprint;
        var handler = new SocketsHttpHandler();
        handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate?.GetCertHashString() == thumbprint;
        _channel = GrpcChannel.ForAddress(_sandbox.PubSubAddress, new GrpcChannelOptions { HttpHandler = handler, DisposeHttpClient = true });
        _client = new PubSub.PubSubClient(_channel);
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        _channel.Dispose();
        await _sandbox.DisposeAsync();
    }

    Metadata Headers() => new()
    {
        { "accesstoken", _sandbox.First.Sessions.Open(_sandbox.Org.OrgId, _sandbox.Org.Users.Integration, "api").Token },
        { "instanceurl", _sandbox.Address.ToString() },
        { "tenantid", _sandbox.Org.OrgId },
    };

    string[] Make(int count) => [.. Enumerable.Range(0, count).Select(i => _sandbox.Organisations[0].Create("Contact", new Dictionary<string, string?> { ["LastName"] = "L" + i }, Editor.Someone).Id!)];

    static ByteString Id(long replayId)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(bytes, replayId);
        return ByteString.CopyFrom(bytes);
    }

    static FetchRequest Ask(int count, ReplayPreset preset = ReplayPreset.Earliest, long? after = null) =>
        new() { TopicName = Topic, NumRequested = count, ReplayPreset = preset, ReplayId = after is { } id ? Id(id) : ByteString.Empty };

    async Task<AsyncDuplexStreamingCall<FetchRequest, FetchResponse>> SubscribeAsync(FetchRequest first, Metadata? headers = null)
    {
        var call = _client.Subscribe(headers ?? Headers(), deadline: DateTime.UtcNow.AddSeconds(30));
        try
        {
            await call.RequestStream.WriteAsync(first);
        }
        catch (RpcException)
        {
            // Refused before it was read: whoever reads the answers is told.
        }
        return call;
    }

    static async Task<List<FetchResponse>> Take(AsyncDuplexStreamingCall<FetchRequest, FetchResponse> call, int events)
    {
        var told = new List<FetchResponse>();
        while (told.Sum(t => t.Events.Count) < events && await call.ResponseStream.MoveNext(CancellationToken.None)) told.Add(call.ResponseStream.Current);
        return told;
    }

    static async Task<string> Refused(AsyncDuplexStreamingCall<FetchRequest, FetchResponse> call)
    {
        var problem = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            while (await call.ResponseStream.MoveNext(CancellationToken.None))
            {
            }
        });
        return problem.Trailers.GetValue("error-code") ?? problem.Status.ToString();
    }

    [Fact]
    public async Task Never_more_is_told_than_was_asked_for_and_what_is_asked_for_adds_up()
    {
        Make(30);
        using var call = await SubscribeAsync(Ask(3));
        var first = await Take(call, 3);
        await call.RequestStream.WriteAsync(new FetchRequest { TopicName = Topic, NumRequested = 5 });
        await call.RequestStream.WriteAsync(new FetchRequest { TopicName = Topic, NumRequested = 7 });
        var more = await Take(call, 12);

        Assert.Equal((3, 12), (first.Sum(f => f.Events.Count), more.Sum(f => f.Events.Count)));
        Assert.Equal((0, 0), (first[^1].PendingNumRequested, more[^1].PendingNumRequested));
        var ids = first.Concat(more).SelectMany(f => f.Events).Select(e => BinaryPrimitives.ReadInt64BigEndian(e.ReplayId.Span)).ToArray();
        Assert.Equal(ids.Order().Distinct(), ids);
    }

    [Fact]
    public async Task More_than_a_hundred_is_a_hundred()
    {
        Make(150);
        using var call = await SubscribeAsync(Ask(10_000));

        var told = await Take(call, 100);

        Assert.Equal(100, told.Sum(t => t.Events.Count));
        Assert.Equal(0, told[^1].PendingNumRequested);
    }

    [Fact]
    public async Task Who_waits_is_told_from_time_to_time_how_far_things_are()
    {
        _sandbox.KeepAlive = TimeSpan.FromMilliseconds(200);
        using var call = await SubscribeAsync(Ask(5, ReplayPreset.Latest));

        Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None));

        Assert.Empty(call.ResponseStream.Current.Events);
        Assert.Equal((5, _sandbox.Org.Changes.Last), (call.ResponseStream.Current.PendingNumRequested, BinaryPrimitives.ReadInt64BigEndian(call.ResponseStream.Current.LatestReplayId.Span)));
    }

    [Fact]
    public async Task Who_asks_for_nothing_any_more_loses_the_stream()
    {
        _sandbox.StreamIdle = TimeSpan.FromMilliseconds(200);
        Make(1);
        using var call = await SubscribeAsync(Ask(1));
        await Take(call, 1);

        Assert.False(await call.ResponseStream.MoveNext(CancellationToken.None));
    }

    [Fact]
    public async Task A_subscriber_goes_on_behind_where_it_stopped()
    {
        Make(5);
        using var first = await SubscribeAsync(Ask(2));
        var last = (await Take(first, 2))[^1].Events[^1];
        using var second = await SubscribeAsync(Ask(100, ReplayPreset.Custom, BinaryPrimitives.ReadInt64BigEndian(last.ReplayId.Span)));

        var rest = (await Take(second, 3)).SelectMany(r => r.Events).ToArray();

        Assert.Equal(3, rest.Length);
        Assert.DoesNotContain(rest, e => e.ReplayId == last.ReplayId);
    }

    [Theory]
    [InlineData(0L, "subscription.fetch.replayid.corrupted")]
    [InlineData(null, "subscription.fetch.replayid.validation.failed")]
    public async Task A_position_that_is_not_known_is_refused(long? after, string code)
    {
        Make(1);
        using var call = await SubscribeAsync(Ask(1, ReplayPreset.Custom, after));

        Assert.Equal("sfdc.platform.eventbus.grpc." + code, await Refused(call));
    }

    [Fact]
    public async Task What_cannot_be_asked_for_is_refused_in_the_vendors_words()
    {
        Make(1);
        using var nothing = await SubscribeAsync(Ask(0));
        using var unknown = await SubscribeAsync(new FetchRequest { TopicName = "/data/contactChangeEvent", NumRequested = 1 });
        using var other = await SubscribeAsync(Ask(5, ReplayPreset.Latest));
        await other.RequestStream.WriteAsync(new FetchRequest { TopicName = "/data/LeadChangeEvent", NumRequested = 1 });
        using var stranger = await SubscribeAsync(Ask(1), new Metadata { { "accesstoken", "nonsense" }, { "instanceurl", "x" }, { "tenantid", _sandbox.Org.OrgId } });
        using var bare = await SubscribeAsync(Ask(1), new Metadata());

        Assert.EndsWith("subscription.fetch.requested.events.invalid", await Refused(nothing), StringComparison.Ordinal);
        Assert.EndsWith("topic.not.found", await Refused(unknown), StringComparison.Ordinal);
        Assert.EndsWith("subscription.fetch.topic.mismatch", await Refused(other), StringComparison.Ordinal);
        Assert.EndsWith("service.auth.error", await Refused(stranger), StringComparison.Ordinal);
        Assert.EndsWith("service.auth.headers.invalid", await Refused(bare), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_session_that_ends_ends_the_stream()
    {
        using var call = await SubscribeAsync(Ask(5, ReplayPreset.Latest));
        await call.ResponseHeadersAsync;
        _sandbox.Organisations[0].Happen(new Fault { Kind = "endSessions" });
        Make(1);

        Assert.EndsWith("service.auth.error", await Refused(call), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Faults_lose_double_and_cut_what_is_told()
    {
        var ids = Make(4);
        _sandbox.Organisations[0].Faults.Add(new Fault { Kind = "lose", Operation = "event", Record = ids[1] });
        _sandbox.Organisations[0].Faults.Add(new Fault { Kind = "duplicate", Operation = "event", Record = ids[2] });
        _sandbox.Organisations[0].Faults.Add(new Fault { Kind = "streamDrop", Record = ids[3] });
        using var call = await SubscribeAsync(Ask(100));

        var told = new List<ConsumerEvent>();
        await Assert.ThrowsAsync<RpcException>(async () =>
        {
            while (await call.ResponseStream.MoveNext(CancellationToken.None)) told.AddRange(call.ResponseStream.Current.Events);
        });

        Assert.Equal(3, told.Count);
        Assert.Equal(told[1].ReplayId, told[2].ReplayId);
    }

    [Fact]
    public async Task The_events_of_a_day_are_counted_and_when_they_are_used_up_the_stream_ends()
    {
        _sandbox.First.Events.Max = 3;
        Make(5);
        using var few = await SubscribeAsync(Ask(3));
        Assert.Equal(3, (await Take(few, 3)).Sum(t => t.Events.Count));
        using var more = await SubscribeAsync(Ask(2));

        Assert.EndsWith("subscription.limit.exceeded", await Refused(more), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Hidden_fields_are_not_told()
    {
        _sandbox.Organisations[0].Create("Contact", new Dictionary<string, string?> { ["LastName"] = "Lovelace" }, Editor.Someone);
        _sandbox.Org.Hide("Contact.LastName", true);
        _sandbox.Org.Hide("Contact.Name", true);
        using var call = await SubscribeAsync(Ask(1));
        var told = Assert.Single((await Take(call, 1)).SelectMany(t => t.Events));

        Assert.DoesNotContain("Lovelace", told.Event.Payload.ToStringUtf8(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_topic_tells_its_schema_and_another_field_makes_another()
    {
        var before = await _client.GetTopicAsync(new TopicRequest { TopicName = Topic }, Headers());
        _sandbox.Organisations[0].Happen(new Fault { Kind = "fieldAdded", Object = "Contact", Field = "Tier__c" });
        var after = await _client.GetTopicAsync(new TopicRequest { TopicName = Topic }, Headers());

        Assert.Equal((true, false, _sandbox.Org.OrgId, 22), (before.CanSubscribe, before.CanPublish, before.TenantGuid, before.SchemaId.Length));
        Assert.NotEqual(before.SchemaId, after.SchemaId);
        Assert.DoesNotContain("Tier__c", (await _client.GetSchemaAsync(new SchemaRequest { SchemaId = before.SchemaId }, Headers())).SchemaJson, StringComparison.Ordinal);
        Assert.Contains("Tier__c", (await _client.GetSchemaAsync(new SchemaRequest { SchemaId = after.SchemaId }, Headers())).SchemaJson, StringComparison.Ordinal);
    }
}
