using System.Globalization;
using System.Net.Mime;
using System.Text.Json;
using CloudNative.CloudEvents;
using CloudNative.CloudEvents.Extensions;
using CloudNative.CloudEvents.SystemTextJson;
using OrleansCrm.Domain.Connecting;

namespace OrleansCrm.Connectors.Webhooks;

/// <summary>A change as a CloudEvent 1.0 in structured JSON.</summary>
public static class ChangeEvent
{
    public const string ContentType = "application/cloudevents+json; charset=utf-8";

    static readonly Formatter Format = new();

    /// <param name="hub">The hub's name, for people who read the source.</param>
    public static ReadOnlyMemory<byte> Encode(CustomerChange change, string hub)
    {
        ArgumentNullException.ThrowIfNull(change);
        ArgumentNullException.ThrowIfNull(hub);
        var cloudEvent = new CloudEvent(CloudEventsSpecVersion.V1_0)
        {
            Id = change.Id,
            Source = new Uri("/hubs/" + Uri.EscapeDataString(hub), UriKind.Relative),
            Type = $"crm.{change.RecordType}.{ChangeJson.Kind(change)}",
            Subject = change.CustomerId,
            Time = change.At,
            DataContentType = MediaTypeNames.Application.Json,
            Data = change,
        };
        cloudEvent.SetPartitionKey(change.CustomerId);

        // Compared as text, so as wide as the largest number.
        cloudEvent["sequence"] = change.Revision.ToString("D19", CultureInfo.InvariantCulture);
        return Format.EncodeStructuredModeMessage(cloudEvent, out _);
    }

    sealed class Formatter : JsonEventFormatter
    {
        protected override void EncodeStructuredModeData(CloudEvent cloudEvent, Utf8JsonWriter writer)
        {
            writer.WritePropertyName(DataPropertyName);
            ChangeJson.Write(writer, (CustomerChange)cloudEvent.Data!);
        }
    }
}
