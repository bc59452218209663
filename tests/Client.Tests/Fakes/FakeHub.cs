using System.Collections.Concurrent;
using System.Collections.Immutable;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Grains.Interfaces.Customers;
using OrleansCrm.Grains.Interfaces.Intake;
using OrleansCrm.Grains.Interfaces.Reading;
using OrleansCrm.Grains.Interfaces.Systems;

namespace OrleansCrm.Client.Tests.Fakes;

/// <summary>A hub that answers what a test has it answer, and remembers what it was asked.</summary>
sealed class FakeHub : IGrainFactory
{
    readonly FakeIntake _intake;
    readonly FakeReader _reader;

    public FakeHub()
    {
        _intake = new(this);
        _reader = new(this);
    }

    public FakeSystemsGrain Systems { get; } = new();

    /// <summary>All events that reached intake, in the order in which calls came.</summary>
    public ConcurrentQueue<IncomingEvent> Taken { get; } = new();

    public Func<IncomingEvent, EventAnswer> Answer { get; set; } = Applied;

    /// <summary>Comes before each call to intake is answered.</summary>
    public Func<ImmutableArray<IncomingEvent>, Task> BeforeAnswer { get; set; } = _ => Task.CompletedTask;

    public ConcurrentDictionary<string, CustomerView> Customers { get; } = new(StringComparer.Ordinal);

    public Func<string, string, ExplanationView?> Explanation { get; set; } = (_, _) => null;

    public Func<string, long, int, HistoryPage?> History { get; set; } = (_, _, _) => null;

    public ConcurrentDictionary<(string System, string Object, string ExternalId), string> Holders { get; } = new();

    public Func<ChangeCursor?, bool, int, ChangePage> Changes { get; set; } = (_, _, _) => new([], new("hub", 1, [0]), true);

    /// <summary>Thrown by every read; null: none.</summary>
    public Exception? ReadFailure { get; set; }

    public static EventAnswer Applied(IncomingEvent e) => new(e.Id, EventOutcome.Applied, "cus_1", 7, [new("email", null), new("phone", "hubspot")]);

    public TGrainInterface GetGrain<TGrainInterface>(long primaryKey, string? grainClassNamePrefix = null)
        where TGrainInterface : IGrainWithIntegerKey
    {
        if (typeof(TGrainInterface) == typeof(IIntakeGrain)) return (TGrainInterface)(object)_intake;
        if (typeof(TGrainInterface) == typeof(IReaderGrain)) return (TGrainInterface)(object)_reader;
        if (typeof(TGrainInterface) == typeof(ISystemsGrain)) return (TGrainInterface)(object)Systems;
        if (typeof(TGrainInterface) == typeof(ISurveyGrain)) return (TGrainInterface)(object)new FakeSurveyGrain();
        throw new NotSupportedException(typeof(TGrainInterface).Name);
    }

    public TGrainInterface GetGrain<TGrainInterface>(string primaryKey, string? grainClassNamePrefix = null)
        where TGrainInterface : IGrainWithStringKey => (TGrainInterface)(object)new FakeCustomer(this, primaryKey);

    sealed class FakeIntake(FakeHub hub) : IIntakeGrain
    {
        public async Task<ImmutableArray<EventAnswer>> Take(ImmutableArray<IncomingEvent> events, CancellationToken cancellationToken)
        {
            Assert.InRange(events.Length, 1, IIntakeGrain.EventsMax);
            foreach (var e in events) hub.Taken.Enqueue(e);
            await hub.BeforeAnswer(events);
            return [.. events.Select(hub.Answer)];
        }

        public Task<ImmutableArray<EventAnswer>> TakeEdits(ImmutableArray<Domain.Intake.Edit> edits, string? correlationId, CancellationToken cancellationToken) => throw new NotSupportedException("The gateway offers events; edits are what connectors bring.");
    }

    sealed class FakeReader(FakeHub hub) : IReaderGrain
    {
        public Task<string?> FindBySource(string system, string @object, string externalId) =>
            hub.ReadFailure is { } failure ? Task.FromException<string?>(failure) : Task.FromResult(hub.Holders.GetValueOrDefault((system, @object, externalId)));

        public Task<HistoryPage?> ReadHistory(string customerId, long after, int max) =>
            hub.ReadFailure is { } failure ? Task.FromException<HistoryPage?>(failure) : Task.FromResult(hub.History(customerId, after, max));

        public Task<ChangePage> ReadChanges(ChangeCursor? cursor, bool everything, int max, CancellationToken cancellationToken)
        {
            try
            {
                return hub.ReadFailure is { } failure ? Task.FromException<ChangePage>(failure) : Task.FromResult(hub.Changes(cursor, everything, max));
            }
            catch (ChangeCursorException failure)
            {
                return Task.FromException<ChangePage>(failure);
            }
        }

        public Task<HubHealth> ReadHealth() => Task.FromResult(new HubHealth("hub", 1, null));
    }

    sealed class FakeCustomer(FakeHub hub, string id) : ICustomerGrain
    {
        public Task<ImmutableArray<CustomerAnswer>> Ask(ImmutableArray<CustomerCall> calls, int definitionVersion) => throw new NotSupportedException("The gateway never asks customers to do anything.");

        public Task<CustomerView?> Read() => hub.ReadFailure is { } failure ? Task.FromException<CustomerView?>(failure) : Task.FromResult(hub.Customers.GetValueOrDefault(id));

        public Task<ExplanationView?> Explain(string field) => hub.ReadFailure is { } failure ? Task.FromException<ExplanationView?>(failure) : Task.FromResult(hub.Explanation(id, field));
    }

    public TGrainInterface GetGrain<TGrainInterface>(Guid primaryKey, string? grainClassNamePrefix = null)
        where TGrainInterface : IGrainWithGuidKey => throw new NotSupportedException();

    public TGrainInterface GetGrain<TGrainInterface>(Guid primaryKey, string keyExtension, string? grainClassNamePrefix = null)
        where TGrainInterface : IGrainWithGuidCompoundKey => throw new NotSupportedException();

    public TGrainInterface GetGrain<TGrainInterface>(long primaryKey, string keyExtension, string? grainClassNamePrefix = null)
        where TGrainInterface : IGrainWithIntegerCompoundKey => throw new NotSupportedException();

    public TGrainObserverInterface CreateObjectReference<TGrainObserverInterface>(IGrainObserver obj)
        where TGrainObserverInterface : IGrainObserver => throw new NotSupportedException();

    public void DeleteObjectReference<TGrainObserverInterface>(IGrainObserver obj)
        where TGrainObserverInterface : IGrainObserver => throw new NotSupportedException();

    public IGrain GetGrain(Type grainInterfaceType, Guid grainPrimaryKey) => throw new NotSupportedException();

    public IGrain GetGrain(Type grainInterfaceType, long grainPrimaryKey) => throw new NotSupportedException();

    public IGrain GetGrain(Type grainInterfaceType, string grainPrimaryKey) => throw new NotSupportedException();

    public IGrain GetGrain(Type grainInterfaceType, Guid grainPrimaryKey, string keyExtension) => throw new NotSupportedException();

    public IGrain GetGrain(Type grainInterfaceType, long grainPrimaryKey, string keyExtension) => throw new NotSupportedException();

    public TGrainInterface GetGrain<TGrainInterface>(GrainId grainId)
        where TGrainInterface : IAddressable => throw new NotSupportedException();

    public IAddressable GetGrain(GrainId grainId) => throw new NotSupportedException();

    public IAddressable GetGrain(GrainId grainId, GrainInterfaceType interfaceType) => throw new NotSupportedException();

    public IAddressable GetGrain(Type interfaceType, IdSpan grainKey) => throw new NotSupportedException();

    public IAddressable GetGrain(Type interfaceType, IdSpan grainKey, string grainClassNamePrefix) => throw new NotSupportedException();
}
