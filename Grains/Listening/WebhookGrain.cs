using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Orleans.Concurrency;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Storage;
using OrleansCrm.Grains.Interfaces.Intake;
using OrleansCrm.Grains.Interfaces.Listening;

namespace OrleansCrm.Grains.Listening;

/// <summary>Verifies webhooks, and takes in what they tell. What they tell too little of is noted in the store for the system's listener, before the answer.</summary>
[GrainType("webhook"), StatelessWorker]
public sealed class WebhookGrain(
    IGrainContext context, WebhookReaders readers, ListedIntake intake, ICustomerStore store, IGrainFactory grains, ListeningMetrics metrics, TimeProvider own, ILogger<WebhookGrain> logger) : IGrainBase, IWebhookGrain
{
    /// <summary>Edits that were handed back are offered so often again: a system that waits for its answer comes again by itself.</summary>
    const int TriesMax = 2;

    public IGrainContext GrainContext => context;

    public async Task<WebhookAnswer> Take(IncomingWebhook webhook, CancellationToken cancellationToken)
    {
        if (readers.Of(webhook.System) is not { } found) return new WebhookAnswer(WebhookOutcome.Unknown, "unknown-system", "The definition has no such system.");
        var name = found.System.Name;
        var answer = await TakeAsync(name, found.Opening, webhook);
        metrics.WebhookAnswered(name, answer.Outcome);
        if (answer.Outcome != WebhookOutcome.Taken) logger.WebhookNotTaken(name, answer.Outcome, answer.Reason ?? "", webhook.CorrelationId);
        else logger.WebhookTaken(name, answer.Taken, answer.Refused, answer.Parked, answer.ToRead, webhook.CorrelationId);
        return answer;
    }

    async Task<WebhookAnswer> TakeAsync(string system, Opening<IWebhookReader> opening, IncomingWebhook webhook)
    {
        if (opening.Opened is not { } reader) return new WebhookAnswer(WebhookOutcome.Unknown, "no-webhooks", $"{opening.Problem} {opening.Fix}");
        if (webhook.Body.Length > reader.BodyBytesMax) return new WebhookAnswer(WebhookOutcome.TooLarge, "body-too-large", $"The body is larger than {reader.BodyBytesMax} bytes.");
        using var patience = new CancellationTokenSource(IWebhookGrain.AnswerWithin, own);
        try
        {
            var request = new WebhookRequest(webhook.Method, webhook.Query, webhook.Headers, webhook.Body);
            return await reader.ReadAsync(request, patience.Token) switch
            {
                WebhookReading.News news => await TakeAsync(system, news, webhook.CorrelationId, patience.Token),
                WebhookReading.NotGenuine refused => new WebhookAnswer(WebhookOutcome.NotGenuine, refused.Code, "Sign it with the secret that the definition names, at a time that is right."),
                WebhookReading.Unreadable unreadable => new WebhookAnswer(WebhookOutcome.Unreadable, unreadable.Code, unreadable.Advice),
                WebhookReading.NotReady missing => new WebhookAnswer(WebhookOutcome.TryAgain, missing.Code, missing.Advice),
                var other => throw new InvalidOperationException($"The hub does not know the reading {other.GetType().Name}."),
            };
        }
        catch (Exception error) when (error is OperationCanceledException or StoreUnavailableException)
        {
            // What is under way goes on, and is not recorded twice.
            return new WebhookAnswer(WebhookOutcome.TryAgain, error is StoreUnavailableException ? "store-unavailable" : "timed-out", "Nobody knows whether all of it was recorded. Send it again.");
        }
    }

    async Task<WebhookAnswer> TakeAsync(string system, WebhookReading.News news, string? correlationId, CancellationToken patience)
    {
        if (news.Elsewhere > 0) logger.WebhookElsewhere(system, news.Elsewhere);
        if (!news.ToRead.IsEmpty)
        {
            if (!await store.AskReadsAsync(system, news.ToRead, patience).WaitAsync(patience)) return new WebhookAnswer(WebhookOutcome.TryAgain, "too-many-readings", "More records wait to be read than the hub remembers. Send it again later.");

            // A signal that may be lost: the listener looks by itself, too.
            await grains.GetGrain<IListeningGrain>(system).ReadsCame();
        }
        ImmutableArray<EventAnswer> answers = news.Edits.IsEmpty ? [] : await intake.TakeAsync(system, news.Edits, correlationId, patience, TriesMax).WaitAsync(patience);
        if (answers.Any(a => a.Outcome == EventOutcome.TryAgain)) return new WebhookAnswer(WebhookOutcome.TryAgain, "handed-back", "Not all of it could be recorded now. Send it again.");
        return new WebhookAnswer(
            WebhookOutcome.Taken, null, null,
            answers.Count(a => a.Outcome is EventOutcome.Applied or EventOutcome.Unchanged), answers.Count(a => a.Outcome == EventOutcome.Refused), answers.Count(a => a.Outcome == EventOutcome.Parked), news.ToRead.Length);
    }
}
