using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using OrleansCrm.Connectors.Http;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Describing;

namespace OrleansCrm.Connectors.HubSpot;

/// <remarks>Describes by the properties API.</remarks>
/// <seealso href="https://developers.hubspot.com/docs/api-reference/crm-properties-v3/guide"/>
public sealed partial class HubSpotConnector : IDescribesRecords, ICountsRecords
{
    public ImmutableArray<string> UsualObjects => ["contacts", "companies"];

    public async Task<DescribeOutcome<SystemIdentity>> IdentifyAsync(CancellationToken cancellationToken)
    {
        var exchange = await PlainAsync(() => Message(HttpMethod.Get, "/account-info/v3/details", null), cancellationToken);
        if (Read(exchange) is { } failed) return new DescribeOutcome<SystemIdentity>.Failed(failed.Code, failed.Advice ?? SignInAdvice(failed.Code));
        var details = ((Exchange.Answered)exchange).Body;
        var (scopes, user) = await ScopesAsync(cancellationToken);
        return new DescribeOutcome<SystemIdentity>.Told(new(HubSpotAnswers.IdOf(details, "portalId"), details.TextAt("accountType"), user, scopes, [.. _objects.Values.SelectMany(NeededFor).DistinctBy(n => n.Scope)]));
    }

    static string? SignInAdvice(string code) => code switch
    {
        Codes.SecretMissing => "The secret that 'auth' refers to is not there, or empty. Set it where the reference says.",
        Codes.SignInFailed => "HubSpot gave no token. Check the app's id and secret, and that it is installed in the account; docs/systems/hubspot.md says how.",
        Codes.AddressRefused => Codes.AddressAdvice,
        "http-401" or "INVALID_AUTHENTICATION" or "EXPIRED_AUTHENTICATION" => "HubSpot does not know the token. Copy the private app's token anew, and set the secret that 'auth' refers to.",
        _ => null,
    };

    // A token tells its scopes where it is shown; the ways for the two kinds of app differ.
    async Task<(ImmutableArray<string> Scopes, string? User)> ScopesAsync(CancellationToken cancellationToken)
    {
        using var signed = new HttpRequestMessage();
        if (await _signIn.SignAsync(signed, cancellationToken) is not null || signed.Headers.Authorization?.Parameter is not { } token) return (default, null);
        var exchange = await PlainAsync(
            () => _hubspot.Auth is RestAuth.Bearer
                ? Message(HttpMethod.Post, "/oauth/v2/private-apps/get/access-token-info", JsonSerializer.SerializeToUtf8Bytes(new JsonObject { ["tokenKey"] = token }))
                : Message(HttpMethod.Get, "/oauth/v1/access-tokens/" + Uri.EscapeDataString(token), null),
            cancellationToken);
        if (exchange is not Exchange.Answered { IsSuccess: true, Body: var told } || told.At("scopes") is not { ValueKind: JsonValueKind.Array }) return (default, null);
        return ([.. told.ItemsAt("scopes").Select(s => s.GetString()).OfType<string>()], told.TextAt("user") ?? HubSpotAnswers.IdOf(told, "userId"));
    }

    static IEnumerable<NeededScope> NeededFor(HubSpotRecords records)
    {
        var name = records.IsContact ? "contacts" : records.Mapping.Object is "companies" or "company" or "0-2" ? "companies" : null;
        if (name is null) yield break;
        yield return new($"crm.objects.{name}.read", $"without it no {name} are read.");
        yield return new($"crm.schemas.{name}.read", $"without it nobody can tell which properties {name} have.");
        if (records.Mapping.Outgoing.IsEmpty || (records.Mapping.Create == CreatePolicy.Never && records.Mapping.Update == UpdatePolicy.Never)) yield break;
        yield return new($"crm.objects.{name}.write", $"without it no {name} are written.");
    }

    public async Task<DescribeOutcome<DescribedObject>> DescribeAsync(string @object, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrEmpty(@object);
        var (answer, _, failed) = await AskAsync(() => Message(HttpMethod.Get, "/crm/v3/properties/" + Uri.EscapeDataString(@object), null), cancellationToken);
        if (failed is { Code: "http-404" or "OBJECT_NOT_FOUND" or "http-400" or "VALIDATION_ERROR" }) return new DescribeOutcome<DescribedObject>.Missing();
        if (failed is { } failure) return new DescribeOutcome<DescribedObject>.Failed(failure.Code, failure.Advice ?? SignInAdvice(failure.Code));
        var key = _objects.TryGetValue(@object, out var records) && records.Key is null ? null : _hubspot.KeyProperty;
        return new DescribeOutcome<DescribedObject>.Told(new(@object, @object, [.. answer!.Body.ItemsAt("results").Select(FieldOf).OfType<DescribedField>()], key));
    }

    static DescribedField? FieldOf(JsonElement property)
    {
        if (property.TextAt("name") is not { } name || property.IsAt("archived")) return null;
        var (type, form) = (property.TextAt("type") ?? "", property.TextAt("fieldType") ?? "");

        // Shown as a number, and set by an association: see HubSpotRecords.
        var isCompany = name == HubSpotRecords.PrimaryCompany;
        var canWrite = isCompany || (!property.IsAt("calculated") && property.At("modificationMetadata")?.IsAt("readOnlyValue") != true);
        return new DescribedField
        {
            Name = name,
            Label = property.TextAt("label") ?? name,
            Type = isCompany ? FieldType.Reference : TypeOf(name, type, form, property),
            VendorType = form.Length > 0 ? $"{type}/{form}" : type,
            IsCustom = !property.IsAt("hubspotDefined"),
            CanCreate = canWrite,
            CanUpdate = canWrite,
            IsUnique = property.IsAt("hasUniqueValue"),
            MaxLength = type == "string" ? 65_536 : null,
            Choices = type is "enumeration" && !property.IsAt("externalOptions") ? [.. property.ItemsAt("options").Select(o => new DescribedChoice(o.TextAt("value") ?? "", o.TextAt("label") ?? ""))] : default,
            ChoicesAreAll = type is "enumeration" && !property.IsAt("externalOptions"),
            RefersTo = isCompany ? ["companies"] : [],
        };
    }

    static FieldType? TypeOf(string name, string type, string form, JsonElement property) => (type, form) switch
    {
        _ when property.TextAt("referencedObjectType") == "OWNER" || name == "hubspot_owner_id" => FieldType.User,

        // The one text that HubSpot checks for being an address.
        ("string", _) when name == "email" => FieldType.Email,
        ("string", "phonenumber") or ("phone_number", _) => FieldType.Phone,
        ("string", "textarea" or "html") => FieldType.LongText,
        ("string", "file") => null,
        ("string", _) => FieldType.Text,
        ("number", _) => FieldType.Decimal,
        ("bool", _) => FieldType.Boolean,
        ("enumeration", "checkbox") => FieldType.MultiChoice,
        ("enumeration", _) => FieldType.Choice,
        ("date", _) => FieldType.Date,
        ("datetime", _) => FieldType.DateTime,
        _ => null,
    };

    public async Task<DescribeOutcome<ObjectProfile>> ProfileAsync(DescribedObject described, int recordsMax, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(described);
        ArgumentOutOfRangeException.ThrowIfLessThan(recordsMax, 1);
        var counter = new ProfileCounter(described);
        var path = "/crm/v3/objects/" + Uri.EscapeDataString(described.Name);
        var typed = described.Fields.Where(f => f.Type is not null).ToArray();
        var names = new JsonArray([.. typed.Select(f => (JsonNode)f.Name)]);
        string? after = null;
        while (counter.Records < recordsMax)
        {
            // A page tells ids; hundreds of names fit only into the body that asks for the records by them.
            var page = string.Create(CultureInfo.InvariantCulture, $"{path}?limit={Math.Min(BatchMax, recordsMax - counter.Records)}&properties=hs_object_id{(after is null ? "" : "&after=" + after)}");
            var (listed, _, unlisted) = await AskAsync(() => Message(HttpMethod.Get, page, null), cancellationToken);
            if (unlisted is { } why) return new DescribeOutcome<ObjectProfile>.Failed(why.Code, why.Advice);
            string[] ids = [.. HubSpotAnswers.List(listed!.Body, "results").Select(r => HubSpotAnswers.IdOf(r, "id")).OfType<string>()];
            after = NextIn(listed.Body);
            if (ids.Length == 0) break;
            var body = JsonSerializer.SerializeToUtf8Bytes(new JsonObject { ["inputs"] = new JsonArray([.. ids.Select(i => (JsonNode)new JsonObject { ["id"] = i })]), ["properties"] = names.DeepClone() });
            var (read, _, unread) = await AskAsync(() => Message(HttpMethod.Post, path + "/batch/read", body), cancellationToken);
            if (unread is { } reason) return new DescribeOutcome<ObjectProfile>.Failed(reason.Code, reason.Advice);
            foreach (var record in HubSpotAnswers.List(read!.Body, "results")) Count(counter, typed, record);
            if (after is null) break;
        }
        return new DescribeOutcome<ObjectProfile>.Told(counter.Conclude(after is null));
    }

    public async Task<DescribeOutcome<long>> CountAsync(string @object, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrEmpty(@object);
        var body = JsonSerializer.SerializeToUtf8Bytes(new JsonObject { ["filterGroups"] = new JsonArray(), ["properties"] = new JsonArray(), ["limit"] = 1 });
        var (answer, _, failed) = await AskAsync(() => Message(HttpMethod.Post, $"/crm/v3/objects/{Uri.EscapeDataString(@object)}/search", body), cancellationToken);
        if (failed is { } failure) return new DescribeOutcome<long>.Failed(failure.Code, failure.Advice);
        return answer!.Body.NumberAt("total") is { } total ? new DescribeOutcome<long>.Told(total) : new DescribeOutcome<long>.Failed("answer-not-understood", null);
    }

    static void Count(ProfileCounter counter, DescribedField[] fields, JsonElement record)
    {
        counter.NextRecord();
        if (record.At("properties") is not { } properties) return;
        foreach (var field in fields)
        {
            if (properties.TextAt(field.Name) is not { Length: > 0 } value) continue;
            if (field.Type == FieldType.MultiChoice) counter.Fill(field.Name, value.Split(';'));
            else counter.Fill(field.Name, value);
        }
    }

    // Without a look at what the system is bound to: that is what is asked for.
    Task<Exchange> PlainAsync(Func<HttpRequestMessage> make, CancellationToken cancellationToken) => Resending.ReadAsync(token => SendAsync(make, DateTimeOffset.MaxValue, token), cancellationToken);
}
