using Microsoft.Extensions.DependencyInjection;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions.Reading;
using OrleansCrm.Domain.Storage;
using OrleansCrm.Grains.Definitions;
using OrleansCrm.Grains.Delivery;
using OrleansCrm.Grains.Interfaces.Delivery;
using OrleansCrm.Grains.Interfaces.Intake;
using Xunit;

namespace OrleansCrm.Grains.Tests.Outgoing;

/// <summary>A hub that delivers, with systems and sinks in memory.</summary>
sealed class OutgoingHub : IAsyncDisposable
{
    OutgoingHub(HubCluster cluster, FakeSystems systems)
    {
        Cluster = cluster;
        Systems = systems;
    }

    public HubCluster Cluster { get; }

    public FakeSystems Systems { get; }

    public FakeCrm Desk => Systems.Crm("desk");

    public FakeSink Hook => Systems.Sink("hook");

    public IDeliveryGrain DeskDelivery => Cluster.Cluster.Client.GetGrain<IDeliveryGrain>("desk");

    public ISinkGrain HookSink => Cluster.Cluster.Client.GetGrain<ISinkGrain>("hook");

    /// <summary>A shop reports persons; the desk gets them. A hook is told.</summary>
    public static string Definition(string desk = "mode: live", string sink = "", string person = "", string contacts = "", string more = "") =>
        $$"""
        hub: small
        futureTolerance: 2s
        recordTypes:
          person:
            identity: [email]
            existence: { deleteBy: [shop], grace: 2s }
            defaults: { data: personal, purpose: Serve customers, owners: [shop, desk] }
            fields:
              email: email
              name: text
              phone: { type: text, policy: latest }
              # To a kind of record that the shop has none of: what it says is the hub's own id, then.
              friend: { type: reference, to: club }
            {{person}}
          club:
            identity: [name]
            defaults: { data: none, owners: [shop, desk] }
            fields: { name: text }
        systems:
          shop:
            connector: rest
            mappings:
              customers:
                recordType: person
                fields: { email: email, name: name, phone: phone, friend: friend }
          desk:
            connector: rest
            maxCallTime: 2s
            {{desk}}
            retryPolicy: { maxRetries: 8, backoff: constant, delay: 100ms }
            mappings:
              contacts:
                recordType: person
                delete: delete
                {{contacts}}
                fields: { email: email, name: name, phone: phone, friend: friend }
        {{(sink.Length == 0 ? "" : $$"""
        sinks:
          hook:
            connector: webhook
            settings: { url: "https://example.com/hook" }
            auth: { secret: env:HOOK_SECRET }
            {{sink}}
        """)}}
        {{more}}
        """;

    public static async Task<OutgoingHub> StartAsync(string? definition = null, int silos = 1, ICustomerStore? store = null, FakeSystems? systems = null)
    {
        systems ??= new();
        Assert.Empty(HubDefinitionReader.Read(definition ??= Definition()).Errors.Select(e => e.ToString()));
        var cluster = await HubCluster.StartAsync(
            silos,
            store,
            definition: definition,
            with: silo =>
            {
                silo.Services.AddSingleton<IConnectorCatalog>(systems);
                silo.AddOutgoingGrains();
            });
        return new(cluster, systems);
    }

    /// <summary>The shop reports persons <c>from</c> to <c>to</c>.</summary>
    public async Task ReportAsync(int from, int to, string fields, double minutes = 0, string round = "a")
    {
        foreach (var numbers in Enumerable.Range(from, to - from + 1).Chunk(200))
        {
            var answers = await Cluster.Take([.. numbers.Select(i => Person(i, fields, minutes, round))]);
            Assert.All(answers, a => Assert.Equal(EventOutcome.Applied, a.Outcome));
        }
    }

    public static IncomingEvent Person(int number, string fields, double minutes = 0, string round = "a") =>
        Given.Event("shop", "customers", $"{round}{number}", $"s{number}", fields.Replace("#", $"{number}", StringComparison.Ordinal), minutes);

    public async Task ApplyAsync(string definition)
    {
        await StoredDefinitions.ApplyAsync(Cluster.Store, definition, null, CancellationToken.None);
        for (var silo = 0; silo < Cluster.Cluster.Silos.Count; silo++) await Cluster.ServiceOf<HubDefinitions>(silo).RefreshAsync(CancellationToken.None);
    }

    /// <summary>Waits for something that will be true.</summary>
    public static async Task Eventually(Func<Task<bool>> holds, string what, int seconds = 30)
    {
        var since = TimeProvider.System.GetTimestamp();
        while (!await holds())
        {
            if (TimeProvider.System.GetElapsedTime(since) > TimeSpan.FromSeconds(seconds)) Assert.Fail($"After {seconds} seconds it is not true yet: {what}");
            await Task.Delay(10);
        }
    }

    public static Task Eventually(Func<bool> holds, string what, int seconds = 30) => Eventually(() => Task.FromResult(holds()), what, seconds);

    /// <summary>Nothing is due any more, and the desk is not called.</summary>
    public Task DeskIsQuiet() => Eventually(async () => await DeskDelivery.ReadStatus() is { Tracked: 0, InFlight: 0, Backlog: 0 }, "the desk has everything");

    public ValueTask DisposeAsync() => Cluster.DisposeAsync();
}
