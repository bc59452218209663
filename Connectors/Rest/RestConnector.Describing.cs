using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using OrleansCrm.Connectors.Http;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Describing;

namespace OrleansCrm.Connectors.Rest;

/// <remarks>Plain REST tells of fields only by what stands in records: what is described is what a page of them has.</remarks>
public sealed partial class RestConnector : IDescribesRecords
{
    /// <summary>Most pages that a profile looks at.</summary>
    const int PagesMax = 100;

    /// <summary>Most fields of an object, and how deep they may lie.</summary>
    const int FieldsMax = 500;
    const int DepthMax = 4;

    public ImmutableArray<string> UsualObjects => [];

    public async Task<DescribeOutcome<SystemIdentity>> IdentifyAsync(CancellationToken cancellationToken)
    {
        // There is nobody to ask who we are: that a list is answered shows at least that we are let in.
        var told = new DescribeOutcome<SystemIdentity>.Told(new(null, null, null, default, []));
        if (_objects.Values.OrderBy(o => o.Mapping.Object, StringComparer.Ordinal).FirstOrDefault(o => o.Rest.List is not null) is not { } records) return told;
        var (_, _, failed) = await PageAsync(records, null, cancellationToken);
        return failed is null ? told : new DescribeOutcome<SystemIdentity>.Failed(failed.Code, failed.Advice);
    }

    public async Task<DescribeOutcome<DescribedObject>> DescribeAsync(string @object, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrEmpty(@object);
        if (!_objects.TryGetValue(@object, out var records)) return new DescribeOutcome<DescribedObject>.Missing();
        var (found, _, failed) = await PageAsync(records, null, cancellationToken);
        if (failed is not null) return new DescribeOutcome<DescribedObject>.Failed(failed.Code, failed.Advice);
        if (found.Length == 0) return new DescribeOutcome<DescribedObject>.Failed("no-records", "The system tells of fields only by its records, and there are none yet. Make one there, then ask again.");
        var types = new SortedDictionary<string, FieldType?>(StringComparer.Ordinal);
        foreach (var record in found)
        {
            foreach (var (name, value) in Leaves(records.Rest.Fields.Find(record) ?? record, "", 0))
            {
                var type = TypeOf(value);
                if (types.TryGetValue(name, out var known)) types[name] = known is null ? type : type is null || type == known ? known : FieldType.Text;
                else if (types.Count < FieldsMax) types[name] = type;
            }
        }
        return new DescribeOutcome<DescribedObject>.Told(new(
            @object, @object,
            [.. types.Select(t => new DescribedField { Name = t.Key, Label = t.Key, Type = t.Value ?? FieldType.Text, VendorType = (t.Value ?? FieldType.Text).ToString().ToLowerInvariant() })])
        {
            IsWhole = false,
        });
    }

    public async Task<DescribeOutcome<ObjectProfile>> ProfileAsync(DescribedObject described, int recordsMax, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(described);
        ArgumentOutOfRangeException.ThrowIfLessThan(recordsMax, 1);
        if (!_objects.TryGetValue(described.Name, out var records)) return new DescribeOutcome<ObjectProfile>.Missing();
        var counter = new ProfileCounter(described);
        string? page = null;
        var isAll = false;
        for (var pages = 0; pages < PagesMax && counter.Records < recordsMax; pages++)
        {
            var (found, next, failed) = await PageAsync(records, page, cancellationToken);
            if (failed is not null) return new DescribeOutcome<ObjectProfile>.Failed(failed.Code, failed.Advice);
            foreach (var record in found.Take(recordsMax - counter.Records))
            {
                counter.NextRecord();
                foreach (var (name, value) in Leaves(records.Rest.Fields.Find(record) ?? record, "", 0))
                {
                    if (TypeOf(value) is not null) counter.Fill(name, value.ToString());
                }
            }
            page = next;
            isAll = next is null;
            if (isAll) break;
        }
        return new DescribeOutcome<ObjectProfile>.Told(counter.Conclude(isAll));
    }

    sealed record PageFailure(string Code, string? Advice);

    async Task<(ImmutableArray<JsonElement> Found, string? Next, PageFailure? Failed)> PageAsync(RestRecords records, string? after, CancellationToken cancellationToken)
    {
        const string fix = "Correct the mapping's rest, then ask again.";
        if (records.Rest.List is not { } request) return ([], null, new("not-described", "The mapping's rest says nothing of a list."));
        var page = after ?? records.Rest.Paging switch { RestPaging.Number => "1", RestPaging.Offset => "0", _ => null };
        if (AddressOf(records, request, new RecordList(records.Mapping.Object, after), page) is not { } address) return ([], null, new("page-elsewhere", "The next page leads to another server. " + fix));
        var exchange = await Resending.ReadAsync(token => SendAsync(() => Message(request.Method, address), PageMax, DateTimeOffset.MaxValue, token), cancellationToken);
        switch (exchange)
        {
            case Exchange.NotSent { Code: Codes.SecretMissing }: return ([], null, new(Codes.SecretMissing, "The secret that 'auth' refers to is not there, or empty. Set it where the reference says."));
            case Exchange.NotSent { Code: Codes.AddressRefused }: return ([], null, new(Codes.AddressRefused, Codes.AddressAdvice));
            case Exchange.NotSent unsent: return ([], null, new(unsent.Code, null));
            case Exchange.Lost lost: return ([], null, new(lost.Code, null));
        }
        var answer = (Exchange.Answered)exchange;
        if (answer.Status is 401 or 403) return ([], null, new(RestMeanings.Code(answer, _rest.Errors), "The system does not let the hub in. Check 'auth', and what its user may read."));
        if (RestMeanings.Of(answer, null, _rest.Errors) is not null) return ([], null, new(RestMeanings.Code(answer, _rest.Errors), fix));
        if (records.RecordsIn(answer.Body) is not { } found) return ([], null, new("answer-not-understood", "There are no records where 'records' says. " + fix));
        return (found, Next(records, answer, page, found.Length), null);
    }

    // Members of members by their path, as a mapping names them.
    static IEnumerable<(string Name, JsonElement Value)> Leaves(JsonElement value, string path, int depth)
    {
        if (value.ValueKind != JsonValueKind.Object || depth > DepthMax)
        {
            if (path.Length > 0) yield return (path, value);
            yield break;
        }
        foreach (var member in value.EnumerateObject())
        {
            foreach (var leaf in Leaves(member.Value, path.Length == 0 ? member.Name : $"{path}.{member.Name}", depth + 1)) yield return leaf;
        }
    }

    // Null: blank, which tells nothing.
    static FieldType? TypeOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.True or JsonValueKind.False => FieldType.Boolean,
        JsonValueKind.Number => value.TryGetInt64(out _) ? FieldType.Number : FieldType.Decimal,
        JsonValueKind.Array => value.GetArrayLength() > 0 ? FieldType.Set : null,
        JsonValueKind.String when value.GetString() is { Length: > 0 } text =>
            DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _) ? FieldType.Date
            : text.Length >= 19 && text[10] == 'T' && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out _) ? FieldType.DateTime
            : FieldType.Text,
        _ => null,
    };
}
