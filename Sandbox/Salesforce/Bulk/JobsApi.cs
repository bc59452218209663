using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using CsvHelper;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;
using OrleansCrm.Sandbox.Salesforce.Api;
using OrleansCrm.Sandbox.Salesforce.Records;
using OrleansCrm.Sandbox.Salesforce.Schema;
using OrleansCrm.Sandbox.Salesforce.Soql;

namespace OrleansCrm.Sandbox.Salesforce.Bulk;

/// <summary>The Bulk API 2.0: files of rows that are written, and of rows that were found, by jobs in the background.</summary>
/// <seealso href="https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/bulk_api_2_0.htm"/>
sealed class JobsApi : IAsyncDisposable
{
    /// <summary>Largest file of a job.</summary>
    public const int ContentMax = 150 << 20;

    /// <summary>Jobs that are known; of closed ones the oldest go.</summary>
    const int JobsMax = 10_000;

    /// <summary>Bytes of all files that wait.</summary>
    const long WaitingMax = 1L << 30;

    /// <summary>Rows of one transaction.</summary>
    const int ChunkMax = 200;

    const int HeaderMax = 32_000;
    const int RetriesMax = 20;
    const int PageMax = 1_000;
    const string Cleared = "#N/A";

    static readonly string[] Operations = ["insert", "update", "upsert", "delete", "hardDelete"];
    static readonly string[] Delimiters = ["COMMA", "TAB", "PIPE", "SEMICOLON", "CARET", "BACKQUOTE"];

    readonly SalesforceOrganisation _organisation;
    readonly SalesforceOrg _org;
    readonly Lock _lock = new();
    readonly List<Job> _jobs = [];
    readonly Channel<Job> _waiting = Channel.CreateBounded<Job>(JobsMax);
    readonly CancellationTokenSource _stop = new();
    readonly Task _working;
    long _ids;
    long _bytes;
    int _queryJobs;

    public JobsApi(SalesforceOrganisation organisation)
    {
        _organisation = organisation;
        _org = organisation.Org;
        _working = Task.Run(WorkAsync);
    }

    public int QueryJobs => Volatile.Read(ref _queryJobs);

    public ApiAnswer Answer(ApiCall call) => call.Path.ToArray() switch
    {
        ["jobs", "ingest" or "query"] when call.Method == "POST" => call.Path[1] == "ingest" ? CreateIngest(call) : CreateQuery(call),
        ["jobs", "ingest" or "query"] when call.Method == "GET" => List(call, call.Path[1] == "query"),
        ["jobs", var kind and ("ingest" or "query"), var id, .. var rest] => Find(id, kind == "query") is { } job ? Of(call, job, rest) : ApiAnswer.Of(SalesforceError.NotFound),
        _ => ApiAnswer.Of(SalesforceError.NotFound),
    };

    Job? Find(string id, bool isQuery)
    {
        lock (_lock) return RecordId.TryParse(id, out var whole) ? _jobs.Find(j => j.Id == whole && j.IsQuery == isQuery) : null;
    }

    static ApiAnswer Bad(string code, string message) => ApiAnswer.Of(400, new SalesforceError(code, message));

    static string? Text(JsonElement body, string name) => body.ValueKind == JsonValueKind.Object && body.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    string NewId() => RecordId.Make("750", "xx0", Interlocked.Increment(ref _ids));

    ApiAnswer? Add(Job job)
    {
        lock (_lock)
        {
            if (_jobs.Count >= JobsMax)
            {
                var oldest = _jobs.FindIndex(j => j.IsClosed);
                if (oldest < 0) return Bad("EXCEEDEDQUOTA", "Too many jobs are open.");
                _jobs.RemoveAt(oldest);
            }
            _jobs.Add(job);
            return null;
        }
    }

    ApiAnswer CreateIngest(ApiCall call)
    {
        var (body, content) = (call.Body, default(byte[]));
        if (body.ValueKind != JsonValueKind.Object && call.Header("Content-Type") is { } type && type.StartsWith("multipart/", StringComparison.OrdinalIgnoreCase))
        {
            if (Multipart(type, call.Content) is not var (described, rows)) return Bad("INVALIDJOB", "The parts job and content are missing.");
            (body, content) = (described, rows);
        }
        var operation = Text(body, "operation");
        if (operation is null || !Operations.Contains(operation)) return Bad("INVALIDJOB", $"InvalidJob : Unsupported operation: {operation}");
        if (Text(body, "object") is not { } name || _org.Read(o => o.Table(name)?.Spec) is not { Writable: true } spec) return Bad("INVALIDJOB", $"InvalidJob : Unable to find object: {Text(body, "object")}");
        if (Text(body, "contentType") is { } contentType && contentType != "CSV") return Bad("INVALIDJOB", "InvalidJob : The contentType is CSV.");
        var delimiter = Text(body, "columnDelimiter") ?? "COMMA";
        var ending = Text(body, "lineEnding") ?? "LF";
        if (!Delimiters.Contains(delimiter) || ending is not ("LF" or "CRLF")) return Bad("INVALIDJOB", "InvalidJob : The column delimiter or line ending is unknown.");
        FieldSpec? key = null;
        if (operation == "upsert")
        {
            key = Text(body, "externalIdFieldName") is { } keyName ? spec.Find(keyName) : null;
            if (key is null || !(key.ExternalId || key.IdLookup)) return Bad("INVALIDJOB", "InvalidJob : Field name provided does not match an External ID for " + spec.Name);
        }
        var now = Values.Whole(_org.Time.GetUtcNow());
        var job = new Job(NewId(), false, operation, call.Caller with { Api = "bulkapi" }, now) { Spec = spec, Key = key, Delimiter = delimiter, LineEnding = ending };
        if (Add(job) is { } full) return full;
        if (content is not null)
        {
            if (!TryKeep(job, content)) return Bad("EXCEEDEDQUOTA", "Too much waits to be processed.");
            Submit(job);
        }
        return ApiAnswer.Json(200, json => job.Write(json, whole: false));
    }

    // A job and its rows in one request.
    static (JsonElement Job, byte[] Content)? Multipart(string type, ReadOnlyMemory<byte> body)
    {
        if (!MediaTypeHeaderValue.TryParse(type, out var media) || HeaderUtilities.RemoveQuotes(media.Boundary).Value is not { Length: > 0 and <= 70 } boundary) return null;
        JsonElement? job = null;
        byte[]? content = null;
        try
        {
            var reader = new MultipartReader(boundary, new MemoryStream(body.ToArray()));

            // What it reads from is in memory: there is nothing to wait for.
            while (reader.ReadNextSectionAsync().GetAwaiter().GetResult() is { } section)
            {
                using var kept = new MemoryStream();
                section.Body.CopyTo(kept);
                if (section.GetContentDispositionHeader()?.Name.Value?.Trim('"') == "job") job = JsonElement.Parse(kept.ToArray());
                else content = kept.ToArray();
            }
        }
        catch (Exception exception) when (exception is IOException or JsonException or InvalidDataException)
        {
            return null;
        }
        return job is { } known && content is { Length: <= 100_000 } ? (known, content) : null;
    }

    ApiAnswer CreateQuery(ApiCall call)
    {
        if (Text(call.Body, "operation") is not { } operation || operation is not ("query" or "queryAll") || Text(call.Body, "query") is not { } text) return Bad("INVALIDJOB", "InvalidJob : operation and query are needed.");
        var query = SoqlParser.Parse(text, _org.Time.GetUtcNow());
        if (query.IsAggregate || query.CountOnly || query.Offset > 0 || query.Select.Any(i => i is SoqlItem.Children or SoqlItem.Fields)) return Bad("API_ERROR", "Aggregate functions, GROUP BY, OFFSET, FIELDS and parent-to-child relationships are not supported in Bulk Query");
        var result = _org.Read(_ => new SoqlRunner(_org, call.Caller, operation == "queryAll").Run(query with { Limit = 0 }));
        if (result.Columns.Any(c => c.Field.Type == FieldType.Address)) return Bad("API_ERROR", "Compound fields are not supported in Bulk Query");
        Interlocked.Increment(ref _queryJobs);
        var job = new Job(NewId(), true, operation, call.Caller with { Api = "bulkapi" }, Values.Whole(_org.Time.GetUtcNow()))
        {
            Query = query,
            State = JobState.UploadComplete,
            Delimiter = Text(call.Body, "columnDelimiter") ?? "COMMA",
            LineEnding = Text(call.Body, "lineEnding") ?? "LF",
        };
        if (Add(job) is { } full) return full;
        Submit(job);
        return ApiAnswer.Json(200, json => job.Write(json, whole: false));
    }

    ApiAnswer List(ApiCall call, bool isQuery)
    {
        Job[] jobs;
        lock (_lock) jobs = [.. _jobs.Where(j => j.IsQuery == isQuery)];
        var from = int.TryParse(call.Query("queryLocator"), NumberStyles.None, CultureInfo.InvariantCulture, out var at) ? at : 0;
        var more = from + PageMax < jobs.Length;
        return ApiAnswer.Json(200, json =>
        {
            json.WriteStartObject();
            json.WriteBoolean("done", !more);
            json.WriteStartArray("records");
            foreach (var job in jobs.Skip(from).Take(PageMax)) job.Write(json, whole: false);
            json.WriteEndArray();
            json.WriteString("nextRecordsUrl", more ? FormattableString.Invariant($"{call.Base}/jobs/{(isQuery ? "query" : "ingest")}?queryLocator={from + PageMax}") : null);
            json.WriteEndObject();
        });
    }

    ApiAnswer Of(ApiCall call, Job job, string[] rest)
    {
        switch (call.Method, rest)
        {
            case ("GET", []): return ApiAnswer.Json(200, json => job.Write(json, whole: true));
            case ("PATCH", []): return Change(call, job);
            case ("DELETE", []): return Remove(job);
            case ("PUT", ["batches"]) when !job.IsQuery: return Upload(call, job);
            case ("GET", ["successfulResults"]) when !job.IsQuery:
                return Lines(job, ["sf__Id", "sf__Created", .. job.Header], job.Done.Select(d => (string?[])[d.Id, d.Created ? "true" : "false", .. d.Line]));
            case ("GET", ["failedResults"]) when !job.IsQuery:
                return Lines(job, ["sf__Id", "sf__Error", .. job.Header], job.Failed.Select(f => (string?[])[f.Id, f.Error, .. f.Line]));
            case ("GET", ["unprocessedrecords" or "unprocessedRecords"]) when !job.IsQuery:
                return Lines(job, job.Header, job.Unprocessed);
            case ("GET", ["results"]) when job.IsQuery: return Results(call, job);
            default: return ApiAnswer.Of(SalesforceError.NotFound);
        }
    }

    ApiAnswer Change(ApiCall call, Job job)
    {
        var state = Text(call.Body, "state");
        lock (job.Lock)
        {
            if (state == "Aborted" && !job.IsClosed)
            {
                job.State = JobState.Aborted;
                job.ModifiedAt = Values.Whole(_org.Time.GetUtcNow());
            }
            else if (state == "UploadComplete" && job is { State: JobState.Open, IsQuery: false })
            {
                Submit(job);
            }
            else
            {
                return Bad("INVALIDJOBSTATE", $"Current job state is {job.State}. It can't be changed to {state}.");
            }
        }
        return ApiAnswer.Json(200, json => job.Write(json, whole: false));
    }

    void Submit(Job job)
    {
        lock (job.Lock)
        {
            job.State = JobState.UploadComplete;
            job.ModifiedAt = Values.Whole(_org.Time.GetUtcNow());
            if (_waiting.Writer.TryWrite(job)) return;
            job.State = JobState.Failed;
            job.Error = "ExceededQuota : Too many jobs wait.";
        }
    }

    ApiAnswer Remove(Job job)
    {
        lock (_lock)
        {
            if (job.State is JobState.Open or JobState.InProgress) return Bad("INVALIDJOBSTATE", $"Job in state {job.State} can't be deleted.");
            _jobs.Remove(job);
        }
        return ApiAnswer.Empty(204);
    }

    bool TryKeep(Job job, byte[] content)
    {
        if (Interlocked.Add(ref _bytes, content.Length) > WaitingMax)
        {
            Interlocked.Add(ref _bytes, -content.Length);
            return false;
        }
        job.Content = content;
        job.HasContent = true;
        return true;
    }

    ApiAnswer Upload(ApiCall call, Job job)
    {
        lock (job.Lock)
        {
            if (job.State != JobState.Open || job.HasContent) return Bad("INVALIDJOBSTATE", "The rows of this job have been uploaded already.");
            if (call.Content.Length > ContentMax) return Bad("EXCEEDEDQUOTA", "The file is larger than 150 MB.");
            if (!TryKeep(job, call.Content.ToArray())) return Bad("EXCEEDEDQUOTA", "Too much waits to be processed.");
        }
        return ApiAnswer.Empty(201);
    }

    static ApiAnswer Lines(Job job, IReadOnlyList<string> header, IEnumerable<string?[]> lines)
    {
        lock (job.Lock) return Csv(job, header, lines);
    }

    static ApiAnswer Csv(Job job, IReadOnlyList<string> header, IEnumerable<IReadOnlyList<string?>> lines)
    {
        using var stream = new MemoryStream();
        using (var csv = CsvWriter.Create(stream, new CsvWriterOptions { Separator = job.Separator, NewLine = job.Ending, Quoting = CsvQuoting.Always, FormatProvider = CultureInfo.InvariantCulture }, true))
        {
            foreach (var name in header) csv.WriteField(name);
            csv.EndRecord();
            foreach (var line in lines)
            {
                foreach (var value in line) csv.WriteField(value ?? "");
                csv.EndRecord();
            }
        }
        return new ApiAnswer(200, stream.ToArray()) { ContentType = "text/csv" };
    }

    ApiAnswer Results(ApiCall call, Job job)
    {
        if (call.Caller.Version != job.Caller.Version) return ApiAnswer.Of(409, new SalesforceError("API_VERSION_MISMATCH", "The results are asked for with another version of the API than the job was made with."));
        if (job.State != JobState.JobComplete || job.Result is not { } result) return Bad("INVALIDJOBSTATE", $"The job is {job.State}; its results are not there.");
        var from = 0;
        if (call.Query("locator") is { Length: > 0 } locator && !TryLocator(locator, out from)) return Bad("INVALID_QUERY_LOCATOR", "invalid query locator");
        var count = int.TryParse(call.Query("maxRecords"), NumberStyles.None, CultureInfo.InvariantCulture, out var most) && most > 0 ? Math.Min(most, 50_000) : 50_000;
        var rows = result.Rows.Skip(from).Take(count).ToArray();
        var next = from + rows.Length < result.Rows.Count ? Convert.ToBase64String(Encoding.ASCII.GetBytes((from + rows.Length).ToString(CultureInfo.InvariantCulture))) : "null";
        var answer = _org.Read(_ => Csv(job, [.. result.Columns.Select(c => c.Path.ToString())], rows.Select(r => result.Columns.Select(c => Values.Say(c.Get(r))).ToArray())));
        return answer with { Headers = [new("Sforce-Locator", next), new("Sforce-NumberOfRecords", rows.Length.ToString(CultureInfo.InvariantCulture))] };
    }

    static bool TryLocator(string text, out int at)
    {
        Span<byte> bytes = stackalloc byte[32];
        at = 0;
        return text.Length <= 40 && Convert.TryFromBase64String(text, bytes, out var length) && int.TryParse(bytes[..length], NumberStyles.None, CultureInfo.InvariantCulture, out at);
    }

    async Task WorkAsync()
    {
        try
        {
            await foreach (var job in _waiting.Reader.ReadAllAsync(_stop.Token))
            {
                var began = _org.Time.GetTimestamp();
                lock (job.Lock)
                {
                    if (job.State != JobState.UploadComplete) continue;
                    job.State = JobState.InProgress;
                }
                try
                {
                    if (job.IsQuery) Query(job);
                    else await IngestAsync(job);
                }
                catch (Exception exception) when (exception is not OperationCanceledException)
                {
                    // Whatever a file may do, the jobs behind it are waiting.
                    End(job, JobState.Failed, "InvalidBatch : " + exception.Message);
                }
                Interlocked.Add(ref _bytes, -job.Content.Length);
                job.Content = [];
                job.Milliseconds = (long)_org.Time.GetElapsedTime(began).TotalMilliseconds;
                End(job, JobState.JobComplete, null);
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // Jobs end with the sandbox.
        }
    }

    void End(Job job, JobState state, string? error)
    {
        lock (job.Lock)
        {
            if (job.IsClosed) return;
            job.State = state;
            job.Error = error;
            job.ModifiedAt = Values.Whole(_org.Time.GetUtcNow());
        }
    }

    void Query(Job job)
    {
        var result = _org.Read(_ => new SoqlRunner(_org, job.Caller, job.Operation == "queryAll").Run(job.Query!));
        lock (job.Lock)
        {
            job.Result = result;
            job.Processed = result.Rows.Count;
        }
    }

    async Task IngestAsync(Job job)
    {
        // What is broken off in the middle of a quotation is one bad row, not the end of the sandbox.
        var content = job.Content.AsMemory();
        var hasReturns = content.Span.IndexOf("\r\n"u8) >= 0;
        if (hasReturns != (job.LineEnding == "CRLF") && content.Span.Contains((byte)'\n'))
        {
            End(job, JobState.Failed, $"InvalidBatch : LineEnding is invalid on user data. Current LineEnding setting is {job.LineEnding}");
            return;
        }
        using var csv = CsvReader.Create(content, new CsvReaderOptions { Separator = job.Separator, IncludeValuesInExceptions = false });
        csv.ReadHeader();
        string[] header = [.. csv.Headers];
        if (header.Length == 0 || header.Sum(h => h.Length) > HeaderMax)
        {
            End(job, JobState.Failed, "InvalidBatch : The header row is missing or too long.");
            return;
        }
        lock (job.Lock) job.Header = header;
        if (Problem(job, header) is { } problem)
        {
            while (csv.Read()) job.Unprocessed.Add(Filled(csv, header.Length));
            End(job, JobState.Failed, problem);
            return;
        }
        var call = new ApiCall("PUT", ["jobs"], job.Caller) { Query = static _ => null, Header = static _ => null, Written = [], Operation = "bulk.ingest" };
        var chunk = new List<string[]>(ChunkMax);
        while (csv.Read())
        {
            chunk.Add(Filled(csv, header.Length));
            if (chunk.Count < ChunkMax) continue;
            await RunAsync(job, call, header, chunk);
            chunk.Clear();
        }
        await RunAsync(job, call, header, chunk);

        // Batches run side by side: nobody may count on the order.
        lock (job.Lock)
        {
            job.Done.Reverse();
            job.Failed.Reverse();
        }
        foreach (var written in call.Written) _organisation.After(written);
    }

    static string[] Filled(CsvReader csv, int length)
    {
        var line = new string[length];
        for (var i = 0; i < length; i++) line[i] = i < csv.FieldCount ? csv.GetString(i) : "";
        return line;
    }

    string? Problem(Job job, string[] header)
    {
        var needsId = job.Operation is "update" or "delete" or "hardDelete";
        if (needsId && !header.Contains("Id", StringComparer.OrdinalIgnoreCase)) return "InvalidBatch : Field name not found : Id";
        if (job.Key is { } key && !header.Contains(key.Name, StringComparer.OrdinalIgnoreCase)) return $"InvalidBatch : Field name not found : {key.Name}";
        foreach (var name in header)
        {
            var parts = name.Split('.');
            var known = parts.Length == 2 ? job.Spec!.Relationship(parts[0]) >= 0 : job.Spec!.Find(name) is { } field && _org.IsVisible(job.Caller, job.Spec, field);
            if (!known) return $"InvalidBatch : Field name not found : {name}";
        }
        return null;
    }

    async Task RunAsync(Job job, ApiCall call, string[] header, List<string[]> lines)
    {
        var rows = lines.Select(l => (Line: l, Fields: Fields(header, l, job.Key?.Name))).ToList();
        for (var retry = 0; rows.Count > 0; retry++)
        {
            if (job.State == JobState.Aborted)
            {
                lock (job.Lock) job.Unprocessed.AddRange(rows.Select(r => r.Line));
                return;
            }
            if (retry > 0)
            {
                lock (job.Lock) job.Retries++;
                await Task.Delay(TimeSpan.FromMilliseconds(100), _org.Time, _stop.Token);
            }
            var results = _org.Do(job.Caller, transaction => rows.Select(row =>
            {
                var id = row.Fields.Id;
                return _organisation.Write(call, transaction, job.Spec!, id, row.Fields.Named, f => job.Operation switch
                {
                    "insert" => transaction.Create(job.Spec!, f),
                    "update" => transaction.Update(id ?? "", f),
                    "upsert" => transaction.Upsert(job.Spec!, job.Key!, job.Key!.Type == FieldType.Id ? id : row.Fields.Key, f),
                    _ => transaction.Delete(id ?? ""),
                });
            }).ToArray());
            var again = new List<(string[], (string?, string?, List<KeyValuePair<string, object?>>))>();
            lock (job.Lock)
            {
                for (var i = 0; i < results.Length; i++)
                {
                    var result = results[i];
                    if (!result.Success && result.Errors[0].Code == "UNABLE_TO_LOCK_ROW" && retry < RetriesMax)
                    {
                        again.Add(rows[i]);
                        continue;
                    }
                    job.Processed++;
                    if (result.Success) job.Done.Add((result.Id!, job.Operation == "insert" || result.Created, rows[i].Line));
                    else job.Failed.Add((result.Id, string.Join("; ", result.Errors.Select(e => $"{e.Code}:{e.Message}:{string.Join(", ", e.Fields)} --")), rows[i].Line));
                }
            }
            if (job.Operation == "hardDelete")
            {
                foreach (var result in results.Where(r => r.Success)) _org.Purge(result.Id!);
            }
            rows = [.. again.Select(a => (a.Item1, (a.Item2.Item1, a.Item2.Item2, a.Item2.Item3)))];
        }
    }

    // Empty says nothing, #N/A clears.
    static (string? Id, string? Key, List<KeyValuePair<string, object?>> Named) Fields(string[] header, string[] line, string? key)
    {
        string? id = null, keyValue = null;
        var fields = new List<KeyValuePair<string, object?>>(header.Length);
        for (var i = 0; i < header.Length; i++)
        {
            if (line[i].Length == 0) continue;
            var value = line[i] == Cleared ? null : line[i];
            if (header[i].Equals("Id", StringComparison.OrdinalIgnoreCase)) id = value;
            else if (header[i].Equals(key, StringComparison.OrdinalIgnoreCase)) keyValue = value;
            else if (header[i].Split('.') is [var relationship, var field] && value is not null) fields.Add(new(relationship[(relationship.IndexOf(':', StringComparison.Ordinal) + 1)..], new ParentKey(field, value)));
            else fields.Add(new(header[i], value));
        }
        return (id, keyValue, fields);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _working;
        _stop.Dispose();
    }
}
