using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using OrleansCrm.Connectors.Http;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Describing;

namespace OrleansCrm.Connectors.Salesforce;

/// <remarks>Describes by the REST API's own describe.</remarks>
/// <seealso href="https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_sobject_describe.htm"/>
public sealed partial class SalesforceConnector : IDescribesRecords, ICountsRecords
{
    /// <summary>Longest list of names in one query: the address of a call may be 16,384 bytes, its blanks and commas escaped.</summary>
    const int NamesMax = 6_000;

    public ImmutableArray<string> UsualObjects => ["Contact", "Account", "Lead"];

    public async Task<DescribeOutcome<SystemIdentity>> IdentifyAsync(CancellationToken cancellationToken)
    {
        var (body, _, failed) = await GetAsync("/services/oauth2/userinfo", cancellationToken);

        // Whom they lead to is what is asked for, also where that is not whom they should lead to.
        if (failed is { Code: SalesforceSignIn.BoundElsewhere }) return new DescribeOutcome<SystemIdentity>.Told(new(_signIn.Led, null, null, default, []));
        if (failed is not null) return new DescribeOutcome<SystemIdentity>.Failed(failed.Code, SignInAdvice(failed.Code));
        return new DescribeOutcome<SystemIdentity>.Told(new(body.TextAt("organization_id") ?? _signIn.Led, null, body.TextAt("preferred_username") ?? body.TextAt("user_id"), default, []));
    }

    static string? SignInAdvice(string code) => code switch
    {
        Codes.SecretMissing => "The secret that 'auth' refers to is not there, or empty. Set it where the reference says.",
        Codes.SignInFailed => "The organisation gave no token. Check the consumer key and secret, that the app allows this flow, and that it names a user to run as; docs/systems/salesforce.md says how.",
        Codes.AddressRefused => Codes.AddressAdvice,
        _ => null,
    };

    public async Task<DescribeOutcome<DescribedObject>> DescribeAsync(string @object, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrEmpty(@object);
        var (body, _, failed) = await GetAsync($"{_base}/sobjects/{Uri.EscapeDataString(@object)}/describe", cancellationToken);
        if (failed is { Code: "NOT_FOUND" or "INVALID_TYPE" or "http-404" }) return new DescribeOutcome<DescribedObject>.Missing();
        if (failed is not null) return new DescribeOutcome<DescribedObject>.Failed(failed.Code, SignInAdvice(failed.Code));
        var key = _objects.TryGetValue(@object, out var records) && !records.HasKey ? null : _definition.KeyField;
        return new DescribeOutcome<DescribedObject>.Told(new(
            body.TextAt("name") ?? @object,
            body.TextAt("label") ?? @object,
            [.. body.ItemsAt("fields").Select(FieldOf).OfType<DescribedField>()],
            key,
            new ObjectRights(body.IsAt("queryable"), body.IsAt("createable"), body.IsAt("updateable"), body.IsAt("deletable"))));
    }

    static DescribedField? FieldOf(JsonElement field)
    {
        if (field.TextAt("name") is not { } name) return null;
        var type = field.TextAt("type") ?? "";
        ImmutableArray<string> refers = [.. field.ItemsAt("referenceTo").Select(r => r.GetString()).OfType<string>()];
        var length = field.NumberAt("length") is { } most and > 0 and <= int.MaxValue ? (int?)most : null;
        return new DescribedField
        {
            Name = name,
            Label = field.TextAt("label") ?? name,
            Type = TypeOf(type, refers),
            VendorType = type,
            IsCustom = field.IsAt("custom"),
            IsRequired = !field.IsAt("nillable") && !field.IsAt("defaultedOnCreate") && field.IsAt("createable"),
            CanCreate = field.IsAt("createable"),
            CanUpdate = field.IsAt("updateable"),

            // Only by an external id can a create be repeated.
            IsUnique = field.IsAt("unique") && field.IsAt("externalId"),
            MaxLength = length,
            Choices = type is "picklist" or "multipicklist" or "combobox" ? [.. field.ItemsAt("picklistValues").Where(v => v.IsAt("active")).Select(v => new DescribedChoice(v.TextAt("value") ?? "", v.TextAt("label") ?? ""))] : default,
            ChoicesAreAll = field.IsAt("restrictedPicklist"),
            RefersTo = refers,
        };
    }

    static FieldType? TypeOf(string type, ImmutableArray<string> refers) => type switch
    {
        "string" or "encryptedstring" or "id" => FieldType.Text,
        "textarea" => FieldType.LongText,
        "email" => FieldType.Email,
        "phone" => FieldType.Phone,
        "url" => FieldType.Url,
        "picklist" or "combobox" => FieldType.Choice,
        "multipicklist" => FieldType.MultiChoice,
        "boolean" => FieldType.Boolean,
        "int" or "long" => FieldType.Number,
        "double" or "currency" or "percent" => FieldType.Decimal,
        "date" => FieldType.Date,
        "datetime" => FieldType.DateTime,
        "reference" => refers is ["User"] ? FieldType.User : FieldType.Reference,
        _ => null,
    };

    public async Task<DescribeOutcome<ObjectProfile>> ProfileAsync(DescribedObject described, int recordsMax, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(described);
        ArgumentOutOfRangeException.ThrowIfLessThan(recordsMax, 1);
        var counter = new ProfileCounter(described);
        var isFirst = true;
        var isAll = true;
        foreach (var fields in Chunks(described.Fields))
        {
            // The same records for every group of fields, as far as nobody saves meanwhile: rates, not balances.
            var query = string.Create(CultureInfo.InvariantCulture, $"SELECT {string.Join(',', fields.Select(f => f.Name))} FROM {described.Name} ORDER BY SystemModstamp DESC LIMIT {recordsMax}");
            var path = $"{_base}/query?q={Uri.EscapeDataString(query)}";
            var looked = 0;
            while (path is not null)
            {
                var (body, _, failed) = await GetAsync(path, cancellationToken);
                if (failed is not null) return new DescribeOutcome<ObjectProfile>.Failed(failed.Code, null);
                foreach (var record in body.ItemsAt("records"))
                {
                    looked++;
                    if (isFirst) counter.NextRecord();
                    foreach (var field in fields) Count(counter, field, record);
                }

                // The rest of a result is asked for by its own address, which is of this organisation.
                path = body.TextAt("nextRecordsUrl") is { } next && next.StartsWith("/services/data/", StringComparison.Ordinal) && looked < recordsMax ? next : null;
            }
            isFirst = false;
            isAll &= looked < recordsMax;
        }
        return new DescribeOutcome<ObjectProfile>.Told(counter.Conclude(isAll));
    }

    public async Task<DescribeOutcome<long>> CountAsync(string @object, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrEmpty(@object);
        if (!@object.All(c => char.IsAsciiLetterOrDigit(c) || c == '_')) return new DescribeOutcome<long>.Missing();
        var (body, _, failed) = await GetAsync($"{_base}/query?q={Uri.EscapeDataString($"SELECT COUNT() FROM {@object}")}", cancellationToken);
        if (failed is not null) return new DescribeOutcome<long>.Failed(failed.Code, null);
        return body.NumberAt("totalSize") is { } size ? new DescribeOutcome<long>.Told(size) : new DescribeOutcome<long>.Failed("answer-not-understood", null);
    }

    static void Count(ProfileCounter counter, DescribedField field, JsonElement record)
    {
        if (record.At(field.Name) is not { } value || (value.ValueKind == JsonValueKind.String && value.ValueEquals(""))) return;
        if (field.Type == FieldType.MultiChoice && value.ValueKind == JsonValueKind.String) counter.Fill(field.Name, value.GetString()!.Split(';'));
        else counter.Fill(field.Name, value.ToString());
    }

    static IEnumerable<List<DescribedField>> Chunks(ImmutableArray<DescribedField> fields)
    {
        var chunk = new List<DescribedField>();
        var length = 0;
        foreach (var field in fields)
        {
            // Of what has no type of ours there is nothing to count by: addresses in one piece, files.
            if (field.Type is null) continue;
            if (length + field.Name.Length + 3 > NamesMax && chunk.Count > 0)
            {
                yield return chunk;
                chunk = [];
                length = 0;
            }
            chunk.Add(field);
            length += field.Name.Length + 3;
        }
        if (chunk.Count > 0) yield return chunk;
    }
}
