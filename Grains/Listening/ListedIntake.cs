using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Grains.Interfaces.Intake;

namespace OrleansCrm.Grains.Listening;

/// <summary>Takes in what a connector has read of a system's records, the way in which events are taken in: through intake, with an answer for each record.</summary>
/// <remarks>For whoever lists records: polls, reads after an event that told too little, first loads. Safe for many callers at once.</remarks>
public sealed class ListedIntake(IGrainFactory grains, IChance chance, TimeProvider own, ListeningMetrics metrics, ILogger<ListedIntake> logger)
{
    /// <summary>How often records are offered anew whose recording nobody could tell; the waits between grow, and all of them together take half a minute or so.</summary>
    public const int TriesMax = 8;

    static readonly RetryPolicy Waits = new() { Delay = TimeSpan.FromMilliseconds(400), MaxDelay = TimeSpan.FromSeconds(15) };

    /// <summary>Offers the records, and those that are handed back again after a wait that grows.</summary>
    /// <param name="system">Name of the system that was read, as the definition has it.</param>
    /// <param name="records">Any number; they go to intake in groups of <see cref="IIntakeGrain.EventsMax"/>, one after the other.</param>
    /// <param name="batch">Groups the edits, so that they can be reverted together; null: none.</param>
    /// <param name="correlationId">Follows them through the logs; null: nothing does.</param>
    /// <returns>
    /// One answer each, in the same order. Applied, unchanged, refused and parked are final and durable; <see cref="EventOutcome.TryAgain"/> is told only
    /// of records that were handed back <see cref="TriesMax"/> times: offer them again later.
    /// </returns>
    /// <exception cref="OperationCanceledException">Given up between two tries; what was taken stays taken, and offering all of it again changes nothing.</exception>
    public async Task<ImmutableArray<EventAnswer>> TakeAsync(string system, ImmutableArray<ListedRecord> records, string? batch, string? correlationId, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(system);
        TellProblems(system, records);
        return await TakeAsync(system, [.. records.Select(r => batch is null ? r.Observation : r.Observation with { Batch = batch })], correlationId, cancellationToken);
    }

    /// <summary>The same for edits that were told, not listed.</summary>
    /// <inheritdoc cref="TakeAsync(string, ImmutableArray{ListedRecord}, string?, string?, CancellationToken)"/>
    public async Task<ImmutableArray<EventAnswer>> TakeAsync(string system, ImmutableArray<Edit> edits, string? correlationId, CancellationToken cancellationToken, int triesMax = TriesMax)
    {
        ArgumentNullException.ThrowIfNull(system);
        var answers = new EventAnswer[edits.Length];
        for (var from = 0; from < edits.Length; from += IIntakeGrain.EventsMax)
        {
            await TakeGroupAsync([.. Enumerable.Range(from, Math.Min(IIntakeGrain.EventsMax, edits.Length - from))], edits, answers, correlationId, triesMax, cancellationToken);
        }
        foreach (var answer in answers) metrics.Heard(system, answer.Outcome);
        return ImmutableCollectionsMarshal.AsImmutableArray(answers);
    }

    async Task TakeGroupAsync(List<int> places, ImmutableArray<Edit> edits, EventAnswer[] answers, string? correlationId, int triesMax, CancellationToken cancellationToken)
    {
        for (var tries = 0; ; tries++)
        {
            var told = await OfferAsync([.. places.Select(p => edits[p])], correlationId, cancellationToken);
            var again = new List<int>();
            for (var i = 0; i < places.Count; i++)
            {
                answers[places[i]] = told[i];
                if (told[i].Outcome == EventOutcome.TryAgain) again.Add(places[i]);
            }
            if (again.Count == 0 || tries >= triesMax) return;
            places = again;
            await Task.Delay(RetrySchedule.NextDelay(Waits, tries, chance.Next()), own, cancellationToken);
        }
    }

    async Task<ImmutableArray<EventAnswer>> OfferAsync(ImmutableArray<Edit> edits, string? correlationId, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            return await grains.GetGrain<IIntakeGrain>(0).TakeEdits(edits, correlationId, CancellationToken.None);
        }
#pragma warning disable CA1031 // Whatever kept intake from answering: recorded or not, nobody knows.
        catch (Exception error)
#pragma warning restore CA1031
        {
            logger.IntakeNotReached(edits.Length, error.GetType().Name);
            return [.. edits.Select(e => new EventAnswer(e.Id, EventOutcome.TryAgain, null, 0, [], "unreachable"))];
        }
    }

    // One line for each field and reason, however many records have it.
    void TellProblems(string system, ImmutableArray<ListedRecord> records)
    {
        foreach (var group in records.SelectMany(r => r.Problems.Select(p => (r.Observation.Source.Object, Problem: p))).GroupBy(p => (p.Object, p.Problem.SystemName, p.Problem.Code)))
        {
            var count = group.Count();
            metrics.FieldsLeftOut(system, group.Key.Object, group.Key.SystemName, group.Key.Code, count);
            logger.FieldsLeftOut(count, system, group.Key.Object, group.Key.SystemName, group.Key.Code, group.First().Problem.Fix);
        }
    }
}
