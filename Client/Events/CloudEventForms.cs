using System.Collections.Immutable;
using System.Net.Mime;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Unicode;
using CloudNative.CloudEvents;
using CloudNative.CloudEvents.Http;
using CloudNative.CloudEvents.SystemTextJson;
using Microsoft.AspNetCore.Http;
using OrleansCrm.Client.Requests;
using OrleansCrm.Grains.Interfaces.Intake;

namespace OrleansCrm.Client.Events;

/// <summary>What came of reading one event.</summary>
/// <param name="Id">Null: it has none that could be read.</param>
/// <param name="Incoming">Null: refused.</param>
readonly record struct EventRead(string? Id, IncomingEvent? Incoming, EventRefusal? Refusal);

/// <summary>The forms of CloudEvents 1.0 that carry one event or an array of them.</summary>
sealed class CloudEventForms(int depthMax)
{
    static readonly ContentType Structured = new("application/cloudevents+json");

    // A batch may hold an event that nests too deep; it alone is to be refused, so the array around it is read to any depth.
    const int BatchDepthMax = 1 << 20;

    readonly JsonEventFormatter _formatter = new(new JsonSerializerOptions(), new JsonDocumentOptions { MaxDepth = depthMax, AllowDuplicateProperties = false });

    public EventRead ReadStructured(ReadOnlyMemory<byte> body, string correlationId)
    {
        if (!Utf8.IsValid(body.Span)) return new(null, null, EventRefusal.InvalidUtf8);
        CloudEvent cloudEvent;
        try
        {
            cloudEvent = _formatter.DecodeStructuredModeMessage(body, Structured, null);
        }
        catch (Exception failure) when (IsOfTheEvent(failure))
        {
            // The library's texts quote what they refuse. Our own reader says it without.
            var refusal = EventReader.OfThisThread.Read(body.Span, depthMax, correlationId, out _, out var id) ?? EventRefusal.NotACloudEvent;
            return new(id, null, refusal);
        }
        return Finish(cloudEvent, correlationId);
    }

    /// <summary>Reads the attributes from <c>ce-</c> headers and the data from the body.</summary>
    public EventRead ReadBinary(IHeaderDictionary headers, ReadOnlyMemory<byte> body, string correlationId)
    {
        var version = CloudEventsSpecVersion.FromVersionId(headers[HttpUtilities.SpecVersionHttpHeader]);
        if (version is null) return new(null, null, EventRefusal.Bad("specversion", "'ce-specversion' is 1.0."));
        if (!Utf8.IsValid(body.Span)) return new(null, null, EventRefusal.InvalidUtf8);

        var cloudEvent = new CloudEvent(version);
        foreach (var (header, values) in headers)
        {
            if (HttpUtilities.GetAttributeNameFromHeaderName(header) is not { } attribute || attribute == CloudEventsSpecVersion.SpecVersionAttribute.Name) continue;
            try
            {
                cloudEvent.SetAttributeFromString(attribute, HttpUtilities.DecodeHeaderValue(values.ToString()));
            }
            catch (Exception failure) when (IsOfTheEvent(failure))
            {
                return new(cloudEvent.Id, null, EventRefusal.Bad(IsOurs(attribute) ? attribute : "ce-", "A 'ce-' header does not hold what CloudEvents 1.0 has for it."));
            }
        }
        cloudEvent.DataContentType = headers.ContentType;
        try
        {
            if (!body.IsEmpty) _formatter.DecodeBinaryModeEventData(body, cloudEvent);
        }
        catch (Exception failure) when (IsOfTheEvent(failure))
        {
            var draft = EventReader.OfThisThread.NewDraft();
            var refusal = EventRefusal.MalformedJson;
            try
            {
                EventReader.OfThisThread.ReadData(body.Span, depthMax - 1, draft);
                refusal = draft.Refusal ?? refusal;
            }
            catch (JsonException)
            {
                // Malformed it is.
            }
            return new(cloudEvent.Id, null, refusal);
        }
        return Finish(cloudEvent, correlationId);
    }

    /// <summary>Reads an array of events in structured form; each stands for itself.</summary>
    /// <param name="events">In the array's order; default where the array itself is refused.</param>
    /// <returns>Null: the array could be read.</returns>
    public EventRefusal? ReadBatch(ReadOnlyMemory<byte> body, int eventsMax, int eventSizeMax, string correlationId, out ImmutableArray<EventRead> events)
    {
        events = default;
        var found = ImmutableArray.CreateBuilder<EventRead>();
        var reader = new Utf8JsonReader(body.Span, new JsonReaderOptions { MaxDepth = BatchDepthMax });
        try
        {
            reader.Read();
            if (reader.TokenType != JsonTokenType.StartArray) return new(Reason.NotACloudEvent, null, "A batch is a JSON array of CloudEvents.");
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                if (found.Count == eventsMax) return new(Reason.TooManyEvents, null, $"A batch holds at most {eventsMax} events. Send several, or a stream of lines (application/x-ndjson).");
                var start = (int)reader.TokenStartIndex;
                reader.Skip();
                var one = body[start..(int)reader.BytesConsumed];
                found.Add(one.Length > eventSizeMax ? new(null, null, EventRefusal.TooLong(eventSizeMax)) : ReadStructured(one, correlationId));
            }
            reader.Read();
        }
        catch (JsonException)
        {
            return EventRefusal.MalformedJson;
        }
        events = found.DrainToImmutable();
        return null;
    }

    EventRead Finish(CloudEvent cloudEvent, string correlationId)
    {
        var reader = EventReader.OfThisThread;
        var draft = reader.NewDraft();
        if (cloudEvent.Id is { } id) draft.SetId(id);
        if (cloudEvent.Source is { } source) draft.SetSource(source.OriginalString);
        if (cloudEvent.Type is { } type) draft.SetType(type);
        if (cloudEvent.Subject is { } subject) draft.SetSubject(subject);
        if (cloudEvent.Time is { } time) draft.SetTime(time);
        if (cloudEvent.DataContentType is { } contentType) draft.SetDataContentType(contentType);
        switch (cloudEvent.Data)
        {
            case JsonElement data:
                reader.ReadData(JsonMarshal.GetRawUtf8Value(data), depthMax - 1, draft);
                break;
            case null:
                break;
            case byte[]:
                draft.Refuse(EventRefusal.Base64);
                break;
            default:
                draft.Refuse(EventRefusal.Bad("data", "'data' is an object."));
                break;
        }
        var finished = draft.TryFinish(correlationId, out var incoming);
        return new(draft.Id, incoming, finished ? null : draft.Refusal);
    }

    static bool IsOurs(string attribute) => attribute is "id" or "source" or "type" or "subject" or "time" or "datacontenttype";

    // What the library throws at an event that it does not like.
    static bool IsOfTheEvent(Exception failure) => failure is JsonException or ArgumentException or FormatException or InvalidOperationException or UriFormatException or OverflowException;
}
