using System.Collections.Immutable;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using OrleansCrm.Client.Requests;
using OrleansCrm.Grains.Interfaces.Backfilling;

namespace OrleansCrm.Client.Systems;

/// <summary><c>/v1/systems/{name}/backfill/{in|out}</c>: the first loads of a system.</summary>
sealed class BackfillEndpoint(Hub hub, RequestShell shell)
{
    const string Json = "application/json";
    const int ObjectsMax = 100;

    public RequestDelegate Get() => Wrap("backfill", async (context, grain, direction) =>
    {
        if (await grain.Read(direction) is { } view) await Answer(context, view);
        else await shell.WriteProblem(context, NoRun(context, direction));
    });

    public RequestDelegate Cancel() => Wrap("backfill-cancel", async (context, grain, direction) =>
    {
        if (await grain.Cancel(direction) is { } view) await Answer(context, view);
        else await shell.WriteProblem(context, NoRun(context, direction));
    });

    public RequestDelegate Plan() => Wrap("backfill-plan", async (context, grain, direction) =>
    {
        if (await ObjectsAsync(context, "objects") is not { } said) return;
        var plan = await grain.Plan(direction, said.Objects);
        await JsonAnswer.Write(context, StatusCodes.Status200OK, Json, plan, Write);
    });

    public RequestDelegate Start() => Wrap("backfill-start", async (context, grain, direction) =>
    {
        if (await ObjectsAsync(context, "objects", "resume") is not { } said) return;
        var view = await grain.Start(direction, said.Objects, said.Flag);
        if (view.Refusal is { } refusal) await shell.WriteProblem(context, new(StatusCodes.Status409Conflict, Reason.CannotBegin, "The load was not begun", refusal));
        else await Answer(context, view, StatusCodes.Status202Accepted);
    });

    public RequestDelegate Compare() => Wrap("reconcile-start", async (context, grain, _) =>
    {
        if (await ObjectsAsync(context, "objects", "repair") is not { } said) return;
        var view = await grain.Compare(said.Objects, said.Flag);
        if (view.Refusal is { } refusal) await shell.WriteProblem(context, new(StatusCodes.Status409Conflict, Reason.CannotBegin, "The comparison was not begun", refusal));
        else await Answer(context, view, StatusCodes.Status202Accepted);
    });

    RequestDelegate Wrap(string operation, Func<HttpContext, IBackfillGrain, string, Task> handle) => shell.Wrap(operation, async context =>
    {
        var name = Parameters.Route(context, "name");

        // The paths of a comparison name no direction.
        var direction = context.Request.RouteValues.ContainsKey("direction") ? Parameters.Route(context, "direction") : IBackfillGrain.Check;
        if (context.Request.RouteValues.ContainsKey("direction") && direction is not (IBackfillGrain.In or IBackfillGrain.Out))
        {
            await shell.WriteProblem(context, Problem.NotFound(Reason.UnknownOperation, "A load goes 'in' (the system's records into the hub) or 'out' (the hub's customers into the system)."));
            return;
        }
        if (!Parameters.IsName(name) || await hub.Systems.Name(name) is not { } known)
        {
            await shell.WriteProblem(context, Problem.NotFound(Reason.UnknownSystem, $"The definition has no system '{Parameters.Shown(name)}'."));
            return;
        }
        context.Response.Headers.CacheControl = "no-store";
        await handle(context, hub.Backfill(known), direction);
    });

    static Problem NoRun(HttpContext context, string direction) =>
        Problem.NotFound(Reason.UnknownRun, $"There was never a run '{direction}' of system '{Parameters.Shown(Parameters.Route(context, "name"))}'.");

    async Task<(ImmutableArray<string> Objects, bool Flag)?> ObjectsAsync(HttpContext context, params string[] known)
    {
        var (said, wrong) = await Parameters.ObjectAsync(context, known);
        ImmutableArray<string> objects = [];
        var flag = false;
        if (wrong is null && said.TryGetProperty("objects", out var told))
        {
            if (told.ValueKind != JsonValueKind.Array || told.GetArrayLength() > ObjectsMax || told.EnumerateArray().Any(o => o.ValueKind != JsonValueKind.String || !Parameters.IsName(o.GetString()!)))
                wrong = Parameters.BadMember("objects", $"'objects' is a list of up to {ObjectsMax} names.");
            else objects = [.. told.EnumerateArray().Select(o => o.GetString()!)];
        }
        foreach (var name in (string[])["resume", "repair"])
        {
            if (wrong is not null || !said.TryGetProperty(name, out var yes)) continue;
            if (yes.ValueKind is not (JsonValueKind.True or JsonValueKind.False)) wrong = Parameters.BadMember(name, $"'{name}' is true or false.");
            else flag = yes.GetBoolean();
        }
        if (wrong is null) return (objects, flag);
        await shell.WriteProblem(context, wrong);
        return null;
    }

    static Task Answer(HttpContext context, BackfillView view, int status = StatusCodes.Status200OK) => JsonAnswer.Write(context, status, Json, view, Write);

    static void Write(Utf8JsonWriter json, BackfillView view)
    {
        json.WriteStartObject();
        json.WriteString("system"u8, view.System);
        json.WriteString("direction"u8, view.Direction);
        Text(json, "id", view.Id);
        Text(json, "phase", view.Phase);
        Text(json, "stage", view.Stage);
        if (view.StartedAt is { } started) json.WriteString("startedAt"u8, started.UtcDateTime);
        if (view.EndedAt is { } ended) json.WriteString("endedAt"u8, ended.UtcDateTime);
        Text(json, "problem", view.Problem);
        Text(json, "advice", view.Advice);
        if (view.Again is { } again) json.WriteString("again"u8, again.UtcDateTime);
        json.WriteNumber("perSecond"u8, view.PerSecond);
        if (!view.Objects.IsDefaultOrEmpty)
        {
            json.WriteStartArray("objects"u8);
            foreach (var each in view.Objects)
            {
                json.WriteStartObject();
                json.WriteString("object"u8, each.Object);
                json.WriteNumber("pages"u8, each.Pages);
                json.WriteBoolean("done"u8, each.IsDone);
                if (each.Restarts > 0) json.WriteNumber("restarts"u8, each.Restarts);
                Counts(json, "counts", each.Counts);
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }
        if (!view.Customers.IsDefaultOrEmpty) Counts(json, "customers", view.Customers);
        if (view.Direction == IBackfillGrain.Check)
        {
            json.WriteBoolean("repair"u8, view.Repair);
            json.WriteStartArray("differences"u8);
            foreach (var difference in view.Found) Write(json, difference);
            json.WriteEndArray();
        }
        if (view.Lagging is { } lagging) json.WriteNumber("lagging"u8, lagging);
        json.WriteEndObject();
    }

    static void Write(Utf8JsonWriter json, DifferenceView difference)
    {
        json.WriteStartObject();
        json.WriteString("kind"u8, difference.Kind);
        json.WriteString("object"u8, difference.Object);
        json.WriteString("externalId"u8, difference.ExternalId);
        Text(json, "customer", difference.CustomerId);
        Text(json, "field", difference.Field);
        if (difference.Since is { } since) json.WriteString("since"u8, since.UtcDateTime);
        Text(json, "code", difference.Code);
        json.WriteString("advice"u8, difference.Advice);
        json.WriteEndObject();
    }

    static void Write(Utf8JsonWriter json, BackfillPlanView plan)
    {
        json.WriteStartObject();
        json.WriteString("system"u8, plan.System);
        json.WriteString("direction"u8, plan.Direction);
        Text(json, "problem", plan.Problem);
        Text(json, "advice", plan.Advice);
        json.WriteStartArray("objects"u8);
        foreach (var each in plan.Objects)
        {
            json.WriteStartObject();
            json.WriteString("object"u8, each.Object);
            if (each.Records is { } records) json.WriteNumber("records"u8, records);
            json.WriteNumber("looked"u8, each.Looked);
            json.WriteNumber("alreadyLinked"u8, each.AlreadyLinked);
            Texts(json, "samples", each.Samples);
            Text(json, "problem", each.Problem);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        Counts(json, "customers", plan.Customers);
        Texts(json, "samples", plan.Samples);
        if (plan.Calls is { } calls) json.WriteNumber("calls"u8, calls);
        if (plan.Takes is { } takes) json.WriteNumber("seconds"u8, Math.Round(takes.TotalSeconds, 1));
        json.WriteEndObject();
    }

    static void Counts(Utf8JsonWriter json, string name, ImmutableArray<CountView> counts)
    {
        json.WriteStartObject(name);
        foreach (var count in counts) json.WriteNumber(count.Name, count.Count);
        json.WriteEndObject();
    }

    static void Texts(Utf8JsonWriter json, string name, ImmutableArray<string> texts)
    {
        json.WriteStartArray(name);
        foreach (var text in texts) json.WriteStringValue(text);
        json.WriteEndArray();
    }

    static void Text(Utf8JsonWriter json, string name, string? text)
    {
        if (text is not null) json.WriteString(name, text);
    }
}
