using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Avro.IO;
using OrleansCrm.Sandbox.Salesforce.Records;
using OrleansCrm.Sandbox.Salesforce.Schema;

namespace OrleansCrm.Sandbox.Salesforce.Changes;

/// <summary>The Avro schema of an object's change events, and how an event is written in it.</summary>
/// <seealso href="https://developer.salesforce.com/docs/platform/pub-sub-api/guide/event-deserialization-considerations.html"/>
sealed class EventSchema
{
    static readonly ImmutableArray<string> Kinds =
        ["CREATE", "UPDATE", "DELETE", "UNDELETE", "SNAPSHOT", "GAP_CREATE", "GAP_UPDATE", "GAP_DELETE", "GAP_UNDELETE", "GAP_OVERFLOW"];

    static readonly ImmutableArray<string> AddressParts = ["Street", "City", "State", "PostalCode", "Country", "Latitude", "Longitude", "GeocodeAccuracy"];

    static readonly ImmutableArray<string> NameParts = ["Salutation", "FirstName", "LastName", "MiddleName", "Suffix"];

    // In the order of the record, behind the header.
    readonly ImmutableArray<Member> _members;
    readonly ObjectSpec _spec;

    public ObjectSpec Spec => _spec;

    public EventSchema(ObjectSpec spec)
    {
        _spec = spec;
        Name = ChannelName(spec.Name);
        var members = ImmutableArray.CreateBuilder<Member>();
        for (var i = 0; i < spec.Fields.Length; i++)
        {
            var field = spec.Fields[i];
            if (field.Removed || !field.InChangeEvents || field.Compound is not null) continue;
            if (field.Type == FieldType.Address) members.Add(new Member(field.Name, i, "Address", AddressParts, Slots(spec, field.Name, AddressParts)));
            else if (i == spec.FullName) members.Add(new Member(field.Name, i, "Switchable_PersonName", NameParts, Slots(spec, field.Name, NameParts)));
            else members.Add(new Member(field.Name, i, null, [], []));
        }
        _members = members.ToImmutable();
        Json = Written();
        Id = Convert.ToBase64String(MD5Like(Json)).TrimEnd('=').Replace('+', '-').Replace('/', '_');
    }

    sealed record Member(string Name, int Slot, string? Compound, ImmutableArray<string> Parts, ImmutableArray<int> Slots);

    /// <summary>22 characters; another schema has another.</summary>
    public string Id { get; }

    /// <summary>Of the record: <c>ContactChangeEvent</c>.</summary>
    public string Name { get; }

    public string Json { get; }

    public static string ChannelName(string @object) => @object.EndsWith("__c", StringComparison.Ordinal) ? @object[..^1] + "ChangeEvent" : @object + "ChangeEvent";

    static byte[] MD5Like(string text) => SHA256.HashData(Encoding.UTF8.GetBytes(text))[..16];

    static ImmutableArray<int> Slots(ObjectSpec spec, string compound, ImmutableArray<string> parts) =>
        [.. parts.Select(p => Enumerable.Range(0, spec.Fields.Length).FirstOrDefault(i => !spec.Fields[i].Removed && spec.Fields[i].Compound == compound && spec.Fields[i].Component == p, -1))];

    string Written()
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            json.WriteString("name", Name);
            json.WriteString("namespace", "com.sforce.eventbus");
            json.WriteString("type", "record");
            json.WriteStartArray("fields");
            json.WriteStartObject();
            json.WriteString("name", "ChangeEventHeader");
            json.WriteStartObject("type");
            json.WriteString("type", "record");
            json.WriteString("name", "ChangeEventHeader");
            json.WriteStartArray("fields");
            Plain("entityName", "string");
            Many("recordIds");
            json.WriteStartObject();
            json.WriteString("name", "changeType");
            json.WriteStartObject("type");
            json.WriteString("type", "enum");
            json.WriteString("name", "ChangeType");
            json.WriteStartArray("symbols");
            foreach (var kind in Kinds) json.WriteStringValue(kind);
            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteEndObject();
            Plain("changeOrigin", "string");
            Plain("transactionKey", "string");
            Plain("sequenceNumber", "int");
            Plain("commitTimestamp", "long");
            Plain("commitNumber", "long");
            Plain("commitUser", "string");
            Many("nulledFields");
            Many("diffFields");
            Many("changedFields");
            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteEndObject();
            var defined = new HashSet<string>(StringComparer.Ordinal);
            foreach (var member in _members)
            {
                json.WriteStartObject();
                json.WriteString("name", member.Name);
                json.WriteStartArray("type");
                json.WriteStringValue("null");
                if (member.Compound is null)
                {
                    json.WriteStringValue(TypeOf(_spec.Fields[member.Slot].Type));
                }
                else if (!defined.Add(member.Compound))
                {
                    json.WriteStringValue(member.Compound);
                }
                else
                {
                    json.WriteStartObject();
                    json.WriteString("type", "record");
                    json.WriteString("name", member.Compound);
                    json.WriteStartArray("fields");
                    foreach (var part in member.Parts) Optional(part, part is "Latitude" or "Longitude" ? "double" : "string");
                    json.WriteEndArray();
                    json.WriteEndObject();
                }
                json.WriteEndArray();
                json.WriteNull("default");
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();

            void Plain(string name, string type)
            {
                json.WriteStartObject();
                json.WriteString("name", name);
                json.WriteString("type", type);
                json.WriteEndObject();
            }

            void Many(string name)
            {
                json.WriteStartObject();
                json.WriteString("name", name);
                json.WriteStartObject("type");
                json.WriteString("type", "array");
                json.WriteString("items", "string");
                json.WriteEndObject();
                json.WriteEndObject();
            }

            void Optional(string name, string type)
            {
                json.WriteStartObject();
                json.WriteString("name", name);
                json.WriteStartArray("type");
                json.WriteStringValue("null");
                json.WriteStringValue(type);
                json.WriteEndArray();
                json.WriteNull("default");
                json.WriteEndObject();
            }
        }
        return Encoding.UTF8.GetString(stream.ToArray());
    }

    static string TypeOf(FieldType type) => type switch
    {
        FieldType.Boolean => "boolean",
        FieldType.Int => "int",
        FieldType.Double or FieldType.Currency or FieldType.Percent => "double",
        FieldType.Date or FieldType.DateTime => "long",
        _ => "string",
    };

    /// <summary>The event as bare Avro.</summary>
    /// <param name="isVisible">Fields that the subscriber sees, by place; others are empty and not told to have changed.</param>
    public byte[] Write(ChangeEvent change, Func<int, bool> isVisible)
    {
        // A create and an undelete tell all fields, an update those that changed, everything else none.
        var whole = change.Kind is "CREATE" or "UNDELETE";
        var isUpdate = change.Kind == "UPDATE";
        var changed = change.Changed.Where(isVisible).ToHashSet();
        var row = whole || isUpdate ? change.Row : null;
        var diffs = isUpdate ? Diffs(change, changed) : [];
        using var stream = new MemoryStream(512);
        var avro = new BinaryEncoder(stream);
        avro.WriteString(change.Entity);
        Strings(avro, change.RecordIds);
        avro.WriteEnum(Kinds.IndexOf(change.Kind));
        avro.WriteString(change.Commit.Origin);
        avro.WriteString(change.Commit.TransactionKey);
        avro.WriteInt(change.Sequence);
        avro.WriteLong(change.Commit.At.ToUnixTimeMilliseconds());
        avro.WriteLong(change.Commit.Number);
        avro.WriteString(change.Commit.UserId);
        Strings(avro, isUpdate ? Bitmap(slot => changed.Contains(slot) && row![slot] is null) : []);
        Strings(avro, isUpdate ? Bitmap(diffs.ContainsKey) : []);
        Strings(avro, isUpdate ? Bitmap(changed.Contains) : []);
        foreach (var member in _members)
        {
            if (member.Compound is null)
            {
                var isTold = row is not null && isVisible(member.Slot) && (whole || changed.Contains(member.Slot));
                Value(avro, _spec.Fields[member.Slot].Type, isTold ? diffs.GetValueOrDefault(member.Slot) ?? row!.Get(_spec, member.Slot) : null);
                continue;
            }
            bool IsTold(int slot) => slot >= 0 && isVisible(slot) && (whole || changed.Contains(slot)) && row![slot] is not null;
            if (row is null || !member.Slots.Any(IsTold))
            {
                avro.WriteUnionIndex(0);
                continue;
            }
            avro.WriteUnionIndex(1);
            foreach (var slot in member.Slots) Value(avro, FieldType.String, IsTold(slot) ? row[slot] : null);
        }
        avro.Flush();
        return stream.ToArray();
    }

    static void Value(BinaryEncoder avro, FieldType type, object? value)
    {
        if (value is null)
        {
            avro.WriteUnionIndex(0);
            return;
        }
        avro.WriteUnionIndex(1);
        switch (value)
        {
            case bool flag: avro.WriteBoolean(flag); break;
            case decimal number when type == FieldType.Int: avro.WriteInt((int)number); break;
            case decimal number: avro.WriteDouble((double)number); break;
            case DateTimeOffset time: avro.WriteLong(time.ToUnixTimeMilliseconds()); break;
            case DateOnly date: avro.WriteLong(new DateTimeOffset(date, TimeOnly.MinValue, TimeSpan.Zero).ToUnixTimeMilliseconds()); break;
            default: avro.WriteString(Values.Say(value)); break;
        }
    }

    static void Strings(BinaryEncoder avro, IReadOnlyList<string> texts)
    {
        avro.WriteArrayStart();
        avro.SetItemCount(texts.Count);
        foreach (var text in texts)
        {
            avro.StartItem();
            avro.WriteString(text);
        }
        avro.WriteArrayEnd();
    }

    static Dictionary<int, string> Diffs(ChangeEvent change, HashSet<int> changed)
    {
        var diffs = new Dictionary<int, string>();
        foreach (var slot in changed)
        {
            if (change.Before?[slot] is string before && change.Row![slot] is string after && TextDiff.Of(before, after) is { } diff) diffs[slot] = diff;
        }
        return diffs;
    }

    /// <summary>Which fields, as numbers whose bits are the places in the record: first the record itself, then each record within it.</summary>
    /// <param name="isIn">By the place in the object.</param>
    public IReadOnlyList<string> Bitmap(Func<int, bool> isIn)
    {
        var all = new List<string>();
        var top = new byte[(_members.Length + 8) / 8];
        var nested = new List<string>();
        for (var i = 0; i < _members.Length; i++)
        {
            // Place 0 is the header's.
            var at = i + 1;
            var member = _members[i];
            if (member.Compound is null)
            {
                if (isIn(member.Slot)) top[at / 8] |= (byte)(1 << (at % 8));
                continue;
            }
            var bits = new byte[1];
            for (var part = 0; part < member.Slots.Length; part++)
            {
                if (member.Slots[part] >= 0 && isIn(member.Slots[part])) bits[0] |= (byte)(1 << part);
            }
            if (bits[0] != 0) nested.Add(FormattableString.Invariant($"{at}-0x{bits[0]:X2}"));
        }
        var highest = Array.FindLastIndex(top, b => b != 0);

        // The first entry is always the record's own, if only to say nothing.
        if (highest < 0 && nested.Count > 0) all.Add("0x00");
        if (highest >= 0) all.Add("0x" + Convert.ToHexString([.. top.AsSpan(0, highest + 1).ToArray().Reverse()]));
        all.AddRange(nested);
        return all;
    }
}
