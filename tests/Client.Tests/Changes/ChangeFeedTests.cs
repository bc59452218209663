using System.Collections.Concurrent;
using System.Net;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using OrleansCrm.Client.Changes;
using OrleansCrm.Client.Tests.Fakes;
using OrleansCrm.Domain.Storage;
using OrleansCrm.Grains.Interfaces.Reading;
using OrleansCrm.Grains.Interfaces.Streaming;

namespace OrleansCrm.Client.Tests.Changes;

public sealed class ChangeFeedTests : IAsyncLifetime
{
    static readonly DateTimeOffset Noon = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);
    Gateway _gateway = null!;

    public async ValueTask InitializeAsync() => _gateway = await Gateway.StartAsync(o =>
    {
        o.FeedPageMax = 2;
        o.FeedPoll = TimeSpan.FromMilliseconds(10);
        o.FeedHeartbeat = TimeSpan.FromMilliseconds(100);
    });

    public ValueTask DisposeAsync() => _gateway.DisposeAsync();

    static Change ChangeOf(long sequence) => new(
        3, sequence, $"cus_{sequence}", "person", 5, Noon, [new("email", "\"a@b.at\"", "hubspot"), new("phone", "null", "hubspot"), new("title", null, null)], [new("1.1", "hubspot", "contacts", "512", "linked")], null, null, default);

    static ChangeCursor CursorAt(long sequence) => new("acme", 2, [0, 0, 0, sequence]);

    /// <summary>A journal of one partition with entries 1 to a number that may grow.</summary>
    void Serve(Func<long> last) => _gateway.Hub.Changes = (cursor, _, max) =>
    {
        var after = cursor?.Sequences[3] ?? 0;
        var through = Math.Min(last(), after + max);
        return new([.. Enumerable.Range((int)after + 1, (int)(through - after)).Select(i => ChangeOf(i))], CursorAt(through), through == last());
    };

    [Fact]
    public async Task The_feed_goes_page_by_page_to_the_tail_and_ends_with_a_cursor()
    {
        Serve(() => 5);

        var response = await _gateway.Http.GetAsync("/v1/changes");

        Assert.Equal("application/x-ndjson", response.Content.Headers.ContentType!.MediaType);
        var lines = await response.JsonLines();
        Assert.Equal(["3:1", "3:2", "3:3", "3:4", "3:5"], lines.Select(l => l.Text("position")).OfType<string>());
        Assert.Equal("True", lines[^1].Text("tail"));
        Assert.True(CursorText.TryRead(lines[^1].Text("cursor")!, out var cursor));
        Assert.Equal(5, cursor.Sequences[3]);
    }

    [Fact]
    public async Task A_follower_who_is_told_that_the_journal_has_grown_looks_at_once()
    {
        await using var gateway = await Gateway.StartAsync(o => (o.FeedPoll, o.FeedHeartbeat) = (TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(1)));
        var last = 1L;
        gateway.Hub.Changes = (cursor, _, _) => new([.. Enumerable.Range((int)(cursor?.Sequences[3] ?? 0) + 1, (int)(last - (cursor?.Sequences[3] ?? 0))).Select(i => ChangeOf(i))], CursorAt(last), IsTail: true);
        using var response = await gateway.Http.GetAsync("/v1/changes?follow=true", HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        Assert.Contains("3:1", await reader.ReadLineAsync(), StringComparison.Ordinal);
        Assert.Contains("cursor", await reader.ReadLineAsync(), StringComparison.Ordinal);

        Interlocked.Exchange(ref last, 2);
        foreach (var follower in gateway.Services.GetServices<IJournalFollower>()) follower.Grown([new(3, 2)]);

        Assert.Contains("3:2", await reader.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(30)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_follower_who_goes_away_in_the_middle_is_no_failure()
    {
        Serve(() => 5);

        using (var response = await _gateway.Http.GetAsync("/v1/changes?follow=true", HttpCompletionOption.ResponseHeadersRead))
        using (var reader = new StreamReader(await response.Content.ReadAsStreamAsync()))
        {
            Assert.NotNull(await reader.ReadLineAsync());
        }

        await Eventually.True(() => _gateway.Log.Any(l => l.Contains("Request finished", StringComparison.Ordinal)));
        Assert.DoesNotContain(_gateway.Log, l => l.StartsWith("Error", StringComparison.Ordinal) || l.StartsWith("Critical", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_change_has_the_form_of_a_CloudEvent()
    {
        Serve(() => 1);

        var text = await _gateway.Http.GetStringAsync("/v1/changes");

        Assert.Equal(
            """{"specversion":"1.0","id":"cus_1@5","source":"/hubs/acme","type":"crm.person.changed","subject":"cus_1","time":"2026-03-01T12:00:00Z","position":"3:1","data":{"revision":5,"fields":{"email":{"value":"a@b.at","system":"hubspot"},"phone":{"value":null,"system":"hubspot"},"title":{"undetermined":true}},"links":[{"id":"1.1","system":"hubspot","object":"contacts","externalId":"512","state":"linked"}]}}""",
            text.Split('\n')[0]);
    }

    [Fact]
    public async Task A_reader_goes_on_behind_its_cursor_and_gets_no_more_than_it_asked_for()
    {
        Serve(() => 9);

        var first = await (await _gateway.Http.GetAsync("/v1/changes?max=3")).JsonLines();
        var second = await (await _gateway.Http.GetAsync($"/v1/changes?max=3&after={first[^1].Text("cursor")}")).JsonLines();

        Assert.Equal(["3:1", "3:2", "3:3"], first.Select(l => l.Text("position")).OfType<string>());
        Assert.Equal(["3:4", "3:5", "3:6"], second.Select(l => l.Text("position")).OfType<string>());
        Assert.Equal("False", second[^1].Text("tail"));
    }

    [Fact]
    public async Task Everything_comes_with_the_entry_itself()
    {
        var asked = new ConcurrentQueue<bool>();
        _gateway.Hub.Changes = (_, everything, _) =>
        {
            asked.Enqueue(everything);
            return new([ChangeOf(1) with { Document = Encoding.UTF8.GetBytes("""{"v":1,"rev":5}""") }], CursorAt(1), true);
        };

        var lines = await (await _gateway.Http.GetAsync("/v1/changes?include=all")).JsonLines();

        Assert.Equal([true], asked);
        Assert.Equal(5, lines[0].GetProperty("data").GetProperty("entry").GetProperty("rev").GetInt32());
    }

    [Fact]
    public async Task Who_follows_is_told_what_comes_and_that_nothing_comes()
    {
        var last = 1L;
        Serve(() => Interlocked.Read(ref last));
        using var http = await RawHttp.ConnectAsync(_gateway.EndPoint);
        await http.SendAsync("GET /v1/changes?follow=true HTTP/1.1\r\nHost: hub\r\n\r\n");
        await http.ReadHeadAsync();
        Assert.Equal("3:1", Given.Parse((await http.ReadBodyLineAsync())!).Text("position"));
        Assert.NotNull(Given.Parse((await http.ReadBodyLineAsync())!).Text("cursor"));

        var heartbeat = Given.Parse((await http.ReadBodyLineAsync())!);
        Interlocked.Increment(ref last);
        string? position;
        while ((position = Given.Parse((await http.ReadBodyLineAsync())!).Text("position")) is null)
        {
            // More heartbeats.
        }

        Assert.NotNull(heartbeat.Text("cursor"));
        Assert.Equal("3:2", position);
    }

    [Fact]
    public async Task Who_follows_waits_out_a_store_that_is_lost()
    {
        Serve(() => 1);
        using var http = await RawHttp.ConnectAsync(_gateway.EndPoint);
        await http.SendAsync("GET /v1/changes?follow=true HTTP/1.1\r\nHost: hub\r\n\r\n");
        await http.ReadHeadAsync();
        await http.ReadBodyLineAsync();

        _gateway.Hub.ReadFailure = new StoreUnavailableException();
        await Eventually.True(() => _gateway.Log.Any(l => l.Contains("A change feed pauses", StringComparison.Ordinal)));
        Serve(() => 2);
        _gateway.Hub.ReadFailure = null;
        string? position;
        while ((position = Given.Parse((await http.ReadBodyLineAsync())!).Text("position")) is null)
        {
            // Cursors and heartbeats.
        }

        Assert.Equal("3:2", position);
    }

    [Fact]
    public async Task A_host_that_stops_ends_a_followed_feed_with_its_cursor()
    {
        Serve(() => 1);
        using var http = await RawHttp.ConnectAsync(_gateway.EndPoint);
        await http.SendAsync("GET /v1/changes?follow=true HTTP/1.1\r\nHost: hub\r\n\r\n");
        await http.ReadHeadAsync();
        await http.ReadBodyLineAsync();

        _gateway.BeginStop();
        string? last = null;
        while (await http.ReadBodyLineAsync() is { } line) last = line;

        Assert.NotNull(Given.Parse(last!).Text("cursor"));
    }

    [Theory]
    [InlineData("after=nonsense", "bad-cursor", "after")]
    [InlineData("after=%00", "bad-cursor", "after")]
    [InlineData("after=AQRhY21l", "bad-cursor", "after")]
    [InlineData("include=some", "bad-parameter", "include")]
    [InlineData("follow=maybe", "bad-parameter", "follow")]
    [InlineData("max=0", "bad-parameter", "max")]
    [InlineData("max=-5", "bad-parameter", "max")]
    [InlineData("max=99999999999999999999", "bad-parameter", "max")]
    public async Task A_wrong_parameter_is_a_problem(string query, string reason, string field)
    {
        var response = await _gateway.Http.GetAsync("/v1/changes?" + query);

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        var problem = await response.Json();
        Assert.Equal((reason, field), (problem.Text("reason"), problem.Text("field")));
    }

    [Fact]
    public async Task A_cursor_that_leads_nowhere_any_more_is_gone()
    {
        _gateway.Hub.Changes = (cursor, _, _) => cursor is null ? new([], CursorAt(1), true) : throw new ChangeCursorException("trimmed");

        var response = await _gateway.Http.GetAsync($"/v1/changes?after={CursorText.Write(CursorAt(1))}");

        Assert.Equal(HttpStatusCode.Gone, response.StatusCode);
        Assert.Equal("outdated-cursor", (await response.Json()).Text("reason"));
    }

    [Fact]
    public async Task A_journal_that_is_trimmed_under_a_reader_ends_its_feed_with_a_problem()
    {
        _gateway.Hub.Changes = (cursor, _, _) => cursor is null ? new([ChangeOf(1)], CursorAt(1), false) : throw new ChangeCursorException("trimmed");

        var lines = await (await _gateway.Http.GetAsync("/v1/changes")).JsonLines();

        Assert.Equal("outdated-cursor", lines[^1].GetProperty("problem").Text("reason"));
    }

    [Fact]
    public async Task One_reader_too_many_is_told_to_come_again()
    {
        await using var small = await Gateway.StartAsync(o => o.FeedsMax = 1);
        using var http = await RawHttp.ConnectAsync(small.EndPoint);
        await http.SendAsync("GET /v1/changes?follow=true HTTP/1.1\r\nHost: hub\r\n\r\n");
        await http.ReadHeadAsync();

        var second = await small.Http.GetAsync("/v1/changes");

        Assert.Equal(HttpStatusCode.TooManyRequests, second.StatusCode);
    }
}
