using System.Collections.Immutable;
using Orleans.Concurrency;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Grains.Delivery;
using OrleansCrm.Grains.Interfaces.Linking;

namespace OrleansCrm.Grains.Linking;

/// <summary>Reads the records that are to be linked from their systems, and ties them to their customers.</summary>
[GrainType("links"), StatelessWorker]
public sealed class LinksGrain(IGrainContext context, OutgoingParts parts, Adoption adoption) : IGrainBase, ILinksGrain
{
    const int ReadTogether = 100;
    static readonly TimeSpan Patience = TimeSpan.FromMinutes(3.5);

    public IGrainContext GrainContext => context;

    public async Task<ImmutableArray<LinkAnswer>> Import(ImmutableArray<LinkToMake> links, string batch)
    {
        if (links.IsDefaultOrEmpty || links.Length > ILinksGrain.LinksMax) throw new ArgumentException($"1 to {ILinksGrain.LinksMax} links are made at once.", nameof(links));
        using var patience = new CancellationTokenSource(Patience, parts.Own);
        var hub = parts.Definitions.Current;
        var answers = new LinkAnswer?[links.Length];

        // Whose each record is, and whose it is to be, is asked together.
        var asked = links.Where(l => l.By is not null).Select(l => l.By!.Value).Concat(links.Select(l => SourceOf(l, hub))).Distinct().ToImmutableArray();
        var holders = (await parts.Store.LookUpRecordsAsync(asked, patience.Token)).Where(f => f.CustomerId is not null && !f.Suppressed).ToDictionary(f => f.Record, f => f.CustomerId!);
        var wanted = links.Select(l => l.CustomerId ?? (l.By is { } by ? holders.GetValueOrDefault(by) : null)).ToArray();
        var customers = await adoption.LoadAsync(wanted.OfType<string>(), patience.Token);
        for (var i = 0; i < links.Length; i++)
        {
            if (hub.System(links[i].System) is not { } system) answers[i] = Adoption.Refused(LinkRefusal.UnknownSystem);
            else if (system.MappingOfObject(links[i].Object) is null) answers[i] = Adoption.Refused(LinkRefusal.UnknownObject);
            else if (wanted[i] is not { } id || customers.GetValueOrDefault(id) is not { } customer) answers[i] = Adoption.Refused(LinkRefusal.UnknownCustomer);
            else if (holders.GetValueOrDefault(SourceOf(links[i], hub)) is { } holder)
            {
                answers[i] = holder == customer.Id
                    ? new(LinkOutcome.AlreadyLinked, holder)
                    : new(LinkOutcome.Refused, holder, LinkRefusal.HeldElsewhere, LinkRefusal.AdviceFor(LinkRefusal.HeldElsewhere));
            }
        }
        foreach (var group in Enumerable.Range(0, links.Length).Where(i => answers[i] is null).GroupBy(i => (hub.System(links[i].System)!.Name, links[i].Object)))
        {
            await LinkAsync(hub, hub.System(group.Key.Name)!, group.Key.Object, [.. group], links, i => customers[wanted[i]!], answers, batch, patience.Token);
        }
        return [.. answers.Select(a => a!)];
    }

    static SourceRecord SourceOf(LinkToMake link, HubDefinition hub) => new(hub.System(link.System)?.Name ?? link.System, link.Object, link.ExternalId);

    async Task LinkAsync(
        HubDefinition hub, SystemDefinition system, string @object, int[] places, ImmutableArray<LinkToMake> links, Func<int, Customer> customerOf, LinkAnswer?[] answers, string batch, CancellationToken cancellationToken)
    {
        var opening = parts.Connectors.OpenRecords(hub, system, parts.HubTime);
        if (opening.Opened is not { } connector)
        {
            foreach (var i in places) answers[i] = new(LinkOutcome.Refused, null, LinkRefusal.NotReadable, $"{opening.Problem} {opening.Fix}");
            return;
        }
        await using var _ = connector;
        foreach (var some in places.Chunk(ReadTogether))
        {
            var (records, failed) = await ReadAsync(connector, @object, [.. some.Select(i => links[i].ExternalId).Distinct(StringComparer.Ordinal)], cancellationToken);
            var used = new HashSet<string>(StringComparer.Ordinal);
            foreach (var i in some)
            {
                // Two lines may name the same customer, or the same record, for two.
                if (failed is not null) answers[i] = failed;
                else if (records.GetValueOrDefault(links[i].ExternalId) is not { } record) answers[i] = Adoption.Refused(LinkRefusal.RecordMissing);
                else if (!used.Add(customerOf(i).Id)) answers[i] = Adoption.Refused(LinkRefusal.SecondRecord);
                else answers[i] = await adoption.AdoptAsync(record, customerOf(i), batch);
            }
        }
    }

    static async Task<(Dictionary<string, ListedRecord> Records, LinkAnswer? Failed)> ReadAsync(IRecordConnector connector, string @object, ImmutableArray<string> ids, CancellationToken cancellationToken)
    {
        try
        {
            return await connector.ListAsync(@object, ids, null, cancellationToken) switch
            {
                ListOutcome.Page page => (page.Records.GroupBy(r => r.Observation.Source.ExternalId, StringComparer.Ordinal).ToDictionary(r => r.Key, r => r.First(), StringComparer.Ordinal), null),
                ListOutcome.Refused refused => ([], new(LinkOutcome.Refused, null, LinkRefusal.NotReadable, refused.Advice)),
                _ => ([], new(LinkOutcome.TryAgain, null, LinkRefusal.NotReadable)),
            };
        }
        catch (OperationCanceledException)
        {
            return ([], new(LinkOutcome.TryAgain, null, "no-answer"));
        }
    }
}
