using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using OrleansCrm.Domain.Claims;
using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Customers;

/// <summary>Erases a person: the last entry becomes the fold's new base, earlier ones keep a skeleton without values, and keyed hashes stop the same records from coming back.</summary>
public static class Erasure
{
    /// <returns>The commit, and the hashes to suppress: of every source record and identity key that the customer held.</returns>
    /// <param name="secret">The hub's own key: without it nobody can test a guess against the hashes. At least 32 bytes.</param>
    public static (Commit Commit, Customer Erased, ImmutableArray<string> Suppressed) Erase(Customer customer, HubDefinition hub, DateTimeOffset now, ReadOnlySpan<byte> secret)
    {
        var entry = new JournalEntry
        {
            CustomerId = customer.Id,
            RecordType = customer.RecordType,
            Revision = customer.Revision + 1,
            DefinitionVersion = Math.Max(hub.Version, customer.DefinitionVersion),
            At = now,
            IsErasure = true,
            // Which systems had a record is the proof of where erasure had to reach; the ids are personal data and go.
            Links = [.. customer.Links.Select(l => new LinkChange(l.Id, l.System, l.Object, null, LinkState.Suppressed, l.Epoch + 1, null))],
            Status = new(CustomerStatus.Erased),
            // Deliveries find out that there is nothing to bring any more, and drop what their rows say.
            Due = [.. customer.Links.Select(l => new DueMark(l.System, l.Id))],
        };
        var records = customer.Links.Where(l => l.Source is not null).Select(l => l.Source!.Value).ToImmutableArray();
        var suppressed = ImmutableArray.CreateBuilder<string>(records.Length + customer.Keys.Length);
        foreach (var record in records) suppressed.Add(Suppression(HeldElsewhere.RecordKey(record), secret));
        foreach (var key in customer.Keys) suppressed.Add(Suppression(key, secret));
        return (
            new Commit([new(customer.Id, customer.Revision, [entry], [], customer.Keys, [], records)]),
            CustomerFold.Apply(null, entry),
            suppressed.MoveToImmutable());
    }

    /// <summary>The keyed hash under which a record or identity key is suppressed.</summary>
    public static string Suppression(string key, ReadOnlySpan<byte> secret) => Convert.ToHexStringLower(HMACSHA256.HashData(secret, Encoding.UTF8.GetBytes(key)));

    /// <summary>An earlier entry of an erased customer: what happened and when, without any value, record id, person or key.</summary>
    public static JournalEntry Skeleton(JournalEntry entry) => entry with
    {
        Edits = [.. entry.Edits.Select(e => e with { Fields = [.. e.Fields.Select(f => new FieldEdit(f.Field, FieldValue.Cleared))], By = Skeleton(e.By), Recent = default, Into = null })],
        Links = [.. entry.Links.Select(l => l with { ExternalId = null })],
        Receipts = [.. entry.Receipts.Select(r => r with
        {
            Fields = r.Fields.IsDefault ? default : [.. r.Fields.Select(f => f with { Rendering = null })],
            Trouble = r.Trouble is null ? null : r.Trouble with { Advice = Advice.For(r.Trouble.Code) },
        })],
        // What a system says about a value may quote it.
        Troubles = [.. entry.Troubles.Select(t => t with { Trouble = t.Trouble is null ? null : t.Trouble with { Advice = null } })],
        Golden = [.. entry.Golden.Select(g => g with { Golden = g.Golden is null ? null : g.Golden with { Value = FieldValue.Cleared } })],
        Intents = [.. entry.Intents.Select(i => i with { Fields = [.. i.Fields.Select(f => new FieldWrite(f.Field, FieldValue.Cleared, f.Version))] })],
        Keys = null,
        MovedIn = [],
        Undone = [],
        Referred = [],
        Forgotten = [],
    };

    static EditEvidence Skeleton(EditEvidence by) => by with { EditId = "", Actor = new(by.Actor.Kind), Judged = [], Batch = null };
}
