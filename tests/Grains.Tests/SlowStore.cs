using System.Reflection;
using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Storage;

namespace OrleansCrm.Grains.Tests;

/// <summary>Stands between a silo and its store: holds appends back, or lets them fail for certain.</summary>
public sealed class SlowStore
{
    volatile TaskCompletionSource? _held;
    volatile TaskCompletionSource? _gate;

    /// <summary>Appends are aborted.</summary>
    public bool Away { get; set; }

    /// <summary>Ends when an append is being held.</summary>
    public Task Held => _held!.Task;

    public ICustomerStore Over(ICustomerStore store)
    {
        var proxy = DispatchProxy.Create<ICustomerStore, Between>();
        ((Between)proxy).Set(this, store);
        return proxy;
    }

    public void Hold()
    {
        _held = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    public void LetGo() => _gate!.SetResult();

    async Task<AppendAnswer> AppendAsync(ICustomerStore store, AppendBatch batch, CancellationToken cancellationToken)
    {
        if (Away) return new AppendAnswer.Aborted("away");
        if (_gate is { } gate)
        {
            _held!.TrySetResult();
            await gate.Task;
        }
        return await store.AppendAsync(batch, cancellationToken);
    }

    public class Between : DispatchProxy
    {
        SlowStore? _slow;
        ICustomerStore? _store;

        public void Set(SlowStore slow, ICustomerStore store) => (_slow, _store) = (slow, store);

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) =>
            targetMethod!.Name == nameof(ICustomerStore.AppendAsync)
                ? _slow!.AppendAsync(_store!, (AppendBatch)args![0]!, (CancellationToken)args[1]!)
                : targetMethod.Invoke(_store, BindingFlags.DoNotWrapExceptions, null, args, null);
    }
}
