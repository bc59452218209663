using System.Text.Json;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Mapping;
using OrleansCrm.Domain.Values;
using OrleansCrm.Grains.Interfaces.Intake;

namespace OrleansCrm.Grains.Intake;

/// <summary>An event in the hub's words.</summary>
/// <param name="Verdict">What the mapping makes of it; null: all could be brought over.</param>
/// <param name="Field">The source's name of the field that is to blame for the verdict; null: none in particular.</param>
readonly record struct MappedEvent(Edit Edit, IntakeVerdict? Verdict, string? Field);

/// <summary>Brings what a source says into the hub's names and spellings.</summary>
static class EventMapping
{
    /// <summary>Deepest nesting of an event's fields.</summary>
    const int DepthMax = 32;

    static readonly JsonDocumentOptions Options = new() { MaxDepth = DepthMax };

    public static MappedEvent Map(HubDefinition hub, IncomingEvent incoming)
    {
        var system = hub.System(incoming.System);
        var mapping = system is null ? null : incoming.RecordType is { } told ? system.Mapping(hub.RecordType(told)?.Name ?? told, incoming.Object) : system.MappingOfObject(incoming.Object);
        var edit = new Edit
        {
            Id = incoming.Id,
            Kind = incoming.Kind,
            Source = new(system?.Name ?? incoming.System, incoming.Object, incoming.ExternalId),
            RecordType = mapping?.RecordType ?? incoming.RecordType ?? "",
            Time = incoming.Time,
            Since = incoming.Since,
            Version = incoming.Version,
            Actor = ActorOf(system, incoming),
            Into = incoming.Into is { } into ? new SourceRecord(system?.Name ?? incoming.System, into.Object, into.ExternalId) : null,
            CreationKey = incoming.CreationKey,
            Batch = incoming.Batch,
        };
        if (system is null) return new(edit, null, null);
        if (mapping is null)
        {
            // A record type that nobody knows is told as such by intake's own rules.
            var isKnown = incoming.RecordType is null || hub.RecordType(incoming.RecordType) is not null;
            return new(edit, isKnown ? new IntakeVerdict.Refuse(RefusalReason.UnknownObject, $"The definition of {system.Name} maps no such object.") : null, null);
        }
        return incoming.Fields.IsEmpty ? new(edit, null, null) : WithFields(hub, system, mapping, edit, incoming.Fields);
    }

    static MappedEvent WithFields(HubDefinition hub, SystemDefinition system, MappingDefinition mapping, Edit edit, ReadOnlyMemory<byte> json)
    {
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(json, Options);
        }
        catch (JsonException)
        {
            return new(edit, new IntakeVerdict.Refuse(RefusalReason.Malformed, $"The fields are no JSON, or nested deeper than {DepthMax}."), null);
        }
        using (document)
        {
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                return new(edit, new IntakeVerdict.Refuse(RefusalReason.Malformed, "The fields are no JSON object."), null);
            }
            var mapped = IncomingMapping.Map(hub, system, mapping, document.RootElement);
            edit = edit with { Fields = mapped.Fields };
            foreach (var problem in mapped.Problems)
            {
                if (!problem.IsParked) return new(edit, new IntakeVerdict.Refuse(problem.Code, problem.Fix), problem.SystemName);
            }
            if (mapped.Unknown is [var unknown, ..])
            {
                var verdict = new IntakeVerdict.Park(ParkReason.UnknownField, $"The mapping of {system.Name} {mapping.Object} has no field '{Name(unknown)}'. Add it to the definition, or leave it out, then release the edit.");
                return new(AsReported(edit, document.RootElement), verdict, unknown);
            }
            if (mapped.Problems is [var unmapped, ..])
            {
                return new(AsReported(edit, document.RootElement), new IntakeVerdict.Park(ParkReason.UnresolvedMapping, ParkReason.AdviceFor(ParkReason.UnresolvedMapping)), unmapped.SystemName);
            }
            return new(edit, null, null);
        }
    }

    /// <summary>What waits for the definition to learn more is kept in the source's own names and values: only then can it be mapped anew when it is released.</summary>
    static Edit AsReported(Edit edit, JsonElement fields) =>
        edit with { Fields = [.. fields.EnumerateObject().DistinctBy(f => f.Name).Select(f => new FieldEdit(f.Name, FieldValue.FromJson(f.Value), f.Value.GetRawText()))] };

    static Actor ActorOf(SystemDefinition? system, IncomingEvent incoming)
    {
        var kind = incoming.ActorKind ?? ActorKind.Unknown;
        if (system is null || incoming.ActorId is not { } id) return new(kind, incoming.ActorId);
        if (id == system.HubActor) return new(ActorKind.Hub, id);

        // What the definition says of an account counts for more than what the source says of itself.
        return new(system.Actors.TryGetValue(id, out var declared) ? declared : kind, id);
    }

    // A name may be anything, and goes into an answer: its length is bounded.
    static string Name(string name) => name.Length <= 100 ? name : name[..100] + "…";
}
