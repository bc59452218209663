using OrleansCrm.Domain.Claims;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Values;

// Domain declares what crosses the wire and knows nothing else of Orleans; the code for it is generated here. That code sees no
// private member of Domain: a type with members beyond its record parameters, or with private state, gets a stand-in below.
[assembly: GenerateCodeForDeclaringAssembly(typeof(CustomerCall))]

namespace OrleansCrm.Grains.Interfaces;

/// <summary>A <see cref="FieldValue"/> on the wire.</summary>
[GenerateSerializer, Immutable, Alias("crm.FieldValue")]
public struct WireFieldValue
{
    /// <summary>Null: an unset value, which reads as cleared.</summary>
    [Id(0)]
    public string? Json { get; set; }
}

[RegisterConverter]
public sealed class FieldValueConverter : IConverter<FieldValue, WireFieldValue>
{
    public FieldValue ConvertFromSurrogate(in WireFieldValue surrogate) => surrogate.Json is { } json ? FieldValue.FromStored(json) : FieldValue.Cleared;

    public WireFieldValue ConvertToSurrogate(in FieldValue value) => new() { Json = value.IsCleared ? null : value.Json };
}

/// <summary>A <see cref="Stamp"/> on the wire.</summary>
[GenerateSerializer, Immutable, Alias("crm.Stamp")]
public struct WireStamp
{
    /// <summary>UTC ticks; 0: an initial stamp.</summary>
    [Id(0)]
    public long Ticks { get; set; }

    [Id(1)]
    public bool IsGuess { get; set; }

    [Id(2)]
    public long? Version { get; set; }

    [Id(3)]
    public string? EditId { get; set; }
}

[RegisterConverter]
public sealed class StampConverter : IConverter<Stamp, WireStamp>
{
    public Stamp ConvertFromSurrogate(in WireStamp surrogate)
    {
        if (surrogate.Ticks == 0) return Stamp.Initial;
        var time = new DateTimeOffset(surrogate.Ticks, TimeSpan.Zero);
        return surrogate.IsGuess ? Stamp.JustAfter(time, surrogate.Version, surrogate.EditId ?? "") : Stamp.At(time, surrogate.Version, surrogate.EditId ?? "");
    }

    public WireStamp ConvertToSurrogate(in Stamp value) =>
        value.IsInitial ? default : new() { Ticks = value.Time.UtcTicks, IsGuess = value.IsGuess, Version = value.Version, EditId = value.EditId };
}

/// <summary>An <see cref="Edit"/> on the wire.</summary>
[GenerateSerializer, Immutable, Alias("crm.Edit")]
public struct WireEdit
{
    [Id(0)]
    public required string Id { get; set; }

    [Id(1)]
    public EditKind Kind { get; set; }

    [Id(2)]
    public SourceRecord Source { get; set; }

    [Id(3)]
    public required string RecordType { get; set; }

    [Id(4)]
    public DateTimeOffset? Time { get; set; }

    [Id(5)]
    public DateTimeOffset? Since { get; set; }

    [Id(6)]
    public long? Version { get; set; }

    [Id(7)]
    public Actor Actor { get; set; }

    [Id(8)]
    public ImmutableArray<FieldEdit> Fields { get; set; }

    [Id(9)]
    public SourceRecord? Into { get; set; }

    [Id(10)]
    public string? CreationKey { get; set; }

    [Id(11)]
    public ImmutableArray<JudgedClaim> Judged { get; set; }

    [Id(12)]
    public string? Batch { get; set; }
}

[RegisterConverter]
public sealed class EditConverter : IConverter<Edit, WireEdit>
{
    public Edit ConvertFromSurrogate(in WireEdit surrogate) => new()
    {
        Id = surrogate.Id,
        Kind = surrogate.Kind,
        Source = surrogate.Source,
        RecordType = surrogate.RecordType,
        Time = surrogate.Time,
        Since = surrogate.Since,
        Version = surrogate.Version,
        Actor = surrogate.Actor,
        Fields = surrogate.Fields,
        Into = surrogate.Into,
        CreationKey = surrogate.CreationKey,
        Judged = surrogate.Judged,
        Batch = surrogate.Batch,
    };

    public WireEdit ConvertToSurrogate(in Edit value) => new()
    {
        Id = value.Id,
        Kind = value.Kind,
        Source = value.Source,
        RecordType = value.RecordType,
        Time = value.Time,
        Since = value.Since,
        Version = value.Version,
        Actor = value.Actor,
        Fields = value.Fields,
        Into = value.Into,
        CreationKey = value.CreationKey,
        Judged = value.Judged,
        Batch = value.Batch,
    };
}
