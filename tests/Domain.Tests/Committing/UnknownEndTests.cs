using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Tests.Rules;
using OrleansCrm.Domain.Values;
using Xunit;
using static OrleansCrm.Domain.Tests.Committing.Given;

namespace OrleansCrm.Domain.Tests.Committing;

/// <summary>A transaction whose end nobody knows is neither reported as not done nor built upon. Each fault that does so is told by the rule that it breaks.</summary>
/// <remarks>The store's fence keeps all of them from writing anything wrong, so that no world of the simulation sees more of them than their shadows.</remarks>
public sealed class UnknownEndTests
{
    [Fact]
    public void What_is_answered_as_not_done_is_not_in_the_journal() => WhatIsNotDoneIsNotThere(PlantedFault.None);

    [Fact]
    public void A_customer_in_memory_is_the_fold_of_its_entries_whatever_it_was_told_of_its_commit() => MemoryIsTheFold(PlantedFault.None);

    [Fact]
    public void A_commit_that_nobody_knows_about_turns_no_other_customer_back() => NeighboursLand(PlantedFault.None);

    [Fact]
    public void Told_as_aborted_it_breaks_rule_1() => Breaks(1, () => WhatIsNotDoneIsNotThere(PlantedFault.TreatUnknownAsAborted));

    [Fact]
    public void Taken_for_aborted_it_breaks_rule_3() => Breaks(3, () => MemoryIsTheFold(PlantedFault.UnknownIsAborted));

    [Fact]
    public void Told_as_aborted_it_breaks_rule_3_as_well() => Breaks(3, () => MemoryIsTheFold(PlantedFault.TreatUnknownAsAborted));

    [Fact]
    public void With_its_tail_kept_it_breaks_rule_10() => Breaks(10, () => NeighboursLand(PlantedFault.KeepTailAfterUnknown));

    static void Breaks(int rule, Action play) => Assert.StartsWith($"rule {rule}:", Assert.Throws<RuleBroken>(play).Message, StringComparison.Ordinal);

    // Acknowledged is durable, and what is said not to have happened has not: whoever hears that acts upon it.
    static void WhatIsNotDoneIsNotThere(PlantedFault planted)
    {
        var chain = new Chain(planted);

        chain.Submit("cus_a", Commit("cus_a", 0));
        chain.Land(AnswerIs.Unknown);

        foreach (var (customer, answer) in chain.CommitAnswers)
        {
            var landed = chain.Store.RevisionOf(customer) > 0;
            if (landed && answer is CommitAnswer.Aborted or CommitAnswer.Stale) throw new RuleBroken(1, $"the commit of {customer} was answered {answer.GetType().Name}, and its entry is in the journal");
        }
        Assert.IsType<CommitAnswer.Unknown>(Assert.Single(chain.CommitAnswers).Answer);
    }

    // A write is announced, nobody hears that it landed, and a person takes the system out of live meanwhile: deciding the begin again needs no
    // commit, so that no fence is met. An activation that goes on from there answers from memory that the journal has left behind.
    static void MemoryIsTheFold(PlantedFault planted)
    {
        var live = Chain.HubOf(planted, SystemMode.Live);
        var chain = new Chain(planted) { Hub = live };
        chain.Call("cus_a", new CustomerCall.Offer(Chain.Edit("hubspot", "1"), Noon, Adopt: true));
        chain.Land(AnswerIs.Told);
        chain.Call("cus_a", new CustomerCall.Offer(Chain.Edit("salesforce", "2"), Noon, Adopt: true));
        chain.Land(AnswerIs.Told);
        var link = chain.Activation("cus_a").Committed!.LinkOf("hubspot", "contacts", "1")!;

        chain.Call("cus_a", new CustomerCall.Begin(link.Id));
        chain.Hub = Chain.HubOf(planted, SystemMode.Observe);
        chain.Land(AnswerIs.Unknown);

        Assert.Equal(3, chain.Store.RevisionOf("cus_a"));
        if (chain.HasEnded("cus_a")) return;
        var (known, folded) = (CustomerText.Of(chain.Activation("cus_a").Committed), CustomerText.Of(chain.Fold("cus_a")));
        if (known != folded) throw new RuleBroken(3, $"the customer in memory is at revision {chain.Activation("cus_a").Committed!.Revision} and goes on, its journal at {chain.Store.RevisionOf("cus_a")}");
    }

    // A bad neighbour hurts nobody: what happened to one commit of a partition is no reason to turn the others there back.
    internal static void NeighboursLand(PlantedFault planted)
    {
        var chain = new Chain(planted);
        chain.Submit("cus_a", Commit("cus_a", 0));
        chain.Submit("cus_b", Commit("cus_b", 0));

        chain.Land(AnswerIs.Unknown);
        chain.Land(AnswerIs.Told);

        var answer = chain.CommitAnswers.Single(a => a.CustomerId == "cus_b").Answer;
        if (answer is not CommitAnswer.Committed) throw new RuleBroken(10, $"the commit of cus_b was answered {answer.GetType().Name} because nobody knew the end of another's");
    }

    sealed class RuleBroken(int rule, string what) : Exception($"rule {rule}: {what}");

    enum AnswerIs
    {
        Told,

        /// <summary>The transaction lands, and its answer is lost.</summary>
        Unknown,
    }

    /// <summary>Customers, the committer of their silo, and a store of one partition.</summary>
    sealed class Chain
    {
        readonly CommitterMachine _committer = new(new(), partitions: 1);
        readonly Dictionary<string, CustomerActivation> _activations = [];
        readonly Dictionary<long, (string CustomerId, bool IsActivation)> _tickets = [];
        readonly HashSet<string> _ended = [];
        CommitterEffect.Append? _append;
        long _lastTicket;

        public Chain(PlantedFault planted)
        {
            Hub = HubOf(planted, SystemMode.Live);
            Step(new CommitterMessage.Owned([0]));
        }

        public HubDefinition Hub { get; set; }

        public MemoryStore Store { get; } = new(1);

        public List<(string CustomerId, CommitAnswer Answer)> CommitAnswers { get; } = [];

        public static HubDefinition HubOf(PlantedFault planted, SystemMode mode)
        {
            var phone = new FieldDefinition { Name = "phone", Type = FieldType.Text };
            SystemDefinition System(string name) => new(name, "sim", [new MappingDefinition("person", "contacts", [new FieldMapping { Field = "phone", Name = "phone" }]) { Create = CreatePolicy.Never }]) { Mode = mode };
            return new([new RecordTypeDefinition("person", [phone])], [System("hubspot"), System("salesforce")]) { Version = 1, Planted = planted };
        }

        public static Edit Edit(string system, string phone) => new()
        {
            Id = system + phone,
            Kind = EditKind.Change,
            Source = new(system, "contacts", "1"),
            RecordType = "person",
            Time = Noon.AddMinutes(int.Parse(phone, System.Globalization.CultureInfo.InvariantCulture)),
            Fields = [new("phone", FieldValue.Text(phone))],
        };

        public CustomerActivation Activation(string id) => _activations[id];

        public bool HasEnded(string id) => _ended.Contains(id);

        public Customer? Fold(string id) => CustomerFold.Apply(null, Store.Journal.Where(p => p.Entry.CustomerId == id).Select(p => p.Entry));

        public void Submit(string customerId, Commit commit) => Submit(customerId, commit, isActivation: false);

        void Submit(string customerId, Commit commit, bool isActivation)
        {
            _tickets.Add(++_lastTicket, (customerId, isActivation));
            Step(new CommitterMessage.Submit(_lastTicket, commit, 100));
        }

        public void Call(string customerId, CustomerCall call)
        {
            if (!_activations.TryGetValue(customerId, out var activation)) _activations[customerId] = activation = new(customerId);
            Step(activation, new ActivationMessage.Called(1, call));
        }

        /// <summary>Carries the batch under way out.</summary>
        public void Land(AnswerIs answer)
        {
            var append = _append!;
            _append = null;
            var decided = Store.Append(append.Batch);
            Step(new CommitterMessage.Appended(append.BatchId, answer == AnswerIs.Told ? decided : new AppendAnswer.Unknown("the connection broke")));
        }

        void Step(CommitterMessage message)
        {
            var effects = new List<CommitterEffect>();
            _committer.Step(message, Hub, effects);
            foreach (var effect in effects)
            {
                switch (effect)
                {
                    case CommitterEffect.LoadTail load: Step(new CommitterMessage.TailLoaded(load.Partition, Store.TailOf(load.Partition))); break;
                    case CommitterEffect.Append append: _append = append; break;
                    case CommitterEffect.Answer answer:
                        var (customer, isActivation) = _tickets[answer.Ticket];
                        if (isActivation) Step(_activations[customer], new ActivationMessage.Ended(answer.Value));
                        else CommitAnswers.Add((customer, answer.Value));
                        break;
                }
            }
        }

        void Step(CustomerActivation activation, ActivationMessage message)
        {
            var effects = new List<ActivationEffect>();
            activation.Step(message, Hub, Noon.AddHours(1), effects);
            foreach (var effect in effects)
            {
                switch (effect)
                {
                    case ActivationEffect.Load: Step(activation, new ActivationMessage.Loaded(Fold(activation.CustomerId))); break;
                    case ActivationEffect.Submit submit: Submit(activation.CustomerId, submit.Commit, isActivation: true); break;
                    case ActivationEffect.Deactivate: _ended.Add(activation.CustomerId); break;
                }
            }
        }
    }
}
