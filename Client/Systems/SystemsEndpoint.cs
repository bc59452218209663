using Microsoft.AspNetCore.Http;
using OrleansCrm.Client.Requests;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Grains.Interfaces.Systems;

namespace OrleansCrm.Client.Systems;

/// <summary><c>/v1/systems</c> and <c>/v1/guards</c>: how systems stand, what brakes them, and what a person decides about that.</summary>
sealed class SystemsEndpoint(Hub hub, RequestShell shell)
{
    const string Json = "application/json";

    /// <summary>Most operations that a person may let through by number.</summary>
    const int NextMax = 1_000_000;

    const int RecordsDefault = 1_000;

    public RequestDelegate List() => shell.Wrap("systems", async context =>
    {
        var systems = await hub.Systems.List();
        await Answer(context, systems, static (json, systems) =>
        {
            json.WriteStartObject();
            json.WriteStartArray("systems"u8);
            foreach (var system in systems) SystemJson.Write(json, system);
            json.WriteEndArray();
            json.WriteEndObject();
        });
    });

    public RequestDelegate Get() => shell.Wrap("system", async context =>
    {
        var name = Parameters.Route(context, "name");
        await Answer(context, name, Parameters.IsName(name) ? await hub.Systems.Read(name) : null);
    });

    public RequestDelegate Pause() => Pausing("system-pause", paused: true);

    public RequestDelegate Resume() => Pausing("system-resume", paused: false);

    RequestDelegate Pausing(string operation, bool paused) => shell.Wrap(operation, async context =>
    {
        var name = Parameters.Route(context, "name");
        await Answer(context, name, Parameters.IsName(name) ? await hub.Systems.Pause(name, paused) : null);
    });

    public RequestDelegate Check() => shell.Wrap("system-check", async context =>
    {
        var name = Parameters.Route(context, "name");
        if (!Parameters.IsName(name) || await hub.Survey.Check(name) is not { } findings)
        {
            await Answer(context, name, (SystemView?)null);
            return;
        }
        await Answer(context, (name, findings), static (json, v) => SystemJson.Write(json, v.name, v.findings));
    });

    public RequestDelegate Survey() => shell.Wrap("system-survey", async context =>
    {
        var name = Parameters.Route(context, "name");
        if (Parameters.Number(context, "records", 1, ISurveyGrain.RecordsMax, RecordsDefault) is not { } records)
        {
            await shell.WriteProblem(context, Problem.BadParameter("records", $"'records' is a whole number from 1 to {ISurveyGrain.RecordsMax}."));
            return;
        }
        var objects = context.Request.Query["object"];
        if (objects.Count > ISurveyGrain.ObjectsMax || objects.Any(o => o is null || !Parameters.IsName(o)))
        {
            await shell.WriteProblem(context, Problem.BadParameter("object", $"'object' names an object of the system; it may be there up to {ISurveyGrain.ObjectsMax} times."));
            return;
        }
        if (!Parameters.IsName(name) || await hub.Survey.Survey(name, [.. objects.OfType<string>()], (int)records) is not { } survey)
        {
            await Answer(context, name, (SystemView?)null);
            return;
        }
        await Answer(context, survey, SystemJson.Write);
    });

    public RequestDelegate Guards() => shell.Wrap("guards", async context =>
    {
        var only = context.Request.Query["state"].ToString();
        if (only is not ("" or "holding"))
        {
            await shell.WriteProblem(context, Problem.BadParameter("state", "'state' is 'holding', or left out."));
            return;
        }
        var systems = await hub.Systems.List();
        await Answer(context, (systems, holding: only.Length > 0), static (json, v) =>
        {
            json.WriteStartObject();
            json.WriteStartArray("guards"u8);
            foreach (var system in v.systems)
            {
                foreach (var guard in system.Guards)
                {
                    if (guard.IsHeld || !v.holding) SystemJson.Write(json, system.Name, guard, withSamples: true);
                }
            }
            json.WriteEndArray();
            json.WriteEndObject();
        });
    });

    public RequestDelegate Release() => shell.Wrap("guard-release", async context =>
    {
        var (said, wrong) = await Parameters.ObjectAsync(context, "next");
        if (wrong is not null)
        {
            await shell.WriteProblem(context, wrong);
            return;
        }
        int? next = null;
        if (said.TryGetProperty("next", out var number))
        {
            if (number.ValueKind != System.Text.Json.JsonValueKind.Number || !number.TryGetInt32(out var told) || told is < 1 or > NextMax)
            {
                await shell.WriteProblem(context, Parameters.BadMember("next", $"'next' is a whole number from 1 to {NextMax}: so many operations go on, then it holds again."));
                return;
            }
            next = told;
        }
        await Decide(context, Deciding(next), "released");
    });

    Func<string, Guarded, Task<Guarded?>> Deciding(int? next) => (system, kinds) => hub.Systems.ReleaseGuard(system, kinds, next);

    public RequestDelegate Discard() => shell.Wrap("guard-discard", async context =>
    {
        var (_, wrong) = await Parameters.ObjectAsync(context);
        if (wrong is not null)
        {
            await shell.WriteProblem(context, wrong);
            return;
        }
        await Decide(context, hub.Systems.DiscardGuard, "discarded");
    });

    async Task Decide(HttpContext context, Func<string, Guarded, Task<Guarded?>> decide, string word)
    {
        var name = Parameters.Route(context, "guard");
        var dot = name.LastIndexOf('.');
        var kinds = dot < 0 ? Guarded.All : SystemJson.KindOf(name[(dot + 1)..]);
        var system = dot < 0 ? name : name[..dot];
        if (kinds is not { } asked || !Parameters.IsName(system) || await decide(system, asked) is not { } held)
        {
            await shell.WriteProblem(context, Problem.NotFound(
                Reason.UnknownGuard, $"There is no guard '{Parameters.Shown(name)}'. A guard is named system.kind, or by the system for all of its kinds: create, change, clear, delete, merge."));
            return;
        }
        if (held == Guarded.None)
        {
            await shell.WriteProblem(context, new(StatusCodes.Status409Conflict, Reason.NothingHeld, "Nothing is held", $"The guard '{Parameters.Shown(name)}' holds nothing now. Nothing was changed."));
            return;
        }
        await Answer(context, (system, held, word), static (json, v) =>
        {
            json.WriteStartObject();
            json.WriteString("system"u8, v.system);
            json.WriteStartArray(v.word);
            foreach (var kind in GuardCounts.EveryKind)
            {
                if (v.held.HasFlag(kind)) json.WriteStringValue(SystemJson.WordOf(kind));
            }
            json.WriteEndArray();
            json.WriteEndObject();
        });
    }

    Task Answer(HttpContext context, string name, SystemView? system) => system is null
        ? shell.WriteProblem(context, Problem.NotFound(Reason.UnknownSystem, $"The definition has no system '{Parameters.Shown(name)}'."))
        : Answer(context, system, SystemJson.Write);

    static Task Answer<T>(HttpContext context, T value, Action<System.Text.Json.Utf8JsonWriter, T> write)
    {
        context.Response.Headers.CacheControl = "no-store";
        return JsonAnswer.Write(context, StatusCodes.Status200OK, Json, value, write);
    }
}
