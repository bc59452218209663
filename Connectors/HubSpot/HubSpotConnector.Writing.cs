using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Nodes;
using OrleansCrm.Connectors.Http;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Delivery;

namespace OrleansCrm.Connectors.HubSpot;

// Writing records: up to a hundred in a request, an outcome for each.
public sealed partial class HubSpotConnector
{
    // Type ids that HubSpot itself defines: a contact's company, and its primary company.
    const int ToCompany = 279;
    const int ToPrimaryCompany = 1;
    const string DefinedByHubSpot = "HUBSPOT_DEFINED";

    public async Task<ImmutableArray<WriteOutcome>> WriteAsync(RecordCall call, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(call);
        var outcomes = new WriteOutcome[call.Writes.Length];
        Array.Fill(outcomes, DeliveryMachine.NotStarted);
        var rows = Prepared(call, outcomes);
        try
        {
            if (rows.Count > 0 && await HeldUpAsync(cancellationToken) is { } heldUp)
            {
                foreach (var (_, row) in rows) outcomes[row.Index] = heldUp;
                return [.. outcomes];
            }
            var options = new ParallelOptions { MaxDegreeOfParallelism = _hubspot.Parallel, CancellationToken = cancellationToken };
            foreach (var round in Rounds(rows))
            {
                var batches = round.GroupBy(r => r.Records).SelectMany(g => g.Select(r => r.Row).Chunk(BatchMax).Select(c => (Records: g.Key, Rows: c)));
                await Parallel.ForEachAsync(batches, options, async (batch, cancellation) =>
                {
                    foreach (var (row, outcome) in await BatchAsync(batch.Records, call.Kind, batch.Rows, cancellation)) outcomes[row.Index] = outcome;
                });
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Those that had begun have told so themselves; the others were not sent.
        }
        return [.. outcomes];
    }

    List<(HubSpotRecords Records, HubSpotRow Row)> Prepared(RecordCall call, WriteOutcome[] outcomes)
    {
        var rows = new List<(HubSpotRecords Records, HubSpotRow Row)>();
        for (var i = 0; i < call.Writes.Length; i++)
        {
            var write = call.Writes[i];
            if (!_objects.TryGetValue(write.Object, out var records))
            {
                outcomes[i] = new WriteOutcome.Rejected([], "not-described", "The definition does not map this object of the system. Add a mapping, then retry the delivery.");
                continue;
            }
            var (row, refused) = records.Row(i, call.Kind == WriteKind.Delete ? write with { Fields = [] } : write, call.References);
            if (refused is not null) outcomes[i] = refused;
            else rows.Add((records, row!));
        }
        return rows;
    }

    // Two writes to one record in one request would be done in any order: the second one waits for the next round.
    static IEnumerable<List<(HubSpotRecords Records, HubSpotRow Row)>> Rounds(List<(HubSpotRecords Records, HubSpotRow Row)> rows)
    {
        while (rows.Count > 0)
        {
            var round = new List<(HubSpotRecords, HubSpotRow)>(rows.Count);
            var later = new List<(HubSpotRecords, HubSpotRow)>();
            var seen = new HashSet<(HubSpotRecords, string)>();
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

    // What keeps every row from being sent; null: nothing does.
    async Task<WriteOutcome?> HeldUpAsync(CancellationToken cancellationToken)
    {
        if (Quiet() is { } until) return new WriteOutcome.Throttled(until, "RATE_LIMITS");
        if (await AccountAsync(cancellationToken) is not { } failure) return null;
        return failure.RetryAt is { } retryAt ? new WriteOutcome.Throttled(retryAt, failure.Code) : new WriteOutcome.Transient(failure.Code == Codes.Cancelled ? DeliveryMachine.NotStartedCode : failure.Code);
    }

    Task<List<(HubSpotRow Row, WriteOutcome Outcome)>> BatchAsync(HubSpotRecords records, WriteKind kind, HubSpotRow[] rows, CancellationToken cancellationToken) => kind switch
    {
        WriteKind.Create => CreateAsync(records, rows, cancellationToken),
        WriteKind.Update => UpdateAsync(records, rows, cancellationToken),
        _ => ArchiveAsync(records, rows, cancellationToken),
    };

    /// <summary>Sends rows that are still in time.</summary>
    /// <param name="body">The body for the rows that are sent.</param>
    /// <returns>Those that were sent, how it ended, and an outcome for those that were not.</returns>
    async Task<(HubSpotRow[] Sent, Exchange Exchange, List<(HubSpotRow Row, WriteOutcome Outcome)> Outcomes)> PostAsync(string path, HubSpotRow[] rows, Func<HubSpotRow[], JsonObject> body, CancellationToken cancellationToken)
    {
        var now = _time.GetUtcNow();
        HubSpotRow[] sent = [.. rows.Where(r => r.Write.StartBefore >= now)];
        var outcomes = rows.Where(r => r.Write.StartBefore < now).Select(r => (r, DeliveryMachine.NotStarted)).ToList();
        if (sent.Length == 0) return (sent, new Exchange.NotSent(DeliveryMachine.NotStartedCode), outcomes);
        var bytes = JsonSerializer.SerializeToUtf8Bytes(body(sent));
        var startBefore = sent.Min(r => r.Write.StartBefore);
        var exchange = await Resending.WriteAsync(token => SendAsync(() => Message(HttpMethod.Post, path, bytes), startBefore, token), cancellationToken);
        return (sent, exchange, outcomes);
    }

    static JsonObject Inputs(IEnumerable<JsonObject> inputs) => new() { ["inputs"] = new JsonArray([.. inputs]) };

    static JsonObject Id(string id) => new() { ["id"] = id };

    static JsonObject AssociationType(int id, string category = DefinedByHubSpot) => new() { ["associationCategory"] = category, ["associationTypeId"] = id };

    /// <summary>One outcome for all rows of a request that HubSpot did not look at row by row; null: it did.</summary>
    WriteOutcome? Whole(Exchange exchange)
    {
        switch (exchange)
        {
            case Exchange.NotSent { Code: Codes.Cancelled or DeliveryMachine.NotStartedCode }: return DeliveryMachine.NotStarted;
            case Exchange.NotSent unsent: return new WriteOutcome.Transient(unsent.Code);
            case Exchange.Lost lost: return new WriteOutcome.Ambiguous(lost.Code);
        }
        var answer = (Exchange.Answered)exchange;
        return HubSpotAnswers.Of(answer, writes: true) switch
        {
            HubSpotMeaning.Throttled => new WriteOutcome.Throttled(_time.GetUtcNow() + HubSpotAnswers.Wait(answer), HubSpotAnswers.Code(answer)),
            HubSpotMeaning.Transient => new WriteOutcome.Transient(HubSpotAnswers.Code(answer)),
            HubSpotMeaning.Ambiguous => new WriteOutcome.Ambiguous(answer.IsForeign && answer.IsSuccess ? "answer-not-json" : HubSpotAnswers.Code(answer)),
            HubSpotMeaning.Forbidden => new WriteOutcome.Rejected([], HubSpotAnswers.Code(answer), ForbiddenAdvice(answer)),
            _ => null,
        };
    }

    async Task<List<(HubSpotRow Row, WriteOutcome Outcome)>> CreateAsync(HubSpotRecords records, HubSpotRow[] rows, CancellationToken cancellationToken)
    {
        var (sent, exchange, outcomes) = await PostAsync(records.Path + "/batch/create", rows, all => Inputs(all.Select(Input)), cancellationToken);
        if (sent.Length == 0) return outcomes;
        if (Whole(exchange) is { } whole) return [.. outcomes, .. sent.Select(r => (r, whole))];
        var answer = (Exchange.Answered)exchange;
        if (!answer.IsSuccess && sent.Length > 1) return [.. outcomes, .. await OneByOneAsync(records, WriteKind.Create, sent, cancellationToken)];

        var refused = new List<(HubSpotRow Row, HubSpotRefusal Refusal)>();
        if (!answer.IsSuccess)
        {
            refused.Add((sent[0], HubSpotAnswers.Refusal(answer.Body, Codes.Of(answer.Status))));
        }
        else
        {
            var (byKey, byTrace) = (new Dictionary<string, JsonElement>(StringComparer.Ordinal), new Dictionary<string, JsonElement>(StringComparer.Ordinal));
            foreach (var made in HubSpotAnswers.List(answer.Body, "results"))
            {
                if (records.KeyOf(made) is { } key) byKey[key] = made;
                if (HubSpotAnswers.IdOf(made, "objectWriteTraceId") is { } trace) byTrace[trace] = made;
            }
            var errors = HubSpotAnswers.List(answer.Body, "errors").SelectMany(e => Named(e, "objectWriteTraceId").Select(t => KeyValuePair.Create(t, e))).DistinctBy(e => e.Key).ToDictionary(StringComparer.Ordinal);
            foreach (var row in sent)
            {
                var found = (row.Write.CreationKey is { } key && byKey.TryGetValue(key, out var made)) || byTrace.TryGetValue(Trace(row), out made) ? made : (JsonElement?)null;
                if (found is { } record) outcomes.Add((row, Made(records, record)));
                else if (errors.TryGetValue(Trace(row), out var error)) refused.Add((row, HubSpotAnswers.Refusal(error, "VALIDATION_ERROR")));

                // Neither made nor refused: reading by the key will tell.
                else outcomes.Add((row, new WriteOutcome.Ambiguous("left-out")));
            }
        }
        return [.. outcomes, .. await RefusedAsync(records, refused, cancellationToken)];

        JsonObject Input(HubSpotRow row)
        {
            var input = new JsonObject { ["properties"] = row.Properties.DeepClone(), ["objectWriteTraceId"] = Trace(row) };
            if (row.Company is { Length: > 0 } company) input["associations"] = new JsonArray(new JsonObject { ["to"] = Id(company), ["types"] = new JsonArray(AssociationType(ToPrimaryCompany), AssociationType(ToCompany)) });
            return input;
        }
    }

    static string Trace(HubSpotRow row) => row.Index.ToString(System.Globalization.CultureInfo.InvariantCulture);

    static IEnumerable<string> Named(JsonElement error, string name) => error.TryGetProperty("context", out var context) ? HubSpotAnswers.Texts(context, name) : [];

    static WriteOutcome Made(HubSpotRecords records, JsonElement record) => HubSpotAnswers.IdOf(record, "id") is { } id
        ? new WriteOutcome.Done(id, records.Stored(record), null, HubSpotRecords.UpdatedAt(record))
        : new WriteOutcome.Ambiguous("no-id");

    // Whose is the record that is there already? Ours, if it carries our key.
    async Task<List<(HubSpotRow Row, WriteOutcome Outcome)>> RefusedAsync(HubSpotRecords records, List<(HubSpotRow Row, HubSpotRefusal Refusal)> refused, CancellationToken cancellationToken)
    {
        var outcomes = new List<(HubSpotRow, WriteOutcome)>();
        string[] keys = [.. refused.Where(r => r.Refusal.IsConflict && records.Key is not null).Select(r => r.Row.Write.CreationKey).OfType<string>().Distinct(StringComparer.Ordinal)];
        var ours = new Dictionary<string, string>(StringComparer.Ordinal);
        Failure? failed = null;
        if (keys.Length > 0)
        {
            (var found, _, failed) = await FetchAsync(records, keys, records.Key, [records.Key!], cancellationToken);
            foreach (var record in found)
            {
                if (records.KeyOf(record) is { } key && HubSpotAnswers.IdOf(record, "id") is { } id) ours[key] = id;
            }
        }
        foreach (var (row, refusal) in refused)
        {
            if (!refusal.IsConflict) outcomes.Add((row, Rejected(records, row, refusal)));
            else if (row.Write.CreationKey is { } key && ours.TryGetValue(key, out var id)) outcomes.Add((row, new WriteOutcome.Conflict(id, CarriesOurKey: true)));

            // It may be ours: to say otherwise would be a guess.
            else if (failed is { } failure && records.Key is not null) outcomes.Add((row, new WriteOutcome.Ambiguous(failure.Code)));
            else if (refusal.ExistingId is { } existing) outcomes.Add((row, new WriteOutcome.Conflict(existing, CarriesOurKey: false)));
            else outcomes.Add((row, Rejected(records, row, refusal)));
        }
        return outcomes;
    }

    static WriteOutcome.Rejected Rejected(HubSpotRecords records, HubSpotRow row, HubSpotRefusal refusal)
    {
        // An address that another contact has is refused without the name of the property.
        var names = refusal.Properties;
        if (names.IsEmpty && refusal.IsConflict && records.IsContact) names = ["email"];

        // So is a company that a create names and that is not there.
        else if (names.IsEmpty && row.Company is { Length: > 0 }) names = [HubSpotRecords.PrimaryCompany];
        return new WriteOutcome.Rejected(records.FieldsOf(names, row.Write.Fields), refusal.Code, Advice(records, refusal));
    }

    static string? Advice(HubSpotRecords records, HubSpotRefusal refusal) => refusal.Code switch
    {
        "PROPERTY_DOESNT_EXIST" when records.Key is { } key && refusal.Properties.Contains(key) =>
            $"HubSpot's {records.Mapping.Object} have no property '{key}', which carries the hub's creation key. Make it there: a single-line text with unique values. Then retry the delivery.",
        "PROPERTY_DOESNT_EXIST" => "HubSpot has no such property (any more). Make it there or take it out of the mapping, then retry the delivery.",
        "INVALID_OPTION" => "The value is none of the property's options in HubSpot. Add the option there or map the value, then retry the delivery.",
        "INVALID_EMAIL" => "HubSpot takes no such e-mail address. Correct the value, then retry the delivery.",
        "READ_ONLY_VALUE" => "HubSpot sets this property itself. Write 'direction: in' in its mapping, then retry the delivery.",
        "CONFLICTING_UNIQUE_VALUE" or "CONFLICT" => "Another record in HubSpot has the same unique value. Correct the value, or merge the two records there, then retry the delivery.",
        "INVALID_OWNER_ID" => "HubSpot has no such owner. Correct the crosswalk of owners, then retry the delivery.",
        "MISSING_REQUIRED_PROPERTY" => "HubSpot asks for another property. Name it under 'requiredToCreate' in the mapping, then retry the delivery.",
        _ => null,
    };

    // A request that was refused as a whole is sent row by row, so that only the bad one waits.
    async Task<List<(HubSpotRow Row, WriteOutcome Outcome)>> OneByOneAsync(HubSpotRecords records, WriteKind kind, HubSpotRow[] rows, CancellationToken cancellationToken)
    {
        var outcomes = new List<(HubSpotRow, WriteOutcome)>(rows.Length);
        foreach (var row in rows) outcomes.AddRange(await BatchAsync(records, kind, [row], cancellationToken));
        return outcomes;
    }

    async Task<List<(HubSpotRow Row, WriteOutcome Outcome)>> UpdateAsync(HubSpotRecords records, HubSpotRow[] rows, CancellationToken cancellationToken)
    {
        // Companies first: a row whose company is refused is left whole, and comes back without it.
        var associated = rows.Any(r => r.Company is not null) ? await AssociateAsync(rows, records, cancellationToken) : [];
        var failed = associated.Select(a => a.Row).ToHashSet();
        HubSpotRow[] left = [.. rows.Where(r => !failed.Contains(r))];
        HubSpotRow[] done = [.. left.Where(r => r.Properties.Count == 0)];
        associated.AddRange(done.Select(r => (r, (WriteOutcome)new WriteOutcome.Done(null, [], null, null))));
        left = [.. left.Except(done)];
        if (left.Length == 0) return associated;

        var (sent, exchange, outcomes) = await PostAsync(records.Path + "/batch/update", left, all => Inputs(all.Select(r => new JsonObject { ["id"] = r.Write.ExternalId, ["properties"] = r.Properties.DeepClone() })), cancellationToken);

        // With its company written and nothing else, "nothing was done" would be wrong: reading the record tells.
        outcomes = [.. outcomes.Select(o => (o.Row, InPart(o.Row, o.Outcome))), .. associated];
        if (sent.Length == 0) return outcomes;
        if (Whole(exchange) is { } whole) return [.. outcomes, .. sent.Select(r => (r, InPart(r, whole)))];
        var answer = (Exchange.Answered)exchange;
        if (!answer.IsSuccess)
        {
            if (sent.Length > 1)
            {
                var companies = sent.ToDictionary(r => r.Index, r => r);
                var each = await OneByOneAsync(records, WriteKind.Update, [.. sent.Select(r => r with { Company = null })], cancellationToken);
                return [.. outcomes, .. each.Select(o => (companies[o.Row.Index], InPart(companies[o.Row.Index], o.Outcome)))];
            }
            return [.. outcomes, (sent[0], Refused(HubSpotAnswers.Refusal(answer.Body, Codes.Of(answer.Status)), sent[0]))];
        }
        var results = HubSpotAnswers.List(answer.Body, "results").Select(r => (Id: HubSpotAnswers.IdOf(r, "id"), Record: r)).Where(r => r.Id is not null).DistinctBy(r => r.Id).ToDictionary(r => r.Id!, r => r.Record, StringComparer.Ordinal);
        var errors = HubSpotAnswers.List(answer.Body, "errors").SelectMany(e => Named(e, "ids").Concat(Named(e, "id")).Select(i => KeyValuePair.Create(i, e))).DistinctBy(e => e.Key).ToDictionary(StringComparer.Ordinal);
        foreach (var row in sent)
        {
            var id = row.Write.ExternalId!;
            if (results.TryGetValue(id, out var record)) outcomes.Add((row, new WriteOutcome.Done(null, records.Stored(record), null, HubSpotRecords.UpdatedAt(record))));
            else if (errors.TryGetValue(id, out var error)) outcomes.Add((row, Refused(HubSpotAnswers.Refusal(error, "VALIDATION_ERROR"), row)));
            else outcomes.Add((row, await LeftOutAsync(records, id, cancellationToken)));
        }
        return outcomes;

        static WriteOutcome InPart(HubSpotRow row, WriteOutcome outcome) => row.Company is not null && outcome is WriteOutcome.Transient or WriteOutcome.Throttled ? new WriteOutcome.Ambiguous("written-in-part") : outcome;

        WriteOutcome Refused(HubSpotRefusal refusal, HubSpotRow row) => refusal.IsMissing ? new WriteOutcome.Gone(refusal.Code) : Rejected(records, row with { Company = null }, refusal);
    }

    // A batch leaves out records that were merged away, without a word. Asked for alone, such an id leads to another record.
    async Task<WriteOutcome> LeftOutAsync(HubSpotRecords records, string id, CancellationToken cancellationToken)
    {
        if (!id.All(char.IsAsciiDigit)) return new WriteOutcome.Gone(MissingCode);
        var (answer, _, failed) = await AskAsync(() => Message(HttpMethod.Get, $"{records.Path}/{id}?properties=hs_object_id", null), cancellationToken);
        if (answer is not null) return HubSpotAnswers.IdOf(answer.Body, "id") == id ? new WriteOutcome.Ambiguous("left-out") : new WriteOutcome.Gone("MERGED");
        return failed is { Code: "http-404" or MissingCode } ? new WriteOutcome.Gone(MissingCode) : new WriteOutcome.Ambiguous("left-out");
    }

    async Task<List<(HubSpotRow Row, WriteOutcome Outcome)>> ArchiveAsync(HubSpotRecords records, HubSpotRow[] rows, CancellationToken cancellationToken)
    {
        // HubSpot says of no id that it is gone already: so it is asked which records there are.
        HubSpotRow[] named = [.. rows.Where(r => r.Write.ExternalId!.All(char.IsAsciiDigit))];
        var gone = rows.Except(named).Select(r => (r, (WriteOutcome)new WriteOutcome.Gone(MissingCode)));
        if (named.Length == 0) return [.. gone];
        var now = _time.GetUtcNow();
        if (named.All(r => r.Write.StartBefore < now)) return [.. gone, .. named.Select(r => (r, DeliveryMachine.NotStarted))];
        var (found, _, failed) = await FetchAsync(records, [.. named.Select(r => r.Write.ExternalId!)], null, ["hs_object_id"], cancellationToken);
        if (failed is { } failure)
        {
            WriteOutcome outcome = failure.RetryAt is { } until ? new WriteOutcome.Throttled(until, failure.Code) : failure.Advice is { } advice ? new WriteOutcome.Rejected([], failure.Code, advice) : new WriteOutcome.Transient(failure.Code == Codes.Cancelled ? DeliveryMachine.NotStartedCode : failure.Code);
            return [.. gone, .. named.Select(r => (r, outcome))];
        }
        var living = found.Select(r => HubSpotAnswers.IdOf(r, "id")).OfType<string>().ToHashSet(StringComparer.Ordinal);
        HubSpotRow[] there = [.. named.Where(r => living.Contains(r.Write.ExternalId!))];
        List<(HubSpotRow, WriteOutcome)> all = [.. gone, .. named.Except(there).Select(r => (r, (WriteOutcome)new WriteOutcome.Gone(MissingCode)))];
        if (there.Length == 0) return all;

        var (sent, exchange, outcomes) = await PostAsync(records.Path + "/batch/archive", there, rows => Inputs(rows.Select(r => Id(r.Write.ExternalId!))), cancellationToken);
        all.AddRange(outcomes);
        if (sent.Length == 0) return all;
        if (Whole(exchange) is { } whole) return [.. all, .. sent.Select(r => (r, whole))];
        var answer = (Exchange.Answered)exchange;
        if (answer.IsSuccess) return [.. all, .. sent.Select(r => (r, (WriteOutcome)new WriteOutcome.Done(null, [], null, null)))];
        if (sent.Length > 1) return [.. all, .. await OneByOneAsync(records, WriteKind.Delete, sent, cancellationToken)];
        var refusal = HubSpotAnswers.Refusal(answer.Body, Codes.Of(answer.Status));
        return [.. all, (sent[0], refusal.IsMissing ? new WriteOutcome.Gone(refusal.Code) : Rejected(records, sent[0], refusal))];
    }

    /// <summary>Sets contacts' primary companies, which are no properties that could be written.</summary>
    /// <returns>The rows that could not be associated. For those nothing else is to be written.</returns>
    async Task<List<(HubSpotRow Row, WriteOutcome Outcome)>> AssociateAsync(HubSpotRow[] rows, HubSpotRecords records, CancellationToken cancellationToken)
    {
        const string path = "/crm/v4/associations/contacts/companies";
        HubSpotRow[] asked = [.. rows.Where(r => r.Company is not null)];
        var bytes = JsonSerializer.SerializeToUtf8Bytes(Inputs(asked.Select(r => Id(r.Write.ExternalId!))));
        var (answer, _, failed) = await AskAsync(() => Message(HttpMethod.Post, path + "/batch/read", bytes), cancellationToken);
        if (failed is { } failure)
        {
            WriteOutcome held = failure.RetryAt is { } until ? new WriteOutcome.Throttled(until, failure.Code) : failure.Advice is { } advice ? new WriteOutcome.Rejected(records.FieldsOf([HubSpotRecords.PrimaryCompany], asked[0].Write.Fields), failure.Code, advice) : failure.Code == Codes.Cancelled ? DeliveryMachine.NotStarted : new WriteOutcome.Transient(failure.Code);
            return [.. asked.Select(r => (r, held))];
        }
        var have = AssociationsIn(answer!.Body);
        var outcomes = new List<(HubSpotRow, WriteOutcome)>();

        // Writing a pair replaces its labels: those that people gave it go along.
        HubSpotRow[] sets = [.. asked.Where(r => r.Company!.Length > 0 && !IsPrimary(r, r.Company))];
        if (sets.Length > 0)
        {
            await SendPairsAsync(path + "/batch/create", sets, r => new JsonObject
            {
                ["from"] = Id(r.Write.ExternalId!),
                ["to"] = Id(r.Company!),
                ["types"] = new JsonArray([.. TypesOf(r, r.Company!).Where(t => t.Category != DefinedByHubSpot || t.Id is not (ToCompany or ToPrimaryCompany)).Select(t => AssociationType(t.Id, t.Category)), AssociationType(ToPrimaryCompany), AssociationType(ToCompany)]),
            }, tells: true);
        }
        HubSpotRow[] clears = [.. asked.Where(r => r.Company!.Length == 0 && PrimaryOf(r) is not null)];
        if (clears.Length > 0)
        {
            await SendPairsAsync(path + "/batch/labels/archive", clears, r => new JsonObject
            {
                ["from"] = Id(r.Write.ExternalId!),
                ["to"] = Id(PrimaryOf(r)!),
                ["types"] = new JsonArray(AssociationType(ToPrimaryCompany)),
            }, tells: false);
        }
        return outcomes;

        IEnumerable<(int Id, string Category)> TypesOf(HubSpotRow row, string company) => have.Where(h => h.From == row.Write.ExternalId && h.To == company).Select(h => (h.Type, h.Category));

        bool IsPrimary(HubSpotRow row, string company) => TypesOf(row, company).Any(t => t is (ToPrimaryCompany, DefinedByHubSpot));

        string? PrimaryOf(HubSpotRow row) => have.Where(h => h.From == row.Write.ExternalId && h is { Type: ToPrimaryCompany, Category: DefinedByHubSpot }).Select(h => h.To).FirstOrDefault();

        async Task SendPairsAsync(string to, HubSpotRow[] pairs, Func<HubSpotRow, JsonObject> input, bool tells)
        {
            var (sent, exchange, notSent) = await PostAsync(to, pairs, all => Inputs(all.Select(input)), cancellationToken);
            outcomes.AddRange(notSent);
            if (sent.Length == 0) return;
            if (Whole(exchange) is { } whole)
            {
                outcomes.AddRange(sent.Select(r => (r, whole)));
                return;
            }
            var reply = (Exchange.Answered)exchange;
            if (reply.IsSuccess && !tells) return;
            var done = reply.IsSuccess ? HubSpotAnswers.List(reply.Body, "results").Select(r => HubSpotAnswers.IdOf(r, "fromObjectId")).ToHashSet(StringComparer.Ordinal) : [];
            foreach (var row in sent.Where(r => !done.Contains(r.Write.ExternalId)))
                outcomes.Add((row, new WriteOutcome.Rejected(records.FieldsOf([HubSpotRecords.PrimaryCompany], row.Write.Fields), "company-not-associated", "HubSpot does not associate the contact with this company. Look whether both are there, then retry the delivery.")));
        }
    }

    static List<(string From, string To, int Type, string Category)> AssociationsIn(JsonElement body)
    {
        var all = new List<(string, string, int, string)>();
        foreach (var result in HubSpotAnswers.List(body, "results"))
        {
            if (!result.TryGetProperty("from", out var from) || HubSpotAnswers.IdOf(from, "id") is not { } id) continue;
            foreach (var to in HubSpotAnswers.List(result, "to"))
            {
                if (HubSpotAnswers.IdOf(to, "toObjectId") is not { } other) continue;
                foreach (var type in HubSpotAnswers.List(to, "associationTypes"))
                {
                    if (type.TryGetProperty("typeId", out var typeId) && typeId.TryGetInt32(out var number)) all.Add((id, other, number, HubSpotAnswers.Text(type, "category") ?? DefinedByHubSpot));
                }
            }
        }
        return all;
    }
}
