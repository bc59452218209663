namespace OrleansCrm.Grains.Interfaces.Linking;

/// <summary>Ties records that exist on both sides already, on a person's word. A stateless worker. Key: 0.</summary>
[Alias("crm.ILinksGrain")]
public interface ILinksGrain : IGrainWithIntegerKey
{
    /// <summary>Most links in one call.</summary>
    const int LinksMax = 500;

    /// <summary>Ties each record to its customer. The record is read from its system first, so that the hub knows what it holds before anything is written there.</summary>
    /// <param name="links">1 to <see cref="LinksMax"/>.</param>
    /// <param name="batch">Groups the observations, so that they can be reverted together.</param>
    /// <returns>One answer each, in the same order. Asked again, a link that was made is <see cref="LinkOutcome.AlreadyLinked"/>.</returns>
    /// <exception cref="OrleansCrm.Domain.Storage.StoreUnavailableException">The store could not be asked; some may be linked. Send them again.</exception>
    [Alias("Import"), AlwaysInterleave, ResponseTimeout("00:04:00")]
    Task<ImmutableArray<LinkAnswer>> Import(ImmutableArray<LinkToMake> links, string batch);
}

/// <param name="CustomerId">Null: the customer that holds <paramref name="By"/>.</param>
/// <param name="By">A record, of another system as a rule, that the customer holds; null: the customer is named.</param>
[GenerateSerializer, Immutable, Alias("crm.LinkToMake")]
public sealed record LinkToMake(string System, string Object, string ExternalId, string? CustomerId, Domain.Intake.SourceRecord? By);

/// <param name="CustomerId">Who holds the record now; null: nobody, or nobody could tell.</param>
/// <param name="Reason">Code, where it was not linked; null otherwise.</param>
/// <param name="Advice">What to do about it; null: nothing.</param>
[GenerateSerializer, Immutable, Alias("crm.LinkAnswer")]
public sealed record LinkAnswer(LinkOutcome Outcome, string? CustomerId, string? Reason = null, string? Advice = null);

[GenerateSerializer, Alias("crm.LinkOutcome")]
public enum LinkOutcome
{
    Linked,
    AlreadyLinked,

    /// <summary>It was not linked, and will not be as it is.</summary>
    Refused,

    /// <summary>Linked or not, nobody knows; send it again.</summary>
    TryAgain,
}
