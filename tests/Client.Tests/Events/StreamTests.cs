using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using OrleansCrm.Client.Tests.Fakes;

namespace OrleansCrm.Client.Tests.Events;

public sealed class StreamTests : IAsyncLifetime
{
    Gateway _gateway = null!;

    public async ValueTask InitializeAsync() => _gateway = await Gateway.StartAsync();

    public ValueTask DisposeAsync() => _gateway.DisposeAsync();

    [Fact]
    public async Task A_line_is_answered_while_the_body_is_still_coming()
    {
        using var http = await RawHttp.StreamAsync(_gateway.EndPoint);
        Assert.Equal(200, (await http.ReadHeadAsync()).Status);

        for (var i = 1; i <= 3; i++)
        {
            await http.SendChunkAsync(Given.Line($"e{i}") + "\n");
            var answer = Given.Parse((await http.ReadBodyLineAsync())!);
            Assert.Equal((i, $"e{i}", "applied"), (answer.GetProperty("line").GetInt32(), answer.Text("id"), answer.Text("outcome")));
        }
        await http.EndChunksAsync();

        Assert.Null(await http.ReadBodyLineAsync());
    }

    [Fact]
    public async Task A_caller_that_waits_to_be_told_to_continue_is_told_so()
    {
        using var http = await RawHttp.StreamAsync(_gateway.EndPoint, "Expect: 100-continue\r\n");

        Assert.Equal(100, (await http.ReadHeadAsync()).Status);
        Assert.Equal(200, (await http.ReadHeadAsync()).Status);
        await http.SendChunkAsync(Given.Line() + "\n");
        Assert.NotNull(await http.ReadBodyLineAsync());
    }

    [Fact]
    public async Task The_last_line_needs_no_line_end_and_blank_lines_are_only_counted()
    {
        var response = await _gateway.Http.SendAsync(Given.Post(Given.Lines, $"\uFEFF{Given.Line("a")}\r\n\n\r\n{Given.Line("b", "contacts/2")}"));

        var answers = await response.JsonLines();
        Assert.Equal([(1, "a"), (4, "b")], answers.Select(a => (a.GetProperty("line").GetInt32(), a.Text("id")!)).Order());
        Assert.All(answers, a => Assert.Equal("applied", a.Text("outcome")));
    }

    [Fact]
    public async Task Events_of_one_source_record_reach_intake_in_order_and_never_two_calls_at_once()
    {
        var underWay = new ConcurrentDictionary<string, int>(StringComparer.Ordinal);
        var overlaps = 0;
        _gateway.Hub.BeforeAnswer = async events =>
        {
            var records = events.Select(e => e.ExternalId).Distinct().ToArray();
            foreach (var record in records) overlaps += underWay.TryAdd(record, 0) ? 0 : 1;
            await Task.Yield();
            foreach (var record in records) underWay.TryRemove(record, out _);
        };
        const int events = 20_000;
        const int records = 37;
        var body = new StringBuilder();
        for (var i = 0; i < events; i++) body.Append(Given.Line(i.ToString(CultureInfo.InvariantCulture), $"contacts/{i % records}")).Append('\n');

        using var content = Given.Post(Given.Lines, body.ToString());
        var answers = await (await _gateway.Http.SendAsync(content)).JsonLines();

        Assert.Equal(events, answers.Count);
        Assert.Equal(0, overlaps);
        foreach (var record in _gateway.Hub.Taken.GroupBy(t => t.ExternalId))
        {
            var ids = record.Select(t => int.Parse(t.Id, CultureInfo.InvariantCulture)).ToArray();
            Assert.Equal(ids.Order(), ids);
        }
        Assert.Equal(Enumerable.Range(0, events), answers.Select(a => int.Parse(a.Text("id")!, CultureInfo.InvariantCulture)).Order());
    }

    [Fact]
    public async Task A_call_takes_what_has_gathered_and_no_more_than_its_bound()
    {
        var sizes = new ConcurrentQueue<int>();
        var gate = new TaskCompletionSource();
        _gateway.Hub.BeforeAnswer = events =>
        {
            sizes.Enqueue(events.Length);
            return gate.Task;
        };
        using var http = await RawHttp.StreamAsync(_gateway.EndPoint);

        await http.SendChunkAsync(Given.Line("first") + "\n");
        await Eventually.True(() => sizes.Count == 1);
        var more = string.Concat(Enumerable.Range(0, 300).Select(i => Given.Line($"e{i}") + "\n"));
        await http.SendChunkAsync(more);
        await http.EndChunksAsync();
        gate.SetResult();
        await http.ReadHeadAsync();
        var answers = 0;
        while (await http.ReadBodyLineAsync() is not null) answers++;

        Assert.Equal(301, answers);
        Assert.Equal(1, sizes.First());
        Assert.All(sizes, s => Assert.InRange(s, 1, 256));
    }

    [Fact]
    public async Task One_stuck_record_stops_neither_the_others_nor_their_answers()
    {
        var gate = new TaskCompletionSource();
        _gateway.Hub.BeforeAnswer = events => events.Any(e => e.ExternalId == "stuck") ? gate.Task : Task.CompletedTask;
        using var http = await RawHttp.StreamAsync(_gateway.EndPoint);
        await http.SendChunkAsync(Given.Line("stuck", "contacts/stuck") + "\n");
        await http.ReadHeadAsync();
        await Eventually.True(() => !_gateway.Hub.Taken.IsEmpty);

        // More records than callers: most of them go another way.
        await http.SendChunkAsync(string.Concat(Enumerable.Range(0, 64).Select(i => Given.Line($"e{i}", $"contacts/{i}") + "\n")));
        var answered = Given.Parse((await http.ReadBodyLineAsync())!).Text("id");

        Assert.StartsWith("e", answered, StringComparison.Ordinal);
        gate.SetResult();
    }

    [Fact]
    public async Task A_caller_that_is_gone_frees_its_place()
    {
        await using var small = await Gateway.StartAsync(o => o.StreamsMax = 1);
        using (var first = await RawHttp.StreamAsync(small.EndPoint))
        {
            await first.ReadHeadAsync();
            using var second = await RawHttp.StreamAsync(small.EndPoint);
            Assert.Equal(429, (await second.ReadHeadAsync()).Status);
        }

        await Eventually.True(() =>
        {
            using var response = small.Http.Send(Given.Post(Given.Lines, Given.Line()));
            return response.IsSuccessStatusCode;
        });
    }

    [Fact]
    public async Task A_silent_stream_is_ended_and_says_so()
    {
        await using var small = await Gateway.StartAsync(o => o.StreamIdleMax = TimeSpan.FromSeconds(1));
        using var http = await RawHttp.StreamAsync(small.EndPoint);
        await http.ReadHeadAsync();

        var end = Given.Parse((await http.ReadBodyLineAsync())!);

        Assert.Equal("idle", end.Text("end"));
        Assert.Null(await http.ReadBodyLineAsync());
    }

    [Fact]
    public async Task A_host_that_stops_answers_what_it_has_read_and_says_so()
    {
        var gate = new TaskCompletionSource();
        _gateway.Hub.BeforeAnswer = _ => gate.Task;
        using var http = await RawHttp.StreamAsync(_gateway.EndPoint);
        await http.SendChunkAsync(Given.Line("a") + "\n");
        await http.ReadHeadAsync();
        await Eventually.True(() => !_gateway.Hub.Taken.IsEmpty);

        _gateway.BeginStop();
        gate.SetResult();

        Assert.Equal("a", Given.Parse((await http.ReadBodyLineAsync())!).Text("id"));
        Assert.Equal("stopping", Given.Parse((await http.ReadBodyLineAsync())!).Text("end"));
        Assert.Null(await http.ReadBodyLineAsync());
    }

    [Fact]
    public async Task A_body_that_breaks_off_leaves_its_whole_lines_taken_and_its_answer_cut_off()
    {
        using var http = await RawHttp.StreamAsync(_gateway.EndPoint);
        await http.SendChunkAsync(Given.Line("whole") + "\n" + Given.Line("half")[..50]);
        await http.ReadHeadAsync();
        Assert.Equal("whole", Given.Parse((await http.ReadBodyLineAsync())!).Text("id"));

        await http.SendAsync("this is no chunk\r\n");

        await Assert.ThrowsAnyAsync<IOException>(async () =>
        {
            while (await http.ReadBodyLineAsync() is not null)
            {
                // Until the end, which does not come.
            }
        });
        Assert.Equal(["whole"], _gateway.Hub.Taken.Select(t => t.Id));
    }

    [Fact]
    public async Task Refused_lines_are_logged_a_few_times_and_then_summed_up()
    {
        await (await _gateway.Http.SendAsync(Given.Post(Given.Lines, string.Concat(Enumerable.Repeat("nonsense\n", 500))))).Content.ReadAsStringAsync();

        await Eventually.True(() => _gateway.Log.Any(l => l.Contains("500 refused", StringComparison.Ordinal)));
        Assert.InRange(_gateway.Log.Count(l => l.Contains("was refused", StringComparison.Ordinal)), 1, 10);
    }
}
