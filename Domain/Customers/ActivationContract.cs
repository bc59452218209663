using System.Collections.Immutable;
using OrleansCrm.Domain.Committing;

namespace OrleansCrm.Domain.Customers;

/// <summary>What reaches an activation of a customer.</summary>
public abstract record ActivationMessage
{
    /// <summary>The store's state at the tail of the customer's entries; null: it does not exist yet.</summary>
    /// <param name="IsRemembered">The shell kept it from an earlier load or commit: somebody may have written since, so where that matters it is loaded anew.</param>
    public sealed record Loaded(Customer? Customer, bool IsRemembered = false) : ActivationMessage;

    public sealed record LoadFailed(string Reason) : ActivationMessage;

    /// <param name="Ticket">Chosen by the shell; given back with the answer.</param>
    public sealed record Called(long Ticket, CustomerCall Call) : ActivationMessage;

    /// <summary>Calls that arrived together and are decided together, in this order. Those beyond the inbox's bound are answered <see cref="CustomerAnswer.TryAgain"/>.</summary>
    public sealed record CalledTogether(ImmutableArray<Asked> Calls) : ActivationMessage;

    /// <summary>The end of the one commit under way.</summary>
    public sealed record Ended(CommitAnswer Answer) : ActivationMessage;
}

/// <summary>What an activation wants done.</summary>
public abstract record ActivationEffect
{
    /// <summary>Load the customer from the store and step with <see cref="ActivationMessage.Loaded"/>.</summary>
    public sealed record Load : ActivationEffect;

    /// <summary>Hand this to the committer and step with <see cref="ActivationMessage.Ended"/>. At most one is under way.</summary>
    public sealed record Submit(Commit Commit) : ActivationEffect;

    public sealed record Answer(long Ticket, CustomerAnswer Value) : ActivationEffect;

    /// <summary>Forget this activation: what it knows may be old. A later call makes a new one, which loads.</summary>
    public sealed record Deactivate : ActivationEffect;
}
