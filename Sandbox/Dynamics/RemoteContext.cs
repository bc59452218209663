using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using OrleansCrm.Sandbox.Dynamics.Records;
using OrleansCrm.Sandbox.Dynamics.Schema;

namespace OrleansCrm.Sandbox.Dynamics;

/// <summary>What a listener asked for: the row as it was before, or is after, a change.</summary>
/// <param name="Columns">Empty: all.</param>
sealed record StepImage(string Alias, bool IsBefore, IReadOnlyList<string> Columns);

/// <summary>Writes what happened as the service tells it to listeners outside: a RemoteExecutionContext.</summary>
/// <seealso href="https://learn.microsoft.com/power-apps/developer/data-platform/use-webhooks"/>
static class RemoteContext
{
    /// <summary>A longer body loses its greater parts.</summary>
    public const int BytesMax = 256 * 1_024;

    const string Contracts = ":http://schemas.microsoft.com/xrm/2011/Contracts";

    static readonly JsonWriterOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <returns>The body, and whether parts of it were left out for its length.</returns>
    public static (byte[] Body, bool IsCut) Body(DataverseEnvironment environment, Happening happened, Row step, int mode, Guid operation, IReadOnlyList<StepImage> images)
    {
        var whole = Written(environment, happened, step, mode, operation, images, cut: false);
        return whole.Length <= BytesMax ? (whole, false) : (Written(environment, happened, step, mode, operation, images, cut: true), true);
    }

    static byte[] Written(DataverseEnvironment environment, Happening happened, Row step, int mode, Guid operation, IReadOnlyList<StepImage> images, bool cut)
    {
        var buffer = new ArrayBufferWriter<byte>(4_096);
        using (var json = new Utf8JsonWriter(buffer, Plain))
        {
            json.WriteStartObject();
            Write(json, environment, happened, mode, operation, images, cut);
            json.WriteStartObject("OwningExtension");
            json.WriteString("Id", step.Id);
            json.WriteStartArray("KeyAttributes");
            json.WriteEndArray();
            json.WriteString("LogicalName", StandardTables.Step);
            json.WriteString("Name", step.Name);
            json.WriteNull("RowVersion");
            json.WriteEndObject();
            if (!cut) WriteParent(json, environment, happened.Caller.Parent, 1);
            json.WriteEndObject();
        }
        return buffer.WrittenSpan.ToArray();
    }

    static void WriteParent(Utf8JsonWriter json, DataverseEnvironment environment, Happening? parent, int depth)
    {
        if (parent is null || depth > 16)
        {
            json.WriteNull("ParentContext");
            return;
        }
        json.WriteStartObject("ParentContext");
        Write(json, environment, parent, 0, Guid.Empty, [], cut: false);
        WriteParent(json, environment, parent.Caller.Parent, depth + 1);
        json.WriteEndObject();
    }

    static void Write(Utf8JsonWriter json, DataverseEnvironment environment, Happening happened, int mode, Guid operation, IReadOnlyList<StepImage> images, bool cut)
    {
        var caller = happened.Caller;
        json.WriteString("BusinessUnitId", environment.BusinessUnitId);
        json.WriteString("CorrelationId", caller.Correlation);
        json.WriteNumber("Depth", caller.Depth);
        json.WriteString("InitiatingUserId", caller.User);
        if (!cut)
        {
            json.WriteStartArray("InputParameters");
            WriteInput(json, happened);
            json.WriteEndArray();
        }
        json.WriteBoolean("IsExecutingOffline", false);
        json.WriteBoolean("IsInTransaction", mode == 0);
        json.WriteBoolean("IsOfflinePlayback", false);
        json.WriteNumber("IsolationMode", 1);
        json.WriteString("MessageName", happened.Message);
        json.WriteNumber("Mode", mode);
        json.WriteString("OperationCreatedOn", Date(happened.At) is var date ? date[..^2] + "-0000)/" : "");
        json.WriteString("OperationId", operation);
        json.WriteString("OrganizationId", environment.OrganizationId);
        json.WriteString("OrganizationName", environment[StandardTables.Organization].Rows[environment.OrganizationId].Name);
        json.WriteStartArray("OutputParameters");
        if (happened.Message == "Create")
        {
            json.WriteStartObject();
            json.WriteString("key", "id");
            json.WriteString("value", happened.Id);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        if (!cut)
        {
            WriteImages(json, "PostEntityImages", happened, images.Where(i => !i.IsBefore), happened.After);
            WriteImages(json, "PreEntityImages", happened, images.Where(i => i.IsBefore), happened.Before);
        }
        json.WriteString("PrimaryEntityId", happened.Id);
        json.WriteString("PrimaryEntityName", happened.Table.Spec.Name);
        json.WriteString("RequestId", caller.RequestId);
        json.WriteString("SecondaryEntityName", "none");
        json.WriteStartArray("SharedVariables");
        if (caller.Tag is { } tag)
        {
            json.WriteStartObject();
            json.WriteString("key", "tag");
            json.WriteString("value", tag);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteNumber("Stage", 40);
        json.WriteString("UserId", caller.User);
    }

    static void WriteInput(Utf8JsonWriter json, Happening happened)
    {
        json.WriteStartObject();
        json.WriteString("key", "Target");
        json.WritePropertyName("value");
        if (happened.Target is { } target && happened.Message != "Merge") WriteEntity(json, happened.Table, happened.Id, target, happened.After?.Version);
        else WriteReference(json, new Reference(happened.Table.Spec.Name, happened.Id), null);
        json.WriteEndObject();
        if (happened.Subordinate is not { } subordinate) return;
        json.WriteStartObject();
        json.WriteString("key", "SubordinateId");
        json.WriteString("value", subordinate);
        json.WriteEndObject();
        json.WriteStartObject();
        json.WriteString("key", "UpdateContent");
        json.WritePropertyName("value");
        WriteEntity(json, happened.Table, happened.Id, happened.Target!, null);
        json.WriteEndObject();
        json.WriteStartObject();
        json.WriteString("key", "PerformParentingChecks");
        json.WriteBoolean("value", false);
        json.WriteEndObject();
    }

    static void WriteImages(Utf8JsonWriter json, string name, Happening happened, IEnumerable<StepImage> images, Content? content)
    {
        json.WriteStartArray(name);
        if (content is not null)
        {
            foreach (var image in images)
            {
                json.WriteStartObject();
                json.WriteString("key", image.Alias);
                json.WritePropertyName("value");
                var held = content.Values.Where(v => image.Columns.Count == 0 || image.Columns.Contains(v.Key)).ToDictionary(v => v.Key, v => (object?)v.Value, StringComparer.Ordinal);
                WriteEntity(json, happened.Table, happened.Id, held, content.Version);
                json.WriteEndObject();
            }
        }
        json.WriteEndArray();
    }

    static void WriteEntity(Utf8JsonWriter json, Table table, Guid id, IReadOnlyDictionary<string, object?> values, long? version)
    {
        json.WriteStartObject();
        json.WriteString("__type", "Entity" + Contracts);
        json.WriteStartArray("Attributes");
        foreach (var (name, value) in values)
        {
            if (table.Find(name) is not { } column) continue;
            json.WriteStartObject();
            json.WriteString("key", name);
            json.WritePropertyName("value");
            WriteValue(json, column, value);
            json.WriteEndObject();
        }
        json.WriteStartObject();
        json.WriteString("key", table.Spec.IdColumn);
        json.WriteString("value", id);
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteNull("EntityState");
        json.WriteStartArray("FormattedValues");
        json.WriteEndArray();
        json.WriteString("Id", id);
        json.WriteStartArray("KeyAttributes");
        json.WriteEndArray();
        json.WriteString("LogicalName", table.Spec.Name);
        json.WriteStartArray("RelatedEntities");
        json.WriteEndArray();
        json.WriteString("RowVersion", version?.ToString(CultureInfo.InvariantCulture));
        json.WriteEndObject();
    }

    static void WriteValue(Utf8JsonWriter json, Column column, object? value)
    {
        switch (value)
        {
            case null: json.WriteNullValue(); break;
            case bool flag: json.WriteBooleanValue(flag); break;
            case int number when column.Kind is ColumnKind.Choice or ColumnKind.State or ColumnKind.Status:
                json.WriteStartObject();
                json.WriteString("__type", "OptionSetValue" + Contracts);
                json.WriteNumber("Value", number);
                json.WriteEndObject();
                break;
            case int number: json.WriteNumberValue(number); break;
            case long number: json.WriteNumberValue(number); break;
            case decimal number when column.Kind == ColumnKind.Money:
                json.WriteStartObject();
                json.WriteString("__type", "Money" + Contracts);
                json.WriteNumber("Value", number);
                json.WriteEndObject();
                break;
            case decimal number: json.WriteNumberValue(number); break;
            case DateTimeOffset time: json.WriteStringValue(Date(time)); break;
            case DateOnly date: json.WriteStringValue(Date(new DateTimeOffset(date, TimeOnly.MinValue, TimeSpan.Zero))); break;
            case Reference reference: WriteReference(json, reference, null); break;
            default: json.WriteStringValue(ValueReader.Say(value)); break;
        }
    }

    static void WriteReference(Utf8JsonWriter json, Reference reference, string? name)
    {
        json.WriteStartObject();
        json.WriteString("__type", "EntityReference" + Contracts);
        json.WriteString("Id", reference.Id);
        json.WriteStartArray("KeyAttributes");
        json.WriteEndArray();
        json.WriteString("LogicalName", reference.Table);
        json.WriteString("Name", name);
        json.WriteNull("RowVersion");
        json.WriteEndObject();
    }

    static string Date(DateTimeOffset time) => string.Create(CultureInfo.InvariantCulture, $"/Date({time.ToUnixTimeMilliseconds()})/");
}
