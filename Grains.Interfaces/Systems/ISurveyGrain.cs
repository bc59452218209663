namespace OrleansCrm.Grains.Interfaces.Systems;

/// <summary>Asks systems about themselves, on a person's word. Reads only, whatever the system's mode. A stateless worker. Key: 0.</summary>
[Alias("crm.ISurveyGrain")]
public interface ISurveyGrain : IGrainWithIntegerKey
{
    /// <summary>Most records that are looked at for one object.</summary>
    const int RecordsMax = 10_000;

    /// <summary>Most objects in one survey.</summary>
    const int ObjectsMax = 20;

    /// <summary>Whether a system is as its definition expects: credentials, binding, scopes, objects, fields, types, choices, limits.</summary>
    /// <returns>Null: the definition has no such system.</returns>
    [Alias("Check"), AlwaysInterleave, ResponseTimeout("00:04:00")]
    Task<ImmutableArray<FindingView>?> Check(string system);

    /// <summary>What objects of a system look like and how they are used, and a mapping that fits.</summary>
    /// <param name="objects">Empty: those that are mapped, else those that are usual; at most <see cref="ObjectsMax"/>.</param>
    /// <param name="records">Most records that are looked at for each: 1 to <see cref="RecordsMax"/>.</param>
    /// <returns>Null: the definition has no such system.</returns>
    [Alias("Survey"), AlwaysInterleave, ResponseTimeout("00:04:00")]
    Task<SurveyView?> Survey(string system, ImmutableArray<string> objects, int records);
}

/// <summary>Something that a check found.</summary>
/// <param name="Level"><c>fine</c>, <c>doubtful</c> or <c>wrong</c>.</param>
/// <param name="Code">Stable.</param>
/// <param name="Object">Null: the system as a whole.</param>
/// <param name="Field">The system's name of it; null: none in particular.</param>
/// <param name="Fix">How to mend it; empty: nothing is to be mended.</param>
[GenerateSerializer, Immutable, Alias("crm.FindingView")]
public sealed record FindingView(string Level, string Code, string? Object, string? Field, string Says, string Fix);

/// <param name="Problem">Why nothing could be found out; null: it could.</param>
/// <param name="Proposal">YAML.</param>
[GenerateSerializer, Immutable, Alias("crm.SurveyView")]
public sealed record SurveyView(string System, FindingView? Problem, ImmutableArray<SurveyedObjectView> Objects, string Proposal);

/// <param name="Problem">Why its fields or records could not be looked at; null: they could.</param>
/// <param name="Records">Records that were looked at.</param>
/// <param name="IsAll">There are no more.</param>
[GenerateSerializer, Immutable, Alias("crm.SurveyedObjectView")]
public sealed record SurveyedObjectView(string Object, string Label, FindingView? Problem, int Records, bool IsAll, ImmutableArray<SurveyedFieldView> Fields);

/// <param name="Type">The hub's type that fits; null: none.</param>
/// <param name="Filled">Records in which it is not blank.</param>
/// <param name="MappedTo">The hub's field; null: it is not mapped.</param>
/// <param name="Values">Of a choice or boolean: how often each stands there.</param>
[GenerateSerializer, Immutable, Alias("crm.SurveyedFieldView")]
public sealed record SurveyedFieldView(
    string Name, string Label, string? Type, string VendorType, bool IsCustom, bool IsRequired, bool IsReadOnly, int Filled, string? MappedTo, ImmutableArray<ValueCountView> Values);

[GenerateSerializer, Immutable, Alias("crm.ValueCountView")]
public readonly record struct ValueCountView(string Value, int Count);
