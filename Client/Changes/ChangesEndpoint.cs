using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OrleansCrm.Client.Requests;
using OrleansCrm.Grains.Interfaces.Reading;

namespace OrleansCrm.Client.Changes;

/// <summary><c>GET /v1/changes</c>: every change of the hub, a line each, in order per customer.</summary>
/// <remarks>The feed holds one page at a time and asks for the next when the reader has taken this one: a slow reader has only its own delay.</remarks>
sealed class ChangesEndpoint(
    Hub hub, JournalTail tail, RequestShell shell, GatewayLimits limits, IOptions<GatewayOptions> options, IHostApplicationLifetime lifetime, TimeProvider time, ILogger<ChangesEndpoint> log)
{
    // A page that holds nothing for this reader still moves the cursor; it is told so this often.
    static readonly TimeSpan CursorEvery = TimeSpan.FromSeconds(1);
    readonly GatewayOptions _options = options.Value;

    public RequestDelegate Get() => shell.Wrap("changes", async context =>
    {
        if (ParametersOf(context.Request, out var parameters) is { } wrong)
        {
            await shell.WriteProblem(context, wrong);
            return;
        }
        await Feed(context, parameters);
    }, limits.Feeds);

    async Task Feed(HttpContext context, Parameters wanted)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, lifetime.ApplicationStopping);
        ChangePage page;
        try
        {
            // Before the answer begins, so that a wrong cursor or a lost store is a problem and not a broken stream.
            page = await hub.Reader.ReadChanges(wanted.After, wanted.Everything, PageOf(wanted.Max), ending.Token);
        }
        catch (ChangeCursorException)
        {
            await shell.WriteProblem(context, Outdated);
            return;
        }
        catch (OperationCanceledException) when (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            await shell.WriteProblem(context, Problem.HubUnavailable);
            return;
        }

        var response = context.Response;
        response.StatusCode = StatusCodes.Status200OK;
        response.ContentType = "application/x-ndjson";
        response.Headers.CacheControl = "no-store";
        response.Headers.XContentTypeOptions = "nosniff";
        context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        await response.StartAsync(context.RequestAborted);
        await response.BodyWriter.FlushAsync(context.RequestAborted);
        await Tell(context, wanted, page, ending.Token);
    }

    async Task Tell(HttpContext context, Parameters wanted, ChangePage page, CancellationToken ending)
    {
        var to = context.Response.BodyWriter;
        await using var json = new Utf8JsonWriter(to, JsonAnswer.Options);
        var left = wanted.Max;
        var toldAt = time.GetTimestamp();
        var lookedAt = toldAt;
        var told = wanted.After;        // the last cursor told
        while (true)
        {
            foreach (var change in page.Changes)
            {
                Line(json, to, (page.Next.HubId, change), static (json, v) => ChangeJson.Write(json, v.HubId, v.change));
                if (to.CanGetUnflushedBytes && to.UnflushedBytes > 64 << 10) await to.FlushAsync(context.RequestAborted);
            }
            left -= page.Changes.Length;
            var isLast = left <= 0 || (page.IsTail && !wanted.Follow) || ending.IsCancellationRequested;
            var elapsed = time.GetElapsedTime(toldAt);
            if (isLast || page.Changes.Length > 0 || (!Same(told, page.Next) && elapsed >= CursorEvery) || elapsed >= _options.FeedHeartbeat)
            {
                Line(json, to, page, static (json, page) => ChangeJson.WriteCursor(json, page.Next, page.IsTail));
                await to.FlushAsync(context.RequestAborted);
                toldAt = time.GetTimestamp();
                told = page.Next;
            }
            if (isLast) return;
            if (page.IsTail) await UntilMore(page.Next, lookedAt, ending);
            lookedAt = time.GetTimestamp();
            if (await NextPage(page, wanted, left, ending) is not { } next)
            {
                Line(json, to, (Outdated, RequestShell.CorrelationOf(context)), static (json, v) =>
                {
                    json.WriteStartObject();
                    json.WriteStartObject("problem"u8);
                    v.Outdated.WriteMembers(json, v.Item2);
                    json.WriteEndObject();
                    json.WriteEndObject();
                });
                await to.FlushAsync(context.RequestAborted);
                return;
            }
            page = next;
        }
    }

    /// <summary>Until there is more, or it is time to look; and not before there was time for more to gather.</summary>
    async Task UntilMore(ChangeCursor seen, long lookedAt, CancellationToken ending)
    {
        try
        {
            await tail.WaitAsync(seen, ending);
            var rest = _options.FeedGather - time.GetElapsedTime(lookedAt);
            if (rest > TimeSpan.Zero) await Task.Delay(rest, time, ending);
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested)
        {
            // The page that follows says so.
        }
    }

    /// <returns>Null: the journal was trimmed before this reader came to it. The same page, empty: nothing could be read, or the feed is ending.</returns>
    async Task<ChangePage?> NextPage(ChangePage page, Parameters wanted, long left, CancellationToken ending)
    {
        var nothing = page with { Changes = [] };
        try
        {
            ending.ThrowIfCancellationRequested();
            var next = await hub.Reader.ReadChanges(page.Next, wanted.Everything, PageOf(left), ending);
            tail.Read(next.Next);
            return next;
        }
        catch (ChangeCursorException)
        {
            return null;
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested)
        {
            return nothing;
        }
        catch (Exception failure) when (wanted.Follow && Failures.ProblemOf(failure) is { } problem)
        {
            // Who follows waits with us: the cursor has lost nothing.
            log.FeedPaused(problem.Reason, Failures.Describe(failure));
            return nothing with { IsTail = true };
        }
    }

    static void Line<T>(Utf8JsonWriter json, PipeWriter to, T value, Action<Utf8JsonWriter, T> write)
    {
        json.Reset(to);
        write(json, value);
        json.Flush();
        to.Write("\n"u8);
    }

    int PageOf(long left) => (int)Math.Min(left, _options.FeedPageMax);

    static bool Same(ChangeCursor? one, ChangeCursor other) => one is not null && one.HubEpoch == other.HubEpoch && one.Sequences.SequenceEqual(other.Sequences);

    static Problem? ParametersOf(HttpRequest request, out Parameters parameters)
    {
        parameters = new(null, false, long.MaxValue, false);
        var query = request.Query;
        if (query["after"] is [{ Length: > 0 } after])
        {
            if (!CursorText.TryRead(after, out var cursor))
            {
                return new(StatusCodes.Status400BadRequest, Reason.BadCursor, "The cursor is wrong", "'after' is a cursor that this feed has told, as it was told. Leave it out to begin at the beginning.", "after");
            }
            parameters = parameters with { After = cursor };
        }
        else if (query["after"].Count > 1)
        {
            return Problem.BadParameter("after", "'after' is there twice.");
        }
        switch (query["include"].ToString())
        {
            case "":
                break;
            case "all":
                parameters = parameters with { Everything = true };
                break;
            default:
                return Problem.BadParameter("include", "'include' is 'all' (intents and receipts, too), or left out.");
        }
        switch (query["follow"].ToString())
        {
            case "" or "false":
                break;
            case "true":
                parameters = parameters with { Follow = true };
                break;
            default:
                return Problem.BadParameter("follow", "'follow' is true or false.");
        }
        if (query["max"].ToString() is { Length: > 0 } text)
        {
            if (!long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number < 1) return Problem.BadParameter("max", "'max' is a whole number, 1 or more.");
            parameters = parameters with { Max = number };
        }
        return null;
    }

    static readonly Problem Outdated = new(
        StatusCodes.Status410Gone,
        Reason.OutdatedCursor,
        "The cursor leads nowhere any more",
        "The hub was restored from a backup, it is another hub, or the journal no longer reaches back so far. Read the customers anew, then follow without 'after'.",
        "after");

    /// <param name="After">Null: from the beginning.</param>
    readonly record struct Parameters(ChangeCursor? After, bool Everything, long Max, bool Follow);
}
