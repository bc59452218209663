using System.Collections.Immutable;
using System.Text;
using Microsoft.Extensions.Time.Testing;
using OrleansCrm.Connectors.Rest;
using OrleansCrm.Connectors.Webhooks;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Listening;
using Xunit;

namespace OrleansCrm.Connectors.Tests.Rest;

/// <summary>Webhooks signed by Standard Webhooks: who is believed, and what becomes of what they say.</summary>
public sealed class RestWebhookTests
{
    const string Secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    const string Former = "whsec_ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";
    const string Whole = """{"type":"customers.updated","timestamp":"2026-03-01T12:00:00Z","data":{"id":"7","mail":"ada@example.com","name":"Ada","updatedAt":"2026-03-01T11:59:58Z"}}""";

    static readonly DateTimeOffset Noon = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    static readonly HubDefinition Hub = Given.Hub("""
        hub: test
        recordTypes:
          person: { fields: { email: email, name: text } }
        systems:
          shop:
            connector: rest
            settings: { url: "https://shop.example.com" }
            rest: { webhook: { secret: env:HOOK, formerSecret: env:BEFORE } }
            mappings:
              customers:
                recordType: person
                create: never
                update: never
                fields: { email: mail, name: name }
                rest: { read: "GET /customers/{id}", modified: updatedAt }
        """);

    readonly FakeTimeProvider _time = new(Noon);

    static WebhookRequest Signed(string body, string secret = Secret, string id = "msg_1", DateTimeOffset? at = null, string? signature = null)
    {
        var bytes = Encoding.UTF8.GetBytes(body);
        var time = at ?? Noon;
        ImmutableArray<KeyValuePair<string, string>> headers =
        [
            new("webhook-id", id), new("Webhook-Timestamp", $"{time.ToUnixTimeSeconds()}"),
            new("webhook-signature", signature ?? WebhookSignature.Sign([WebhookSignature.KeyOf(secret)!], id, time, bytes)),
        ];
        return new("POST", "", headers, bytes);
    }

    async Task<WebhookReading> ReadAsync(WebhookRequest request, params (string, string)[] secrets) =>
        await new RestWebhookReader(Hub, Hub.System("shop")!, new KnownSecrets(secrets.Length > 0 ? secrets : [("env:HOOK", Secret), ("env:BEFORE", Former)]), _time).ReadAsync(request, CancellationToken.None);

    [Fact]
    public async Task A_record_that_is_told_whole_is_taken_as_a_listing_would_tell_it()
    {
        var news = Assert.IsType<WebhookReading.News>(await ReadAsync(Signed(Whole)));

        var edit = Assert.Single(news.Edits);
        Assert.Empty(news.ToRead);
        Assert.Equal((EditKind.Observation, "7", Noon.AddSeconds(-2)), (edit.Kind, edit.Source.ExternalId, edit.Time));
        Assert.StartsWith("list:customers/7@", edit.Id, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"type":"customers.updated","data":{"id":"7"}}""")]
    [InlineData("""{"type":"customers.updated","data":{"id":"7","mail":"ada@example.com","name":"Ada"}}""")]
    [InlineData("""{"type":"customers.created","data":[{"id":"7","name":"Ada","updatedAt":"2026-03-01T11:59:58Z"}]}""")]
    public async Task A_record_of_which_it_tells_too_little_is_to_be_read(string body)
    {
        var news = Assert.IsType<WebhookReading.News>(await ReadAsync(Signed(body)));

        Assert.Equal([new RecordToRead("customers", "7")], news.ToRead);
        Assert.Empty(news.Edits);
    }

    [Fact]
    public async Task A_deletion_told_again_is_the_same_and_a_later_one_is_another()
    {
        const string body = """{"type":"customers.deleted","timestamp":"2026-03-01T12:00:00Z","data":{"id":"7"}}""";

        var ids = new List<string>();
        foreach (var message in (string[])["msg_1", "msg_1", "msg_2"])
        {
            var edit = Assert.Single(Assert.IsType<WebhookReading.News>(await ReadAsync(Signed(body, id: message))).Edits);
            Assert.Equal((EditKind.Deleted, Noon), (edit.Kind, edit.Time));
            ids.Add(edit.Id);
        }

        Assert.Equal(ids[0], ids[1]);
        Assert.NotEqual(ids[0], ids[2]);
    }

    [Fact]
    public async Task The_secret_before_is_taken_while_the_sender_changes_over()
    {
        Assert.IsType<WebhookReading.News>(await ReadAsync(Signed(Whole, Former)));
        Assert.IsType<WebhookReading.NotGenuine>(await ReadAsync(Signed(Whole, Former), ("env:HOOK", Secret)));
    }

    [Theory]
    [InlineData(301)]
    [InlineData(-301)]
    public async Task A_message_of_another_time_is_not_taken_though_it_is_signed(int seconds) =>
        Assert.IsType<WebhookReading.NotGenuine>(await ReadAsync(Signed(Whole, at: Noon.AddSeconds(seconds))));

    [Theory]
    [InlineData("")]
    [InlineData("v1,")]
    [InlineData("v1,AAAA")]
    [InlineData("v1a,5VhtsF0hoBfMC4SWgfp1V2mGBpRQvEdVsrjcVQyXQv0=")]
    public async Task What_is_not_signed_is_not_taken(string signature) => Assert.IsType<WebhookReading.NotGenuine>(await ReadAsync(Signed(Whole, signature: signature)));

    [Fact]
    public async Task A_body_that_was_changed_on_the_way_is_not_taken()
    {
        var request = Signed(Whole);

        Assert.IsType<WebhookReading.NotGenuine>(await ReadAsync(request with { Body = Encoding.UTF8.GetBytes(Whole.Replace("Ada", "Eve", StringComparison.Ordinal)) }));
        Assert.IsType<WebhookReading.NotGenuine>(await ReadAsync(request with { Headers = request.Headers.SetItem(0, new("webhook-id", "msg_2")) }));
    }

    [Fact]
    public async Task Without_its_secret_nothing_is_taken_and_the_sender_is_to_come_again() =>
        Assert.IsType<WebhookReading.NotReady>(await ReadAsync(Signed(Whole), ("env:OTHER", Secret)));

    [Theory]
    [InlineData("[")]
    [InlineData("{}")]
    [InlineData("7")]
    [InlineData("""{"type":"customers.updated","data":{}}""")]
    [InlineData("""{"type":"customers.updated","data":7}""")]
    public async Task What_is_signed_and_cannot_be_understood_is_told_so(string body) => Assert.IsType<WebhookReading.Unreadable>(await ReadAsync(Signed(body)));

    [Fact]
    public async Task What_is_about_nothing_mapped_is_passed_over() =>
        Assert.Equal(1, Assert.IsType<WebhookReading.News>(await ReadAsync(Signed("""{"type":"orders.updated","data":{"id":"7"}}"""))).PassedOver);
}
