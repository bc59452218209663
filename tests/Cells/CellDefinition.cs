using OrleansCrm.Cells.Arena;

namespace OrleansCrm.Cells;

/// <summary>The hub of every cell: a shop that only tells, and two CRMs that are told and tell.</summary>
static class CellDefinition
{
    /// <summary>The field that the newer definition gives to one system alone, and that system.</summary>
    public const string Moved = "lastName";

    public const string Owner = "crm-a";

    /// <param name="newer">The version that a cell applies while the first is in force.</param>
    public static string Text(IReadOnlyList<Crm> crms, bool newer = false) =>
        $"""
        hub: cells
        recordTypes:
          person:
            identity: [email]
            defaults: {"{"} data: personal, purpose: To be hurt in tests, owners: [shop, [{string.Join(", ", crms.Select(c => c.Name))}]] {"}"}
            fields:
              email: email
              {Moved}: {"{"} type: text, policy: {(newer ? $"{{ owners: [{Owner}], effective: all }}" : "latest")} {"}"}
              phone: {"{"} type: text, policy: latest {"}"}
              city: {"{"} type: text, policy: [shop] {"}"}
              segment: {"{"} type: choice, choices: [smb, enterprise], policy: [shop] {"}"}
        systems:
          shop:
            connector: rest
            mode: observe
            mappings:
              buyers:
                recordType: person
                create: never
                update: never
                delete: never
                fields: {"{"} email: mail, lastName: family, phone: phone, city: city, segment: segment {"}"}
        {string.Join('\n', crms.Select(Crm))}
        """;

    static string Crm(Crm crm) =>
        $"""
          {crm.Name}:
            connector: rest
            mode: live
            maxCallTime: 6s
            hubActor: hub
            settings: {"{"} url: "http://{crm.Host}:{crm.Port}/api", timeout: 5s, allowPrivate: true {"}"}
            auth: {"{"} type: none {"}"}
            rest: {"{"} errors: {"{"} code: error.code, fields: error.fields, existing: error.existingId {"}"} {"}"}
            guard: {"{"} creates: none, clears: none, deletes: none, changes: none {"}"}
            mappings:
              {Arena.Crm.Object}:
                recordType: person
                create: inScope
                requiredToCreate: [email]
                creationKey: property
                rest:
                  create: POST /{Arena.Crm.Object}
                  update: PATCH /{Arena.Crm.Object}/{"{id}"}
                  read: GET /{Arena.Crm.Object}/{"{id}"}
                  find: GET /{Arena.Crm.Object}?hubKey={"{key}"}
                  list: GET /{Arena.Crm.Object}?cursor={"{page}"}&updatedSince={"{since}"}&limit={"{size}"}
                  key: hubKey
                  records: items
                  version: version
                  modified: updatedAt
                  paging: token
                  next: next
                fields: {"{"} email: mail, lastName: family, phone: phone, city: city, segment: segment {"}"}
        """;
}
