using System.Collections.Immutable;
using OrleansCrm.Domain.Definitions;

namespace OrleansCrm.Domain.Describing;

/// <summary>Whom the credentials of a system lead to.</summary>
/// <param name="Organisation">The organisation's or portal's id, as <see cref="SystemDefinition.Binding"/> names it; null: the system has none, or does not tell.</param>
/// <param name="Kind">Production, sandbox, trial, …, in the vendor's word; null: not told.</param>
/// <param name="User">The user as whom the hub acts there, by id or name; null: not told.</param>
/// <param name="Scopes">What the credentials may do; default: the system does not tell.</param>
/// <param name="Needed">Scopes that the mappings need, each with what for.</param>
public sealed record SystemIdentity(string? Organisation, string? Kind, string? User, ImmutableArray<string> Scopes, ImmutableArray<NeededScope> Needed);

/// <param name="For">What cannot be done without it, for a person.</param>
public readonly record struct NeededScope(string Scope, string For);

/// <summary>One kind of record of a system, as the hub's user sees it.</summary>
/// <param name="Label">For a person.</param>
/// <param name="KeyField">The field in which the connector keeps creation keys; null: it needs none for this object.</param>
/// <param name="Rights">What the hub's user may do; null: the system does not tell.</param>
public sealed record DescribedObject(string Name, string Label, ImmutableArray<DescribedField> Fields, string? KeyField = null, ObjectRights? Rights = null)
{
    /// <summary>Whether another field than <see cref="Fields"/> cannot be there. False: they are those that stood in some records.</summary>
    public bool IsWhole { get; init; } = true;

    /// <summary>Vendors differ in whether case matters; here it does not: two fields never differ by it alone.</summary>
    public DescribedField? Field(string name) => Fields.FirstOrDefault(f => f.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
}

public readonly record struct ObjectRights(bool Read, bool Create, bool Update, bool Delete);

/// <summary>One field of an object, as the hub's user sees it.</summary>
public sealed record DescribedField
{
    public required string Name { get; init; }

    /// <summary>For a person.</summary>
    public required string Label { get; init; }

    /// <summary>The hub's type that fits it best; null: it is none that the hub can take as a whole (an address in one piece, a file).</summary>
    public FieldType? Type { get; init; }

    /// <summary>In the vendor's word.</summary>
    public required string VendorType { get; init; }

    /// <summary>Somebody there has made it; the vendor has not.</summary>
    public bool IsCustom { get; init; }

    /// <summary>A create without it is refused.</summary>
    public bool IsRequired { get; init; }

    public bool CanCreate { get; init; } = true;

    public bool CanUpdate { get; init; } = true;

    /// <summary>No two records may have the same value.</summary>
    public bool IsUnique { get; init; }

    /// <summary>Longest text; null: not told, or no text.</summary>
    public int? MaxLength { get; init; }

    /// <summary>Values of a choice that can be chosen now; default: it has none.</summary>
    public ImmutableArray<DescribedChoice> Choices { get; init; }

    /// <summary>Whether another value than those of <see cref="Choices"/> is refused.</summary>
    public bool ChoicesAreAll { get; init; }

    /// <summary>Objects that a reference may lead to.</summary>
    public ImmutableArray<string> RefersTo { get; init; } = [];
}

public readonly record struct DescribedChoice(string Value, string Label);

/// <summary>How the fields of an object are used, over some of its records.</summary>
/// <param name="Records">Records that were looked at.</param>
/// <param name="IsAll">There are no more.</param>
public sealed record ObjectProfile(string Object, int Records, bool IsAll, ImmutableArray<FieldProfile> Fields)
{
    public FieldProfile? Field(string name) => Fields.FirstOrDefault(f => f.Name == name);
}

/// <param name="Filled">Records in which it is not blank.</param>
/// <param name="Values">Of a choice or boolean: how often each value stands there, the most frequent first; empty for all others.</param>
public sealed record FieldProfile(string Name, int Filled, ImmutableArray<ValueCount> Values);

public readonly record struct ValueCount(string Value, int Count);

/// <summary>Counts how the fields of records are used, without keeping what stands in them.</summary>
public sealed class ProfileCounter
{
    /// <summary>Most values of a field that are told apart; the rest are counted as filled alone.</summary>
    public const int ValuesMax = 100;

    /// <summary>Longest value that is told: a longer one is no choice, whatever its field is called.</summary>
    const int ValueLengthMax = 255;

    readonly DescribedObject _described;
    readonly Dictionary<string, int> _filled = new(StringComparer.Ordinal);
    readonly Dictionary<string, Dictionary<string, int>> _values = new(StringComparer.Ordinal);

    public ProfileCounter(DescribedObject described)
    {
        ArgumentNullException.ThrowIfNull(described);
        _described = described;
        foreach (var field in described.Fields)
        {
            _filled[field.Name] = 0;
            if (field.Type is FieldType.Choice or FieldType.MultiChoice or FieldType.Boolean) _values[field.Name] = new(StringComparer.Ordinal);
        }
    }

    public int Records { get; private set; }

    /// <summary>Another record begins.</summary>
    public void NextRecord() => Records++;

    /// <summary>A field of the present record is not blank.</summary>
    /// <param name="values">Its members, where it is a choice, a choice of many or a boolean.</param>
    public void Fill(string field, params ReadOnlySpan<string> values)
    {
        if (!_filled.TryGetValue(field, out var filled)) return;
        _filled[field] = filled + 1;
        if (!_values.TryGetValue(field, out var counts)) return;
        foreach (var value in values)
        {
            if (value.Length is 0 or > ValueLengthMax) continue;
            if (counts.TryGetValue(value, out var count)) counts[value] = count + 1;
            else if (counts.Count < ValuesMax) counts[value] = 1;
        }
    }

    public ObjectProfile Conclude(bool isAll) => new(
        _described.Name, Records, isAll,
        [.. _described.Fields.Select(f => new FieldProfile(f.Name, _filled[f.Name], [.. _values.GetValueOrDefault(f.Name, []).OrderByDescending(v => v.Value).ThenBy(v => v.Key, StringComparer.Ordinal).Select(v => new ValueCount(v.Key, v.Value))]))]);
}
