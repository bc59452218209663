using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Orleans.Concurrency;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Describing;
using OrleansCrm.Grains.Delivery;
using OrleansCrm.Grains.Interfaces.Systems;

namespace OrleansCrm.Grains.Systems;

/// <summary>Asks systems about themselves over connections of its own, closed when the answer is there.</summary>
[GrainType("survey"), StatelessWorker]
public sealed class SurveyGrain(IGrainContext context, OutgoingParts parts, ILogger<SurveyGrain> logger) : IGrainBase, ISurveyGrain
{
    /// <summary>The longest that a system is asked, a little less than whoever waits for the answer.</summary>
    static readonly TimeSpan Patience = TimeSpan.FromMinutes(3.5);

    public IGrainContext GrainContext => context;

    public async Task<ImmutableArray<FindingView>?> Check(string system)
    {
        var hub = parts.Definitions.Current;
        if (hub.System(system) is not { } known) return null;
        using var patience = new CancellationTokenSource(Patience, parts.Own);
        var found = new List<Finding>();
        await using var opened = await OpenAsync(hub, known, found.Add);
        if (opened.Describer is { } describer) await CheckAsync(hub, known, opened.Connector!, describer, found, patience.Token);

        // The worst first; what is of one level in the order in which it was found.
        return [.. found.OrderByDescending(f => f.Level).Take(SystemChecks.FindingsMax).Select(ViewOf)];
    }

    async Task CheckAsync(HubDefinition hub, SystemDefinition system, IRecordConnector connector, IDescribesRecords describer, List<Finding> found, CancellationToken cancellationToken)
    {
        var identity = await AskAsync(system, () => describer.IdentifyAsync(cancellationToken));
        if (identity is not DescribeOutcome<SystemIdentity>.Told { Value: var told })
        {
            found.Add(ProblemOf(identity, "not-signed-in", null));
            return;
        }
        found.AddRange(SystemChecks.OfIdentity(system, told));

        // What another organisation has says nothing about this one.
        if (found.Any(f => f.Code == "bound-elsewhere")) return;
        foreach (var mapping in system.Mappings)
        {
            switch (await AskAsync(system, () => describer.DescribeAsync(mapping.Object, cancellationToken)))
            {
                case DescribeOutcome<DescribedObject>.Told described: found.AddRange(SystemChecks.OfMapping(hub, system, mapping, described.Value)); break;
                case DescribeOutcome<DescribedObject>.Missing: found.AddRange(SystemChecks.OfMissing(mapping)); break;
                case var failed: found.Add(ProblemOf(failed, "not-described", mapping.Object)); break;
            }
        }
        if (connector is ITellsAllowance { Allowances: { IsEmpty: false } allowances }) found.AddRange(SystemChecks.OfAllowances(system, allowances));
    }

    public async Task<SurveyView?> Survey(string system, ImmutableArray<string> objects, int records)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(records, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(records, ISurveyGrain.RecordsMax);
        var hub = parts.Definitions.Current;
        if (hub.System(system) is not { } known) return null;
        using var patience = new CancellationTokenSource(Patience, parts.Own);
        Finding? problem = null;
        await using var opened = await OpenAsync(hub, known, f => problem = f);
        if (opened.Describer is not { } describer) return new(known.Name, ViewOf(problem!), [], "");

        if (objects.IsDefaultOrEmpty) objects = [.. known.Mappings.Select(m => m.Object).Distinct(StringComparer.Ordinal)];
        if (objects.IsEmpty) objects = describer.UsualObjects;
        var views = ImmutableArray.CreateBuilder<SurveyedObjectView>();
        var surveyed = new List<Surveyed>();
        foreach (var name in objects.Distinct(StringComparer.Ordinal).Take(ISurveyGrain.ObjectsMax))
        {
            var described = await AskAsync(known, () => describer.DescribeAsync(name, patience.Token));
            if (described is not DescribeOutcome<DescribedObject>.Told { Value: var told })
            {
                views.Add(new(name, name, ViewOf(ProblemOf(described, "not-described", name)), 0, false, []));
                continue;
            }
            var profiled = await AskAsync(known, () => describer.ProfileAsync(told, records, patience.Token));
            var profile = profiled is DescribeOutcome<ObjectProfile>.Told { Value: var counted } ? counted : null;
            surveyed.Add(new(told, profile));
            views.Add(ViewOf(known, told, profile, profile is null ? ViewOf(ProblemOf(profiled, "not-profiled", name)) : null));
        }
        return new(known.Name, null, views.ToImmutable(), MappingProposal.Write(hub, known, surveyed));
    }

    static SurveyedObjectView ViewOf(SystemDefinition system, DescribedObject described, ObjectProfile? profile, FindingView? problem)
    {
        var mapping = system.MappingOfObject(described.Name);
        return new(described.Name, described.Label, problem, profile?.Records ?? 0, profile?.IsAll ?? false,
        [
            .. described.Fields.Select(f =>
            {
                var used = profile?.Field(f.Name);
                var mapped = mapping?.Fields.FirstOrDefault(m => m.Name.Split('.')[0].Equals(f.Name, StringComparison.OrdinalIgnoreCase));
                return new SurveyedFieldView(
                    f.Name, f.Label, f.Type?.ToString().ToLowerInvariant(), f.VendorType, f.IsCustom, f.IsRequired, !f.CanCreate && !f.CanUpdate, used?.Filled ?? 0,
                    mapped is null ? null : mapped.Field.Length > 0 ? mapped.Field : "(constant)",
                    [.. used?.Values.Select(v => new ValueCountView(v.Value, v.Count)) ?? []]);
            }),
        ]);
    }

    // ---- the connection --------------------------------------------------------------------------------------------

    sealed record Opened(IRecordConnector? Connector) : IAsyncDisposable
    {
        public IDescribesRecords? Describer => Connector as IDescribesRecords;

        public ValueTask DisposeAsync() => Connector?.DisposeAsync() ?? ValueTask.CompletedTask;
    }

    async Task<Opened> OpenAsync(HubDefinition hub, SystemDefinition system, Action<Finding> problem)
    {
        var opening = parts.Connectors.OpenRecords(hub, system, parts.HubTime);
        if (opening.Opened is not { } connector)
        {
            problem(new(FindingLevel.Wrong, "not-connected", null, null, opening.Problem, opening.Fix));
            return new((IRecordConnector?)null);
        }
        if (connector is IDescribesRecords) return new(connector);
        await connector.DisposeAsync();
        problem(new(FindingLevel.Doubtful, "not-describing", null, null, $"The connector {system.Connector} cannot tell what its system is like.", "Look there yourself; deliveries and listings say what they meet."));
        return new((IRecordConnector?)null);
    }

    async Task<DescribeOutcome<T>> AskAsync<T>(SystemDefinition system, Func<Task<DescribeOutcome<T>>> ask)
    {
        try
        {
            return await ask();
        }
        catch (OperationCanceledException)
        {
            return new DescribeOutcome<T>.Failed("no-time", "The system took too long. Ask for less at once.");
        }
#pragma warning disable CA1031 // A fault of the connector: the other questions are still worth asking.
        catch (Exception error)
#pragma warning restore CA1031
        {
            logger.SurveyFailed(system.Name, error);
            return new DescribeOutcome<T>.Failed("connector-fault", "This is a fault of the connector; the hub's log has its cause.");
        }
    }

    static Finding ProblemOf<T>(DescribeOutcome<T> outcome, string code, string? @object) => outcome switch
    {
        DescribeOutcome<T>.Failed failed => new(FindingLevel.Wrong, code, @object, null, $"{(@object is null ? "The system" : $"The system's {@object}")} could not be asked ({failed.Code}).", failed.Advice ?? "It may pass: ask again."),
        _ => new(FindingLevel.Wrong, code, @object, null, $"There is no {@object ?? "such system"}, or the hub's user does not see it.", "Correct the name, or give the user the right to read it."),
    };

    static FindingView ViewOf(Finding finding) => new(finding.Level.ToString().ToLowerInvariant(), finding.Code, finding.Object, finding.Field, finding.Says, finding.Fix);
}

static partial class SurveyLog
{
    [LoggerMessage(EventId = 2601, Level = LogLevel.Error, Message = "The connector of {System} failed while it was asked about its system")]
    public static partial void SurveyFailed(this ILogger logger, string system, Exception error);
}
