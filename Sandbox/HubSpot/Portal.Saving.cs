using System.Buffers;
using System.Text.Json;

namespace OrleansCrm.Sandbox.HubSpot;

// What survives the process: a line for each property, record, merge, blocked address and association.
sealed partial class Portal
{
    /// <summary>What this portal may still be asked for.</summary>
    public PortalLimits Limits { get; }

    public override IEnumerable<ReadOnlyMemory<byte>> Save()
    {
        // The lists are copied at once; each record is then written whole, on its own, so that nobody waits for the whole file.
        List<(ObjectType Type, HubRecord Record)> records = [];
        List<Action<Utf8JsonWriter>> others = [];
        lock (Gate)
        {
            foreach (var type in ObjectType.All)
            {
                var table = this[type];
                records.AddRange(table.All.Where(r => !r.IsGone).Select(r => (type, r)));
                foreach (var group in table.Groups.Values) others.Add(json => WriteGroup(json, type, group));
                foreach (var property in table.Properties.Values.Where(p => !p.Defined || p != StandardOf(type, p.Name))) others.Add(json => WriteProperty(json, type, property));
            }
            foreach (var label in Associations.Types.Values.Where(t => t.Category == AssociationType.OfUser)) others.Add(json => WriteLabel(json, label));
        }
        foreach (var other in others) yield return Line(other);
        foreach (var (_, record) in records) yield return Line(json => WriteRecord(json, record));

        List<Action<Utf8JsonWriter>> last = [];
        lock (Gate)
        {
            foreach (var type in ObjectType.All)
            {
                foreach (var (from, into) in this[type].Aliases) last.Add(json => WriteAlias(json, type, from, into));
            }
            foreach (var (from, to, types) in Associations.Pairs()) last.Add(json => WriteAssociation(json, from, to, types));
            foreach (var address in Blocked) last.Add(json => WriteBlocked(json, address));
            if (Number == 1)
            {
                foreach (var app in _webhooks.Apps) last.Add(json => WriteApp(json, app));
            }
        }
        foreach (var each in last) yield return Line(each);
    }

    static readonly Dictionary<ObjectType, Dictionary<string, Property>> Standard =
        ObjectType.All.ToDictionary(t => t, t => StandardProperties.Of(t).ToDictionary(p => p.Name, StringComparer.Ordinal));

    static Property? StandardOf(ObjectType type, string name) => Standard[type].GetValueOrDefault(name);

    static ReadOnlyMemory<byte> Line(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }
        return buffer.WrittenMemory;
    }

    static void WriteGroup(Utf8JsonWriter json, ObjectType type, PropertyGroup group)
    {
        json.WriteString("group", group.Name);
        json.WriteString("of", type.Name);
        json.WriteString("label", group.Label);
        json.WriteNumber("order", group.DisplayOrder);
    }

    static void WriteProperty(Utf8JsonWriter json, ObjectType type, Property property)
    {
        json.WriteString("property", property.Name);
        json.WriteString("of", type.Name);
        json.WritePropertyName("definition");
        JsonSerializer.Serialize(json, property);
    }

    static void WriteLabel(Utf8JsonWriter json, AssociationType label)
    {
        json.WriteNumber("label", label.Id);
        json.WriteString("from", label.From.Name);
        json.WriteString("to", label.To.Name);
        json.WriteString("text", label.Label);
        json.WriteString("name", label.Name);
        json.WriteNumber("mirror", label.Mirror);
    }

    void WriteRecord(Utf8JsonWriter json, HubRecord record)
    {
        lock (Gate)
        {
            json.WriteNumber("record", record.Id);
            json.WriteString("of", record.Type.Name);
            json.WriteNumber("created", record.Created.ToUnixTimeMilliseconds());
            json.WriteNumber("updated", record.Updated.ToUnixTimeMilliseconds());
            if (record.ArchivedAt is { } archived) json.WriteNumber("archived", archived.ToUnixTimeMilliseconds());
            WriteSource(json, "origin", record.Origin);
            if (record.Merged.Count > 0)
            {
                json.WriteStartArray("merged");
                foreach (var (id, at) in record.Merged)
                {
                    json.WriteNumberValue(id);
                    json.WriteNumberValue(at.ToUnixTimeMilliseconds());
                }
                json.WriteEndArray();
            }
            json.WriteStartObject("values");
            foreach (var (name, newest) in record.Properties)
            {
                json.WriteStartArray(name);
                foreach (var held in Versions(newest))
                {
                    json.WriteStartObject();
                    json.WriteString("v", held.Value);
                    json.WriteNumber("at", held.At.ToUnixTimeMilliseconds());
                    WriteSource(json, "by", held.Source);
                    json.WriteEndObject();
                }
                json.WriteEndArray();
            }
            json.WriteEndObject();
        }
    }

    static void WriteSource(Utf8JsonWriter json, string name, Source source)
    {
        json.WriteStartArray(name);
        json.WriteStringValue(source.Type);
        json.WriteStringValue(source.Id);
        if (source.UserId is { } user) json.WriteNumberValue(user);
        json.WriteEndArray();
    }

    static void WriteAlias(Utf8JsonWriter json, ObjectType type, long from, long into)
    {
        json.WriteNumber("alias", from);
        json.WriteString("of", type.Name);
        json.WriteNumber("into", into);
    }

    static void WriteAssociation(Utf8JsonWriter json, End from, End to, int[] types)
    {
        json.WriteNumber("association", from.Id);
        json.WriteString("of", from.Type.Name);
        json.WriteNumber("to", to.Id);
        json.WriteString("toType", to.Type.Name);
        json.WriteStartArray("types");
        foreach (var type in types) json.WriteNumberValue(type);
        json.WriteEndArray();
    }

    static void WriteBlocked(Utf8JsonWriter json, string address) => json.WriteString("blocked", address);

    static void WriteApp(Utf8JsonWriter json, HubApp app)
    {
        json.WriteNumber("app", app.Id);
        json.WriteString("target", app.Target?.OriginalString);
        json.WriteNumber("concurrency", app.Concurrency);
        json.WritePropertyName("subscriptions");
        JsonSerializer.Serialize(json, app.Subscriptions);
    }

    public override void Load(JsonElement line)
    {
        lock (Gate)
        {
            var type = line.TryGetProperty("of", out var of) ? ObjectType.Of(of.GetString()!) ?? throw new FormatException() : null;
            if (line.TryGetProperty("record", out var id)) LoadRecord(type!, id.GetInt64(), line);
            else if (line.TryGetProperty("group", out var group)) this[type!].Groups[group.GetString()!] = new PropertyGroup(group.GetString()!, line.GetProperty("label").GetString()!, line.GetProperty("order").GetInt32(), false);
            else if (line.TryGetProperty("property", out var name)) LoadProperty(type!, name.GetString()!, line.GetProperty("definition").Deserialize<Property>() ?? throw new FormatException());
            else if (line.TryGetProperty("label", out var label)) LoadLabel(label.GetInt32(), line);
            else if (line.TryGetProperty("alias", out var alias)) this[type!].Aliases[alias.GetInt64()] = line.GetProperty("into").GetInt64();
            else if (line.TryGetProperty("association", out var from)) LoadAssociation(new End(type!, from.GetInt64()), line);
            else if (line.TryGetProperty("blocked", out var address)) Blocked.Add(address.GetString()!);
            else if (line.TryGetProperty("app", out var app)) LoadApp(app.GetInt64(), line);
            else throw new FormatException();
        }
    }

    void LoadProperty(ObjectType type, string name, Property property)
    {
        this[type].Properties[name] = property;
        if (property is { HasUniqueValue: true, ArchivedAt: null }) this[type].Unique[name] = new(StringComparer.Ordinal);
    }

    void LoadLabel(int id, JsonElement line) => Associations.Types[id] = new AssociationType(
        id, ObjectType.Of(line.GetProperty("from").GetString()!)!, ObjectType.Of(line.GetProperty("to").GetString()!)!, AssociationType.OfUser,
        line.GetProperty("text").GetString(), line.GetProperty("name").GetString(), line.GetProperty("mirror").GetInt32());

    void LoadRecord(ObjectType type, long id, JsonElement line)
    {
        var table = this[type];
        var record = new HubRecord(type, id, Time(line.GetProperty("created")), SourceIn(line.GetProperty("origin"))) { Updated = Time(line.GetProperty("updated")) };
        if (line.TryGetProperty("archived", out var archived)) record.ArchivedAt = Time(archived);
        if (line.TryGetProperty("merged", out var merged))
        {
            for (var i = 0; i + 1 < merged.GetArrayLength(); i += 2) record.Merged.Add((merged[i].GetInt64(), Time(merged[i + 1])));
        }
        foreach (var property in line.GetProperty("values").EnumerateObject())
        {
            Held? held = null;
            foreach (var version in property.Value.EnumerateArray().Reverse()) held = new Held(version.GetProperty("v").GetString()!, Time(version.GetProperty("at")), SourceIn(version.GetProperty("by")), held);
            if (held is not null) record.Properties[table.Properties.TryGetValue(property.Name, out var known) ? known.Name : property.Name] = held;
        }
        table.Add(record);
        if (record.IsArchived) return;
        foreach (var (name, holders) in table.Unique)
        {
            if (record[name] is { } value) holders[value] = id;
        }
        foreach (var address in record["hs_additional_emails"]?.Split(';') ?? []) table.Unique["email"][address] = id;
        table.Index.Changed(record);
    }

    // A file that was written while records went away may name one that is gone.
    void LoadAssociation(End from, JsonElement line)
    {
        var to = new End(ObjectType.Of(line.GetProperty("toType").GetString()!) ?? throw new FormatException(), line.GetProperty("to").GetInt64());
        int[] types = [.. line.GetProperty("types").EnumerateArray().Select(t => t.GetInt32())];
        if (this[from.Type].ById.ContainsKey(from.Id) && this[to.Type].ById.ContainsKey(to.Id) && types.All(Associations.Types.ContainsKey)) Associations.TrySet(from, to, types);
    }

    void LoadApp(long id, JsonElement line)
    {
        if (_webhooks.Apps.FirstOrDefault(a => a.Id == id) is not { } app) return;
        app.Target = line.GetProperty("target").GetString() is { } target ? new Uri(target) : null;
        app.Concurrency = line.GetProperty("concurrency").GetInt32();
        app.Subscriptions = line.GetProperty("subscriptions").Deserialize<List<Subscription>>() ?? [];
        _webhooks.Known(app.Subscriptions);
    }

    static DateTimeOffset Time(JsonElement milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds.GetInt64());

    static Source SourceIn(JsonElement json) => new(json[0].GetString()!, json[1].GetString(), json.GetArrayLength() > 2 ? json[2].GetInt64() : null);
}
