using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;

namespace OrleansCrm.Domain.Backfilling;

/// <summary>How customers stand with a system, in a word for each: of every link, and of every customer that has none there.</summary>
public static class Standing
{
    /// <summary>The record holds the golden values.</summary>
    public const string InSync = "in-sync";
    public const string ToCreate = "to-create";
    public const string ToChange = "to-change";
    public const string ToDelete = "to-delete";

    /// <summary>It has to be looked at before anything can be said.</summary>
    public const string ToRead = "to-read";

    /// <summary>A write is under way.</summary>
    public const string Writing = "writing";

    /// <summary>The record type is not mapped to the system.</summary>
    public const string NotMapped = "not-mapped";

    /// <summary>It does not belong there: by the mapping's scope, or since nothing is created there.</summary>
    public const string OutOfScope = "out-of-scope";

    /// <summary>The customer is merged, deleted or erased.</summary>
    public const string Gone = "customer-gone";

    /// <summary>What begins the words of those that wait, and of those that a person has to help; the reason follows.</summary>
    public const string Waiting = "waiting";
    public const string Parked = "parked";

    public static IEnumerable<string> Of(Customer customer, SystemDefinition system, HubDefinition hub, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(customer);
        ArgumentNullException.ThrowIfNull(system);
        var links = 0;
        foreach (var link in customer.Links)
        {
            if (link.System != system.Name) continue;
            links++;
            yield return Of(customer, link, hub, now);
        }
        if (links > 0) yield break;
        yield return customer.Status != CustomerStatus.Living ? Gone : system.MappingOf(customer.RecordType) is null ? NotMapped : OutOfScope;
    }

    static string Of(Customer customer, Link link, HubDefinition hub, DateTimeOffset now)
    {
        if (link.Intent is { IsUnsettled: true }) return Writing;
        return Planner.Outlook(customer, link, hub, now) switch
        {
            LinkPlan.Write { Kind: WriteKind.Create } => ToCreate,
            LinkPlan.Write { Kind: WriteKind.Delete } => ToDelete,
            LinkPlan.Write => ToChange,
            LinkPlan.ReadFirst => ToRead,
            LinkPlan.Wait wait => $"{Waiting}:{wait.Reason}",
            LinkPlan.Park park => $"{Parked}:{park.Reason}",
            _ when customer.Status != CustomerStatus.Living => Gone,
            _ => link.State switch
            {
                LinkState.Linked => link.IsGone ? "record-gone" : InSync,
                LinkState.Wanted or LinkState.OutOfScope => OutOfScope,
                LinkState.Archived => "record-archived",
                LinkState.Suppressed => "record-suppressed",
                LinkState.Merged or LinkState.Converted => "record-merged",
                _ => Writing,
            },
        };
    }
}
