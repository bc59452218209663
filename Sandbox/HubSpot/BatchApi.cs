using System.Globalization;
using System.Text.Json;

namespace OrleansCrm.Sandbox.HubSpot;

/// <summary>Up to a hundred records in one request: <c>/crm/v3/objects/{type}/batch/…</c>. Called under the portal's lock.</summary>
static class BatchApi
{
    const int Max = 100;

    public static Answer Create(Call call, ObjectType type) => With(call, inputs =>
    {
        var rows = inputs.Select(i => (Input: i, Texts: Call.PropertiesOf(i), Trace: Call.TextOf(i, "objectWriteTraceId"), Links: ObjectsApi.Links(call, type, i))).ToArray();
        if (rows.Any(r => r.Texts is null)) return call.Bad("Invalid input JSON: some of required attributes are not set [properties]");
        if (rows.Any(r => r.Links is null)) return call.Bad("Invalid associations");

        // Only inputs that can be told apart can fail one by one.
        var severally = rows.All(r => r.Trace is not null) && rows.DistinctBy(r => r.Trace).Count() == rows.Length;
        if (severally)
        {
            var batch = new Batch(call, 201);
            foreach (var row in rows)
            {
                var answer = Rows.Create(call, type, row.Texts!);
                Link(answer, row.Links!);
                batch.Add(answer, null, row.Trace, false);
            }
            return batch.Answer();
        }

        // Nobody is made unless all can be.
        var values = new List<(Dictionary<string, string> Values, string[] Written)>();
        var taken = new HashSet<(string, string)>();
        foreach (var row in rows)
        {
            string[] written = [.. row.Texts!.Keys];
            if (Rows.Suffer(call, type, null, row.Texts) is { } fault) return fault is Rows.Vanished ? call.Bad("The record cannot be written") : ObjectsApi.Refuse(call, fault, "");
            var check = call.Portal.Check(type, null, row.Texts);
            if (check.Refusal is { } refusal) return ObjectsApi.Refuse(call, refusal, "");
            foreach (var name in call.Portal[type].Unique.Keys)
            {
                if (check.Values.GetValueOrDefault(name) is { Length: > 0 } value && !taken.Add((name, value)))
                    return name == "email" ? call.Error(409, "CONFLICT", "Contact already exists: two inputs have one email") : call.Bad($"Two inputs have one value of the unique property {name}");
            }
            values.Add((check.Values, written));
        }
        var all = new Batch(call, 201);
        for (var i = 0; i < rows.Length; i++)
        {
            var answer = Rows.Done(call, call.Portal.Make(type, values[i].Values, values[i].Written, call.Source, call.Number), values[i].Written);
            Link(answer, rows[i].Links!);
            all.Add(answer, null, rows[i].Trace, false);
        }
        return all.Answer();

        void Link(SaveAnswer answer, List<(End To, int[] Types)> links)
        {
            if (answer is not SaveAnswer.Saved saved) return;
            foreach (var (to, types) in links) call.Portal.Associate(new End(type, saved.Record.Id), to, types, replace: false, call.Source, call.Number);
        }
    });

    public static Answer Read(Call call, ObjectType type) => With(call, inputs =>
    {
        var property = call.Text("idProperty");
        var wanted = Records.Wanted(call.Portal[type], Call.TextsOf(call.Body, "properties"));
        var history = Call.TextsOf(call.Body, "propertiesWithHistory");
        if (property is not null and not "hs_object_id" && !call.Portal[type].Unique.ContainsKey(property)) return call.Bad($"{property} is no unique property");
        var found = new List<HubRecord>();
        var missing = new List<string>();
        foreach (var id in inputs.Select(i => Call.TextOf(i, "id") ?? ""))
        {
            // The id of a record that was merged away finds nothing here, and nobody says so.
            if (long.TryParse(id, CultureInfo.InvariantCulture, out var number) && property is null && call.Portal[type].Aliases.ContainsKey(number)) continue;
            var record = call.Is("archived") ? call.Portal[type].ById.GetValueOrDefault(number) is { IsArchived: true } archived ? archived : null : call.Portal.Find(type, id, property, follow: false);
            if (record is null) missing.Add(id);
            else found.Add(record);
        }
        var batch = new Batch(call, 200);
        foreach (var record in found.Distinct()) batch.Add(json => Records.Write(json, call.Portal, record, wanted, history));
        if (missing.Count > 0) batch.Missing(type, missing);
        return batch.Answer();
    });

    public static Answer Update(Call call, ObjectType type) => With(call, inputs =>
    {
        var batch = new Batch(call, 200);
        var missing = new List<string>();
        foreach (var input in Shuffled(call, inputs))
        {
            var (id, property, trace) = (Call.TextOf(input, "id") ?? "", Call.TextOf(input, "idProperty"), Call.TextOf(input, "objectWriteTraceId"));
            if (Call.PropertiesOf(input) is not { } texts) return call.Bad("Invalid input JSON: some of required attributes are not set [properties]");
            if (property is null && long.TryParse(id, CultureInfo.InvariantCulture, out var number) && call.Portal[type].Aliases.ContainsKey(number)) continue;
            if (call.Portal.Find(type, id, property, follow: false) is not { } record) missing.Add(id);
            else if (Rows.Update(call, record, texts) is { } answer) batch.Add(answer, id, trace, null);
        }
        if (missing.Count > 0) batch.Missing(type, missing);
        return batch.Answer();
    });

    public static Answer Upsert(Call call, ObjectType type) => With(call, inputs =>
    {
        var rows = inputs.Select(i => (Id: Call.TextOf(i, "id"), Property: Call.TextOf(i, "idProperty"), Texts: Call.PropertiesOf(i), Trace: Call.TextOf(i, "objectWriteTraceId"))).ToArray();
        if (rows.Any(r => r.Id is null || r.Property is null || r.Texts is null)) return call.Bad("Invalid input JSON: some of required attributes are not set [id, idProperty, properties]");
        if (rows.Select(r => r.Property).Distinct().Count() > 1) return call.Bad("All inputs must have the same idProperty");
        var property = rows[0].Property!;
        if (!call.Portal[type].Unique.ContainsKey(property)) return call.Bad($"{property} is no unique property");
        if (rows.DistinctBy(r => property == "email" ? r.Id!.Trim().ToLowerInvariant() : r.Id).Count() < rows.Length) return call.Bad($"Duplicate values of {property} in one batch");
        foreach (var row in rows) row.Texts![property] = row.Id!;

        // By address there is no partial success: one bad row spoils all.
        if (property == "email")
        {
            foreach (var row in rows)
            {
                if (call.Portal.Check(type, call.Portal.Find(type, row.Id!, property, follow: false), row.Texts!).Refusal is { } refusal) return ObjectsApi.Refuse(call, refusal, row.Id!);
            }
        }
        var batch = new Batch(call, 200);
        foreach (var row in Shuffled(call, rows))
        {
            var record = call.Portal.Find(type, row.Id!, property, follow: false);
            var answer = record is null ? Rows.Create(call, type, row.Texts!) : Rows.Update(call, record, row.Texts!);
            if (answer is null or Rows.Vanished) continue;
            if (answer is not SaveAnswer.Saved && property == "email") return ObjectsApi.Refuse(call, answer, row.Id!);
            batch.Add(answer, row.Id, row.Trace, record is null);
        }
        return batch.Answer();
    });

    public static Answer Archive(Call call, ObjectType type) => With(call, inputs =>
    {
        foreach (var id in inputs.Select(i => Call.TextOf(i, "id") ?? ""))
        {
            if (call.Portal.Find(type, id, null, follow: false) is { } record) Rows.Archive(call, record);
        }
        return Answer.Empty();
    });

    static Answer With(Call call, Func<JsonElement[], Answer> act)
    {
        JsonElement[] inputs = [.. Call.ListOf(call.Body, "inputs")];
        call.Visit.Rows = inputs.Length;
        if (inputs.Length == 0) return call.Bad("Invalid input JSON: some of required attributes are not set [inputs]");
        return inputs.Length > Max ? call.Bad($"The maximum number of inputs supported in a batch request is {Max}, received {inputs.Length}") : act(inputs);
    }

    static T[] Shuffled<T>(Call call, T[] all)
    {
        T[] copy = [.. all];
        call.Portal.Chance.Shuffle(copy);
        return copy;
    }
}

/// <summary>The answer to a batch, as it grows. The results stand in no order.</summary>
sealed class Batch(Call call, int success)
{
    readonly List<Action<Utf8JsonWriter>> _results = [];
    readonly List<Action<Utf8JsonWriter>> _errors = [];
    readonly DateTimeOffset _started = call.Portal.Now();

    public void Add(Action<Utf8JsonWriter> result) => _results.Add(result);

    /// <param name="id">As the input named the record; null: it named none.</param>
    /// <param name="isNew">Null: nobody asks.</param>
    public void Add(SaveAnswer answer, string? id, string? trace, bool? isNew)
    {
        switch (answer)
        {
            case SaveAnswer.Saved saved:
                var wanted = Records.Answered(saved);
                _results.Add(json => Records.Write(json, call.Portal, saved.Record, wanted, isNew: success == 201 ? null : isNew, traceId: trace));
                break;
            case SaveAnswer.Taken taken:
                Error("CONFLICT", $"Contact already exists. Existing ID: {taken.Existing}", [], id, trace);
                break;
            case SaveAnswer.Invalid invalid:
                Error("VALIDATION_ERROR", Records.Sentence(call.Portal, invalid.Problems), invalid.Problems, id, trace);
                break;
            case SaveAnswer.Refused refused:
                Error(refused.Category, refused.Message, [], id, trace);
                break;
        }
    }

    public void Missing(ObjectType type, IReadOnlyCollection<string> ids) => _errors.Add(json =>
    {
        Begin(json, "OBJECT_NOT_FOUND", $"Could not get some {type.Constant} objects, they may be deleted or not exist. Check that ids are valid.");
        Call.WriteContext(json, "ids", ids);
        json.WriteStartArray("errors");
        json.WriteEndArray();
        End(json);
    });

    void Error(string category, string message, IReadOnlyList<PropertyProblem> problems, string? id, string? trace) => _errors.Add(json =>
    {
        Begin(json, category, message);
        json.WriteStartObject("context");
        if (id is not null) List("ids", id);
        if (trace is not null) List("objectWriteTraceId", trace);
        json.WriteEndObject();
        Records.WriteProblems(json, problems);
        End(json);

        void List(string name, string value)
        {
            json.WriteStartArray(name);
            json.WriteStringValue(value);
            json.WriteEndArray();
        }
    });

    static void Begin(Utf8JsonWriter json, string category, string message)
    {
        json.WriteStartObject();
        json.WriteString("status", "error");
        json.WriteString("category", category);
        json.WriteString("message", message);
    }

    static void End(Utf8JsonWriter json)
    {
        json.WriteStartObject("links");
        json.WriteEndObject();
        json.WriteEndObject();
    }

    public Answer Answer()
    {
        call.Portal.Chance.Shuffle(_results);
        return HubSpot.Answer.Json(_errors.Count > 0 ? 207 : success, json =>
        {
            json.WriteStartObject();
            json.WriteString("status", "COMPLETE");
            json.WriteStartArray("results");
            foreach (var result in _results) result(json);
            json.WriteEndArray();
            if (_errors.Count > 0)
            {
                json.WriteNumber("numErrors", _errors.Count);
                json.WriteStartArray("errors");
                foreach (var error in _errors) error(json);
                json.WriteEndArray();
            }
            json.WriteString("requestedAt", PropertyValue.Iso(_started));
            json.WriteString("startedAt", PropertyValue.Iso(_started));
            json.WriteString("completedAt", PropertyValue.Iso(call.Portal.Now()));
            json.WriteEndObject();
        });
    }
}
