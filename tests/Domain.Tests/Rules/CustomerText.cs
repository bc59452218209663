using System.Text;
using OrleansCrm.Domain.Claims;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;

namespace OrleansCrm.Domain.Tests.Rules;

/// <summary>All of a customer as text, so that two of them can be compared deeply and a difference be read.</summary>
static class CustomerText
{
    public static string Of(Customer? customer)
    {
        if (customer is null) return "none";
        var text = new StringBuilder();
        text.Append(customer.Id).Append(' ').Append(customer.RecordType).Append(" revision ").Append(customer.Revision)
            .Append(" definition ").Append(customer.DefinitionVersion).Append(' ').Append(customer.Status).Append(" to ").Append(customer.MovedTo)
            .Append(" founded ").Append(customer.LinksFounded).Append(" deletion ").Append(customer.PendingDeletion).Append('\n');
        text.Append("keys ").AppendJoin(',', customer.Keys).Append(" withheld ").AppendJoin(',', customer.Withheld).Append('\n');
        foreach (var (field, stamp) in customer.Refusals.OrderBy(r => r.Key, StringComparer.Ordinal)) text.Append("refusal ").Append(field).Append(' ').Append(stamp).Append('\n');
        foreach (var (said, leads) in customer.Referred) text.Append("refers ").Append(said).Append(" to ").Append(leads).Append('\n');
        foreach (var (field, golden) in customer.Golden.OrderBy(g => g.Key, StringComparer.Ordinal)) text.Append(field).Append(" = ").Append(golden).Append('\n');
        foreach (var link in customer.Links) Append(text, link);
        return text.ToString();
    }

    static void Append(StringBuilder text, Link link)
    {
        text.Append("link ").Append(link.Id).Append(' ').Append(link.System).Append('/').Append(link.Object).Append('/').Append(link.ExternalId).Append(' ').Append(link.State)
            .Append(" epoch ").Append(link.Epoch).Append(" key ").Append(link.CreationKey).Append(" trouble ").Append(link.Trouble).Append(" intent ").Append(link.Intent).Append('\n');
        text.Append("  alive ");
        Append(text, link.LastAlive);
        text.Append(" gone ").Append(link.LastGone?.Kind).Append(' ').Append(link.LastGone?.Into).Append(' ');
        Append(text, link.LastGone?.By);
        text.Append(" recent ").AppendJoin(',', link.Recent).Append('\n');
        foreach (var (field, trouble) in link.Troubles.OrderBy(t => t.Key, StringComparer.Ordinal)) text.Append("  trouble ").Append(field).Append(' ').Append(trouble).Append('\n');
        foreach (var (field, evidence) in link.Fields.OrderBy(f => f.Key, StringComparer.Ordinal))
        {
            text.Append("  ").Append(field).Append(":\n");
            foreach (var statement in evidence.Statements)
            {
                text.Append("    said ").Append(statement.Value).Append(" (").Append(statement.Reported).Append(") ");
                Append(text, statement.By);
                text.Append('\n');
            }
            foreach (var write in evidence.Writes) text.Append("    wrote ").Append(write).Append('\n');
        }
    }

    static void Append(StringBuilder text, EditEvidence? by)
    {
        if (by is null)
        {
            text.Append("none");
            return;
        }
        text.Append(by.IsChange ? "change " : "seen ").Append(by.EditId).Append(" at ").Append(by.Time.UtcTicks).Append(by.TimeTold).Append(" since ").Append(by.Since?.UtcTicks)
            .Append(" v").Append(by.Version).Append(" by ").Append(by.Actor).Append(" received ").Append(by.ReceivedAt.UtcTicks).Append(" batch ").Append(by.Batch)
            .Append(" judged ").AppendJoin(',', by.Judged).Append(by.IsReverted ? " reverted" : "");
    }

    /// <summary>What the world outside may rely on: per source record and field the claim with its stamp, per field the golden value with its stamp and source record. No revisions, no link ids.</summary>
    public static string OfMeaning(Customer? customer, HubDefinition hub)
    {
        if (customer is null) return "none";
        var lines = new List<string>();
        foreach (var (field, golden) in customer.Golden)
        {
            lines.Add($"golden {field} = {golden.Value} {Text(golden.Stamp)} by {Name(customer.Link(golden.LinkId))} rule {golden.Rule} conflict {golden.InConflict}");
        }
        foreach (var link in customer.Links)
        {
            // A wish that has passed leaves an empty link behind, whose absence would mean the same.
            if (link.ExternalId is not null || link.State == LinkState.Wanted) lines.Add($"link {Name(link)} {link.State}");
            foreach (var (field, evidence) in link.Fields)
            {
                if (hub.Rules.Of(customer.RecordType, link.System, link.Object).Field(field) is not { } rules) continue;
                lines.Add($"claims {Name(link)} {field}: " + string.Join("; ", evidence.ClaimsOf(rules).Select(c => $"{c.Value} {Text(c.Stamp)}")));
            }
        }
        lines.Sort(StringComparer.Ordinal);
        return string.Join('\n', lines) + $"\n{customer.Status}";
    }

    static string Text(Stamp stamp) => $"{stamp} v{stamp.Version} {stamp.EditId}";

    static string Name(Link? link) => link is null ? "-" : $"{link.System}/{link.Object}/{link.ExternalId}";
}
