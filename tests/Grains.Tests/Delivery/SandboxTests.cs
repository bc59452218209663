using System.Text.Json;
using OrleansCrm.Connectors;
using OrleansCrm.Grains.Delivery;
using OrleansCrm.Grains.Interfaces.Delivery;
using OrleansCrm.Grains.Tests.Outgoing;
using OrleansCrm.Sandbox.Rest;
using Xunit;

namespace OrleansCrm.Grains.Tests.Delivery;

/// <summary>Deliveries to a small CRM over real HTTP.</summary>
public sealed class SandboxTests
{
    static string Definition(Uri desk) =>
        $$"""
        hub: small
        recordTypes:
          person:
            identity: [email]
            defaults: { data: personal, purpose: Serve customers, owners: [shop, desk] }
            fields: { email: email, name: text, phone: { type: text, policy: latest } }
        systems:
          shop:
            connector: rest
            mappings:
              customers: { recordType: person, fields: { email: email, name: name, phone: phone } }
          desk:
            connector: rest
            mode: live
            hubActor: hub
            maxCallTime: 5s
            retryPolicy: { maxRetries: 20, backoff: constant, delay: 100ms }
            settings: { url: {{desk}}, timeout: 3s, allowPrivate: true }
            rest:
              errors: { code: error.code, fields: error.fields, existing: error.existingId }
            mappings:
              customers:
                recordType: person
                fields: { email: mail, name: name, phone: tel }
                creationKey: property
                rest:
                  create: POST /api/customers
                  update: PATCH /api/customers/{id}
                  read: GET /api/customers/{id}
                  find: GET /api/customers?hubKey={key}
                  list: GET /api/customers?cursor={page}&updatedSince={since}&limit={size}
                  key: hubKey
                  records: items
                  version: version
                  modified: updatedAt
                  actor: updatedBy
                  paging: token
                  next: next
        """;

    [Fact]
    public async Task Whatever_goes_wrong_on_the_way_the_system_ends_at_golden_without_a_second_record()
    {
        await using var desk = await RestSandbox.StartAsync(new() { System = "desk" });
        await using var hub = await HubCluster.StartAsync(definition: Definition(desk.Address), with: silo =>
        {
            silo.Services.AddConnectors();
            silo.AddOutgoingGrains();
        });
        foreach (var kind in new[] { FaultKind.DropAfter, FaultKind.Throttle, FaultKind.ErrorAfter, FaultKind.Latency })
        {
            desk.Faults.Add(new() { Kind = kind, On = FaultOn.Create, Count = 3, Milliseconds = 200, RetryAfter = kind == FaultKind.Throttle ? "1" : null });
        }
        await hub.Take([.. Enumerable.Range(1, 60).Select(i => OutgoingHub.Person(i, """{"email":"p#@example.com","name":"Person #"}"""))]);
        await OutgoingHub.Eventually(() => desk.Store.Count("customers") == 60, "all are at the desk", seconds: 120);

        foreach (var kind in new[] { FaultKind.DropAfter, FaultKind.Throttle, FaultKind.ErrorAfter })
        {
            desk.Faults.Add(new() { Kind = kind, On = FaultOn.Update, Count = 2, RetryAfter = kind == FaultKind.Throttle ? "1" : null });
        }
        await hub.Take([.. Enumerable.Range(1, 60).Select(i => OutgoingHub.Person(i, """{"name":"Renamed #"}""", 5, "b"))]);

        await OutgoingHub.Eventually(() => Names(desk).All(n => n.StartsWith("Renamed", StringComparison.Ordinal)), "all are renamed", seconds: 120);
        await OutgoingHub.Eventually(async () => await hub.Cluster.Client.GetGrain<IDeliveryGrain>("desk").ReadStatus() is { Tracked: 0, InFlight: 0 }, "nothing is left to do", seconds: 60);
        Assert.Equal(60, desk.Store.Count("customers"));
        Assert.Equal(60, desk.Store.Log(0, 10_000).Count(c => c.Kind == ChangeKind.Created));
        Assert.Empty(await hub.Store.ListParkedLinksAsync(new("desk"), null, 100, CancellationToken.None));
    }

    static IEnumerable<string> Names(RestSandbox desk) =>
        desk.Store.List("customers", null, null, new Dictionary<string, string>(), withDeleted: false, 1_000).Records.Select(r => JsonSerializer.Deserialize<string>(r.Fields["name"])!);
}
