using System.Collections.Immutable;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Storage;
using OrleansCrm.Domain.Values;
using OrleansCrm.Grains.Customers;

namespace OrleansCrm.Grains.Delivery;

/// <summary>Finds out which records of a system the references of a write lead to.</summary>
sealed class References(CustomerReferences customers, string system, TimeProvider own)
{
    const int RememberedMax = 10_000;
    const int MergesMax = 8;
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    static readonly TimeSpan Remember = TimeSpan.FromMinutes(1);

    readonly Lock _gate = new();
    readonly Dictionary<string, string> _found = new(StringComparer.Ordinal);
    DateTimeOffset _forgetAt = own.GetUtcNow() + Remember;

    /// <summary>Customers that fields of these writes refer to.</summary>
    public static ImmutableHashSet<string> Of(HubDefinition hub, ImmutableArray<RecordWrite> writes)
    {
        var referred = ImmutableHashSet<string>.Empty;
        foreach (var write in writes)
        {
            if (hub.RecordType(write.RecordType) is not { } type) continue;
            foreach (var field in write.Fields)
            {
                if (type.Field(field.Field) is { Type: FieldType.Reference or FieldType.Association } definition) referred = referred.Union(Of(definition, field.Value));
            }
        }
        return referred;
    }

    /// <summary>Customers that a value of the field refers to; what refers to a source record is not among them.</summary>
    public static IEnumerable<string> Of(FieldDefinition field, FieldValue value)
    {
        if (value.IsBlank) return [];
        return field.Type switch
        {
            FieldType.Reference => value.IsText && Canonicaliser.IsCustomerId(value.AsText()) ? [value.AsText()] : [],
            FieldType.Association => value.Members().Select(m => m.Part("to")).Where(to => to is { IsText: true } && Canonicaliser.IsCustomerId(to.Value.AsText())).Select(to => to!.Value.AsText()),
            _ => [],
        };
    }

    /// <summary>References, as a system said them, in the fields of a record.</summary>
    public static HashSet<string> In(HubDefinition hub, string recordType, ImmutableArray<FieldStored> fields)
    {
        var said = new HashSet<string>(StringComparer.Ordinal);
        if (fields.IsDefaultOrEmpty || hub.RecordType(recordType) is not { } type) return said;
        foreach (var stored in fields)
        {
            if (type.Field(stored.Field) is { } field && Referring.Refers(field)) said.UnionWith(Referring.In(stored.Value));
        }
        return said;
    }

    /// <summary>The same of a record that was read.</summary>
    public static HashSet<string> In(HubDefinition hub, string system, string @object, ImmutableArray<FieldStored> fields) =>
        hub.System(system)?.MappingOfObject(@object) is { } mapping ? In(hub, mapping.RecordType, fields) : [];

    /// <summary>The fields that refer to nobody.</summary>
    public static ImmutableArray<FieldStored> Without(HubDefinition hub, string recordType, ImmutableArray<FieldStored> fields) =>
        hub.RecordType(recordType) is { } type ? fields.RemoveAll(f => type.Field(f.Field) is { } field && Referring.Refers(field)) : fields;

    /// <summary>What a system holds, without the references that are just what it was told.</summary>
    /// <remarks>Their customers may have been merged since the write was planned: it still holds what was written, and nobody has changed it.</remarks>
    public static ImmutableArray<FieldStored> WithoutWritten(HubDefinition hub, string system, RecordWrite write, ImmutableDictionary<string, string> references, ImmutableArray<FieldStored> stored)
    {
        if (hub.RecordType(write.RecordType) is not { } type) return stored;
        return stored.RemoveAll(told =>
        {
            if (type.Field(told.Field) is not { } field || !Referring.Refers(field)) return false;
            var written = write.Fields.FirstOrDefault(f => f.Field == told.Field);
            if (written.Field is null) return false;
            var sent = Referring.In(written.Value).Select(r => references.GetValueOrDefault(r) ?? (Referring.RecordOf(r) is { } record && record.System == system ? record.ExternalId : null));
            var held = Referring.In(told.Value).Select(r => Referring.RecordOf(r) is { } record && record.System == system ? record.ExternalId : null);
            return sent.ToHashSet().SetEquals(held);
        });
    }

    /// <summary>Where references lead.</summary>
    /// <returns>Null: the store could not be asked.</returns>
    public static async Task<ImmutableArray<Referral>?> LeadAsync(ICustomerStore store, IEnumerable<string> said, CancellationToken cancellationToken)
    {
        var records = said.Select(Referring.RecordOf).OfType<SourceRecord>().ToImmutableArray();
        if (records.IsEmpty) return [];
        try
        {
            var found = await store.LookUpRecordsAsync(records, cancellationToken);
            return [.. found.Where(f => f is { CustomerId: not null, Suppressed: false }).Select(f => new Referral(f.Record.ToString(), f.CustomerId))];
        }
        catch (StoreUnavailableException)
        {
            return null;
        }
    }

    /// <summary>The ids that these customers have in the system; who has none there is left out.</summary>
    public async Task<ImmutableDictionary<string, string>> FindAsync(IEnumerable<string> customerIds)
    {
        var ids = ImmutableDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        foreach (var customerId in customerIds)
        {
            if (Remembered(customerId) is { } known) ids.Add(customerId, known);
            else if (await LookUpAsync(customerId) is { } found)
            {
                ids.Add(customerId, found);
                Keep(customerId, found);
            }
        }
        return ids.ToImmutable();
    }

    async Task<string?> LookUpAsync(string customerId)
    {
        for (var merges = 0; merges <= MergesMax; merges++)
        {
            var customer = await customers.Of(customerId).Read().WaitAsync(Patience, own);
            if (customer is null) return null;
            if (customer.Status == CustomerStatus.Living)
            {
                return customer.Links.FirstOrDefault(l => l.System == system && l.State == "linked" && l.ExternalId is not null)?.ExternalId;
            }
            if (customer.MovedTo is not { } next) return null;
            customerId = next;
        }
        return null;
    }

    string? Remembered(string customerId)
    {
        lock (_gate)
        {
            if (own.GetUtcNow() < _forgetAt) return _found.GetValueOrDefault(customerId);
            _found.Clear();
            _forgetAt = own.GetUtcNow() + Remember;
            return null;
        }
    }

    void Keep(string customerId, string externalId)
    {
        lock (_gate)
        {
            if (_found.Count >= RememberedMax) _found.Clear();
            _found[customerId] = externalId;
        }
    }
}
