using System.Collections.Immutable;
using System.Runtime.InteropServices;
using OrleansCrm.Domain.Customers;

namespace OrleansCrm.Grains.Customers;

/// <summary>The calls of one caller, until each has its answer.</summary>
sealed class Asking(int count)
{
    readonly TaskCompletionSource<ImmutableArray<CustomerAnswer>> _answered = new(TaskCreationOptions.RunContinuationsAsynchronously);
    readonly CustomerAnswer[] _answers = new CustomerAnswer[count];
    int _missing = count;

    public Task<ImmutableArray<CustomerAnswer>> Answered => _answered.Task;

    public void Answer(int index, CustomerAnswer answer)
    {
        _answers[index] = answer;
        if (--_missing == 0) _answered.SetResult(ImmutableCollectionsMarshal.AsImmutableArray(_answers));
    }
}
