using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Mapping;

/// <summary>One field of a record as the system wants it.</summary>
/// <param name="Json">JSON text; <c>null</c> clears the field there.</param>
public readonly record struct SystemValue(string Name, string Json)
{
    public JsonElement Element() => JsonElement.Parse(Json);
}

/// <summary>What is to be sent to a system.</summary>
/// <param name="Values">In the mapping's order, each name once.</param>
/// <param name="Problems">Fields that cannot be said in this system; the others go.</param>
public sealed record MappedRecord(ImmutableArray<SystemValue> Values, ImmutableArray<MappingProblem> Problems)
{
    /// <summary>The values as one flat JSON object; a name with a dot stays one name, which the connector nests if its system wants that.</summary>
    public string ToJson()
    {
        var json = new StringBuilder("{");
        foreach (var value in Values)
        {
            if (json.Length > 1) json.Append(',');
            json.Append(FieldValue.Text(value.Name).Json).Append(':').Append(value.Json);
        }
        return json.Append('}').ToString();
    }
}

/// <summary>Says the hub's fields in a system's words.</summary>
/// <remarks>
/// A mapped or crossed value goes out as text, as the definition spells it: the connector knows whether its system wants
/// <c>1</c> or <c>"1"</c>. Texts are cut at the system's length, anything else that is too long is a problem. Members of a set go out as an array, or as one text where the mapping names a separator (<c>Split</c>).
/// </remarks>
public static class OutgoingMapping
{
    /// <summary>The system's values for the fields to write.</summary>
    /// <param name="golden">Golden values, for the parts of a text that are not written themselves; null: undetermined.</param>
    /// <param name="fields">What is written; only these fields, and texts that they are part of, are among the values.</param>
    /// <param name="externalIdOf">The id in this system of the record that a reference leads to; null: it has none (yet). Left out, only references to this very system's records can be said.</param>
    public static MappedRecord Map(
        HubDefinition hub,
        SystemDefinition system,
        MappingDefinition mapping,
        Func<string, FieldValue?> golden,
        ImmutableArray<FieldWrite> fields,
        Func<FieldValue, string?>? externalIdOf = null)
    {
        ArgumentNullException.ThrowIfNull(hub);
        ArgumentNullException.ThrowIfNull(system);
        ArgumentNullException.ThrowIfNull(mapping);
        ArgumentNullException.ThrowIfNull(golden);
        var recordType = hub.RecordType(mapping.RecordType)
            ?? throw new ArgumentException($"The hub has no record type '{mapping.RecordType}' that the mapping of '{mapping.Object}' names.");
        var index = MappingIndex.Of(mapping);
        var written = new Dictionary<string, FieldValue>(fields.Length, StringComparer.Ordinal);
        foreach (var field in fields) written[field.Field] = field.Value;
        FieldValue? Read(string name) => written.TryGetValue(name, out var value) ? value : golden(name);

        var values = ImmutableArray.CreateBuilder<SystemValue>(mapping.Outgoing.Length);
        var problems = ImmutableArray.CreateBuilder<MappingProblem>();
        var said = new HashSet<string>(StringComparer.Ordinal);
        foreach (var fieldMapping in mapping.Outgoing)
        {
            var answer = Say(fieldMapping);
            if (answer is not { } told) continue;
            if (told.Code is { } code) problems.Add(new(fieldMapping.Field, fieldMapping.Name, code));
            else if (said.Add(fieldMapping.Name)) values.Add(new(fieldMapping.Name, told.Json));
        }
        return new(values.DrainToImmutable(), problems.DrainToImmutable());

        Told? Say(FieldMapping fieldMapping)
        {
            if (fieldMapping.Constant is { } constant) return fields.IsEmpty ? null : Told.As(constant.Json);
            if (!fieldMapping.Join.IsEmpty)
            {
                return fieldMapping.Join.Any(written.ContainsKey) || written.ContainsKey(fieldMapping.Field) ? Joined(fieldMapping, Read) : null;
            }
            if (recordType.Field(fieldMapping.Field) is not { } field) return null;
            if (fieldMapping.Split is { Length: > 0 } && !IncomingMapping.IsSet(field))
            {
                var parts = index.PartsOf(fieldMapping.Name);
                return parts.Any(p => written.ContainsKey(p.Field)) ? Rejoined(fieldMapping, parts, Read) : null;
            }
            return written.TryGetValue(fieldMapping.Field, out var value)
                ? new Writer(hub, system, field, fieldMapping, externalIdOf).Write(value)
                : null;
        }
    }

    /// <summary>Golden values that <see cref="Map"/> will ask for beside what is written: the other parts of texts that are joined or cut there.</summary>
    /// <param name="mapping">Null: the object is not mapped.</param>
    /// <returns>Empty for most mappings and writes.</returns>
    public static ImmutableArray<FieldStored> Beside(MappingDefinition? mapping, ImmutableArray<FieldWrite> fields, Func<string, FieldValue?> golden)
    {
        ArgumentNullException.ThrowIfNull(golden);
        if (mapping is null) return [];
        var index = MappingIndex.Of(mapping);
        if (!index.HasTexts) return [];
        var written = fields.Select(f => f.Field).ToHashSet(StringComparer.Ordinal);
        var beside = ImmutableArray.CreateBuilder<FieldStored>();
        foreach (var text in mapping.Outgoing)
        {
            var parts = !text.Join.IsEmpty ? text.Join : text.Split is null ? [] : [.. index.PartsOf(text.Name).Select(p => p.Field)];
            if (!parts.Any(written.Contains)) continue;
            foreach (var part in parts)
            {
                if (!written.Contains(part) && beside.All(b => b.Field != part) && golden(part) is { } value) beside.Add(new(part, value));
            }
        }
        return beside.DrainToImmutable();
    }

    /// <summary>What the system will report once it holds a value: the value itself where the mapping is one-to-one.</summary>
    /// <remarks>
    /// A system whose list of states is shorter, whose texts are cut, or which cannot tell empty from cleared holds the golden
    /// value as well as it can. Compare its reports with this, or the hub would write to it for ever.
    /// </remarks>
    public static FieldValue AsHeld(HubDefinition hub, SystemDefinition system, MappingDefinition mapping, string field, FieldValue value)
    {
        ArgumentNullException.ThrowIfNull(hub);
        ArgumentNullException.ThrowIfNull(system);
        ArgumentNullException.ThrowIfNull(mapping);
        if (mapping.Of(field) is not { Constant: null, Join.IsEmpty: true } fieldMapping) return value;
        if (hub.RecordType(mapping.RecordType)?.Field(field) is not { } definition) return value;

        var changes = !fieldMapping.Values.IsEmpty || fieldMapping.Crosswalk is not null || fieldMapping.DateFormat is not null
            || (value.IsBlank && !value.IsCleared && fieldMapping.EmptyIsCleared)
            || (fieldMapping.MaxLength is { } length && value.Json.Length > length)
            || (fieldMapping.Split is not null && IncomingMapping.IsSet(definition));

        // References are compared by the customer they lead to, parts of a text by the whole text: neither is this function's.
        if (!changes || definition.Type is FieldType.Reference or FieldType.Association) return value;
        var isPart = fieldMapping.Split is { Length: > 0 } && !IncomingMapping.IsSet(definition);
        if (isPart) return value.IsBlank && fieldMapping.EmptyIsCleared ? FieldValue.Cleared : value;

        // The two common cases need no JSON: this is asked for every field of every plan.
        if (!fieldMapping.Values.IsEmpty && !IncomingMapping.IsSet(definition)) return Paired(fieldMapping, value);
        if (value.IsText && fieldMapping.Crosswalk is null && (definition.Type is FieldType.Text or FieldType.LongText))
        {
            var text = fieldMapping.MaxLength is { } most ? Rendering.Cut(value.AsText(), most).Trim().ToString() : value.AsText();
            return text.Length == 0 && fieldMapping.EmptyIsCleared ? FieldValue.Cleared : FieldValue.Text(text);
        }

        var told = new Writer(hub, system, definition, fieldMapping, null).Write(value);
        if (told.Code is not null) return value;
        var held = IncomingMapping.Read(hub, system, mapping, definition, fieldMapping, JsonElement.Parse(told.Json));
        return held.IsRefused ? value : held.Value;
    }

    // The first of the hub's values that share the system's word for this one.
    static FieldValue Paired(FieldMapping mapping, FieldValue value)
    {
        foreach (var said in mapping.Values)
        {
            if (said.HubValue != value) continue;
            foreach (var heard in mapping.Values)
            {
                if (heard.SystemValue == said.SystemValue) return heard.HubValue;
            }
        }
        return value.IsBlank && mapping.EmptyIsCleared ? FieldValue.Cleared : value;
    }

    // Blank and undetermined parts are left out; nothing at all clears the text.
    static Told Joined(FieldMapping mapping, Func<string, FieldValue?> read)
    {
        var text = string.Join(mapping.JoinWith, mapping.Join.Select(f => read(f)).Where(v => v is { IsBlank: false }).Select(v => v!.Value.AsText()));
        return Told.As(text.Length == 0 ? FieldValue.Cleared.Json : Text(text, mapping.MaxLength));
    }

    static Told Rejoined(FieldMapping mapping, ImmutableArray<FieldMapping> parts, Func<string, FieldValue?> read)
    {
        var count = Math.Max(parts[^1].SplitIndex + 1, 0);
        var texts = new string[count];
        Array.Fill(texts, "");
        foreach (var part in parts)
        {
            if (read(part.Field) is not { } value) return Told.Not(RefusalCode.UndeterminedPart);
            if (part.SplitIndex >= 0) texts[part.SplitIndex] = value.IsCleared ? "" : value.AsText();
        }
        var last = Array.FindLastIndex(texts, t => t.Length > 0);
        if (last < 0) return Told.As(FieldValue.Cleared.Json);

        var text = string.Join(mapping.Split, texts.Take(last + 1));
        foreach (var part in parts)
        {
            // What comes back must be what went, or the system's next report would move a name's middle from one field to the other.
            var back = IncomingMapping.Part(text.Trim(), mapping.Split!, part.SplitIndex, count) ?? "";
            if (part.Direction.HasFlag(Direction.In) && part.SplitIndex >= 0 && back.Trim() != texts[part.SplitIndex]) return Told.Not(RefusalCode.AmbiguousSplit);
        }
        return Told.As(Text(text, mapping.MaxLength));
    }

    static string Text(string text, int? maxLength) =>
        FieldValue.Text(maxLength is { } length ? Rendering.Cut(text, length).ToString() : text).Json;

    /// <summary>A value in the system's words, or the code of why it cannot be said there.</summary>
    readonly record struct Told(string Json, string? Code)
    {
        internal static Told As(string json) => new(json, null);

        internal static Told Not(string code) => new("null", code);
    }

    readonly record struct Writer(HubDefinition Hub, SystemDefinition System, FieldDefinition Field, FieldMapping Mapping, Func<FieldValue, string?>? ExternalIdOf)
    {
        internal Told Write(FieldValue value)
        {
            if (Pair(value) is { } whole) return Told.As(Text(whole, null));
            if (value.IsCleared) return Told.As(value.Json);
            if (IncomingMapping.IsSet(Field)) return WriteSet(value);
            return WriteOne(value);
        }

        Told WriteOne(FieldValue value)
        {
            if (Pair(value) is { } pair) return Told.As(Text(pair, null));
            if (!Mapping.Values.IsEmpty && !value.IsBlank) return Told.Not(RefusalCode.UnmappedValue);
            if (Mapping.Crosswalk is { } name && !value.IsBlank)
            {
                return IncomingMapping.Crosswalk(Hub, name) is { } crosswalk && MappingIndex.SystemValue(crosswalk, System.Name, value.AsText()) is { } crossed
                    ? Told.As(Text(crossed, null))
                    : Told.Not(RefusalCode.UnmappedValue);
            }
            if (Mapping.DateFormat is { } format && Dated(value, format) is { } dated) return dated;
            if (Field.Type == FieldType.Reference) return ExternalId(value) is { } id ? Told.As(Text(id, null)) : Told.Not(RefusalCode.UnresolvedReference);
            if (Mapping.MaxLength is not { } length || !value.IsText || value.Json.Length <= length || value.AsText() is not { } text || text.Length <= length)
            {
                return Told.As(value.Json);
            }

            // The beginning of a text is still that text; the beginning of an address, a number or a choice is another one.
            return Field.Type is FieldType.Text or FieldType.LongText ? Told.As(Text(text, length)) : Told.Not(RefusalCode.TooLong);
        }

        Told WriteSet(FieldValue value)
        {
            var members = value.Members();
            var said = new List<FieldValue>(members.Length);
            foreach (var member in members)
            {
                if (Field.Type == FieldType.Association)
                {
                    if (member.Part(Canonicaliser.To) is not { } to || ExternalId(to) is not { } id) return Told.Not(RefusalCode.UnresolvedReference);
                    var primary = member.Part(Canonicaliser.Primary) == FieldValue.Boolean(true);
                    said.Add(Canonicaliser.Association(FieldValue.Text(id), member.Part(Canonicaliser.Role)?.AsText() ?? "", primary));
                    continue;
                }
                var told = WriteOne(member);
                if (told.Code is not null) return told;
                said.Add(FieldValue.FromStored(told.Json));
            }
            if (Mapping.Split is not { Length: > 0 } separator || Field.Type == FieldType.Association) return Told.As(FieldValue.Set(said).Json);

            var texts = new List<string>(said.Count);
            foreach (var member in said)
            {
                // A member that contains the separator would come back as two, and one with attributes without them.
                if (AsWord(member) is not { } word || word.Contains(separator, StringComparison.Ordinal)) return Told.Not(RefusalCode.AmbiguousSplit);
                texts.Add(word);
            }
            var joined = string.Join(separator, texts);
            return joined.Length > Mapping.MaxLength ? Told.Not(RefusalCode.TooLong) : Told.As(Text(joined, null));
        }

        // A member that is nothing but its key is that key.
        string? AsWord(FieldValue member)
        {
            if (member.Json[0] != '{') return member.AsText();
            if (Field.MemberKey is not { } key || member.Part(key) is not { } name) return null;
            return member == FieldValue.Parts([KeyValuePair.Create(key, name)]) ? name.AsText() : null;
        }

        string? Pair(FieldValue value)
        {
            foreach (var pair in Mapping.Values)
            {
                if (pair.HubValue == value) return pair.SystemValue;
            }
            return null;
        }

        // Null where the value is no date: then it goes as it is.
        Told? Dated(FieldValue value, string format)
        {
            DateTimeOffset? moment = null;
            if (Field.Type == FieldType.DateTime) moment = Canonicaliser.AsInstant(value);
            else if (Field.Type == FieldType.Date && Canonicaliser.AsDate(value) is { } date) moment = new(date, TimeOnly.MinValue, TimeSpan.Zero);
            if (moment is not { } known) return null;
            return DateForm.Write(known, format) is { } text ? Told.As(Text(text, null)) : Told.Not(RefusalCode.BadDateFormat);
        }

        // A record of this very system is named by its id there.
        string? ExternalId(FieldValue reference)
        {
            if (ExternalIdOf?.Invoke(reference) is { } id) return id;
            var text = reference.AsText();
            var parts = text.Split('/', 3);
            return parts.Length == 3 && parts[0] == System.Name ? parts[2] : null;
        }
    }
}
