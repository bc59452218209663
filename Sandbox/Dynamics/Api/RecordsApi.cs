using System.Text.Json;
using OrleansCrm.Sandbox.Dynamics.Querying;
using OrleansCrm.Sandbox.Dynamics.Records;
using OrleansCrm.Sandbox.Dynamics.Schema;
using OrleansCrm.Sandbox.Vendors;

namespace OrleansCrm.Sandbox.Dynamics.Api;

/// <summary>Answers operations on rows. One for each request or change set; under the environment's lock.</summary>
/// <param name="root">The service's address up to and with <c>/api/data/v9.2/</c>.</param>
sealed partial class RecordsApi(DataverseEnvironment environment, string root, Visit visit, Unit unit)
{
    const string BoundPrefix = "Microsoft.Dynamics.CRM.";

    // Rows that earlier operations of the change set made, by their content ids.
    readonly Dictionary<string, Row> _made = new(StringComparer.Ordinal);

    /// <summary>Whether an operation may change something.</summary>
    public static bool IsWrite(Operation operation) => operation.Method != "GET";

    /// <exception cref="Refusal">It is not taken.</exception>
    public Answer Run(Operation operation, Caller caller)
    {
        var resource = Resource.Parse(operation.Address);
        if (resource.Segments.Count == 0) return ServiceDocument();
        if (resource.Option("tag") is { } tag) caller = caller with { Tag = tag };
        var first = resource.Segments[0];
        if (first.Name is ['$', .. var id] && resource.Segments[0].Key is null && first.Name is not ("$metadata" or "$batch"))
        {
            var made = _made.GetValueOrDefault(id) ?? throw Refusals.Syntax($"Content-ID Reference: '{first.Name}' does not exist in the batch context.");
            first = new Segment(made.Table.Spec.SetName, made.Id.ToString());
        }
        if (environment.BySet(first.Name) is not { } table) return Unbound(operation, resource, first, caller);
        visit.Rows++;
        var rest = resource.Segments.Skip(1).ToArray();
        return (operation.Method, first.Key, rest) switch
        {
            ("GET", null, []) => List(operation, resource, table),
            ("GET", null, [{ Name: "$count" }]) => Count(resource, table),
            ("GET", { } key, []) => Read(operation, resource, table, key),
            ("GET", { } key, [{ Key: null } property]) => ReadProperty(operation, resource, table, key, property.Name),
            ("POST", null, []) => Create(operation, resource, table, caller),
            ("POST", null, [{ } action]) when action.Name.StartsWith(BoundPrefix, StringComparison.Ordinal) => Bulk(operation, table, action.Name[BoundPrefix.Length..], caller),
            ("POST", { } key, [{ } action]) when action.Name == BoundPrefix + "QualifyLead" => Qualify(operation, table, key, caller),
            ("PATCH", { } key, []) => Upsert(operation, resource, table, key, caller),
            ("DELETE", { } key, []) => Delete(operation, table, key, caller),
            ("PUT", { } key, [{ Key: null } property]) => SetProperty(operation, table, key, property.Name, caller),
            ("DELETE", { } key, [{ Key: null } property]) => ClearProperty(operation, table, key, property.Name, caller),
            ("PUT" or "POST", { } key, [{ Key: null } navigation, { Name: "$ref" }]) => Associate(operation, table, key, navigation.Name, caller),
            ("DELETE", { } key, [{ } navigation, { Name: "$ref" }]) => Disassociate(operation, table, key, navigation.Name, caller),
            ("GET" or "POST" or "PATCH" or "PUT" or "DELETE", _, [_, ..]) => throw Refusals.NoSegment(rest[^1].Name),
            _ => throw new Refusal(405, "0x80060888", $"The requested resource does not support http method '{operation.Method}'."),
        };
    }

    Answer ServiceDocument() => Answer.Json(200, json =>
    {
        json.WriteString("@odata.context", root + "$metadata");
        json.WriteStartArray("value");
        foreach (var table in environment.Tables)
        {
            json.WriteStartObject();
            json.WriteString("name", table.Spec.SetName);
            json.WriteString("kind", "EntitySet");
            json.WriteString("url", table.Spec.SetName);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    });

    Answer Unbound(Operation operation, Resource resource, Segment first, Caller caller)
    {
        switch (operation.Method, first.Name)
        {
            case ("GET", "WhoAmI"):
                return Answer.Json(200, json =>
                {
                    json.WriteString("@odata.context", root + "$metadata#Microsoft.Dynamics.CRM.WhoAmIResponse");
                    json.WriteString("BusinessUnitId", environment.BusinessUnitId);
                    json.WriteString("UserId", caller.User);
                    json.WriteString("OrganizationId", environment.OrganizationId);
                });
            case ("GET", "$metadata"):
                return Answer.Text(200, Metadata.Csdl(environment), "application/xml");
            case (_, "EntityDefinitions"):
                return new Metadata(environment, root).Run(operation, resource);
            case ("POST", "Merge"):
                return Merge(operation, caller);
            case ("POST", "$batch"):
                throw Refusals.Syntax("A batch cannot hold another batch.");
            default:
                throw Refusals.NoSegment(first.Name);
        }
    }

    /// <summary>A row that an address names, or what it would have to be.</summary>
    /// <param name="Id">It is named by its id.</param>
    /// <param name="Values">It is named by an alternate key, of these values.</param>
    readonly record struct Named(Row? Row, Guid? Id, IReadOnlyDictionary<string, object?> Values);

    static Named Find(Table table, string key)
    {
        var parts = Resource.Keys(key);
        if (parts.Count == 1 && (parts[0].Key.Length == 0 || parts[0].Key == table.Spec.IdColumn))
        {
            if (!Guid.TryParse(parts[0].Value, out var id)) throw Refusals.Syntax("Bad Request - Error in query syntax.");
            return new Named(table.Rows.GetValueOrDefault(id), id, new Dictionary<string, object?>());
        }
        var values = new Dictionary<string, object?>(StringComparer.Ordinal);
        foreach (var (name, text) in parts)
        {
            var column = table.Find(name) ?? table.Columns.Values.FirstOrDefault(c => c.IsLookup && c.JsonName == name) ?? throw NoKey(table);
            values[column.Name] = ValueReader.Typed(table, column, text);
        }
        var found = table.Keys.FirstOrDefault(k => k.Columns.Count == values.Count && k.Columns.All(values.ContainsKey)) ?? throw NoKey(table);
        if (found.Status != KeyStatus.Active) throw NoKey(table);
        var composite = Table.Composite(found, values.GetValueOrDefault);
        return new Named(composite is not null && table.Indexes[found.Name].TryGetValue(composite, out var holder) ? table.Rows.GetValueOrDefault(holder) : null, null, values);
    }

    static Refusal NoKey(Table table) => new(400, "0x80060890", $"The specified key attributes are not a defined key for the {table.Spec.Name} entity");

    static Row Existing(Table table, string key)
    {
        var named = Find(table, key);
        return named.Row ?? throw (named.Id is { } id ? Refusals.Missing(table, id) : Refusals.NoRowForKey(table));
    }

    static void CheckMatch(Operation operation, Row row)
    {
        if (operation.Header("If-Match") is { } match && match.Trim() != "*" && match.Trim() != RowJson.Etag(row.Version)) throw Refusals.VersionDiffers();
    }

    string EntityId(Table table, string key) => $"{root}{table.Spec.SetName}({key})";

    Answer Read(Operation operation, Resource resource, Table table, string key)
    {
        var row = Existing(table, key);
        var selection = environment.Select(table, resource.Option("$select"), resource.Option("$expand"));
        if (operation.Header("If-None-Match") is { } held && held.Trim() == RowJson.Etag(row.Version) && selection.Expansions.Count == 0 && operation.Prefer.Annotations.Count == 0)
            return Answer.Empty(304).With("ETag", RowJson.Etag(row.Version));
        return Represented(operation, 200, row, selection);
    }

    Answer Represented(Operation operation, int status, Row row, Selection selection) => Answer.Json(status, json =>
    {
        json.WriteString("@odata.context", $"{root}$metadata#{row.Table.Spec.SetName}{selection.Text}/$entity");
        RowJson.Write(json, environment, row, selection, operation.Prefer);
    }).With("ETag", RowJson.Etag(row.Version)).With("Preference-Applied", operation.Prefer.Applied());

    Answer ReadProperty(Operation operation, Resource resource, Table table, string key, string property)
    {
        var row = Existing(table, key);
        if (table.Navigation(property) is { } navigation)
        {
            if (row.Lookup(navigation.Column.Name) is not { } to || to.Table != navigation.Target) return Answer.Empty();
            var led = environment[to.Table].Rows[to.Id];
            return Represented(operation, 200, led, environment.Select(led.Table, resource.Option("$select"), resource.Option("$expand")));
        }
        var (_, read) = Filter.Read(table, property);
        return read(row) is not { } value ? Answer.Empty() : Answer.Json(200, json =>
        {
            json.WriteString("@odata.context", $"{root}$metadata#{table.Spec.SetName}({row.Id})/{property}");
            json.WritePropertyName("value");
            RowJson.WriteValue(json, value);
        });
    }

    Answer Create(Operation operation, Resource resource, Table table, Caller caller)
    {
        var (values, id) = Values(table, operation.Json(), caller);
        Suffer("create", table, null, values);
        var selection = operation.Prefer.Representation ? environment.Select(table, resource.Option("$select"), resource.Option("$expand")) : null;
        var row = environment.Create(unit, table, id, values, caller);
        Wrote(operation, "create", row, values, caller);
        return Created(operation, row, row.Id.ToString(), selection);
    }

    Answer Created(Operation operation, Row row, string key, Selection? selection)
    {
        var entity = EntityId(row.Table, key);
        if (selection is null) return Answer.Empty().With("Location", entity).With("OData-EntityId", entity);
        return Represented(operation, 201, row, selection).With("Location", entity).With("OData-EntityId", entity);
    }

    Answer Upsert(Operation operation, Resource resource, Table table, string key, Caller caller)
    {
        var named = Find(table, key);
        var createOnly = operation.Header("If-None-Match")?.Trim() == "*";
        if (named.Row is null && operation.Header("If-Match") is not null) throw named.Id is { } missing ? Refusals.Missing(table, missing) : Refusals.NoRowForKey(table);
        if (named.Row is not null && createOnly) throw named.Id is null ? Refusals.KeyTaken() : Refusals.IdTaken();
        var selection = operation.Prefer.Representation ? environment.Select(table, resource.Option("$select"), resource.Option("$expand")) : null;
        var (values, _) = Values(table, operation.Json(), caller);
        if (named.Row is { } row)
        {
            CheckMatch(operation, row);

            // The key's columns in the body are passed over for a row that is there.
            foreach (var column in named.Values.Keys) values.Remove(column);
            Suffer("update", table, row, values);
            CheckMatch(operation, row);
            environment.Update(unit, row, values, caller);
            Wrote(operation, "update", row, values, caller);
            return selection is null ? Answer.Empty().With("OData-EntityId", EntityId(table, key)) : Represented(operation, 200, row, selection).With("OData-EntityId", EntityId(table, key));
        }

        // For one that is not there they win over the address.
        foreach (var (column, value) in named.Values) values.TryAdd(column, value);
        Suffer("create", table, null, values);
        var made = environment.Create(unit, table, named.Id, values, caller);
        Wrote(operation, "create", made, values, caller);
        return Created(operation, made, key, selection);
    }

    Answer Delete(Operation operation, Table table, string key, Caller caller)
    {
        var row = Existing(table, key);
        CheckMatch(operation, row);
        Suffer("delete", table, row, []);
        environment.Delete(unit, row, caller);
        return Answer.Empty();
    }

    Answer SetProperty(Operation operation, Table table, string key, string property, Caller caller)
    {
        var row = Existing(table, key);
        CheckMatch(operation, row);
        if (!operation.Json().TryGetProperty("value", out var value)) throw Refusals.Payload(table, "The property 'value' is missing.");
        if (table.Find(property) is not { IsLookup: false } column) throw Refusals.NoProperty(table, property);
        return Put(operation, row, new(StringComparer.Ordinal) { [property] = ValueReader.Take(table, column, value) }, caller);
    }

    Answer ClearProperty(Operation operation, Table table, string key, string property, Caller caller)
    {
        var row = Existing(table, key);
        CheckMatch(operation, row);
        var column = table.Find(property)?.Name ?? table.Navigation(property)?.Column.Name ?? throw Refusals.NoProperty(table, property);
        return Put(operation, row, new(StringComparer.Ordinal) { [column] = null }, caller);
    }

    Answer Associate(Operation operation, Table table, string key, string property, Caller caller)
    {
        var row = Existing(table, key);
        if (!operation.Json().TryGetProperty("@odata.id", out var to) || to.ValueKind != JsonValueKind.String) throw Refusals.Payload(table, "The property '@odata.id' is missing.");
        var navigation = table.Navigation(property) ?? throw Refusals.NoProperty(table, property);
        return Put(operation, row, new(StringComparer.Ordinal) { [navigation.Column.Name] = Bound(table, navigation.Column, navigation.Target, to.GetString()!) }, caller);
    }

    Answer Disassociate(Operation operation, Table table, string key, string property, Caller caller)
    {
        var row = Existing(table, key);
        var navigation = table.Navigation(property) ?? throw Refusals.NoProperty(table, property);
        return Put(operation, row, new(StringComparer.Ordinal) { [navigation.Column.Name] = null }, caller);
    }

    Answer Put(Operation operation, Row row, Dictionary<string, object?> values, Caller caller)
    {
        Suffer("update", row.Table, row, values);
        environment.Update(unit, row, values, caller);
        Wrote(operation, "update", row, values, caller);
        return Answer.Empty();
    }

    Answer Qualify(Operation operation, Table table, string key, Caller caller)
    {
        if (table.Spec.Name != StandardTables.Lead) throw Refusals.NoSegment(BoundPrefix + "QualifyLead");
        var lead = Existing(table, key);
        var body = operation.Json();
        bool Asked(string name) => body.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.True;
        var status = body.TryGetProperty("Status", out var told) && told.TryGetInt32(out var number) ? number : 3;
        var (account, contact) = environment.Qualify(unit, lead, Asked("CreateAccount"), Asked("CreateContact"), status, caller);
        return Answer.Json(200, json =>
        {
            json.WriteString("@odata.context", root + "$metadata#Collection(mscrm.crmbaseentity)");
            json.WriteStartArray("value");
            foreach (var row in ((Row?[])[account, contact]).OfType<Row>())
            {
                json.WriteStartObject();
                json.WriteString("@odata.type", "#Microsoft.Dynamics.CRM." + row.Table.Spec.Name);
                RowJson.Write(json, environment, row, environment.Select(row.Table, row.Table.Spec.NameColumn, null), operation.Prefer);
                json.WriteEndObject();
            }
            json.WriteEndArray();
        });
    }

    Answer Merge(Operation operation, Caller caller)
    {
        var body = operation.Json();
        var (winner, loser) = (Party("Target"), Party("Subordinate"));
        var update = new Dictionary<string, object?>(StringComparer.Ordinal);
        if (body.TryGetProperty("UpdateContent", out var content) && content.ValueKind == JsonValueKind.Object)
        {
            (update, _) = Values(winner.Table, content, caller);
        }
        environment.Merge(unit, winner, loser, update, caller);
        return Answer.Empty();

        Row Party(string name)
        {
            if (!body.TryGetProperty(name, out var party) || party.ValueKind != JsonValueKind.Object || TypeOf(party) is not { } table) throw new Refusal(400, "0x80040203", $"Required field '{name}' is missing.");
            if (!party.TryGetProperty(table.Spec.IdColumn, out var id) || !id.TryGetGuid(out var guid)) throw new Refusal(400, "0x80040203", $"Required field '{name}' is missing.");
            return table.Rows.GetValueOrDefault(guid) ?? throw Refusals.Missing(table, guid);
        }
    }

    Table? TypeOf(JsonElement target) =>
        target.TryGetProperty("@odata.type", out var type) && type.ValueKind == JsonValueKind.String && type.GetString()!.TrimStart('#') is var name && name.StartsWith(BoundPrefix, StringComparison.Ordinal) ? environment.Find(name[BoundPrefix.Length..]) : null;

    Answer Bulk(Operation operation, Table table, string message, Caller caller)
    {
        if (message is "DeleteMultiple") throw new Refusal(400, "0x80040203", "DeleteMultiple has not yet been implemented.");
        if (message is not ("CreateMultiple" or "UpdateMultiple" or "UpsertMultiple")) throw Refusals.NoSegment(BoundPrefix + message);
        if (!operation.Json().TryGetProperty("Targets", out var targets) || targets.ValueKind != JsonValueKind.Array) throw Refusals.Payload(table, "The parameter 'Targets' is missing.");
        visit.Rows += targets.GetArrayLength() - 1;
        var ids = new List<Guid>();
        var seen = new HashSet<Row>();
        foreach (var target in targets.EnumerateArray())
        {
            if (target.ValueKind != JsonValueKind.Object || TypeOf(target) != table) throw new Refusal(400, "0x80048d19", "The '@odata.type' of a target is missing, or is not that of the table.");
            var (values, id) = Values(table, target, caller);
            Row? row = null;
            var keyed = new Dictionary<string, object?>(StringComparer.Ordinal);
            if (message == "UpdateMultiple")
            {
                row = id is { } known ? table.Rows.GetValueOrDefault(known) ?? throw Refusals.Missing(table, known) : throw Refusals.Invalid($"'{table.Spec.IdColumn}' is missing in a target.");
            }
            else if (message == "UpsertMultiple")
            {
                if (target.TryGetProperty("@odata.id", out var address) && address.ValueKind == JsonValueKind.String)
                {
                    var segment = Addressed(table, address.GetString()!);
                    var named = Find(table, segment);
                    (row, id) = (named.Row, named.Id);
                    foreach (var (column, value) in named.Values) keyed[column] = value;
                }
                else if (id is { } given)
                {
                    row = table.Rows.GetValueOrDefault(given);
                }
            }
            if (row is not null && !seen.Add(row)) throw Refusals.Invalid("A row is there twice among the targets.");
            if (row is null)
            {
                foreach (var (column, value) in keyed) values.TryAdd(column, value);
                Suffer("create", table, null, values);
                row = environment.Create(unit, table, id, values, caller);
                ids.Add(row.Id);
                Wrote(operation, "create", row, values, caller);
            }
            else
            {
                foreach (var column in keyed.Keys) values.Remove(column);
                Suffer("update", table, row, values);
                environment.Update(unit, row, values, caller);
                Wrote(operation, "update", row, values, caller);
            }
        }
        return message != "CreateMultiple" ? Answer.Empty() : Answer.Json(200, json =>
        {
            json.WriteString("@odata.context", root + "$metadata#Microsoft.Dynamics.CRM.CreateMultipleResponse");
            json.WriteStartArray("Ids");
            foreach (var id in ids) json.WriteStringValue(id);
            json.WriteEndArray();
        });
    }

    // What stands in the parentheses of contacts(…), with the service's address before it or not.
    static string Addressed(Table table, string address)
    {
        var path = address.IndexOf("/api/data/v", StringComparison.Ordinal) is >= 0 and var at ? address[(address.IndexOf('/', at + "/api/data/v".Length) + 1)..] : address;
        var segment = Resource.Parse(path.TrimStart('/')).Segments;
        return segment is [{ Key: { } key } only] && only.Name == table.Spec.SetName ? key : throw Refusals.Payload(table, $"'{address}' names no row of {table.Spec.SetName}.");
    }

    /// <summary>The columns of a body, and the id that it gives.</summary>
    (Dictionary<string, object?> Values, Guid? Id) Values(Table table, JsonElement body, Caller caller)
    {
        var values = new Dictionary<string, object?>(StringComparer.Ordinal);
        Guid? id = null;
        foreach (var member in body.EnumerateObject())
        {
            var name = member.Name;
            var mark = name.IndexOf('@', StringComparison.Ordinal);
            if (mark >= 0)
            {
                if (mark == 0 || !name.AsSpan(mark).SequenceEqual("@odata.bind")) continue;
                var navigation = table.Navigation(name[..mark]) ?? throw Refusals.Payload(table, $"An undeclared property '{name[..mark]}' which only has property annotations in the payload but no property value was found in the payload. In OData, only declared navigation properties and declared named streams can be represented as properties without values.");
                values[navigation.Column.Name] = member.Value.ValueKind switch
                {
                    JsonValueKind.Null => null,
                    JsonValueKind.String => Bound(table, navigation.Column, navigation.Target, member.Value.GetString()!),
                    _ => throw Refusals.Payload(table, $"The annotation '{name}' is no text."),
                };
                continue;
            }
            if (name == table.Spec.IdColumn)
            {
                id = member.Value.ValueKind == JsonValueKind.Null ? null : (Guid?)ValueReader.Take(table, table.Columns[name], member.Value);
                continue;
            }
            if (table.Find(name) is { IsLookup: false } column)
            {
                values[name] = ValueReader.Take(table, column, member.Value);
                continue;
            }
            if (name[0] == '_' && table.Columns.Values.Any(c => c.IsLookup && c.JsonName == name)) throw Refusals.Payload(table, $"CRM do not support direct update of Entity Reference properties, Use Navigation properties instead. The property '{name}' is read-only.");
            if (table.Navigation(name) is not { } lookup) throw Refusals.NoProperty(table, name);
            values[lookup.Column.Name] = member.Value.ValueKind switch
            {
                JsonValueKind.Null => null,
                JsonValueKind.Object => Deep(environment[lookup.Target], member.Value, caller),
                _ => throw Refusals.Payload(table, $"The navigation property '{name}' takes an object or null."),
            };
        }
        return (values, id);
    }

    // A row inside of a row is made before it.
    Reference Deep(Table table, JsonElement body, Caller caller)
    {
        var (values, id) = Values(table, body, caller);
        var row = environment.Create(unit, table, id, values, caller);
        return new Reference(table.Spec.Name, row.Id);
    }

    Reference Bound(Table table, Column column, string target, string address)
    {
        if (address.Length > 1 && address[0] == '$')
        {
            var made = _made.GetValueOrDefault(address[1..]) ?? throw Refusals.Syntax($"Content-ID Reference: '{address}' does not exist in the batch context.");
            return new Reference(made.Table.Spec.Name, made.Id);
        }
        var path = address.IndexOf("/api/data/v", StringComparison.Ordinal) is >= 0 and var at ? address[(address.IndexOf('/', at + "/api/data/v".Length) + 1)..] : address;
        if (Resource.Parse(path.TrimStart('/')).Segments is not [{ Key: { } key } segment] || environment.BySet(segment.Name) is not { } to) throw Refusals.Payload(table, $"'{address}' names no row.");
        if (column.Kind == ColumnKind.Owner ? !column.Targets.Contains(to.Spec.Name) : to.Spec.Name != target) throw Refusals.Payload(table, $"The navigation property '{column.NavigationTo(target)}' does not lead to {to.Spec.SetName}.");
        return new Reference(to.Spec.Name, Existing(to, key).Id);
    }

    // What an administrator of the sandbox has planned for this row.
    void Suffer(string operation, Table table, Row? row, Dictionary<string, object?> values)
    {
        if (!table.Spec.IsShown) return;
        var occasion = new Occasion(operation, table.Spec.Name, row?.Id.ToString(), values.Keys);
        var faults = environment.Faults.Take(FaultScope.Row, occasion);
        if (faults.Count == 0) return;
        visit.Suffered(faults);
        environment.Before(occasion, faults);
        foreach (var fault in faults)
        {
            switch (fault.Kind)
            {
                case "rowError":
                    var code = fault.Code ?? "0x80040265";
                    throw new Refusal(fault.Status == 0 ? Refusals.StatusOf(code) : fault.Status, code, "The record cannot be saved.");
                case "reject":
                    throw new Refusal(400, fault.Code ?? "0x80040203", $"A validation error occurred.  The value of '{fault.Field}' on record of type '{table.Spec.Name}' is not accepted.");
                case "rewrite":
                    if (table.Find(fault.Field!) is { } column) values[column.Name] = ValueReader.Typed(table, column, fault.Value);
                    break;
                case "ignore":
                    values.Remove(fault.Field!);
                    break;
                case "plugin":
                    _plugins.Add(fault);
                    break;
            }
        }
    }

    readonly List<Fault> _plugins = [];

    void Wrote(Operation operation, string kind, Row row, Dictionary<string, object?> values, Caller caller)
    {
        if (operation.ContentId is { } id) _made[id] = row;
        if (!row.Table.Spec.IsShown) return;
        foreach (var plugin in _plugins)
        {
            if (row.Table.Find(plugin.Field!) is not { } column) continue;
            var parent = unit.Happenings.FindLast(h => h.Id == row.Id);
            environment.Update(unit, row, new(StringComparer.Ordinal) { [column.Name] = ValueReader.Typed(row.Table, column, plugin.Value) }, caller with { Tag = null, Depth = caller.Depth + 1, Parent = parent, By = "plug-in" });
        }
        _plugins.Clear();
        unit.Written.Add(new Occasion(kind, row.Table.Spec.Name, row.Id.ToString(), values.Keys));
    }
}
