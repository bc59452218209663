using System.Collections.Immutable;
using OrleansCrm.Domain.Claims;

namespace OrleansCrm.Domain.Customers;

/// <summary>Chooses the edits that a revert undoes.</summary>
/// <param name="System">Null: of any system.</param>
/// <param name="ActorId">Null: by anybody.</param>
/// <param name="Batch">Null: of any import or none.</param>
/// <param name="Since">Edits with an earlier time are kept; null: however old.</param>
public sealed record RevertQuery(string? System, string? ActorId, string? Batch, DateTimeOffset? Since)
{
    /// <summary>The customer's edits that match and are not undone yet: what <see cref="CustomerCall.Undo"/> takes. Empty: none.</summary>
    /// <remarks>Edits that were dropped beyond the bound of what a field remembers cannot be undone any more.</remarks>
    public ImmutableArray<Undoing> Find(Customer customer)
    {
        var found = ImmutableArray.CreateBuilder<Undoing>();
        foreach (var link in customer.Links)
        {
            if (System is not null && link.System != System) continue;
            var edits = new SortedSet<string>(StringComparer.Ordinal);
            foreach (var evidence in link.Fields.Values)
            {
                foreach (var statement in evidence.Statements)
                {
                    if (!statement.By.IsReverted && Matches(statement.By)) edits.Add(statement.By.EditId);
                }
            }
            if (edits.Count > 0) found.Add(new(link.Id, [.. edits]));
        }
        return found.ToImmutable();
    }

    bool Matches(EditEvidence by) =>
        (ActorId is null || by.Actor.Id == ActorId) && (Batch is null || by.Batch == Batch) && (Since is not { } since || by.Time >= since);
}
