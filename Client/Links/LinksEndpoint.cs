using System.Collections.Immutable;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using OrleansCrm.Client.Requests;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Grains.Interfaces.Linking;

namespace OrleansCrm.Client.Links;

/// <summary><c>POST /v1/links</c>: ties records that exist on both sides already.</summary>
sealed class LinksEndpoint(Hub hub, RequestShell shell)
{
    const string Json = "application/json";
    const int BodyMax = 1 << 20;

    static readonly string[] Members = ["system", "object", "externalId", "customer", "by"];
    static readonly string[] ByMembers = ["system", "object", "externalId"];

    public RequestDelegate Import() => shell.Wrap("links-import", async context =>
    {
        var (said, wrong) = await Parameters.ObjectAsync(context, BodyMax, "links", "batch");
        var links = ImmutableArray<LinkToMake>.Empty;
        var batch = "";
        if (wrong is null) (links, batch, wrong) = Read(said);
        if (wrong is not null)
        {
            await shell.WriteProblem(context, wrong);
            return;
        }
        var answers = await hub.Links.Import(links, batch);
        context.Response.Headers.CacheControl = "no-store";
        await JsonAnswer.Write(context, StatusCodes.Status200OK, Json, answers, static (json, answers) =>
        {
            json.WriteStartObject();
            json.WriteStartArray("answers"u8);
            foreach (var answer in answers)
            {
                json.WriteStartObject();
                json.WriteString("outcome"u8, WordOf(answer.Outcome));
                if (answer.CustomerId is { } customer) json.WriteString("customer"u8, customer);
                if (answer.Reason is { } reason) json.WriteString("reason"u8, reason);
                if (answer.Advice is { } advice) json.WriteString("advice"u8, advice);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        });
    });

    static string WordOf(LinkOutcome outcome) => outcome switch
    {
        LinkOutcome.Linked => "linked",
        LinkOutcome.AlreadyLinked => "already-linked",
        LinkOutcome.Refused => "refused",
        _ => "try-again",
    };

    static (ImmutableArray<LinkToMake> Links, string Batch, Problem? Wrong) Read(JsonElement said)
    {
        var batch = TextOf(said, "batch") ?? "links";
        if (!Parameters.IsName(batch)) return ([], "", Parameters.BadMember("batch", "'batch' names the import, so that it can be undone as one."));
        if (!said.TryGetProperty("links", out var told) || told.ValueKind != JsonValueKind.Array || told.GetArrayLength() is 0 or > ILinksGrain.LinksMax)
        {
            return ([], "", Parameters.BadMember("links", $"'links' is a list of 1 to {ILinksGrain.LinksMax} links."));
        }
        var links = ImmutableArray.CreateBuilder<LinkToMake>(told.GetArrayLength());
        foreach (var link in told.EnumerateArray())
        {
            var place = $"links[{links.Count}]";
            if (RecordOf(link, Members) is not { } record) return ([], "", Parameters.BadMember(place, "A link has 'system', 'object' and 'externalId', and beside them 'customer' or 'by'."));
            var customer = TextOf(link, "customer");
            SourceRecord? by = link.TryGetProperty("by", out var other) ? RecordOf(other, ByMembers) : null;
            if (customer is null == by is null || (customer is not null && !Parameters.IsName(customer))) return ([], "", Parameters.BadMember(place, "A link names its customer either by 'customer' or by a record that it holds: 'by' with 'system', 'object' and 'externalId'."));
            links.Add(new(record.System, record.Object, record.ExternalId, customer, by));
        }
        return (links.ToImmutable(), batch, null);
    }

    static SourceRecord? RecordOf(JsonElement said, string[] known)
    {
        if (said.ValueKind != JsonValueKind.Object || said.EnumerateObject().Any(m => !known.Contains(m.Name))) return null;
        return TextOf(said, "system") is { } system && TextOf(said, "object") is { } name && TextOf(said, "externalId") is { } id && Parameters.IsName(system) && Parameters.IsName(name) && Parameters.IsName(id) ? new(system, name, id) : null;
    }

    static string? TextOf(JsonElement said, string name) => said.ValueKind == JsonValueKind.Object && said.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
