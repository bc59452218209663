using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Intake;

namespace OrleansCrm.Simulation.Hub;

/// <summary>One process of the hub: everything in here is lost in a crash.</summary>
sealed class Silo(int index, int siloCount, HubDefinition hub, int partitionCount)
{
    public int Index => index;

    /// <summary>Grows with every crash, so that what was meant for an earlier life reaches nobody.</summary>
    public int Life { get; set; }

    public bool Alive { get; set; } = true;

    /// <summary>Nothing moves in it before this time: a long collection, a suspended machine.</summary>
    public long FrozenUntil { get; set; }

    /// <summary>Its own clock is ahead of true time by this many ticks.</summary>
    public long Skew { get; init; }

    /// <summary>The hub's time as this process knows it.</summary>
    public StoreClock Time { get; private set; } = new();

    public HubDefinition Hub { get; set; } = hub;

    /// <summary>Which silos it believes to be alive. Two silos may differ for a while.</summary>
    public bool[] Believes { get; } = NewBelief(siloCount);

    public Dictionary<string, ActivationSlot> Activations { get; private set; } = new(StringComparer.Ordinal);

    public CommitterMachine Committer { get; private set; } = NewCommitter(partitionCount);

    /// <summary>Committer ticket to the activation that waits for the answer.</summary>
    public Dictionary<long, ActivationSlot> Submitted { get; private set; } = [];

    /// <summary>Committer ticket to the merge or unmerge that waits for the answer.</summary>
    public Dictionary<long, Rearranging> Rearrangings { get; private set; } = [];

    public IntakeMachine Intake { get; private set; } = NewIntake();

    /// <summary>Intake ticket to the sender that waits.</summary>
    public Dictionary<long, Post> Posts { get; private set; } = [];

    /// <summary>Parked edits on their way into intake again, by ticket.</summary>
    public Dictionary<long, ParkedEdit> Releases { get; private set; } = [];

    /// <summary>Calls to customers that have not been answered and not been given up.</summary>
    public Dictionary<long, PendingCall> Calls { get; private set; } = [];

    public DeliverySlot?[] Deliveries { get; private set; } = [];

    public void Start(HubDefinition newest, int systemCount)
    {
        Hub = newest;
        Time = new();
        Activations = new(StringComparer.Ordinal);
        Committer = NewCommitter(partitionCount);
        Submitted = [];
        Rearrangings = [];
        Intake = NewIntake();
        Posts = [];
        Releases = [];
        Calls = [];
        Deliveries = new DeliverySlot?[systemCount];
        Array.Fill(Believes, true);
        FrozenUntil = 0;
        Alive = true;
    }

    // Small bounds, so that worlds of a few dozen edits meet them.
    static CommitterMachine NewCommitter(int partitionCount) => new(new CommitterOptions { BatchCommitsMax = 8 }, partitionCount);

    static IntakeMachine NewIntake() => new(new IntakeOptions { EditsMax = 16, CacheMax = 8, LookUpMax = 4 });

    static bool[] NewBelief(int count)
    {
        var belief = new bool[count];
        Array.Fill(belief, true);
        return belief;
    }
}

/// <summary>One activation of one customer in one process. Two processes may have one each, for a while.</summary>
sealed class ActivationSlot(string customerId, CustomerActivation machine)
{
    public string CustomerId => customerId;

    public CustomerActivation Machine => machine;

    public bool Gone { get; set; }

    /// <summary>Ticket to the call that waits for its answer.</summary>
    public Dictionary<long, CallCargo> Callers { get; } = [];
}

/// <summary>Who called, and under which number the answer is awaited.</summary>
enum Caller
{
    Intake,
    Delivery,

    /// <summary>Work in the background and people in the console.</summary>
    Upkeep,
}

/// <summary>A call on its way to a customer.</summary>
/// <param name="Silo">The caller's silo; -1 for upkeep, which has none.</param>
sealed record CallCargo(long CallId, string CustomerId, CustomerCall Call, int Silo, int Life);

/// <param name="System">Index of the delivery's system; -1: not a delivery's call.</param>
sealed record PendingCall(long CallId, Caller Caller, long Ticket, string CustomerId, int System, object? Mark);

/// <summary>A report on its way into the hub: sent again until it is answered.</summary>
sealed class Post(Edit edit, int number)
{
    public Edit Edit => edit;

    public int Number => number;

    public int Tries { get; set; }

    /// <summary>The answer to the try under way belongs to this number only.</summary>
    public int AwaitedTry { get; set; }

    public IntakeAnswer.Done? Answer { get; set; }
}
