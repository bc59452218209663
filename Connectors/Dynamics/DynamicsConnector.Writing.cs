using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Nodes;
using OrleansCrm.Connectors.Http;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Delivery;

namespace OrleansCrm.Connectors.Dynamics;

// Writing rows: batches of operations that each take effect alone, with an answer to each.
public sealed partial class DynamicsConnector
{
    /// <summary>The service answers a batch where its first error stands, unless told otherwise.</summary>
    const string ContinueOnError = "odata.continue-on-error";

    public async Task<ImmutableArray<WriteOutcome>> WriteAsync(RecordCall call, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(call);
        var outcomes = new WriteOutcome[call.Writes.Length];
        Array.Fill(outcomes, DeliveryMachine.NotStarted);
        try
        {
            var rows = new List<(DynamicsRecords Records, DynamicsTable Table, DynamicsRow Row)>(call.Writes.Length);
            foreach (var group in Enumerable.Range(0, call.Writes.Length).GroupBy(i => call.Writes[i].Object, StringComparer.Ordinal))
            {
                await PrepareAsync(group.Key, [.. group], call, rows, outcomes, cancellationToken);
            }
            var options = new ParallelOptions { MaxDegreeOfParallelism = _dynamics.Parallel, CancellationToken = cancellationToken };
            foreach (var round in Rounds(rows))
            {
                var batches = round.GroupBy(r => r.Records).SelectMany(g => g.Chunk(_dynamics.BatchSize).Select(c => (Records: g.Key, c[0].Table, Rows: c.Select(r => r.Row).ToArray())));
                await Parallel.ForEachAsync(batches, options, async (batch, cancellation) => await BatchAsync(batch.Records, batch.Table, call.Kind, batch.Rows, outcomes, mayRetry: true, cancellation));
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Those that had begun have told so themselves; the others were not sent.
        }
        return [.. outcomes];
    }

    async Task PrepareAsync(string @object, int[] places, RecordCall call, List<(DynamicsRecords Records, DynamicsTable Table, DynamicsRow Row)> rows, WriteOutcome[] outcomes, CancellationToken cancellationToken)
    {
        if (!_objects.TryGetValue(@object, out var records))
        {
            foreach (var i in places) outcomes[i] = new WriteOutcome.Rejected([], "not-described", "The definition does not map this object of the system. Add a mapping, then retry the delivery.");
            return;
        }
        if (await HeldUpAsync(records, cancellationToken) is { } held)
        {
            foreach (var i in places) outcomes[i] = held;
            return;
        }
        var table = Known(records) ?? _tables[records.Object].Table;
        if (records.Mapped.Any(name => !table.Columns.ContainsKey(name)) && Forget(records) && (await TableAsync(records, cancellationToken)).Table is { } fresh) table = fresh;
        foreach (var i in places)
        {
            var write = call.Writes[i];
            if (call.Kind != WriteKind.Create && !Guid.TryParse(write.ExternalId, out _))
            {
                outcomes[i] = new WriteOutcome.Gone(DynamicsAnswers.NoRow);
                continue;
            }
            var (row, refused) = records.Row(i, write, call.References, table, _sets);
            if (refused is not null) outcomes[i] = refused;
            else rows.Add((records, table, row!));
        }
    }

    // What keeps every row from being sent; null: nothing does.
    async Task<WriteOutcome?> HeldUpAsync(DynamicsRecords records, CancellationToken cancellationToken)
    {
        if (Quiet() is { } until) return new WriteOutcome.Throttled(until, "0x80072322");
        var failure = await BoundAsync(cancellationToken);

        // No record is to blame: all wait until somebody has put it right.
        if (failure is { Code: BoundElsewhere }) return new WriteOutcome.Throttled(_time.GetUtcNow() + DynamicsAnswers.PersonWait, BoundElsewhere);
        failure ??= (await TableAsync(records, cancellationToken)).Failed;
        return failure switch
        {
            null => null,
            { RetryAt: { } retryAt } => new WriteOutcome.Throttled(retryAt, failure.Code),
            { Code: Codes.Cancelled } => DeliveryMachine.NotStarted,
            { Advice: { } advice } => new WriteOutcome.Rejected([], failure.Code, advice),
            _ => new WriteOutcome.Transient(failure.Code),
        };
    }

    // Two writes to one row in batches side by side would be done in any order: the second one waits for the next round.
    static IEnumerable<List<(DynamicsRecords Records, DynamicsTable Table, DynamicsRow Row)>> Rounds(List<(DynamicsRecords Records, DynamicsTable Table, DynamicsRow Row)> rows)
    {
        while (rows.Count > 0)
        {
            var round = new List<(DynamicsRecords, DynamicsTable, DynamicsRow)>(rows.Count);
            var later = new List<(DynamicsRecords, DynamicsTable, DynamicsRow)>();
            var seen = new HashSet<(DynamicsRecords, string)>();
            foreach (var each in rows)
            {
                var id = each.Row.Write.ExternalId ?? each.Row.Write.CreationKey;
                if (id is null || seen.Add((each.Records, id))) round.Add(each);
                else later.Add(each);
            }
            yield return round;
            rows = later;
        }
    }

    DynamicsOperation Operation(DynamicsRecords records, DynamicsTable table, WriteKind kind, DynamicsRow row)
    {
        var write = row.Write;
        var query = $"?tag={_dynamics.Tag}";
        if (row.Body is null) return new DynamicsOperation("DELETE", $"{_root}{table.Set}({write.ExternalId}){query}", [], null);
        query = $"?$select={records.Select(table)}&tag={_dynamics.Tag}";
        List<KeyValuePair<string, string>> headers = [new("Prefer", $"return=representation,{IncludeLookups}")];
        if (_dynamics.DetectDuplicates) headers.Add(new("MSCRM.SuppressDuplicateDetection", "false"));
        var body = JsonSerializer.SerializeToUtf8Bytes(row.Body);
        if (kind != WriteKind.Create) return new DynamicsOperation("PATCH", $"{_root}{table.Set}({write.ExternalId}){query}", [.. headers, new("If-Match", "*")], body);
        var keyed = write.CreationKey is { } key ? records.KeyAddress(table, key) : null;
        return keyed is null
            ? new DynamicsOperation("POST", $"{_root}{table.Set}{query}", headers, body)
            : new DynamicsOperation("PATCH", $"{_root}{keyed}{query}", [.. headers, new("If-None-Match", "*")], body);
    }

    /// <param name="mayRetry">Rows that a changed table has spoilt may be sent once more.</param>
    async Task BatchAsync(DynamicsRecords records, DynamicsTable table, WriteKind kind, DynamicsRow[] rows, WriteOutcome[] outcomes, bool mayRetry, CancellationToken cancellationToken)
    {
        // Whose time has passed stays behind; the others go.
        var now = _time.GetUtcNow();
        DynamicsRow[] sent = [.. rows.Where(r => r.Write.StartBefore >= now)];
        if (sent.Length == 0 || cancellationToken.IsCancellationRequested) return;
        var bytes = DynamicsBatch.Write(sent.Select(r => Operation(records, table, kind, r)));
        var startBefore = sent.Min(r => r.Write.StartBefore);
        var exchange = await Resending.WriteAsync(token => SendAsync(() => Message(HttpMethod.Post, "$batch", ContinueOnError, bytes, DynamicsBatch.ContentType), startBefore, token), cancellationToken);
        if (exchange is Exchange.Answered { Bytes.IsEmpty: false } answer && DynamicsBatch.Read(answer.Bytes.Span, answer.ContentType, sent.Length) is { } parts)
        {
            var spoilt = new List<DynamicsRow>();
            for (var i = 0; i < sent.Length; i++)
            {
                // The answer ends before: whether the rest was done, nobody knows.
                var outcome = i < parts.Count ? await OutcomeAsync(records, table, kind, sent[i], parts[i], mayRetry ? spoilt : null, cancellationToken) : new WriteOutcome.Ambiguous("left-out");
                if (outcome is not null) outcomes[sent[i].Index] = outcome;
            }
            if (spoilt.Count > 0) await AgainAsync(records, table, kind, spoilt, outcomes, cancellationToken);
            return;
        }
        var whole = exchange switch
        {
            Exchange.NotSent { Code: Codes.Cancelled or DeliveryMachine.NotStartedCode } => DeliveryMachine.NotStarted,
            Exchange.NotSent unsent => new WriteOutcome.Transient(unsent.Code),
            Exchange.Lost lost => new WriteOutcome.Ambiguous(lost.Code),
            _ => DynamicsAnswers.OfCall((Exchange.Answered)exchange, _time.GetUtcNow()),
        };

        // Refused as a whole for what it asks: row by row, so that only the bad one waits.
        if (whole is null && sent.Length > 1)
        {
            foreach (var row in sent) await BatchAsync(records, table, kind, [row], outcomes, mayRetry, cancellationToken);
            return;
        }
        var refused = exchange as Exchange.Answered;
        foreach (var row in sent)
        {
            outcomes[row.Index] = whole ?? DynamicsAnswers.OfRow(DynamicsAnswers.Problem(refused!.Status, refused.Body)!, kind, refused.Headers.Wait, names => records.FieldsOf(names, row.Write.Fields), _time.GetUtcNow());
        }
    }

    // The table has changed since it was described: what of these rows can still be said is said.
    async Task AgainAsync(DynamicsRecords records, DynamicsTable table, WriteKind kind, List<DynamicsRow> spoilt, WriteOutcome[] outcomes, CancellationToken cancellationToken)
    {
        Forget(records);
        var fresh = (await TableAsync(records, cancellationToken)).Table ?? table;
        var rows = new List<DynamicsRow>(spoilt.Count);
        foreach (var row in spoilt)
        {
            var gone = row.Body?.Select(m => m.Key.Split('@')[0]).Where(name => !fresh.Columns.ContainsKey(name) && fresh.Lookups.All(l => l.Navigation != name)).ToArray() ?? [];
            if (gone.Length == 0) rows.Add(row);
            else outcomes[row.Index] = new WriteOutcome.Rejected(records.FieldsOf([.. gone], row.Write.Fields), DynamicsAnswers.BadPayload, "The table has no such column (any more). Make it there or take it out of the mapping, then retry the delivery.");
        }
        if (rows.Count > 0) await BatchAsync(records, fresh, kind, [.. rows], outcomes, mayRetry: false, cancellationToken);
    }

    // Null: it goes among those that are sent again.
    async Task<WriteOutcome?> OutcomeAsync(DynamicsRecords records, DynamicsTable table, WriteKind kind, DynamicsRow row, DynamicsPart part, List<DynamicsRow>? spoilt, CancellationToken cancellationToken)
    {
        if (part.IsSuccess) return Done(records, table, kind, row, part);
        if (DynamicsAnswers.Problem(part.Status, part.Body) is not { } problem)
        {
            return part.Status is 429 ? new WriteOutcome.Throttled(_time.GetUtcNow() + DynamicsAnswers.WaitOf(part.Wait), Codes.Of(429)) : new WriteOutcome.Ambiguous(Codes.Of(part.Status));
        }

        // A column that is only asked for has gone, and it is not the row's fault.
        var named = records.FieldsOf(problem.Columns, row.Write.Fields);
        if (spoilt is not null && DynamicsAnswers.IsDrift(problem) && named.IsEmpty)
        {
            spoilt.Add(row);
            return null;
        }
        if (kind == WriteKind.Create && DynamicsAnswers.IsConflict(problem)) return await TakenAsync(records, table, row, problem, cancellationToken);
        var outcome = DynamicsAnswers.OfRow(problem, kind, part.Wait, names => records.FieldsOf(names, row.Write.Fields), _time.GetUtcNow());
        var references = records.References(row.Write.Fields, table);

        // Which row is not there, this one or one that it refers to? The service says the same of both, and a link must not end for a reference.
        if (outcome is WriteOutcome.Gone && !references.IsEmpty) return await GoneAsync(records, row, problem, references, cancellationToken);
        if (outcome is not WriteOutcome.Rejected { Fields.IsEmpty: true } rejected) return outcome;
        if (problem.Code is DynamicsAnswers.NoRow or "0x80040225" or "0x80040230") return rejected with { Fields = references };

        // A value that another row has as its key is refused without the column's name.
        return DynamicsAnswers.IsConflict(problem) ? rejected with { Fields = records.FieldsOf([.. table.Keys.SelectMany(k => k)], row.Write.Fields) } : outcome;
    }

    static WriteOutcome Done(DynamicsRecords records, DynamicsTable table, WriteKind kind, DynamicsRow row, DynamicsPart part)
    {
        if (kind == WriteKind.Delete) return new WriteOutcome.Done(null, [], null, null);
        if (part.Body.ValueKind != JsonValueKind.Object || DynamicsRecords.IdOf(part.Body, table) is not { } id) return kind == WriteKind.Create ? new WriteOutcome.Ambiguous("no-id") : new WriteOutcome.Done(null, [], null, null);
        return new WriteOutcome.Done(kind == WriteKind.Create ? id : null, records.Stored(part.Body, table), DynamicsRecords.VersionOf(part.Body), DynamicsRecords.ModifiedOn(part.Body));
    }

    async Task<WriteOutcome> GoneAsync(DynamicsRecords records, DynamicsRow row, DynamicsProblem problem, ImmutableArray<string> references, CancellationToken cancellationToken) =>
        await FindAsync(records, row.Write.ExternalId, null, cancellationToken) switch
        {
            ReadOutcome.Found => new WriteOutcome.Rejected(references, problem.Code, DynamicsAnswers.Advice(problem)),
            ReadOutcome.Missing => new WriteOutcome.Gone(problem.Code),
            _ => new WriteOutcome.Transient(problem.Code),
        };

    // A key is taken: is it by a row with our creation key, or by whose?
    async Task<WriteOutcome> TakenAsync(DynamicsRecords records, DynamicsTable table, DynamicsRow row, DynamicsProblem problem, CancellationToken cancellationToken)
    {
        if (row.Write.CreationKey is { } key && records.KeyAddress(table, key) is not null)
        {
            switch (await FindAsync(records, null, key, cancellationToken))
            {
                case ReadOutcome.Found found: return new WriteOutcome.Conflict(found.ExternalId, CarriesOurKey: true);

                // It may be ours: to say otherwise would be a guess.
                case ReadOutcome.Failed failed: return new WriteOutcome.Ambiguous(failed.Code);
            }
        }
        if (await HolderAsync(table, row, cancellationToken) is { } holder) return new WriteOutcome.Conflict(holder, CarriesOurKey: false);
        var rejected = (WriteOutcome.Rejected)DynamicsAnswers.OfRow(problem, WriteKind.Create, null, names => records.FieldsOf(names, row.Write.Fields), _time.GetUtcNow());
        return rejected.Fields.IsEmpty ? rejected with { Fields = records.FieldsOf([.. table.Keys.SelectMany(k => k)], row.Write.Fields) } : rejected;
    }

    static string Literal(JsonNode value) => value.GetValueKind() == JsonValueKind.String ? $"'{value.GetValue<string>().Replace("'", "''", StringComparison.Ordinal)}'" : value.ToJsonString();

    // The row that has the value of another alternate key. Asked in a batch: what stands in an address gets into logs on the way.
    async Task<string?> HolderAsync(DynamicsTable table, DynamicsRow row, CancellationToken cancellationToken)
    {
        var filters = table.Keys.Where(k => !k.IsEmpty && k.All(c => row.Body!.TryGetPropertyValue(c, out var value) && value is not null))
            .Select(k => string.Join(" and ", k.Select(c => $"{c} eq {Literal(row.Body![c]!)}"))).ToArray();
        if (filters.Length == 0) return null;
        var bytes = DynamicsBatch.Write(filters.Select(f => new DynamicsOperation("GET", $"{_root}{table.Set}?$select={table.IdColumn}&$top=2&$filter={Uri.EscapeDataString(f)}", [], null)));
        var exchange = await Resending.ReadAsync(token => SendAsync(() => Message(HttpMethod.Post, "$batch", ContinueOnError, bytes, DynamicsBatch.ContentType), DateTimeOffset.MaxValue, token), cancellationToken);
        if (exchange is not Exchange.Answered { Bytes.IsEmpty: false } answer || DynamicsBatch.Read(answer.Bytes.Span, answer.ContentType, filters.Length) is not { } parts) return null;
        foreach (var part in parts.Where(p => p.IsSuccess))
        {
            if (DynamicsAnswers.List(part.Body, "value").Select(r => DynamicsRecords.IdOf(r, table)).ToArray() is [{ } only]) return only;
        }
        return null;
    }
}
