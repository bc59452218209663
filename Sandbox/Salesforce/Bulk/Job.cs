using System.Globalization;
using System.Text.Json;
using OrleansCrm.Sandbox.Salesforce.Records;
using OrleansCrm.Sandbox.Salesforce.Schema;
using OrleansCrm.Sandbox.Salesforce.Soql;

namespace OrleansCrm.Sandbox.Salesforce.Bulk;

enum JobState
{
    Open,
    UploadComplete,
    InProgress,
    JobComplete,
    Failed,
    Aborted,
}

/// <summary>A job of the Bulk API 2.0. Its own lock guards what changes.</summary>
sealed class Job(string id, bool isQuery, string operation, Caller caller, DateTimeOffset createdAt)
{
    public Lock Lock { get; } = new();

    public string Id { get; } = id;

    public bool IsQuery { get; } = isQuery;

    /// <summary>insert, update, upsert, delete, hardDelete; query, queryAll.</summary>
    public string Operation { get; } = operation;

    public Caller Caller { get; } = caller;

    public DateTimeOffset CreatedAt { get; } = createdAt;

    public DateTimeOffset ModifiedAt { get; set; } = createdAt;

    public ObjectSpec? Spec { get; init; }

    public FieldSpec? Key { get; init; }

    public string Delimiter { get; init; } = "COMMA";

    public string LineEnding { get; init; } = "LF";

    public SoqlQuery? Query { get; init; }

    public JobState State { get; set; } = JobState.Open;

    public byte[] Content { get; set; } = [];

    public bool HasContent { get; set; }

    public IReadOnlyList<string> Header { get; set; } = [];

    public List<(string Id, bool Created, string[] Line)> Done { get; } = [];

    public List<(string? Id, string Error, string[] Line)> Failed { get; } = [];

    public List<string[]> Unprocessed { get; } = [];

    public SoqlResult? Result { get; set; }

    public int Processed { get; set; }

    public int Retries { get; set; }

    public long Milliseconds { get; set; }

    public string? Error { get; set; }

    public bool IsClosed => State is JobState.JobComplete or JobState.Failed or JobState.Aborted;

    public char Separator => Delimiter switch { "TAB" => '\t', "PIPE" => '|', "SEMICOLON" => ';', "CARET" => '^', "BACKQUOTE" => '`', _ => ',' };

    public string Ending => LineEnding == "CRLF" ? "\r\n" : "\n";

    public void Write(Utf8JsonWriter json, bool whole)
    {
        lock (Lock)
        {
            json.WriteStartObject();
            json.WriteString("id", Id);
            json.WriteString("operation", Operation);
            json.WriteString("object", IsQuery ? Query!.From : Spec!.Name);
            json.WriteString("createdById", Caller.UserId);
            json.WriteString("createdDate", Values.Say(CreatedAt));
            json.WriteString("systemModstamp", Values.Say(ModifiedAt));
            json.WriteString("state", State.ToString());
            if (Key is not null) json.WriteString("externalIdFieldName", Key.Name);
            json.WriteString("concurrencyMode", "Parallel");
            json.WriteString("contentType", "CSV");
            json.WriteRawNumber("apiVersion", Caller.Version);
            if (IsQuery) json.WriteString("jobType", "V2Query");
            else if (!whole) json.WriteString("contentUrl", FormattableString.Invariant($"services/data/v{Caller.Version}.0/jobs/ingest/{Id}/batches"));
            else json.WriteString("jobType", "V2Ingest");
            json.WriteString("lineEnding", LineEnding);
            json.WriteString("columnDelimiter", Delimiter);
            if (whole)
            {
                json.WriteNumber("numberRecordsProcessed", Processed);
                if (!IsQuery) json.WriteNumber("numberRecordsFailed", Failed.Count);
                json.WriteNumber("retries", Retries);
                json.WriteNumber("totalProcessingTime", Milliseconds);
                if (!IsQuery)
                {
                    json.WriteNumber("apiActiveProcessingTime", Milliseconds);
                    json.WriteNumber("apexProcessingTime", 0);
                }
                if (Error is not null) json.WriteString("errorMessage", Error);
            }
            json.WriteEndObject();
        }
    }
}

static class JobJson
{
    /// <summary>A version is a number with a point: 62.0.</summary>
    public static void WriteRawNumber(this Utf8JsonWriter json, string name, int version)
    {
        json.WritePropertyName(name);
        json.WriteRawValue(string.Create(CultureInfo.InvariantCulture, $"{version}.0"));
    }
}
