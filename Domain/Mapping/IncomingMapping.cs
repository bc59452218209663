using System.Collections.Immutable;
using System.Text.Json;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Mapping;

/// <summary>A system's record in the hub's fields.</summary>
/// <param name="Fields">In the mapping's order. What the record did not mention is not among them.</param>
/// <param name="Problems">Fields that were not taken, each with the reason.</param>
/// <param name="Unknown">The system's names that the mapping knows nothing of.</param>
public sealed record MappedFields(ImmutableArray<FieldEdit> Fields, ImmutableArray<MappingProblem> Problems, ImmutableArray<string> Unknown);

/// <summary>Reads a system's records into the hub's fields.</summary>
/// <remarks>
/// A name with a dot (<c>BillingAddress.city</c>) also finds a member of a member. For a field that is a set, <c>Split</c> is
/// the separator of its members in the system's text (else <c>;</c>); for others, the last declared part takes what is left.
/// Constants and joined fields go out only.
/// </remarks>
public static class IncomingMapping
{
    /// <inheritdoc cref="Map(HubDefinition, SystemDefinition, MappingDefinition, IReadOnlyDictionary{string, JsonElement}, Direction)"/>
    public static MappedFields Map(HubDefinition hub, SystemDefinition system, MappingDefinition mapping, JsonElement record, Direction wanted = Direction.In)
    {
        if (record.ValueKind != JsonValueKind.Object) return new([], [new MappingProblem("", "", RefusalCode.WrongType)], []);
        var byName = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        var broken = ImmutableArray<MappingProblem>.Empty;
        foreach (var property in record.EnumerateObject())
        {
            if (Canonicaliser.NameOf(property) is { } name) byName[name] = property.Value;
            else broken = [new MappingProblem("", "", RefusalCode.BrokenText)];
        }
        var mapped = Map(hub, system, mapping, byName, wanted);
        return broken.IsEmpty ? mapped : mapped with { Problems = mapped.Problems.AddRange(broken) };
    }

    /// <summary>The canonical fields of a record, and what could not be taken.</summary>
    /// <param name="wanted">Fields of which directions: <see cref="Direction.In"/> for what the system may say, <see cref="Direction.Out"/> to read back what we wrote.</param>
    public static MappedFields Map(
        HubDefinition hub,
        SystemDefinition system,
        MappingDefinition mapping,
        IReadOnlyDictionary<string, JsonElement> record,
        Direction wanted = Direction.In)
    {
        ArgumentNullException.ThrowIfNull(hub);
        ArgumentNullException.ThrowIfNull(system);
        ArgumentNullException.ThrowIfNull(mapping);
        ArgumentNullException.ThrowIfNull(record);
        var index = MappingIndex.Of(mapping);
        var recordType = hub.RecordType(mapping.RecordType)
            ?? throw new ArgumentException($"The hub has no record type '{mapping.RecordType}' that the mapping of '{mapping.Object}' names.");

        var fields = ImmutableArray.CreateBuilder<FieldEdit>(mapping.Fields.Length);
        ImmutableArray<MappingProblem>.Builder? problems = null;
        foreach (var fieldMapping in mapping.Fields)
        {
            if ((fieldMapping.Direction & wanted) == default(Direction) || fieldMapping.Constant is not null || !fieldMapping.Join.IsEmpty) continue;
            if (recordType.Field(fieldMapping.Field) is not { } field || Find(record, fieldMapping.Name) is not { } reported) continue;

            var read = new Reader(hub, system, index, field, fieldMapping).Read(reported);
            if (read.Refusal is { } code) (problems ??= ImmutableArray.CreateBuilder<MappingProblem>()).Add(new(field.Name, fieldMapping.Name, code));
            else fields.Add(new FieldEdit(field.Name, read.Value, read.Reported));
        }

        ImmutableArray<string>.Builder? unknown = null;
        foreach (var (name, _) in record)
        {
            if (!index.Mentions(name)) (unknown ??= ImmutableArray.CreateBuilder<string>()).Add(name);
        }
        return new(fields.DrainToImmutable(), problems?.DrainToImmutable() ?? [], unknown?.DrainToImmutable() ?? []);
    }

    /// <summary>The canonical value of one reported field; refused with <see cref="RefusalCode.UnmappedValue"/> where the mapping lacks the value.</summary>
    internal static Canonicalised Read(HubDefinition hub, SystemDefinition system, MappingDefinition mapping, FieldDefinition field, FieldMapping fieldMapping, JsonElement reported) =>
        new Reader(hub, system, MappingIndex.Of(mapping), field, fieldMapping).Read(reported);

    static JsonElement? Find(IReadOnlyDictionary<string, JsonElement> record, string name)
    {
        if (record.TryGetValue(name, out var found)) return found;
        var dot = name.IndexOf('.', StringComparison.Ordinal);
        if (dot < 0 || !record.TryGetValue(name[..dot], out var outer)) return null;

        // An address that is cleared as a whole has every part of it cleared.
        if (outer.ValueKind == JsonValueKind.Null) return outer;
        if (outer.ValueKind != JsonValueKind.Object) return null;
        foreach (var property in outer.EnumerateObject())
        {
            if (Canonicaliser.NameOf(property) is { } inner && name.AsSpan(dot + 1).SequenceEqual(inner)) return property.Value;
        }
        return null;
    }

    /// <summary>Cuts a system's text into as many parts as the mapping names; the last takes what is left.</summary>
    internal static string? Part(string text, string separator, int index, int parts)
    {
        var cut = text.Split(separator, Math.Max(parts, 1));
        return index >= 0 && index < cut.Length ? cut[index] : null;
    }

    internal static bool IsSet(FieldDefinition field) => field.Type is FieldType.MultiChoice or FieldType.Set or FieldType.Association;

    internal static CrosswalkDefinition? Crosswalk(HubDefinition hub, string name)
    {
        foreach (var crosswalk in hub.Crosswalks)
        {
            if (crosswalk.Name == name) return crosswalk;
        }
        return null;
    }

    readonly record struct Reader(HubDefinition Hub, SystemDefinition System, MappingIndex Index, FieldDefinition Field, FieldMapping Mapping)
    {
        internal Canonicalised Read(JsonElement reported)
        {
            var read = ReadAny(reported);

            // A set of nothing is the empty text of a set.
            return Mapping.EmptyIsCleared && IsSet(Field) && !read.IsRefused && read.Value.IsBlank ? Canonicalised.Cleared : read;
        }

        Canonicalised ReadAny(JsonElement reported)
        {
            switch (reported.ValueKind)
            {
                case JsonValueKind.Null:
                    return Canonicalised.Cleared;
                case JsonValueKind.String:
                    return Canonicaliser.TextOf(reported) is not { } text
                        ? Canonicalised.Refused(RefusalCode.BrokenText)
                        : text.Length > Canonicaliser.LongestText ? Canonicalised.Refused(RefusalCode.TooLong) : Spelled(ReadText(text), text);
                case JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False:
                    return Canonicaliser.Told(ReadScalar(reported), reported);
                case JsonValueKind.Array or JsonValueKind.Object:
                    return Canonicaliser.Told(ReadStructure(reported), reported);
                default:
                    return Canonicalised.Refused(RefusalCode.WrongType);
            }
        }

        static Canonicalised Spelled(Canonicalised read, string reported) =>
            read.IsRefused || Canonicaliser.Reads(read.Value, reported) ? read : Canonicalised.Canonical(read.Value, reported);

        Canonicalised ReadText(string text)
        {
            if (IsSet(Field)) return ReadMembers(text);
            if (Mapping.Split is { Length: > 0 } separator)
            {
                var parts = Index.PartsOf(Mapping.Name);
                text = Part(text.Trim(), separator, Mapping.SplitIndex, parts.IsEmpty ? Mapping.SplitIndex + 1 : parts[^1].SplitIndex + 1) ?? "";
            }
            return ReadOne(text);
        }

        // One value that is not a set, as a text.
        Canonicalised ReadOne(string text)
        {
            if (Pair(text) is { } pair) return Canonicalised.Canonical(pair);
            var blank = string.IsNullOrWhiteSpace(text);
            if (blank && (Mapping.EmptyIsCleared || Field.Type is not (FieldType.Text or FieldType.LongText))) return Canonicalised.Cleared;
            if (!Mapping.Values.IsEmpty) return Canonicalised.Refused(RefusalCode.UnmappedValue);
            if (Mapping.Crosswalk is { } name)
            {
                return CrossOver(name, text) is { } crossed
                    ? Canonicaliser.Canonicalise(Field, Hub.DefaultCountry, crossed)
                    : Canonicalised.Refused(RefusalCode.UnmappedValue);
            }
            if (Mapping.DateFormat is { } format && (Field.Type is FieldType.Date or FieldType.DateTime)) return DateForm.Read(Field.Type, text, format);
            return Field.Type == FieldType.Reference ? Referred(text) : Canonicaliser.Canonicalise(Field, Hub.DefaultCountry, text);
        }

        Canonicalised ReadScalar(JsonElement reported)
        {
            var needsText = !Mapping.Values.IsEmpty || Mapping.Crosswalk is not null || Mapping.DateFormat is not null || IsSet(Field)
                || Mapping.Split is { Length: > 0 } || Field.Type == FieldType.Reference;
            if (!needsText) return Canonicaliser.Canonicalise(Field, Hub.DefaultCountry, reported);
            if (reported.ValueKind != JsonValueKind.Number)
            {
                // A yes or no reads as a word only where the mapping has words for it.
                return Mapping.Values.IsEmpty && Mapping.Crosswalk is null
                    ? Canonicaliser.Canonicalise(Field, Hub.DefaultCountry, reported)
                    : ReadText(reported.ValueKind == JsonValueKind.True ? "true" : "false");
            }
            return reported.TryGetDecimal(out var number) ? ReadText(FieldValue.Number(number).Json) : Canonicalised.Refused(RefusalCode.OutOfRange);
        }

        Canonicalised ReadStructure(JsonElement reported)
        {
            if (!IsSet(Field))
            {
                // A structure has no words to look up, so a mapping by words has no answer to it.
                return Mapping.Values.IsEmpty && Mapping.Crosswalk is null
                    ? Canonicaliser.Canonicalise(Field, Hub.DefaultCountry, reported)
                    : Canonicalised.Refused(RefusalCode.WrongType);
            }
            if (reported.ValueKind == JsonValueKind.Array && reported.GetArrayLength() > Canonicaliser.MostMembers) return Canonicalised.Refused(RefusalCode.TooMany);
            if (Field.Type == FieldType.Association) return Canonicaliser.Associations(reported, Referred);
            if (reported.ValueKind != JsonValueKind.Array || (Mapping.Values.IsEmpty && Mapping.Crosswalk is null))
            {
                return Canonicaliser.Canonicalise(Field, Hub.DefaultCountry, reported);
            }

            var words = new List<string>(reported.GetArrayLength());
            foreach (var member in reported.EnumerateArray())
            {
                if (member.ValueKind is JsonValueKind.True or JsonValueKind.False) words.Add(member.ValueKind == JsonValueKind.True ? "true" : "false");
                else if (Canonicaliser.ScalarText(member, out var code) is { } word) words.Add(word);
                else return Canonicalised.Refused(code);
            }
            return Members(words);
        }

        Canonicalised ReadMembers(string text)
        {
            if (Pair(text) is { } whole) return Canonicalised.Canonical(whole.Members() is [var only] && only == whole ? FieldValue.Set([whole]) : whole);
            if (string.IsNullOrWhiteSpace(text)) return Canonicalised.Canonical(FieldValue.Set([]));

            // Only choices are known to come as one text; anything else is one member unless the mapping names a separator.
            var separator = Mapping.Split is { Length: > 0 } declared ? declared : Field.Type == FieldType.MultiChoice ? ";" : null;
            return Members(separator is null ? [text] : text.Split(separator, Canonicaliser.MostMembers + 1, StringSplitOptions.RemoveEmptyEntries));
        }

        Canonicalised Members(IReadOnlyCollection<string> words)
        {
            if (words.Count > Canonicaliser.MostMembers) return Canonicalised.Refused(RefusalCode.TooMany);
            var members = new List<FieldValue>(words.Count);
            foreach (var word in words)
            {
                if (string.IsNullOrWhiteSpace(word)) continue;
                var member = MemberOf(word);
                if (member.IsRefused) return member;
                members.AddRange(member.Value.Members());
            }
            if (Field.Type == FieldType.MultiChoice) return Canonicalised.Canonical(FieldValue.Set(members));

            // Members with the same key and different attributes are for the canonicaliser to find.
            return Field.Type == FieldType.Association
                ? Canonicaliser.Associations(JsonElement.Parse(FieldValue.Set(members).Json))
                : Canonicaliser.Canonicalise(Field, Hub.DefaultCountry, JsonElement.Parse(FieldValue.Set(members).Json));
        }

        Canonicalised MemberOf(string word)
        {
            if (Pair(word) is { } pair) return Canonicalised.Canonical(pair);
            if (!Mapping.Values.IsEmpty) return Canonicalised.Refused(RefusalCode.UnmappedValue);
            if (Mapping.Crosswalk is { } name)
            {
                if (CrossOver(name, word) is not { } crossed) return Canonicalised.Refused(RefusalCode.UnmappedValue);
                word = crossed;
            }
            if (Field.Type == FieldType.Association)
            {
                var reference = Referred(word);
                return reference.IsRefused ? reference : Canonicalised.Canonical(FieldValue.Set([Canonicaliser.Association(reference.Value, "", false)]));
            }

            // The word as one choice: a separator in it is part of it.
            var single = Field.Type == FieldType.MultiChoice ? Field with { Type = FieldType.Choice } : Field;
            return Canonicaliser.Canonicalise(single, Hub.DefaultCountry, word);
        }

        // As declared, or without the blanks around it.
        FieldValue? Pair(string text)
        {
            if (Mapping.Values.IsEmpty) return null;
            foreach (var pair in Mapping.Values)
            {
                if (pair.SystemValue == text) return pair.HubValue;
            }
            var trimmed = text.AsSpan().Trim();
            if (trimmed.Length == text.Length) return null;
            foreach (var pair in Mapping.Values)
            {
                if (trimmed.SequenceEqual(pair.SystemValue)) return pair.HubValue;
            }
            return null;
        }

        string? CrossOver(string name, string text) =>
            Crosswalk(Hub, name) is not { } crosswalk ? null : MappingIndex.HubValue(crosswalk, System.Name, text.Trim()) ?? crosswalk.Fallback;

        // A system gives its own ids. They come first, since a vendor's id may look like a customer's (one payment service's do).
        Canonicalised Referred(string reported)
        {
            if (Canonicaliser.Clean(reported) is not { } text) return Canonicalised.Refused(RefusalCode.BrokenText);
            var slash = text.IndexOf('/', StringComparison.Ordinal);
            if (slash > 0 && Hub.System(text[..slash]) is not null && Canonicaliser.Reference(text) is { IsRefused: false } known) return known;

            string? target = null;
            foreach (var recordType in Field.To)
            {
                if (System.MappingOf(recordType)?.Object is not { } candidate || candidate == target) continue;
                if (target is not null) return Canonicaliser.IsCustomerId(text) ? Canonicaliser.Reference(text) : Canonicalised.Refused(RefusalCode.AmbiguousReference);
                target = candidate;
            }
            return target is null ? Canonicaliser.Reference(text) : Canonicaliser.SourceReference(System.Name, target, text);
        }
    }
}
