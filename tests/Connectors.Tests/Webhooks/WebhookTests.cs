using System.Collections.Concurrent;
using System.Net;
using CloudNative.CloudEvents.SystemTextJson;
using CsCheck;
using OrleansCrm.Connectors.Http;
using OrleansCrm.Connectors.Webhooks;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Values;
using Xunit;

namespace OrleansCrm.Connectors.Tests.Webhooks;

public sealed class WebhookTests
{
    static readonly KnownSecrets Secrets = new(("env:NOW", Given.Secret), ("env:BEFORE", "whsec_" + Convert.ToBase64String(Enumerable.Repeat((byte)7, 32).ToArray())));

    static WebhookSink Sink(Uri url, bool allowPrivate = true, TimeSpan? timeout = null, int bodyMax = 1 << 20, string[]? secrets = null, Func<string, CancellationToken, Task<IPAddress[]>>? resolve = null) => new(
        "acme",
        new SinkDefinition
        {
            Name = "out",
            Connector = "webhook",
            Webhook = new WebhookSettings { Url = url, Secrets = [.. secrets ?? ["env:NOW"]], AllowPrivate = allowPrivate, Timeout = timeout ?? TimeSpan.FromSeconds(10), BodyBytesMax = bodyMax },
        },
        Secrets,
        TimeProvider.System,
        resolve);

    static async Task<SinkOutcome> Deliver(WebhookSink sink, CustomerChange? change = null) => Assert.Single(await sink.DeliverAsync([change ?? Given.Change()], CancellationToken.None));

    [Fact]
    public void The_vector_of_the_specification_is_signed_as_it_says() =>
        Assert.Equal(
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            WebhookSignature.Sign([WebhookSignature.KeyOf(Given.Secret)!], "msg_p5jXN8AQM9LWM0D4loKWxJek", DateTimeOffset.FromUnixTimeSeconds(1614265330), "{\"test\": 2432232314}"u8));

    [Theory]
    [InlineData("")]
    [InlineData("whsec_")]
    [InlineData("whsec_abc")]
    [InlineData("whsec_AAAA")]
    [InlineData("not base64 at all, but long enough to be one")]
    public void What_is_no_secret_makes_no_key(string secret) => Assert.Null(WebhookSignature.KeyOf(secret));

    [Fact]
    public async Task A_change_arrives_as_a_CloudEvent_signed_by_the_present_and_the_former_secret()
    {
        await using var receiver = await Receiver.StartAsync();
        await using var sink = Sink(new Uri(receiver.Address, "/hooks/crm"), secrets: ["env:NOW", "env:BEFORE"]);
        var change = Given.Change("cus_1", 5, ("email", FieldValue.Text("äda@example.com")), ("phone", FieldValue.Cleared), ("title", null));

        Assert.IsType<SinkOutcome.Delivered>(await Deliver(sink, change));

        var message = Assert.Single(receiver.Messages);
        Assert.Equal("/hooks/crm", message.Path);
        Assert.True(message.IsSignedBy(Given.Secret));
        Assert.True(message.IsSignedBy(Secrets.All["env:BEFORE"]));
        Assert.False(message.IsSignedBy("whsec_" + Convert.ToBase64String(new byte[32])));
        Assert.Equal("msg_hub-1-1-17-5", message.Headers["webhook-id"]);
        Assert.InRange(DateTimeOffset.FromUnixTimeSeconds(long.Parse(message.Headers["webhook-timestamp"])), DateTimeOffset.UtcNow.AddSeconds(-30), DateTimeOffset.UtcNow.AddSeconds(1));

        var told = new JsonEventFormatter().DecodeStructuredModeMessage(message.Body, new(message.Headers["Content-Type"]), null);
        Assert.True(told.IsValid);
        Assert.Equal(("msg_hub-1-1-17-5", "crm.person.changed", "cus_1", new Uri("/hubs/acme", UriKind.Relative), Given.Noon), (told.Id, told.Type, told.Subject, told.Source, told.Time));
        Assert.Equal("cus_1", told["partitionkey"]);
        Assert.Equal("0000000000000000005", told["sequence"]);
        var data = ((System.Text.Json.JsonElement)told.Data!).GetRawText();
        Assert.Equal(
            """{"position":"1-17-5","customer":"cus_1","recordType":"person","revision":5,"at":"2026-03-01T12:00Z","change":"changed","fields":{"email":{"value":"äda@example.com","version":5,"link":"l.1","since":"2026-03-01T12:00Z"},"phone":{"value":null,"version":5,"link":"l.1","since":"2026-03-01T12:00Z"},"title":{"undetermined":true}},"links":[{"id":"l.1","system":"crm","object":"Contact","externalId":"7","state":"linked"}],"causes":[{"edit":"e1","kind":"change","actor":"user:anna","time":"2026-03-01T12:00Z","link":"l.1"}],"definition":3}""",
            data);
    }

    [Fact]
    public async Task Every_attempt_has_the_same_id()
    {
        await using var receiver = (await Receiver.StartAsync()).Answers(500);
        await using var sink = Sink(receiver.Address);

        await Deliver(sink);
        await Deliver(sink);

        Assert.Single(receiver.Messages.Select(m => m.Headers["webhook-id"]).Distinct());
        Assert.All(receiver.Messages, m => Assert.True(m.IsSignedBy(Given.Secret)));
    }

    [Theory]
    [InlineData(200), InlineData(201), InlineData(202), InlineData(204)]
    public async Task Any_2xx_is_delivered(int status)
    {
        await using var receiver = (await Receiver.StartAsync()).Answers(status);
        await using var sink = Sink(receiver.Address);

        Assert.IsType<SinkOutcome.Delivered>(await Deliver(sink));
    }

    [Theory]
    [InlineData(302, "http-302", false, false)]
    [InlineData(400, "http-400", false, false)]
    [InlineData(401, "http-401", false, false)]
    [InlineData(404, "http-404", false, false)]
    [InlineData(500, "http-500", false, false)]
    [InlineData(502, "http-502", false, true)]
    [InlineData(503, "http-503", false, true)]
    [InlineData(429, "http-429", true, true)]
    public async Task Anything_else_is_tried_again(int status, string code, bool throttled, bool allWait)
    {
        await using var receiver = (await Receiver.StartAsync()).Answers(status);
        await using var sink = Sink(receiver.Address);

        Assert.Equal(new SinkOutcome.Retry(code, null, throttled, allWait), await Deliver(sink));
    }

    [Theory]
    [InlineData(429, true)]
    [InlineData(503, true)]
    [InlineData(500, false)]
    public async Task A_receiver_that_asks_to_wait_is_heard(int status, bool throttled)
    {
        await using var receiver = (await Receiver.StartAsync()).Answers(status, "120");
        await using var sink = Sink(receiver.Address);

        var retry = Assert.IsType<SinkOutcome.Retry>(await Deliver(sink));

        Assert.Equal(throttled, retry.Throttled);
        Assert.InRange(retry.NotBefore!.Value, DateTimeOffset.UtcNow.AddSeconds(110), DateTimeOffset.UtcNow.AddSeconds(121));
    }

    [Fact]
    public async Task A_date_to_wait_for_is_meant_by_the_receivers_clock()
    {
        await using var receiver = await Receiver.StartAsync();
        receiver.Answer = (context, _) =>
        {
            context.Response.StatusCode = 503;
            context.Response.Headers.Date = "Thu, 01 Jan 2015 00:00:00 GMT";
            context.Response.Headers.RetryAfter = "Thu, 01 Jan 2015 00:02:00 GMT";
            return Task.CompletedTask;
        };
        await using var sink = Sink(receiver.Address);

        var retry = Assert.IsType<SinkOutcome.Retry>(await Deliver(sink));

        Assert.InRange(retry.NotBefore!.Value, DateTimeOffset.UtcNow.AddSeconds(110), DateTimeOffset.UtcNow.AddSeconds(121));
    }

    [Fact]
    public async Task Gone_disables_the_sink_and_nothing_more_is_sent()
    {
        await using var receiver = (await Receiver.StartAsync()).Answers(410);
        await using var sink = Sink(receiver.Address);

        var outcomes = await sink.DeliverAsync(Given.Changes(5), CancellationToken.None);

        Assert.IsType<SinkOutcome.Disabled>(outcomes[0]);
        Assert.All(outcomes[1..], o => Assert.IsType<SinkOutcome.NotTried>(o));
        Assert.Single(receiver.Messages);
    }

    [Fact]
    public async Task A_redirect_is_not_followed()
    {
        await using var elsewhere = await Receiver.StartAsync();
        await using var receiver = await Receiver.StartAsync();
        receiver.Answer = (context, _) =>
        {
            context.Response.Redirect(elsewhere.Address.ToString());
            return Task.CompletedTask;
        };
        await using var sink = Sink(receiver.Address);

        Assert.IsType<SinkOutcome.Retry>(await Deliver(sink));
        Assert.Empty(elsewhere.Messages);
    }

    [Fact]
    public async Task A_receiver_that_does_not_answer_in_time_is_tried_again()
    {
        await using var receiver = await Receiver.StartAsync();
        var answer = new TaskCompletionSource();
        receiver.Answer = (_, _) => answer.Task;
        await using var sink = Sink(receiver.Address, timeout: TimeSpan.FromMilliseconds(200));

        Assert.Equal(new SinkOutcome.Retry("timeout"), await Deliver(sink));
        answer.SetResult();
    }

    [Fact]
    public async Task An_endless_answer_is_not_read()
    {
        await using var receiver = await Receiver.StartAsync();
        receiver.Answer = async (context, _) =>
        {
            var block = new byte[64 << 10];
            while (!context.RequestAborted.IsCancellationRequested) await context.Response.Body.WriteAsync(block, context.RequestAborted);
        };
        await using var sink = Sink(receiver.Address);

        Assert.IsType<SinkOutcome.Delivered>(await Deliver(sink));
        Assert.IsType<SinkOutcome.Delivered>(await Deliver(sink));
    }

    [Fact]
    public async Task A_receiver_that_is_not_there_makes_all_wait()
    {
        await using var sink = Sink(new Uri("http://127.0.0.1:1/"));

        var outcomes = await sink.DeliverAsync(Given.Changes(10, customers: 1), CancellationToken.None);

        Assert.Equal(new SinkOutcome.Retry("no-connection", AllWait: true), outcomes[0]);
        Assert.All(outcomes[1..], o => Assert.IsType<SinkOutcome.NotTried>(o));
    }

    [Fact]
    public async Task A_change_too_large_is_refused_before_it_is_sent()
    {
        await using var receiver = await Receiver.StartAsync();
        await using var sink = Sink(receiver.Address, bodyMax: 10_000);

        var rejected = Assert.IsType<SinkOutcome.Rejected>(await Deliver(sink, Given.Change("cus_1", 1, ("note", FieldValue.Text(new string('x', 20_000))))));

        Assert.Equal("too-large", rejected.Code);
        Assert.Empty(receiver.Messages);
    }

    [Fact]
    public async Task Without_a_secret_nothing_is_sent()
    {
        await using var receiver = await Receiver.StartAsync();
        await using var sink = Sink(receiver.Address, secrets: ["env:MISSING"]);

        Assert.Equal(new SinkOutcome.Retry("secret-missing", AllWait: true), await Deliver(sink));
        Assert.Empty(receiver.Messages);
    }

    [Fact]
    public async Task A_customers_changes_keep_their_order_and_a_failed_one_holds_back_the_later_ones_of_that_customer_alone()
    {
        await using var receiver = await Receiver.StartAsync();
        receiver.Answer = (context, message) =>
        {
            context.Response.StatusCode = message.Headers["webhook-id"].EndsWith("-5", StringComparison.Ordinal) ? 500 : 200;
            return Task.CompletedTask;
        };
        await using var sink = Sink(receiver.Address);
        var changes = Given.Changes(40, customers: 4);

        var outcomes = await sink.DeliverAsync(changes, CancellationToken.None);

        Assert.Equal(1, outcomes.Count(o => o is SinkOutcome.Retry));
        for (var i = 0; i < changes.Length; i++)
        {
            var heldBack = changes[i].CustomerId == changes[4].CustomerId && i > 4;
            Assert.Equal(i == 4 ? typeof(SinkOutcome.Retry) : heldBack ? typeof(SinkOutcome.NotTried) : typeof(SinkOutcome.Delivered), outcomes[i].GetType());
        }
        var order = receiver.Messages.Select(m => new JsonEventFormatter().DecodeStructuredModeMessage(m.Body, new(m.Headers["Content-Type"]), null)).GroupBy(e => e.Subject);
        Assert.All(order, customer => Assert.Equal(customer.Select(e => (string)e["sequence"]!).Order(StringComparer.Ordinal), customer.Select(e => (string)e["sequence"]!)));
    }

    [Theory]
    [InlineData("127.0.0.1"), InlineData("127.8.8.8"), InlineData("10.1.2.3"), InlineData("172.16.0.1"), InlineData("172.31.255.255"), InlineData("192.168.1.1")]
    [InlineData("169.254.169.254"), InlineData("100.64.0.1"), InlineData("0.0.0.0"), InlineData("255.255.255.255"), InlineData("224.0.0.1"), InlineData("198.18.0.1")]
    [InlineData("::"), InlineData("::1"), InlineData("fe80::1"), InlineData("fc00::1"), InlineData("fd12:3456::1"), InlineData("ff02::1"), InlineData("fec0::1")]
    [InlineData("::ffff:127.0.0.1"), InlineData("::ffff:10.0.0.1"), InlineData("::ffff:169.254.169.254"), InlineData("::127.0.0.1")]
    [InlineData("64:ff9b::10.0.0.1"), InlineData("64:ff9b:1::1"), InlineData("2002:7f00:1::"), InlineData("2001:0:1::1"), InlineData("2001:db8::1")]
    public void A_private_address_is_none_of_the_internets(string address) => Assert.False(PublicAddresses.IsPublic(IPAddress.Parse(address)));

    [Theory]
    [InlineData("8.8.8.8"), InlineData("172.32.0.1"), InlineData("193.168.1.1"), InlineData("100.128.0.1"), InlineData("2606:4700::1111"), InlineData("::ffff:8.8.8.8"), InlineData("64:ff9b::8.8.8.8")]
    public void A_public_address_is(string address) => Assert.True(PublicAddresses.IsPublic(IPAddress.Parse(address)));

    [Fact]
    public void An_address_mapped_into_IPv6_is_judged_like_itself() => Gen.UInt.Sample(bits =>
    {
        var address = new IPAddress(BitConverter.GetBytes(bits));
        return PublicAddresses.IsPublic(address) == PublicAddresses.IsPublic(address.MapToIPv6());
    });

    [Theory]
    [InlineData("http://127.0.0.1:{0}/")]
    [InlineData("http://localhost:{0}/")]
    [InlineData("http://[::ffff:127.0.0.1]:{0}/")]
    [InlineData("http://2130706433:{0}/")]
    [InlineData("http://0x7f.1:{0}/")]
    public async Task A_private_address_is_refused_however_it_is_written(string url)
    {
        await using var receiver = await Receiver.StartAsync();
        await using var sink = Sink(new Uri(string.Format(System.Globalization.CultureInfo.InvariantCulture, url, receiver.Address.Port)), allowPrivate: false);

        var disabled = Assert.IsType<SinkOutcome.Disabled>(await Deliver(sink));

        Assert.Equal("address-not-public", disabled.Code);
        Assert.Contains("allowPrivate", disabled.Advice);
        Assert.Empty(receiver.Messages);
    }

    [Fact]
    public async Task What_counts_is_the_address_that_is_connected_to_so_a_name_may_not_change_its_mind()
    {
        await using var receiver = await Receiver.StartAsync();
        var asked = new ConcurrentQueue<string>();
        await using var sink = Sink(
            new Uri($"http://rebinding.example:{receiver.Address.Port}/"),
            allowPrivate: false,
            resolve: (host, _) =>
            {
                asked.Enqueue(host);
                return Task.FromResult<IPAddress[]>([IPAddress.Parse("10.0.0.7"), IPAddress.Parse("::ffff:127.0.0.1"), IPAddress.Loopback]);
            });

        Assert.IsType<SinkOutcome.Disabled>(await Deliver(sink));

        // Asked once: what is checked and what is connected to come from one answer.
        Assert.Single(asked);
        Assert.Empty(receiver.Messages);
    }
}
