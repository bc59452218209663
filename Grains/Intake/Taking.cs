using System.Collections.Immutable;
using System.Runtime.InteropServices;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Grains.Interfaces.Intake;

namespace OrleansCrm.Grains.Intake;

/// <summary>What an answer says about the event that it answers.</summary>
readonly record struct TakenEvent(string Id, string System, string? CorrelationId);

/// <summary>The events of one sender, until each has its answer.</summary>
sealed class Taking(TakenEvent[] events)
{
    readonly TaskCompletionSource<ImmutableArray<EventAnswer>> _answered = new(TaskCreationOptions.RunContinuationsAsynchronously);
    readonly EventAnswer[] _answers = new EventAnswer[events.Length];
    string?[]? _blamed;
    int _missing = events.Length;

    public Task<ImmutableArray<EventAnswer>> Answered => _answered.Task;

    /// <summary>Notes the source's name of the field that an event will be refused or parked for.</summary>
    public void Blame(int index, string? field)
    {
        if (field is not null) (_blamed ??= new string?[_answers.Length])[index] = field;
    }

    public TakenEvent EventOf(int index) => events[index];

    /// <returns>The outcome as a metric names it.</returns>
    public string Answer(int index, IntakeAnswer answer)
    {
        var (told, word) = answer switch
        {
            IntakeAnswer.Done done => (Told(index, done), Word(done.Outcome)),
            IntakeAnswer.TryAgain again => (new EventAnswer(events[index].Id, EventOutcome.TryAgain, null, 0, [], again.Reason), "handed-back"),
            _ => throw new InvalidOperationException($"Intake gave an answer of an unknown kind, {answer.GetType().Name}."),
        };
        _answers[index] = told;
        if (--_missing == 0) _answered.SetResult(ImmutableCollectionsMarshal.AsImmutableArray(_answers));
        return word;
    }

    EventAnswer Told(int index, IntakeAnswer.Done done) => new(
        events[index].Id,
        done.Outcome switch
        {
            EditOutcome.Applied => EventOutcome.Applied,
            EditOutcome.Unchanged => EventOutcome.Unchanged,
            EditOutcome.Refused => EventOutcome.Refused,
            _ => EventOutcome.Parked,
        },
        done.CustomerId,
        done.Revision,
        [.. done.Fields.Select(f => new FieldAnswer(f.Field, f.OverruledBy))],
        done.Reason,
        done.Outcome is EditOutcome.Refused or EditOutcome.Parked ? _blamed?[index] : null,
        done.Advice);

    static string Word(EditOutcome outcome) => outcome switch
    {
        EditOutcome.Applied => "applied",
        EditOutcome.Unchanged => "unchanged",
        EditOutcome.Refused => "refused",
        _ => "parked",
    };
}
