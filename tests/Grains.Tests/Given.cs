using System.Text;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Grains.Interfaces.Intake;

namespace OrleansCrm.Grains.Tests;

/// <summary>A small hub: a shop and a desk that both know persons.</summary>
static class Given
{
    public static readonly byte[] Secret = Encoding.UTF8.GetBytes("thirty-two bytes of a hub's own!");

    public const string Definition =
        """
        hub: small
        recordTypes:
          person:
            identity: [email]
            defaults: { data: personal, purpose: Serve customers, owners: [shop, desk] }
            fields:
              email: email
              name: text
              phone: { type: text, policy: latest }
              tier: { type: choice, choices: [gold, silver], policy: latest }
        systems:
          shop:
            connector: rest
            mappings:
              customers:
                recordType: person
                fields:
                  email: email
                  name: full_name
                  phone: tel
                  tier: { name: level, values: { "1": gold, "2": silver } }
          desk:
            connector: rest
            mappings:
              contacts:
                recordType: person
                fields: { email: email, name: name, phone: phone }
        """;

    public static readonly DateTimeOffset Noon = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    public static IncomingEvent Shop(string id, string record, string fields, double minutes = 0) => Event("shop", "customers", id, record, fields, minutes);

    public static IncomingEvent Desk(string id, string record, string fields, double minutes = 0) => Event("desk", "contacts", id, record, fields, minutes);

    public static IncomingEvent Event(string system, string @object, string id, string record, string fields, double minutes = 0) => new()
    {
        Id = id,
        System = system,
        Object = @object,
        ExternalId = record,
        Kind = EditKind.Change,
        Time = Noon.AddMinutes(minutes),
        Fields = Encoding.UTF8.GetBytes(fields),
    };
}
