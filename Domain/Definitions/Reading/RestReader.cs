using System.Collections.Immutable;

namespace OrleansCrm.Domain.Definitions.Reading;

/// <summary>Links what a system with the connector <c>rest</c> says about its requests.</summary>
static class RestReader
{
    public const string Connector = "rest";

    /// <returns>Null: the system is none, only reports by itself, or is wrong (which is noted).</returns>
    public static RestDefinition? Read(Record system, DefinitionErrors errors)
    {
        var mappings = system.Map(SystemKeys.Mappings);
        if (system.Find(SystemKeys.Connector) != Connector)
        {
            if (system.Has(SystemKeys.Rest)) errors.Add(system.PlaceOf(SystemKeys.Rest), "Only the connector rest asks for this.", "Remove it, or write 'connector: rest'.");
            foreach (var mapping in mappings.Where(m => m.Value.Has(MappingKeys.Rest))) errors.Add(mapping.Value.PlaceOf(MappingKeys.Rest), "Only the connector rest asks for this.", "Remove it, or write 'connector: rest'.");
            return null;
        }
        var speaks = system.Has(SystemKeys.Settings) || system.Has(SystemKeys.Auth) || system.Has(SystemKeys.Rest) || mappings.Any(m => m.Value.Has(MappingKeys.Rest));
        if (!speaks) return null;

        var settings = ConnectorSettings.Read(RestSettingsKeys.Shape, system.List(SystemKeys.Settings), Section(system, SystemKeys.Settings), errors);
        var auth = system.Has(SystemKeys.Auth) ? Auth(system, errors) : new RestAuth.None();
        foreach (var mapping in mappings) Check(mapping, errors);
        if (settings?.Find(RestSettingsKeys.Url) is not { } url || auth is null) return null;
        if (Address(url.TrimEnd('/'), settings.PlaceOf(RestSettingsKeys.Url), errors) is not { } address) return null;

        var usual = new RestDefinition { Url = address };
        var timeout = settings.Get(RestSettingsKeys.Timeout, usual.Timeout);
        var callTime = system.Get(SystemKeys.MaxCallTime, new SystemDefinition("", "", []).MaxCallTime);

        // A write counts as settled after the longest call time, so none may still be under way then.
        if (timeout >= callTime)
            errors.Add(settings.PlaceOf(RestSettingsKeys.Timeout), $"A request may take {Duration.Say(timeout)}, and a call no longer than {Duration.Say(callTime)} (maxCallTime).", "Lower the timeout or raise the system's maxCallTime.");
        var rest = system.Find(SystemKeys.Rest);
        return usual with
        {
            Timeout = timeout,
            AllowPrivate = settings.Get(RestSettingsKeys.AllowPrivate, usual.AllowPrivate),
            Parallel = settings.Get(RestSettingsKeys.Parallel, usual.Parallel),
            Auth = auth,
            Headers = rest is null ? [] : Headers(rest, errors),
            Errors = rest?.Find(RestKeys.Errors) is { } told ? Errors(told) : usual.Errors,
            Webhook = rest?.Find(RestKeys.Webhook) is { } hook && hook.Find(RestWebhookKeys.Secret) is { } secret
                ? new RestWebhook(secret, hook.Find(RestWebhookKeys.FormerSecret), hook.Get(RestWebhookKeys.Type, JsonPath.Of("type")), hook.Get(RestWebhookKeys.Record, JsonPath.Of("data")))
                : null,
            Limits = new RestLimits { RetryAfter = settings.Get(RestSettingsKeys.RetryAfter, usual.Limits.RetryAfter), Reset = settings.Find(RestSettingsKeys.Reset) },
        };
    }

    public static RestObject Object(Record record)
    {
        var usual = new RestObject();
        return new RestObject
        {
            Create = record.Find(RestObjectKeys.Create),
            Update = record.Find(RestObjectKeys.Update),
            Delete = record.Find(RestObjectKeys.Delete),
            Read = record.Find(RestObjectKeys.Read),
            Find = record.Find(RestObjectKeys.Find),
            List = record.Find(RestObjectKeys.List),
            Body = record.Get(RestObjectKeys.Body, usual.Body),
            With = [.. record.Map(RestObjectKeys.With).Select(w => KeyValuePair.Create(JsonPath.Of(w.Name), DefinitionValues.Constant(w.Value).Json))],
            Nest = record.Get(RestObjectKeys.Nest, usual.Nest),
            Record = record.Get(RestObjectKeys.RecordAt, usual.Record),
            Records = record.Get(RestObjectKeys.Records, usual.Records),
            Fields = record.Get(RestObjectKeys.Fields, usual.Fields),
            Id = record.Get(RestObjectKeys.Id, usual.Id),
            Version = record.Find(RestObjectKeys.Version),
            Modified = record.Find(RestObjectKeys.Modified),
            TimeForm = record.Get(RestObjectKeys.TimeForm, usual.TimeForm),
            Actor = record.Find(RestObjectKeys.Actor),
            Deleted = record.Find(RestObjectKeys.Deleted),
            Key = record.Find(RestObjectKeys.CreationKeyName),
            IdempotencyHeader = record.Find(RestObjectKeys.IdempotencyHeader),
            Paging = record.Get(RestObjectKeys.Paging, usual.Paging),
            Next = record.Find(RestObjectKeys.Next),
            PageSize = record.Get(RestObjectKeys.PageSize, usual.PageSize),
            Events = record.Find(RestObjectKeys.Events),
        };
    }

    /// <summary>An address as the platform takes it; its host may still lead nowhere.</summary>
    public static Uri? Address(string text, Place at, DefinitionErrors errors)
    {
        if (Uri.TryCreate(text, UriKind.Absolute, out var address) && address.Scheme is "http" or "https") return address;
        errors.Add(at, "The address cannot be read.", "Write for example https://example.com/path.");
        return null;
    }

    /// <summary>Where a part of a system stands, or would stand if there were any.</summary>
    public static Place Section(Record system, Key key) => system.Has(key) ? system.PlaceOf(key) : system.At with { Path = Keys.Join(system.At.Path, key.Name) };

    static RestAuth? Auth(Record system, DefinitionErrors errors)
    {
        if (ConnectorSettings.Read(RestAuthKeys.Shape, system.List(SystemKeys.Auth), Section(system, SystemKeys.Auth), errors) is not { } record) return null;
        if (!record.Has(RestAuthKeys.Type)) return null;
        var type = record.Get(RestAuthKeys.Type, default);
        var (needs, may) = RestAuthKeys.Of(type);
        var says = WordKind<RestAuthWord>.Say(type);
        foreach (var key in needs.Where(k => !record.Has(k) && !record.Spoilt(k)))
            errors.Add(record.At, $"The key '{key.Name}' is missing for the type {says}.", $"Add '{key.Name}: {key.Example}'.");
        foreach (var key in RestAuthKeys.Shape.KnownKeys.Where(k => k != RestAuthKeys.Type && record.Has(k) && !needs.Contains(k) && !may.Contains(k)))
            errors.Add(record.PlaceOf(key), $"'{key.Name}' means nothing for the type {says}.", needs.IsEmpty ? "Remove it, or write another type." : $"It takes: {string.Join(", ", needs.Concat(may).Select(k => k.Name))}.");
        if (needs.Any(k => !record.Has(k))) return null;
        return type switch
        {
            RestAuthWord.Bearer => new RestAuth.Bearer(record.Get(RestAuthKeys.Token, "")),
            RestAuthWord.Basic => new RestAuth.Basic(record.Get(RestAuthKeys.User, ""), record.Get(RestAuthKeys.Password, "")),
            RestAuthWord.Header => new RestAuth.Header(record.Get(RestAuthKeys.Header, ""), record.Get(RestAuthKeys.ApiKey, "")),
            RestAuthWord.ClientCredentials => Address(record.Get(RestAuthKeys.TokenUrl, ""), record.PlaceOf(RestAuthKeys.TokenUrl), errors) is { } token
                ? new RestAuth.ClientCredentials(token, record.Get(RestAuthKeys.ClientId, ""), record.Get(RestAuthKeys.ClientSecret, ""), record.Find(RestAuthKeys.Scope), record.Find(RestAuthKeys.Audience))
                : null,
            _ => new RestAuth.None(),
        };
    }

    static ImmutableArray<KeyValuePair<string, string>> Headers(Record rest, DefinitionErrors errors)
    {
        foreach (var header in rest.Map(RestKeys.Headers))
        {
            if (Secrets.Fault(header.Name, header.Value) is not null || Secrets.IsReference(header.Value))
                errors.Add(header.At, $"The header {Suggestion.Quote(header.Name)} looks like a secret.", "Write it under auth: { type: header, header: …, key: env:NAME }.");
        }
        return [.. rest.Map(RestKeys.Headers).Select(h => KeyValuePair.Create(h.Name, h.Value))];
    }

    static RestErrors Errors(Record record)
    {
        var usual = new RestErrors();
        return new RestErrors
        {
            Code = record.Find(RestErrorKeys.Code),
            Fields = record.Find(RestErrorKeys.Fields),
            FieldName = record.Get(RestErrorKeys.FieldName, usual.FieldName),
            Existing = record.Find(RestErrorKeys.Existing),
            Meanings = [.. record.Map(RestErrorKeys.Meanings).Select(m => KeyValuePair.Create(m.Name, m.Value))],
        };
    }

    // What a mapping lets the hub do must be possible by its requests, and safe.
    static void Check(Named<Record> mapping, DefinitionErrors errors)
    {
        var usual = new MappingDefinition("", "", []);
        var record = mapping.Value;
        var rest = record.Find(MappingKeys.Rest);
        var creates = record.Get(MappingKeys.Create, usual.Create) != CreatePolicy.Never;
        var updates = record.Get(MappingKeys.Update, usual.Update) != UpdatePolicy.Never;
        var deletes = record.Get(MappingKeys.Delete, usual.Delete) != DeletePolicy.Never;
        if (record.Spoilt(MappingKeys.Rest)) return;
        Needs(RestObjectKeys.Create, creates, "create: never");
        Needs(RestObjectKeys.Update, updates, "update: never");
        Needs(RestObjectKeys.Delete, deletes, "delete: never");

        // A write whose answer was lost is read back before anything else is done.
        if ((creates || updates || deletes) && rest is not null && !rest.Has(RestObjectKeys.Read) && !rest.Spoilt(RestObjectKeys.Read))
            errors.Add(rest.At, "There is no request that reads a record: a write whose answer was lost could never be told from one that failed.", $"Add 'read: {RestObjectKeys.Read.Example}'.");
        if (rest is null) return;
        if (creates && rest.Find(RestObjectKeys.Create) is { } create) CheckCreate(record, rest, create, record.Get(MappingKeys.CreationKey, usual.CreationKey), errors);
        CheckList(rest, errors);

        void Needs(Key<RestRequest> key, bool does, string without)
        {
            if (!does || (rest is not null && (rest.Has(key) || rest.Spoilt(key)))) return;
            errors.Add(rest?.At ?? mapping.At, $"There is no request for '{key.Name}', which this mapping does.", $"Add '{key.Name}: {key.Example}' under the mapping's rest, or write '{without}' in the mapping.");
        }
    }

    static void CheckCreate(Record mapping, Record rest, RestRequest create, CreationKey key, DefinitionErrors errors)
    {
        if (key == CreationKey.Property)
        {
            if (!rest.Has(RestObjectKeys.CreationKeyName))
                errors.Add(rest.At, "No property carries the creation key, so a create whose answer was lost could be made twice.", "Add 'key: <unique property>', or write 'creationKey: clientId' or 'creationKey: none' in the mapping.");
            if (!rest.Has(RestObjectKeys.Find) && !rest.Spoilt(RestObjectKeys.Find))
                errors.Add(rest.At, "There is no request that finds a record by its creation key.", $"Add 'find: {RestObjectKeys.Find.Example}'.");
        }
        if (key == CreationKey.ClientId && !create.Has("key") && !rest.Has(RestObjectKeys.CreationKeyName))
            errors.Add(rest.PlaceOf(RestObjectKeys.Create), "The create does not give the record its id.", "Write {key} into the path (PUT /customers/{key}), or name the property with 'key: id'.");
        if (key == CreationKey.None && (create.Has("key") || rest.Has(RestObjectKeys.CreationKeyName)))
            errors.Add(mapping.PlaceOf(MappingKeys.CreationKey), "The requests carry a creation key, but the mapping says that there is none.", "Write 'creationKey: property' or 'creationKey: clientId'.");
    }

    static void CheckList(Record rest, DefinitionErrors errors)
    {
        if (rest.Find(RestObjectKeys.List) is not { } list) return;
        var paging = rest.Get(RestObjectKeys.Paging, RestPaging.None);
        var counts = paging is RestPaging.Token or RestPaging.Number or RestPaging.Offset;
        if (counts && !list.Has("page")) errors.Add(rest.PlaceOf(RestObjectKeys.List), "The path does not say where the page stands.", "Write for example GET /customers?cursor={page}.");
        if (!counts && list.Has("page")) errors.Add(rest.PlaceOf(RestObjectKeys.List), "The path asks for a page, but pages are not described.", "Add 'paging: token', 'paging: number' or 'paging: offset'.");
        if (paging == RestPaging.Token && !rest.Has(RestObjectKeys.Next)) errors.Add(rest.PlaceOf(RestObjectKeys.Paging), "Nothing says where the token of the next page stands.", "Add 'next: paging.next'.");
        if (paging is RestPaging.Number or RestPaging.Offset && !list.Has("size"))
            errors.Add(rest.PlaceOf(RestObjectKeys.List), "The path does not say how many records a page has, so that its end cannot be told.", "Write for example GET /customers?page={page}&limit={size}.");
        if (paging is not (RestPaging.Token or RestPaging.Link) && rest.Has(RestObjectKeys.Next)) errors.Add(rest.PlaceOf(RestObjectKeys.Next), "'next' means nothing for this paging.", "Remove it, or write 'paging: token' or 'paging: link'.");
    }
}
