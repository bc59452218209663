using System.Collections.Immutable;
using OrleansCrm.Domain.Definitions;

namespace OrleansCrm.Domain.Connecting;

/// <summary>The connectors that this build of the hub has, by the name that a definition gives them.</summary>
public interface IConnectorCatalog
{
    /// <summary>Names of connectors for systems, in order.</summary>
    ImmutableArray<string> Records { get; }

    /// <summary>Names of connectors for sinks, in order.</summary>
    ImmutableArray<string> Sinks { get; }

    /// <summary>Makes the connection of a system as this definition describes it. Nothing is called yet. A changed definition needs a new one.</summary>
    /// <param name="time">The hub's time, which is the store's.</param>
    Opening<IRecordConnector> OpenRecords(HubDefinition hub, SystemDefinition system, TimeProvider time);

    /// <summary>Makes what reads the webhooks of a system as this definition describes them. Nothing is called.</summary>
    /// <param name="time">The hub's time, which is the store's.</param>
    /// <returns>Refused where the system has no webhooks, or the definition does not say how they are verified.</returns>
    Opening<IWebhookReader> OpenWebhooks(HubDefinition hub, SystemDefinition system, TimeProvider time);

    /// <summary>Makes the connection of a sink as this definition describes it. Nothing is called yet.</summary>
    /// <param name="time">The hub's time, which is the store's.</param>
    Opening<IChangeSink> OpenSink(HubDefinition hub, SinkDefinition sink, TimeProvider time);
}

/// <summary>What opening a connection gave: the connection, or what stands in its way. The hub runs on without it, and what is due waits.</summary>
public sealed record Opening<T>
    where T : class
{
    internal Opening(T? opened, string problem, string fix) => (Opened, Problem, Fix) = (opened, problem, fix);

    /// <summary>Null exactly when there is a <see cref="Problem"/>. Dispose of it when the definition changes.</summary>
    public T? Opened { get; }

    /// <summary>One sentence, without any secret; empty: none.</summary>
    public string Problem { get; }

    /// <summary>What to do about it.</summary>
    public string Fix { get; }
}

/// <summary>The two ways in which an opening ends.</summary>
public static class Opening
{
    public static Opening<T> Of<T>(T opened)
        where T : class => new(opened, "", "");

    public static Opening<T> Refused<T>(string problem, string fix)
        where T : class => new(null, problem, fix);
}

/// <summary>Finds the secrets that a definition refers to: <c>env:NAME</c>, <c>file:/path</c>.</summary>
public interface ISecretResolver
{
    /// <summary>The secret as it is now; a file is read again from time to time, so that it can be rotated.</summary>
    /// <returns>Null: there is none under this reference, or it is empty.</returns>
    ValueTask<string?> ReadAsync(string reference, CancellationToken cancellationToken);
}
