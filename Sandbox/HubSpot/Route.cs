using System.Text.RegularExpressions;

namespace OrleansCrm.Sandbox.HubSpot;

/// <summary>Which limit a request counts to.</summary>
enum LimitKind
{
    Burst,
    Search,
    Associations,
}

/// <summary>What a path asks for.</summary>
/// <param name="Operation">As faults and the log name it.</param>
/// <param name="Scopes">Scopes that the token must have.</param>
/// <param name="Parts">The path in pieces, in its classic form.</param>
/// <param name="Act">Null: it is answered without a token.</param>
sealed partial record Route(string Operation, ObjectType? Type, string[] Scopes, LimitKind Limit, string[] Parts, Func<Call, Answer>? Act)
{
    /// <returns>Null: there is no such path.</returns>
    public static Route? Of(string method, string path)
    {
        var parts = Classic(path.Split('/', StringSplitOptions.RemoveEmptyEntries));
        return parts switch
        {
            ["crm", "v3", "objects", var type, .. var rest] when ObjectType.Of(type) is { } of => rest is [_, "associations", ..] ? OfPairs(method, parts, of, rest) : OfObjects(method, parts, of, rest),
            ["crm", "v4", "objects", var type, .. var rest] when ObjectType.Of(type) is { } of => OfPairs(method, parts, of, rest),
            ["crm", "v4", "associations", var from, var to, .. var rest] when ObjectType.Of(from) is { } one && ObjectType.Of(to) is { } other => OfAssociations(method, parts, one, other, rest),
            ["crm", "v3", "properties", var type, .. var rest] when ObjectType.Of(type) is { } of => OfProperties(method, parts, of, rest),
            ["crm", "v3", "owners"] when method == "GET" => new Route("owners", null, ["crm.objects.owners.read"], LimitKind.Burst, parts, AccountApi.Owners),
            ["crm", "v3", "owners", var id] when method == "GET" => new Route("owners", null, ["crm.objects.owners.read"], LimitKind.Burst, parts, c => AccountApi.Owner(c, id)),
            ["account-info", "v3", "details"] when method == "GET" => new Route("account", null, [], LimitKind.Burst, parts, AccountApi.Details),
            ["account-info", "v3", "api-usage", "daily", "private-apps"] when method == "GET" => new Route("usage", null, [], LimitKind.Burst, parts, c => AccountApi.Usage(c, c.Portal.Limits.Day)),
            ["webhooks", "v3", _, _, ..] => new Route("webhooks", null, [], LimitKind.Burst, parts, null),
            ["oauth", "authorize"] or ["oauth", _, "authorize"] => new Route("authorize", null, [], LimitKind.Burst, parts, null),
            ["oauth", "v1" or "v2" or "v3", ..] => new Route("token", null, [], LimitKind.Burst, parts, null),
            _ => null,
        };
    }

    // The dated paths lead to the same as the classic ones.
    static string[] Classic(string[] parts) => parts switch
    {
        ["crm", "associations", var dated, .. var rest] when IsDate(dated) => ["crm", "v4", "associations", .. rest],
        ["crm", ("objects" or "properties" or "owners") and var area, var dated, .. var rest] when IsDate(dated) => ["crm", "v3", area, .. rest],
        [("webhooks" or "oauth") and var area, var dated, .. var rest] when IsDate(dated) => [area, "v3", .. rest],
        _ => parts,
    };

    static bool IsDate(string text) => Dated().IsMatch(text);

    [GeneratedRegex("^20[0-9]{2}-[0-9]{2}$", RegexOptions.CultureInvariant, 1_000)]
    private static partial Regex Dated();

    static string[] Read(params ObjectType[] types) => [.. types.Distinct().Select(t => $"crm.objects.{t.Name}.read")];

    static string[] Write(params ObjectType[] types) => [.. types.Distinct().Select(t => $"crm.objects.{t.Name}.write")];

    static Route? OfObjects(string method, string[] parts, ObjectType type, string[] rest)
    {
        Route At(string operation, bool writes, Func<Call, Answer> act, LimitKind limit = LimitKind.Burst) => new(operation, type, writes ? Write(type) : Read(type), limit, parts, act);
        return (method, rest) switch
        {
            ("POST", []) => At("create", true, c => ObjectsApi.Create(c, type)),
            ("GET", []) => At("list", false, c => ObjectsApi.List(c, type)),
            ("POST", ["search"]) => At("search", false, c => SearchApi.Search(c, type), LimitKind.Search),
            ("POST", ["merge"]) => At("merge", true, c => ObjectsApi.Merge(c, type)),
            ("POST", ["gdpr-delete"]) when type == ObjectType.Contact => At("gdprDelete", true, ObjectsApi.Erase),
            ("POST", ["batch", "create"]) => At("batchCreate", true, c => BatchApi.Create(c, type)),
            ("POST", ["batch", "read"]) => At("batchRead", false, c => BatchApi.Read(c, type)),
            ("POST", ["batch", "update"]) => At("batchUpdate", true, c => BatchApi.Update(c, type)),
            ("POST", ["batch", "upsert"]) => At("batchUpsert", true, c => BatchApi.Upsert(c, type)),
            ("POST", ["batch", "archive"]) => At("batchArchive", true, c => BatchApi.Archive(c, type)),
            ("GET", [var id]) => At("read", false, c => ObjectsApi.Read(c, type, id)),
            ("PATCH", [var id]) => At("update", true, c => ObjectsApi.Update(c, type, id)),
            ("DELETE", [var id]) => At("archive", true, c => ObjectsApi.Archive(c, type, id)),
            _ => null,
        };
    }

    static Route? OfPairs(string method, string[] parts, ObjectType from, string[] rest)
    {
        Route At(string operation, ObjectType to, bool writes, Func<Call, Answer> act) => new(operation, from, writes ? Write(from, to) : Read(from, to), LimitKind.Associations, parts, act);
        return (method, rest) switch
        {
            ("GET", [var id, "associations", var other]) when ObjectType.Of(other) is { } to => At("associations", to, false, c => AssociationsApi.List(c, from, id, to)),
            ("PUT", [var id, "associations", "default", var other, var toId]) when ObjectType.Of(other) is { } to => At("associate", to, true, c => AssociationsApi.Default(c, from, id, to, toId)),
            ("PUT", [var id, "associations", var other, var toId]) when ObjectType.Of(other) is { } to => At("associate", to, true, c => AssociationsApi.Put(c, from, id, to, toId)),
            ("DELETE", [var id, "associations", var other, var toId]) when ObjectType.Of(other) is { } to => At("dissociate", to, true, c => AssociationsApi.Delete(c, from, id, to, toId)),
            _ => null,
        };
    }

    static Route? OfAssociations(string method, string[] parts, ObjectType from, ObjectType to, string[] rest)
    {
        Route At(string operation, bool writes, Func<Call, Answer> act) => new(operation, from, writes ? Write(from, to) : Read(from, to), LimitKind.Associations, parts, act);
        return (method, rest) switch
        {
            ("POST", ["batch", "read"]) => At("associations", false, c => AssociationsApi.BatchRead(c, from, to)),
            ("POST", ["batch", "create"]) => At("associate", true, c => AssociationsApi.BatchCreate(c, from, to)),
            ("POST", ["batch", "associate", "default"]) => At("associate", true, c => AssociationsApi.BatchDefault(c, from, to)),
            ("POST", ["batch", "archive"]) => At("dissociate", true, c => AssociationsApi.BatchArchive(c, from, to, labels: false)),
            ("POST", ["batch", "labels", "archive"]) => At("dissociate", true, c => AssociationsApi.BatchArchive(c, from, to, labels: true)),
            ("GET", ["labels"]) => At("associationLabels", false, c => AssociationsApi.Labels(c, from, to)),
            ("POST", ["labels"]) => At("associationLabels", true, c => AssociationsApi.CreateLabel(c, from, to)),
            _ => null,
        };
    }

    static Route? OfProperties(string method, string[] parts, ObjectType type, string[] rest)
    {
        Route At(bool writes, Func<Call, Answer> act) => new("properties", type, [$"crm.schemas.{type.Name}.{(writes ? "write" : "read")}"], LimitKind.Burst, parts, act);
        return (method, rest) switch
        {
            ("GET", []) => At(false, c => PropertiesApi.List(c, type)),
            ("POST", []) => At(true, c => PropertiesApi.Create(c, type)),
            ("POST", ["batch", "create"]) => At(true, c => PropertiesApi.BatchCreate(c, type)),
            ("POST", ["batch", "read"]) => At(false, c => PropertiesApi.BatchRead(c, type)),
            ("POST", ["batch", "archive"]) => At(true, c => PropertiesApi.BatchArchive(c, type)),
            ("GET", ["groups"]) => At(false, c => PropertiesApi.Groups(c, type)),
            ("POST", ["groups"]) => At(true, c => PropertiesApi.SaveGroup(c, type, null)),
            ("GET", ["groups", var name]) => At(false, c => PropertiesApi.ReadGroup(c, type, name)),
            ("PATCH", ["groups", var name]) => At(true, c => PropertiesApi.SaveGroup(c, type, name)),
            ("DELETE", ["groups", var name]) => At(true, c => PropertiesApi.ArchiveGroup(c, type, name)),
            ("GET", [var name]) => At(false, c => PropertiesApi.Read(c, type, name)),
            ("PATCH", [var name]) => At(true, c => PropertiesApi.Update(c, type, name)),
            ("DELETE", [var name]) => At(true, c => PropertiesApi.Archive(c, type, name)),
            _ => null,
        };
    }
}
