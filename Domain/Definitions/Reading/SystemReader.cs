using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Globalization;

namespace OrleansCrm.Domain.Definitions.Reading;

/// <summary>Links one system: its settings and its mappings to the record types.</summary>
sealed class SystemReader(IReadOnlyDictionary<string, RecordTypeDraft> types, HubNames names, DefinitionErrors errors)
{
    public SystemDefinition Read(Named<Record> declared)
    {
        var record = declared.Value;
        var usual = new SystemDefinition("", "", []);
        var mappings = record.Map(SystemKeys.Mappings).Select(Mapping).OfType<MappingDefinition>().ToImmutableArray();
        var system = new SystemDefinition(declared.Name, record.Get(SystemKeys.Connector, ""), mappings)
        {
            Mode = record.Get(SystemKeys.Mode, usual.Mode),
            Binding = record.Find(SystemKeys.Binding),
            HubActor = record.Find(SystemKeys.HubActor),
            Actors = Actors(record),
            ClockTolerance = record.Get(SystemKeys.ClockTolerance, usual.ClockTolerance),
            MaxCallTime = record.Get(SystemKeys.MaxCallTime, usual.MaxCallTime),
            ReferenceWait = record.Get(SystemKeys.ReferenceWait, usual.ReferenceWait),
            Guard = Guard(record.Find(SystemKeys.Guard)),
            Retry = Retry(record.Find(SystemKeys.Retry)),
            Budget = Budget(record.Find(SystemKeys.Budget)),
            Poll = Poll(record.Find(SystemKeys.Poll)),
            ExpectEvery = record.FindValue(SystemKeys.ExpectEvery),
            Settings = ConnectorSettings.Of(record.List(SystemKeys.Settings), record.List(SystemKeys.Auth), errors),
            Rest = RestReader.Read(record, errors),
            HubSpot = HubSpotReader.Read(record, errors),
            Salesforce = SalesforceReader.Read(record, errors),
            Dynamics = DynamicsReader.Read(record, errors),
            Was = [.. record.List(SystemKeys.Was).Select(w => w.Value)],
            Lanes = record.Get(SystemKeys.Lanes, usual.Lanes),
        };
        if (system.Lanes > 1 && TooSmallForLanes(system) is { } limit)
            errors.Add(record.PlaceOf(SystemKeys.Lanes), $"{limit.Name} ({limit.Value}) cannot be shared among {system.Lanes} lanes.", $"Raise {limit.Name} to {system.Lanes}, or declare at most {limit.Value} lanes.");
        return system;
    }

    // A lane without a share would hold its customers for ever. A guard of nothing is meant to.
    static (string Name, int Value)? TooSmallForLanes(SystemDefinition system)
    {
        (string Name, int? Value)[] limits =
        [
            ("guard.creates", system.Guard.Creates), ("guard.clears", system.Guard.Clears), ("guard.deletes", system.Guard.Deletes), ("guard.changes", system.Guard.Changes),
            ("guard.merges", system.Guard.Merges), ("budget.burst", system.Budget.Burst), ("budget.perDay", system.Budget.PerDay), ("budget.concurrency", system.Budget.Concurrency),
        ];
        foreach (var (name, value) in limits)
        {
            if (value is > 0 and var number && number < system.Lanes) return (name, number);
        }
        return null;
    }

    FrozenDictionary<string, ActorKind> Actors(Record record)
    {
        var actors = record.Map(SystemKeys.Actors);
        foreach (var actor in actors.Where(a => a.Name == record.Find(SystemKeys.HubActor)))
            errors.Add(actor.At, "This is the hub's own user (hubActor).", "Remove it here.");
        return actors.ToFrozenDictionary(a => a.Name, a => a.Value, StringComparer.Ordinal);
    }

    static GuardDefinition Guard(Record? record)
    {
        var usual = new GuardDefinition();
        return record is null ? usual : new GuardDefinition
        {
            Window = record.Get(GuardKeys.Window, usual.Window),
            Creates = record.Get(GuardKeys.Creates, usual.Creates),
            Clears = record.Get(GuardKeys.Clears, usual.Clears),
            Deletes = record.Get(GuardKeys.Deletes, usual.Deletes),
            Changes = record.Get(GuardKeys.Changes, usual.Changes),
            Merges = record.Get(GuardKeys.Merges, usual.Merges),
        };
    }

    RetryPolicy Retry(Record? record)
    {
        var usual = new RetryPolicy();
        if (record is null) return usual;
        var retry = new RetryPolicy
        {
            MaxRetries = record.Get(RetryKeys.MaxRetries, usual.MaxRetries),
            Backoff = record.Get(RetryKeys.Backoff, usual.Backoff),
            Delay = record.Get(RetryKeys.Delay, usual.Delay),
            MaxDelay = record.Get(RetryKeys.MaxDelay, usual.MaxDelay),
        };
        if (retry.MaxDelay < retry.Delay)
            errors.Add(record.PlaceOf(record.Has(RetryKeys.MaxDelay) ? RetryKeys.MaxDelay : RetryKeys.Delay), $"maxDelay ({Duration.Say(retry.MaxDelay)}) is shorter than delay ({Duration.Say(retry.Delay)}).", "Raise maxDelay or lower delay.");
        return retry;
    }

    static BudgetDefinition Budget(Record? record)
    {
        var usual = new BudgetDefinition();
        return record is null ? usual : new BudgetDefinition
        {
            PerSecond = record.FindValue(BudgetKeys.PerSecond),
            Burst = record.Get(BudgetKeys.Burst, usual.Burst),
            PerDay = record.Get(BudgetKeys.PerDay, usual.PerDay),
            Floor = record.Get(BudgetKeys.Floor, usual.Floor),
            BatchSize = record.Get(BudgetKeys.BatchSize, usual.BatchSize),
            Concurrency = record.Get(BudgetKeys.Concurrency, usual.Concurrency),
        };
    }

    static PollDefinition Poll(Record? record)
    {
        var usual = new PollDefinition();
        return record is null ? usual : new PollDefinition { Every = record.Get(PollKeys.Every, usual.Every), From = record.Get(PollKeys.From, usual.From), IsDeclared = true };
    }

    MappingDefinition? Mapping(Named<Record> declared)
    {
        var record = declared.Value;
        if (record.Find(MappingKeys.RecordType) is not { } typeName) return null;
        if (!types.TryGetValue(typeName, out var type))
        {
            errors.Add(record.PlaceOf(MappingKeys.RecordType), $"There is no record type {Suggestion.Quote(typeName)}.", errors.Suggest(typeName, names.RecordTypes, "record types"));
            return null;
        }
        var fields = ImmutableArray.CreateBuilder<FieldMapping>();
        var written = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var field in record.Map(MappingKeys.Fields))
        {
            if (Field(field, type) is not { } mapping) continue;
            fields.Add(mapping);
            if (mapping.Direction.HasFlag(Direction.Out)) Written(mapping.Name, field.Name, field.Value.PlaceOf(FieldMappingKeys.Name));
        }
        foreach (var join in record.Map(MappingKeys.Joins))
        {
            Written(join.Name, "a join", join.At);
            fields.Add(new FieldMapping
            {
                Field = "",
                Name = join.Name,
                Direction = Direction.Out,
                Join = [.. join.Value.List(JoinKeys.Fields).Where(f => type.Find(f.Value, f.At, errors) is not null).Select(f => f.Value)],
                JoinWith = join.Value.Get(JoinKeys.With, " "),
            });
        }
        foreach (var constant in record.Map(MappingKeys.Constants))
        {
            Written(constant.Name, "a constant", constant.At);
            fields.Add(new FieldMapping { Field = "", Name = constant.Name, Direction = Direction.Out, Constant = DefinitionValues.Constant(constant.Value) });
        }

        var usual = new MappingDefinition("", "", []);
        return new MappingDefinition(typeName, declared.Name, fields.ToImmutable())
        {
            Scope = record.Find(MappingKeys.Scope) is { } scope ? new ConditionLinker(type, errors).Link(scope) : null,
            Create = record.Get(MappingKeys.Create, usual.Create),
            Update = record.Get(MappingKeys.Update, usual.Update),
            Delete = record.Get(MappingKeys.Delete, usual.Delete),
            RequiredToCreate = Required(record, type, fields),
            CreationKey = record.Get(MappingKeys.CreationKey, usual.CreationKey),
            Version = record.Get(MappingKeys.Version, usual.Version),
            Rest = record.Find(MappingKeys.Rest) is { } rest ? RestReader.Object(rest) : null,
        };

        // Two values for one property would overwrite each other with every delivery.
        void Written(string name, string by, Place at)
        {
            if (written.TryAdd(name, by)) return;
            errors.Add(at, $"{Suggestion.Quote(name)} is written by {written[name]} too.", "Write 'direction: in' for all but one.");
        }
    }

    ImmutableArray<string> Required(Record record, RecordTypeDraft type, ImmutableArray<FieldMapping>.Builder fields)
    {
        var required = ImmutableArray.CreateBuilder<string>();
        foreach (var field in record.List(MappingKeys.RequiredToCreate))
        {
            if (type.Find(field.Value, field.At, errors) is null) continue;
            var isWritten = fields.Any(f => f.Direction.HasFlag(Direction.Out) && (f.Field == field.Value || f.Join.Contains(field.Value)));
            if (!isWritten && record.Has(MappingKeys.Fields))
                errors.Add(field.At, $"'{field.Value}' is required, but never written to this object.", "Map it with direction out or both.");
            if (!required.Contains(field.Value)) required.Add(field.Value);
        }
        return required.ToImmutable();
    }

    FieldMapping? Field(Named<Record> declared, RecordTypeDraft type)
    {
        var record = declared.Value;
        if (type.Find(declared.Name, declared.At, errors) is not { } field || record.Find(FieldMappingKeys.Name) is not { } name) return null;

        var isSplit = record.Has(FieldMappingKeys.Split);
        var direction = record.Get(FieldMappingKeys.Direction, isSplit ? DirectionWord.In : DirectionWord.Both);
        if (isSplit && direction != DirectionWord.In)
            errors.Add(record.PlaceOf(FieldMappingKeys.Direction), "A piece of a text cannot be written on its own.", "Write 'direction: in', and write the whole text with 'joins:'.");
        if (record.Has(FieldMappingKeys.Values) && record.Has(FieldMappingKeys.Crosswalk))
            errors.Add(record.PlaceOf(FieldMappingKeys.Crosswalk), "Values are mapped twice: by 'values' and by 'crosswalk'.", "Keep one of the two.");
        var crosswalk = record.Find(FieldMappingKeys.Crosswalk);
        if (crosswalk is not null && !names.Crosswalks.Contains(crosswalk))
            errors.Add(record.PlaceOf(FieldMappingKeys.Crosswalk), $"There is no crosswalk {Suggestion.Quote(crosswalk)}.", errors.Suggest(crosswalk, names.Crosswalks, "crosswalks"));
        var dateFormat = record.Find(FieldMappingKeys.DateFormat);
        if (dateFormat is not null) RefuseWrongFormat(dateFormat, field, record.PlaceOf(FieldMappingKeys.DateFormat));

        var split = record.Find(FieldMappingKeys.Split);
        return new FieldMapping
        {
            Field = declared.Name,
            Name = name,
            Direction = direction switch { DirectionWord.In => Direction.In, DirectionWord.Out => Direction.Out, _ => Direction.Both },
            Values = Values(record, field),
            Crosswalk = crosswalk,
            DateFormat = dateFormat,
            Split = split?.Find(SplitKeys.At),
            SplitIndex = split?.Get(SplitKeys.Part, 0) ?? 0,
            EmptyIsCleared = record.Get(FieldMappingKeys.EmptyIsCleared, true),
            Equivalence = RecordTypeReader.EquivalenceOf(record.List(FieldMappingKeys.Equivalence)),
            MaxLength = record.FindValue(FieldMappingKeys.MaxLength),
        };
    }

    ImmutableArray<ValuePair> Values(Record record, FieldDefinition field)
    {
        var pairs = ImmutableArray.CreateBuilder<ValuePair>();
        foreach (var value in record.Map(FieldMappingKeys.Values))
        {
            if (DefinitionValues.Of(new(value.Value, value.ValueAt), field, member: true, errors) is { } canonical) pairs.Add(new ValuePair(value.Name, canonical));
        }
        return pairs.ToImmutable();
    }

    void RefuseWrongFormat(string format, FieldDefinition field, Place at)
    {
        if (field.Type is not (FieldType.Date or FieldType.DateTime))
        {
            errors.Add(at, $"'{field.Name}' is no date.", "Remove 'dateFormat'.");
            return;
        }
        try
        {
            var sample = new DateTimeOffset(2001, 2, 3, 4, 5, 6, TimeSpan.Zero).ToString(format, CultureInfo.InvariantCulture);
            if (DateTimeOffset.TryParseExact(sample, format, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out _)) return;
        }
        catch (FormatException)
        {
        }
        errors.Add(at, $"{Suggestion.Quote(format)} is no date format that can be read back.", "Write for example dd.MM.yyyy or yyyy-MM-dd HH:mm:ss.");
    }
}
