using OrleansCrm.Domain.Definitions;

namespace OrleansCrm.Domain.Intake;

/// <summary>What intake makes of an edit before it asks anybody.</summary>
public abstract record IntakeVerdict
{
    public sealed record Take : IntakeVerdict;

    /// <param name="Reason">One of <see cref="RefusalReason"/>.</param>
    public sealed record Refuse(string Reason, string Advice) : IntakeVerdict;

    /// <param name="Reason">One of <see cref="ParkReason"/>.</param>
    public sealed record Park(string Reason, string Advice) : IntakeVerdict;
}

/// <summary>The judgement of an edit by the definition alone.</summary>
public static class IntakeRules
{
    /// <summary>Most UTF-16 units of an edit id and of each part of a source record: they are keys of the store.</summary>
    public const int IdLengthMax = 512;

    /// <summary>Refused goes before parked: an edit counts once.</summary>
    /// <param name="sizeMax">Most UTF-16 units of its values.</param>
    /// <remarks>An edit with an unknown field is parked whole. Were its other fields applied, the same edit id would count as applied and as parked, and a release would meet half of itself.</remarks>
    public static IntakeVerdict Judge(HubDefinition hub, Edit edit, DateTimeOffset receivedAt, int sizeMax)
    {
        if (Refusal(hub, edit, sizeMax) is { } refusal) return refusal;

        if (edit.Time > receivedAt + hub.FutureTolerance || edit.Since > receivedAt + hub.FutureTolerance)
        {
            return new IntakeVerdict.Park(
                ParkReason.FutureTime,
                $"The time is more than {hub.FutureTolerance} ahead of the hub's clock. Check the clock of {edit.Source.System}; the edit can be released once that time has come.");
        }
        var type = hub.RecordType(edit.RecordType)!;
        foreach (var field in edit.Fields)
        {
            if (type.Field(field.Field) is not null) continue;
            return new IntakeVerdict.Park(
                ParkReason.UnknownField,
                $"Record type {type.Name} has no field '{field.Field}'. Add it to the definition, then release the edit.");
        }
        return new IntakeVerdict.Take();
    }

    /// <summary>Whether an edit can be the first thing that the hub hears of a record. One about its end, or one that says nothing, founds no customer.</summary>
    public static bool Founds(Edit edit) => edit.Kind is EditKind.Change or EditKind.Observation && edit.Fields.Length > 0;

    static IntakeVerdict.Refuse? Refusal(HubDefinition hub, Edit edit, int sizeMax)
    {
        if (hub.System(edit.Source.System) is not { } system)
        {
            return new(RefusalReason.UnknownSystem, "The definition has no such system.");
        }
        if (hub.RecordType(edit.RecordType) is null)
        {
            return new(RefusalReason.UnknownRecordType, "The definition has no such record type.");
        }
        if (system.Mapping(edit.RecordType, edit.Source.Object) is null)
        {
            return new(RefusalReason.UnknownObject, $"The definition of {system.Name} maps no such object to {edit.RecordType}.");
        }
        if (edit.Id.Length is 0 or > IdLengthMax)
        {
            return new(RefusalReason.Malformed, $"The edit's id is empty or longer than {IdLengthMax} characters.");
        }
        if (edit.Source.ExternalId.Length is 0 or > IdLengthMax)
        {
            return new(RefusalReason.Malformed, $"The source record's external id is empty or longer than {IdLengthMax} characters.");
        }

        if (edit.Kind is EditKind.MergedInto or EditKind.Converted)
        {
            if (edit.Into is not { } into || into == edit.Source || into.System != system.Name || into.ExternalId.Length is 0 or > IdLengthMax)
            {
                return new(RefusalReason.Malformed, "The edit does not name the other record of the same system that lives on.");
            }

            // A lead may become a contact under another record type's mapping, but never something that the hub does not know.
            if (system.MappingOfObject(into.Object) is null)
            {
                return new(RefusalReason.UnknownObject, $"The definition of {system.Name} does not map the object that lives on.");
            }
        }

        var size = 0L;
        var named = new HashSet<string>(StringComparer.Ordinal);
        foreach (var field in edit.Fields)
        {
            size += field.Field.Length + field.Value.Json.Length + (field.Reported?.Length ?? 0);
            if (size > sizeMax) return new(RefusalReason.TooLarge, $"The values are longer than {sizeMax} characters.");
            if (!named.Add(field.Field)) return new(RefusalReason.Malformed, $"The edit names field '{field.Field}' twice.");
        }
        return null;
    }
}
