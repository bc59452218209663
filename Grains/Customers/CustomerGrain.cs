using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Orleans.GrainDirectory;
using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Journal;
using OrleansCrm.Domain.Storage;
using OrleansCrm.Grains.Interfaces.Customers;
using OrleansCrm.Grains.Placement;

namespace OrleansCrm.Grains.Customers;

/// <summary>The shell of <see cref="CustomerActivation"/>: carries out what it wants done, and keeps it small while nobody asks.</summary>
/// <remarks>Calls interleave, so that they queue in the machine while a commit is under way; all of it runs on the activation's scheduler.</remarks>
[GrainType(TypeName), PartitionPlacement, GrainDirectory(PartitionDirectory.Name)]
public sealed class CustomerGrain : IGrainBase, ICustomerGrain
{
    internal const string TypeName = "customer";

    readonly CustomerServices _services;
    TaskScheduler? _scheduler;

    // Null while the customer is frozen or has not been asked yet.
    Awake? _awake;

    // The committed state, while nobody asks; null: not known, the next call loads it.
    FrozenState? _frozen;

    // Of the entries since the last snapshot that was stored or offered.
    long _tailBytes;

    // Of the state as text, when it was last written; 0: not known.
    int _stateBytes;
    volatile int _lastUsed;

    public CustomerGrain(IGrainContext context, CustomerServices services)
    {
        GrainContext = context;
        _services = services;
        CustomerId = context.GrainId.Key.ToString()!;
    }

    public IGrainContext GrainContext { get; }

    internal string CustomerId { get; }

    internal int LastUsed => _lastUsed;

    internal bool IsAwake => _awake is not null;

    /// <summary>Calls that have no answer yet.</summary>
    internal int CallsWaiting => _awake?.Waiting.Count ?? 0;

    public Task OnActivateAsync(CancellationToken token)
    {
        _scheduler = TaskScheduler.Current;
        _lastUsed = _services.Local.Now;
        _services.Local.Add(this);
        return Task.CompletedTask;
    }

    public async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken token)
    {
        _services.Local.Remove(this);

        // The runtime does not wait for calls that are under way; those who wait would be told nothing of their commit.
        if (_awake is { Waiting.Count: > 0 } busy) await Task.WhenAll(busy.Waiting.Values.Select(w => w.Asking.Answered)).WaitAsync(token);
        if (_awake?.Machine.Committed is { } customer) OfferSnapshot(customer, isQuiet: true);
    }

    public Task<ImmutableArray<CustomerAnswer>> Ask(ImmutableArray<CustomerCall> calls, int definitionVersion)
    {
        if (calls.IsDefaultOrEmpty || calls.Length > ICustomerGrain.CallsMax)
        {
            throw new ArgumentException($"A customer is asked 1 to {ICustomerGrain.CallsMax} things at once.", nameof(calls));
        }
        _lastUsed = _services.Local.Now;
        return definitionVersion > _services.Definitions.Current.Version ? AskUnderNewer(calls, definitionVersion) : AskNow(calls);
    }

    public async Task<CustomerView?> Read() => await ReadCommitted() is { } customer ? CustomerViews.Of(customer, _services.Definitions.Current, _services.Clock.Now) : null;

    public async Task<ExplanationView?> Explain(string field) => await ReadCommitted() is { } customer ? CustomerViews.Explain(customer, field, _services.Definitions.Current) : null;

    /// <summary>Lets this activation end when nothing is under way any more. From any thread.</summary>
    internal void Leave(string why) => GrainContext.Deactivate(new(DeactivationReasonCode.ApplicationRequested, why));

    /// <summary>Becomes text on the activation's own scheduler. From any thread.</summary>
    internal void FreezeSoon() => _ = Task.Factory.StartNew(Freeze, CancellationToken.None, TaskCreationOptions.None, _scheduler!);

    // ---- calls -------------------------------------------------------------------------------------------------------

    Task<ImmutableArray<CustomerAnswer>> AskNow(ImmutableArray<CustomerCall> calls)
    {
        var awake = _awake ??= Wake();
        var asking = new Asking(calls.Length);
        var asked = ImmutableArray.CreateBuilder<Asked>(calls.Length);
        for (var i = 0; i < calls.Length; i++)
        {
            var ticket = ++awake.LastTicket;
            awake.Waiting.Add(ticket, (asking, i));
            asked.Add(new(ticket, calls[i]));
        }
        Step(awake, new ActivationMessage.CalledTogether(asked.MoveToImmutable()));
        return asking.Answered;
    }

    async Task<ImmutableArray<CustomerAnswer>> AskUnderNewer(ImmutableArray<CustomerCall> calls, int definitionVersion) =>
        await _services.Definitions.ReachAsync(definitionVersion)
            ? await AskNow(calls)
            : [.. Enumerable.Repeat<CustomerAnswer>(new CustomerAnswer.TryAgain("definition"), calls.Length)];

    async Task<Customer?> ReadCommitted()
    {
        _lastUsed = _services.Local.Now;
        if (_awake?.Machine is { IsLoaded: true } machine) return machine.Committed;
        if (_frozen is { } frozen) return frozen.Thaw();

        var customer = await LoadAsync();
        if (_awake is null && customer is not null)
        {
            // Kept for the calls that often follow a read; whoever needs to know more than this is told by the machine to load.
            Step(_awake = new(CustomerId), new ActivationMessage.Loaded(customer, IsRemembered: true));
        }
        return customer;
    }

    Awake Wake()
    {
        var awake = new Awake(CustomerId);
        if (_frozen is not { } frozen) return awake;
        _frozen = null;
        awake.Machine.Step(new ActivationMessage.Loaded(frozen.Thaw(), IsRemembered: true), _services.Definitions.Current, _services.Clock.Now, awake.Effects);
        return awake;
    }

    void Freeze()
    {
        if (_awake is not { Machine.IsIdle: true } awake) return;
        _awake = null;
        if (awake.Machine.Committed is not { } customer) return;
        _frozen = FrozenState.Of(customer);
        _stateBytes = _frozen.Length;
        OfferSnapshot(customer, isQuiet: true);
    }

    // ---- what the machine wants done -----------------------------------------------------------------------------------

    /// <summary>What goes wrong in a step must still reach those who wait.</summary>
    void Step(Awake awake, ActivationMessage message)
    {
        try
        {
            StepMachine(awake, message);
        }
        catch (Exception error)
        {
            // A decision that cannot be made, or an entry that cannot be folded: a fault of ours. This memory is not to be trusted.
            _services.Logger.CustomerFailed(error, CustomerId);
            if (ReferenceEquals(_awake, awake)) Forget();
            foreach (var (asking, index) in awake.Waiting.Values) asking.Answer(index, new CustomerAnswer.TryAgain("failed"));
            awake.Waiting.Clear();
        }
    }

    void StepMachine(Awake awake, ActivationMessage message)
    {
        // What is carried out may step again before it returns: each step takes only its own.
        var from = awake.Effects.Count;
        awake.Machine.Step(message, _services.Definitions.Current, _services.Clock.Now, awake.Effects);
        for (var i = from; i < awake.Effects.Count; i++) Carry(awake, awake.Effects[i]);
        awake.Effects.RemoveRange(from, awake.Effects.Count - from);
    }

    void Carry(Awake awake, ActivationEffect effect)
    {
        switch (effect)
        {
            case ActivationEffect.Answer answer:
                if (awake.Waiting.Remove(answer.Ticket, out var waits)) waits.Asking.Answer(waits.Index, answer.Value);
                break;
            case ActivationEffect.Submit submit:
                _ = CommitAsync(awake, submit.Commit);
                break;
            case ActivationEffect.Load:
                _ = LoadForAsync(awake);
                break;
            case ActivationEffect.Deactivate:
                Forget();
                break;
            default: throw new InvalidOperationException($"The customer's shell knows no {effect.GetType().Name}.");
        }
    }

    async Task LoadForAsync(Awake awake)
    {
        ActivationMessage message;
        try
        {
            message = new ActivationMessage.Loaded(await LoadAsync());
        }
        catch (StoreUnavailableException)
        {
            message = new ActivationMessage.LoadFailed("the store cannot be read");
        }
        Step(awake, message);
    }

    /// <exception cref="StoreUnavailableException">The customer could not be loaded, or not the definition that it was decided under.</exception>
    async Task<Customer?> LoadAsync()
    {
        var stored = await _services.Loader.LoadAsync(CustomerId);
        var decidedUnder = stored.Snapshot?.DefinitionVersion ?? 0;
        foreach (var placed in stored.Entries) decidedUnder = Math.Max(decidedUnder, placed.Entry.DefinitionVersion);
        if (!await _services.Definitions.ReachAsync(decidedUnder))
        {
            throw new StoreUnavailableException($"Customer {CustomerId} was decided under version {decidedUnder} of the definition, which could not be loaded. Nothing was changed; try again.");
        }
        _tailBytes = stored.EntriesBytes;
        return stored.Fold();
    }

    async Task CommitAsync(Awake awake, Commit commit)
    {
        CommitAnswer answer;
        try
        {
            answer = await _services.Committer.Submit(commit);
        }
        catch (Exception error)
        {
            _services.Logger.CustomerFailed(error, CustomerId);
            answer = new CommitAnswer.Unknown(error.GetType().Name);
        }
        switch (answer)
        {
            case CommitAnswer.Committed:
                awake.Aborts = 0;
                _tailBytes += EntriesBytes(commit);
                if (_services.Logger.IsEnabled(LogLevel.Debug)) Tell(commit);
                break;
            case CommitAnswer.Aborted aborted when ++awake.Aborts > _services.Options.AbortsMax:
                // Nothing landed, but those who wait have waited long enough: they hear so, and this activation starts afresh.
                _services.Logger.CustomerGivesUp(CustomerId, awake.Aborts, aborted.Reason);
                answer = new CommitAnswer.Unknown(aborted.Reason);
                break;
            case CommitAnswer.Aborted:
                await Task.Delay(Backoff(awake.Aborts), _services.Time);
                break;
        }
        Step(awake, new ActivationMessage.Ended(answer));
        if (answer is CommitAnswer.Committed && awake.Machine.Committed is { } customer) OfferSnapshot(customer, isQuiet: false);
    }

    void Tell(Commit commit)
    {
        foreach (var append in commit.Appends)
        {
            foreach (var entry in append.Entries)
            {
                foreach (var edit in entry.Edits) _services.Logger.EditRecorded(EntryName.Of(entry.CustomerId, entry.Revision), edit.By.EditId, edit.LinkId);
            }
        }
    }

    TimeSpan Backoff(int aborts)
    {
        var bound = Math.Min(_services.Options.AbortBackoff.TotalMilliseconds * Math.Pow(2, aborts - 1), 1_000);
        return TimeSpan.FromMilliseconds(bound * (0.5 + _services.Chance.Next() / 2));
    }

    /// <summary>What is known here may be old. Where the partition is still ours a fresh load mends that; else the next activation is to be elsewhere.</summary>
    void Forget()
    {
        _services.Logger.CustomerForgets(CustomerId);
        _awake = null;
        _frozen = null;
        _tailBytes = 0;
        if (_services.Silos.Owners.OwnerOf(CustomerId) is { } owner && !owner.Equals(_services.Silos.Local)) Leave("its partition is another silo's");
    }

    // ---- snapshots -----------------------------------------------------------------------------------------------------

    static long EntriesBytes(Commit commit)
    {
        var bytes = 0L;
        foreach (var append in commit.Appends)
        {
            foreach (var entry in append.Entries) bytes += Committing.EntrySize.Of(entry);
        }
        return bytes;
    }

    /// <param name="isQuiet">Nobody asks for the customer just now: this is the cheap moment, and the next load may come from another silo.</param>
    void OfferSnapshot(Customer customer, bool isQuiet)
    {
        // While it is edited, reading some dozens of entries at a later load costs less than writing the whole customer again and again now.
        var weight = Math.Max(_stateBytes, _services.Options.SnapshotTailMin);
        if (_tailBytes < (isQuiet ? weight : (long)weight * _services.Options.SnapshotTailWeight)) return;
        _tailBytes = 0;
        _services.Snapshots.Offer(customer);
    }

    /// <summary>What a customer needs only while it is being asked.</summary>
    sealed class Awake(string customerId)
    {
        public CustomerActivation Machine { get; } = new(customerId);

        public Dictionary<long, (Asking Asking, int Index)> Waiting { get; } = [];

        public List<ActivationEffect> Effects { get; } = [];

        public long LastTicket { get; set; }

        /// <summary>Commits aborted in a row.</summary>
        public int Aborts { get; set; }
    }
}
