using System.Globalization;

namespace OrleansCrm.Domain.Definitions.Reading;

/// <summary>Links one sink.</summary>
sealed class SinkReader(HubNames names, DefinitionErrors errors)
{
    public SinkDefinition Read(Named<Record> declared)
    {
        var record = declared.Value;
        if (declared.Name == SystemDefinition.Steward || names.Systems.Contains(declared.Name))
            errors.Add(declared.At, string.Create(CultureInfo.InvariantCulture, $"'{declared.Name}' is the name of a system already."), "Give the sink another name.");
        foreach (var type in record.List(SinkKeys.RecordTypes).Where(t => !names.RecordTypes.Contains(t.Value)))
            errors.Add(type.At, $"There is no record type {Suggestion.Quote(type.Value)}.", errors.Suggest(type.Value, names.RecordTypes, "record types"));

        var usual = new SinkDefinition { Name = declared.Name, Connector = record.Get(SinkKeys.Connector, "") };
        return usual with
        {
            Mode = record.Get(SinkKeys.Mode, usual.Mode),
            RecordTypes = [.. record.List(SinkKeys.RecordTypes).Select(t => t.Value).Distinct(StringComparer.Ordinal)],
            Data = record.Get(SinkKeys.Data, usual.Data),
            Waits = record.Has(SinkKeys.Waits) ? [.. record.List(SinkKeys.Waits).Select(w => w.Value)] : usual.Waits,
            Concurrency = record.Get(SinkKeys.Concurrency, usual.Concurrency),
            Settings = ConnectorSettings.Of(record.List(SinkKeys.Settings), record.List(SinkKeys.Auth), errors),
            Was = [.. record.List(SinkKeys.Was).Select(w => w.Value)],
        };
    }
}
