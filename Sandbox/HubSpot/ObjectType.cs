using System.Collections.Frozen;

namespace OrleansCrm.Sandbox.HubSpot;

/// <summary>A type of record of HubSpot.</summary>
/// <param name="Id">As in <c>0-1</c>.</param>
/// <param name="Name">As in paths: <c>contacts</c>.</param>
/// <param name="Event">As in webhooks: <c>contact</c>.</param>
/// <param name="Constant">As in messages: <c>CONTACT</c>.</param>
sealed record ObjectType(string Id, string Name, string Event, string Constant, string Modified, string Group, string[] Identifying, string[] Usual)
{
    public static readonly ObjectType Contact = new("0-1", "contacts", "contact", "CONTACT", "lastmodifieddate", "contactinformation",
        ["email", "firstname", "lastname"], ["createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"]);

    public static readonly ObjectType Company = new("0-2", "companies", "company", "COMPANY", "hs_lastmodifieddate", "companyinformation",
        ["name", "domain"], ["createdate", "domain", "hs_lastmodifieddate", "hs_object_id", "name"]);

    public static readonly ObjectType[] All = [Contact, Company];

    static readonly FrozenDictionary<string, ObjectType> ByWord = All.SelectMany(t => new[] { t.Id, t.Name, t.Event, t.Constant }.Select(word => KeyValuePair.Create(word, t)))
        .ToFrozenDictionary( StringComparer.Ordinal);

    /// <summary>By its id or any of its names; null: HubSpot has no such type, or the sandbox does not.</summary>
    public static ObjectType? Of(string word) => ByWord.GetValueOrDefault(word);
}
