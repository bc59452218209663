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
            Webhook = usual.Connector == "webhook" ? Webhook(record) : null,
            JsonLines = usual.Connector == "jsonl" ? JsonLines(record) : null,
            Was = [.. record.List(SinkKeys.Was).Select(w => w.Value)],
        };
    }

    WebhookSettings? Webhook(Record sink)
    {
        var settings = ConnectorSettings.Read(WebhookKeys.Shape, sink.List(SinkKeys.Settings), Section(sink, SinkKeys.Settings), errors);
        var auth = ConnectorSettings.Read(WebhookAuthKeys.Shape, sink.List(SinkKeys.Auth), Section(sink, SinkKeys.Auth), errors);
        if (settings?.Find(WebhookKeys.Url) is not { } url || auth?.Find(WebhookAuthKeys.Secret) is not { } secret) return null;
        if (RestReader.Address(url, settings.PlaceOf(WebhookKeys.Url), errors) is not { } address) return null;
        var usual = new WebhookSettings { Url = address, Secrets = auth.Find(WebhookAuthKeys.FormerSecret) is { } former ? [secret, former] : [secret] };
        return usual with
        {
            Timeout = settings.Get(WebhookKeys.Timeout, usual.Timeout),
            AllowPrivate = settings.Get(WebhookKeys.AllowPrivate, usual.AllowPrivate),
            BodyBytesMax = settings.Get(WebhookKeys.BodyBytesMax, usual.BodyBytesMax),
        };
    }

    JsonLinesSettings? JsonLines(Record sink)
    {
        var settings = ConnectorSettings.Read(JsonLinesKeys.Shape, sink.List(SinkKeys.Settings), Section(sink, SinkKeys.Settings), errors);
        if (sink.Has(SinkKeys.Auth)) errors.Add(sink.PlaceOf(SinkKeys.Auth), "A file asks nobody to sign in.", "Remove 'auth'.");
        if (settings?.Find(JsonLinesKeys.Folder) is not { } folder) return null;
        var usual = new JsonLinesSettings { Folder = folder };
        return usual with
        {
            FileBytesMax = settings.Get(JsonLinesKeys.FileBytesMax, (int)usual.FileBytesMax),
            FileAgeMax = settings.Get(JsonLinesKeys.FileAgeMax, usual.FileAgeMax),
        };
    }

    static Place Section(Record sink, Key key) => sink.Has(key) ? sink.PlaceOf(key) : sink.At with { Path = Keys.Join(sink.At.Path, key.Name) };
}
