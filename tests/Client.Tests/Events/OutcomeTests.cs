using System.Net;
using OrleansCrm.Client.Tests.Fakes;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Storage;
using OrleansCrm.Grains.Interfaces.Intake;

namespace OrleansCrm.Client.Tests.Events;

public sealed class OutcomeTests : IAsyncLifetime
{
    Gateway _gateway = null!;

    public async ValueTask InitializeAsync() => _gateway = await Gateway.StartAsync();

    public ValueTask DisposeAsync() => _gateway.DisposeAsync();

    [Theory]
    [InlineData(EventOutcome.Applied, 200)]
    [InlineData(EventOutcome.Unchanged, 200)]
    [InlineData(EventOutcome.Parked, 202)]
    [InlineData(EventOutcome.Refused, 422)]
    [InlineData(EventOutcome.TryAgain, 503)]
    public async Task Each_outcome_has_its_status(EventOutcome outcome, int status)
    {
        _gateway.Hub.Answer = e => new(e.Id, outcome, null, 0, [], "why", "phone", "Do this.");

        var response = await _gateway.Http.SendAsync(Given.Post(Given.Structured, Given.Line()));

        Assert.Equal(status, (int)response.StatusCode);
        var answer = await response.Json();
        Assert.Equal("why", answer.Text("reason"));
        Assert.Equal(status == 503, response.Headers.RetryAfter is not null);
    }

    [Fact]
    public async Task A_refused_event_is_a_problem_that_names_the_field_the_reason_and_the_correlation()
    {
        _gateway.Hub.Answer = e => new(e.Id, EventOutcome.Refused, null, 0, [], RefusalReason.UnknownSystem, null, "The definition has no such system.");

        var request = Given.Post(Given.Structured, Given.Line("e7"));
        request.Headers.Add("X-Correlation-Id", "import-7/3");
        var response = await _gateway.Http.SendAsync(request);

        Assert.Equal("application/problem+json", response.Content.Headers.ContentType!.MediaType);
        var problem = await response.Json();
        Assert.Equal("urn:orleans-crm:problem:unknown-system", problem.Text("type"));
        Assert.Equal(422, problem.GetProperty("status").GetInt32());
        Assert.Equal("The definition has no such system.", problem.Text("detail"));
        Assert.Equal("import-7/3", problem.Text("correlationId"));
        Assert.Equal(("e7", "refused"), (problem.Text("id"), problem.Text("outcome")));
        Assert.NotEmpty(problem.Text("title")!);
    }

    [Fact]
    public async Task A_busy_intake_is_answered_429()
    {
        _gateway.Hub.Answer = e => new(e.Id, EventOutcome.TryAgain, null, 0, [], TryAgainReason.Busy);

        var response = await _gateway.Http.SendAsync(Given.Post(Given.Structured, Given.Line()));

        Assert.Equal(HttpStatusCode.TooManyRequests, response.StatusCode);
        Assert.NotNull(response.Headers.RetryAfter);
    }

    public static TheoryData<string> Failures => ["store", "silo", "timeout", "orleans"];

    static Exception FailureOf(string kind) => kind switch
    {
        "store" => new StoreUnavailableException("canary-4711"),
        "silo" => new SiloUnavailableException("canary-4711"),
        "timeout" => new TimeoutException("canary-4711"),
        _ => new OrleansException("canary-4711"),
    };

    [Theory]
    [MemberData(nameof(Failures))]
    public async Task A_hub_that_is_not_there_is_answered_503_and_when_to_come_again(string kind)
    {
        _gateway.Hub.BeforeAnswer = _ => Task.FromException(FailureOf(kind));
        _gateway.Hub.ReadFailure = FailureOf(kind);

        HttpRequestMessage[] requests =
        [
            Given.Post(Given.Structured, Given.Line()), Given.Binary(Given.Event()), Given.Post(Given.Batch, $"[{Given.Line()}]"),
            new(HttpMethod.Get, "/v1/customers/cus_1"), new(HttpMethod.Get, "/v1/customers/by-source/hubspot/contacts/1"), new(HttpMethod.Get, "/v1/customers/cus_1/explain/email"),
            new(HttpMethod.Get, "/v1/customers/cus_1/history"), new(HttpMethod.Get, "/v1/changes"),
        ];
        foreach (var request in requests)
        {
            var response = await _gateway.Http.SendAsync(request);

            Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
            Assert.NotNull(response.Headers.RetryAfter);
            Assert.DoesNotContain("canary", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }
        Assert.DoesNotContain(_gateway.Log, l => l.Contains("canary", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_stream_tells_the_lines_to_send_again_and_goes_on()
    {
        var failures = 1;
        _gateway.Hub.BeforeAnswer = _ => Interlocked.Decrement(ref failures) >= 0 ? Task.FromException(new StoreUnavailableException()) : Task.CompletedTask;
        using var http = await RawHttp.StreamAsync(_gateway.EndPoint);

        await http.SendChunkAsync(Given.Line("a") + "\n");
        Assert.Equal(200, (await http.ReadHeadAsync()).Status);
        var first = Given.Parse((await http.ReadBodyLineAsync())!);
        await http.SendChunkAsync(Given.Line("a") + "\n");
        var second = Given.Parse((await http.ReadBodyLineAsync())!);

        Assert.Equal(("a", "try-again", "store-unavailable"), (first.Text("id"), first.Text("outcome"), first.Text("reason")));
        Assert.Equal(("a", "applied"), (second.Text("id"), second.Text("outcome")));
    }

    [Fact]
    public async Task A_fault_of_the_hub_is_a_500_that_tells_nothing_of_the_fault()
    {
        _gateway.Hub.BeforeAnswer = _ => Task.FromException(new InvalidOperationException("canary-4711"));

        var response = await _gateway.Http.SendAsync(Given.Post(Given.Structured, Given.Line()));

        Assert.Equal(HttpStatusCode.InternalServerError, response.StatusCode);
        Assert.DoesNotContain("canary", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.DoesNotContain(_gateway.Log, l => l.Contains("canary", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_the_caller_names_follows_the_event_into_the_hub_and_back()
    {
        var named = Given.Post(Given.Structured, Given.Line("a"));
        named.Headers.Add("X-Correlation-Id", "my-id.1");
        var traced = Given.Post(Given.Structured, Given.Line("b"));
        traced.Headers.TryAddWithoutValidation("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        var bad = Given.Post(Given.Structured, Given.Line("c"));
        bad.Headers.TryAddWithoutValidation("X-Correlation-Id", "<script>");

        var answered = new List<string>();
        foreach (var request in (HttpRequestMessage[])[named, traced, bad]) answered.Add((await _gateway.Http.SendAsync(request)).Headers.GetValues("X-Correlation-Id").Single());

        Assert.Equal("my-id.1", answered[0]);
        Assert.Equal("4bf92f3577b34da6a3ce929d0e0e4736", answered[1]);
        Assert.Matches("^[0-9a-f]{32}$", answered[2]);
        Assert.Equal(answered, _gateway.Hub.Taken.Select(t => t.CorrelationId!));
    }

    [Fact]
    public async Task A_full_gateway_answers_429_and_has_room_again_afterwards()
    {
        await using var small = await Gateway.StartAsync(o =>
        {
            o.RequestEventsInFlightMax = 1;
            o.BatchEventsMax = 1;
        });
        var gate = new TaskCompletionSource();
        var begun = new TaskCompletionSource();
        small.Hub.BeforeAnswer = _ =>
        {
            begun.TrySetResult();
            return gate.Task;
        };

        var first = small.Http.SendAsync(Given.Post(Given.Structured, Given.Line("a")));
        await begun.Task;
        var second = await small.Http.SendAsync(Given.Post(Given.Structured, Given.Line("b")));
        var batch = await small.Http.SendAsync(Given.Post(Given.Batch, $"[{Given.Line("c")}]"));
        gate.SetResult();
        await first;
        var third = await small.Http.SendAsync(Given.Post(Given.Structured, Given.Line("d")));

        Assert.Equal((HttpStatusCode.TooManyRequests, HttpStatusCode.TooManyRequests), (second.StatusCode, batch.StatusCode));
        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK), ((await first).StatusCode, third.StatusCode));
        Assert.Equal(["a", "d"], small.Hub.Taken.Select(t => t.Id));
    }

    [Fact]
    public async Task A_caller_that_goes_away_leaves_no_line_above_debug()
    {
        var gate = new TaskCompletionSource();
        var begun = new TaskCompletionSource();
        _gateway.Hub.BeforeAnswer = _ =>
        {
            begun.TrySetResult();
            return gate.Task;
        };
        using var leaving = new CancellationTokenSource();

        var sending = _gateway.Http.SendAsync(Given.Post(Given.Structured, Given.Line()), leaving.Token);
        await begun.Task;
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => sending);
        gate.SetResult();
        await _gateway.StopAsync();

        Assert.DoesNotContain(_gateway.Log, l => l.StartsWith("Warning", StringComparison.Ordinal) || l.StartsWith("Error", StringComparison.Ordinal));
    }
}
