using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Grains.Delivery;
using OrleansCrm.Grains.Intake;

namespace OrleansCrm.Grains.Upkeep;

/// <summary>Takes an edit in that was parked, the way in which it would have come in.</summary>
sealed class EditRelease(OutgoingParts parts, CustomerAsks customers)
{
    /// <returns>What became of it. <see cref="IntakeAnswer.TryAgain"/>: it stays parked as it is.</returns>
    /// <exception cref="Domain.Storage.StoreUnavailableException">The store could not be asked; it stays parked as it is.</exception>
    public async Task<IntakeAnswer> TakeAsync(ParkedEdit parked, CancellationToken cancellationToken)
    {
        var machine = new IntakeMachine(new());
        var now = parts.Clock.Now;
        var next = new Queue<IntakeMessage>([ParkedEdits.Release(parked, 1, CustomerIds.Fresh(now, parts.Chance), now)]);
        var effects = new List<IntakeEffect>();
        while (next.TryDequeue(out var message))
        {
            effects.Clear();
            machine.Step(message, parts.Definitions.Current, effects);
            foreach (var effect in effects)
            {
                switch (effect)
                {
                    case IntakeEffect.Answer answer:
                        return answer.Value;
                    case IntakeEffect.LookUp lookUp:
                        next.Enqueue(new IntakeMessage.LookedUp(lookUp.LookUpId, await parts.Store.LookUpRecordsAsync(lookUp.Records, cancellationToken)));
                        break;
                    case IntakeEffect.LookUpKeys lookUp:
                        next.Enqueue(new IntakeMessage.KeysLookedUp(lookUp.LookUpId, await parts.Store.LookUpKeysAsync(lookUp.Keys, cancellationToken)));
                        break;
                    case IntakeEffect.Offer offer:
                        CustomerAnswer told = await customers.AskAsync(offer.CustomerId, offer.Call);
                        next.Enqueue(new IntakeMessage.Answered(offer.Ticket, offer.CustomerId, told));
                        break;
                    case IntakeEffect.Park park:
                        // It is parked already, under the same id.
                        next.Enqueue(new IntakeMessage.ParkStored(park.Ticket, await parts.Store.ParkAsync(park.Parked, cancellationToken)));
                        break;
                    default: throw new InvalidOperationException($"Upkeep knows no {effect.GetType().Name} of intake.");
                }
            }
        }
        throw new InvalidOperationException("Intake gave no answer.");
    }
}
