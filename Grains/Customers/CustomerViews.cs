using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Grains.Interfaces.Customers;

namespace OrleansCrm.Grains.Customers;

/// <summary>A customer in the words that go over the wire.</summary>
static class CustomerViews
{
    public static CustomerView Of(Customer customer, HubDefinition hub, DateTimeOffset now) => new(
        customer.Id,
        customer.RecordType,
        customer.Status,
        customer.Revision,
        customer.MovedTo,
        [.. customer.Golden.OrderBy(g => g.Key, StringComparer.Ordinal).Select(g => Field(customer, g.Key, g.Value))],
        [.. customer.Links.Select(l => Link(customer, l, hub, now))],
        [.. customer.Withheld.Select(w => w.HolderId).Distinct(StringComparer.Ordinal)]);

    /// <returns>Null: the record type has no such field.</returns>
    public static ExplanationView? Explain(Customer customer, string field, HubDefinition hub)
    {
        if (hub.RecordType(customer.RecordType)?.Field(field) is not { } definition) return null;
        var explained = Explanation.Of(customer, definition.Name, hub);
        return new(
            customer.Id,
            explained.Field,
            explained.Golden is { } golden ? Field(customer, explained.Field, golden) : null,
            [.. explained.Claims.Select(c => Claim(customer, c))],
            [.. explained.Deliveries.Select(d => Write(customer, d))]);
    }

    /// <summary>A state of a link as it is told: <c>out-of-scope</c>.</summary>
    public static string Word(LinkState state) => Word(state.ToString());

    static FieldView Field(Customer customer, string field, Golden golden) => new(
        field,
        golden.Value.Json,
        golden.Version,
        SystemOf(customer, golden.LinkId),
        golden.LinkId,
        golden.Stamp.IsInitial ? null : golden.Stamp.Time,
        golden.Stamp.IsGuess,
        golden.Rule);

    static LinkView Link(Customer customer, Link link, HubDefinition hub, DateTimeOffset now)
    {
        var troubles = link.Troubles.Where(t => t.Value.Kind != TroubleKind.Watched).Select(t => new TroubleView(t.Key, Word(t.Value.Kind.ToString()), t.Value.Code, null));
        if (link.Trouble is { } whole) troubles = troubles.Prepend(new("", "parked", whole.Code, whole.Advice));
        var delivery = link.Intent is { IsUnsettled: true } ? "writing"
            : link.Trouble is not null ? "parked"
            : Planner.Plan(customer, link, hub, now) switch
            {
                LinkPlan.Nothing => "in-sync",
                LinkPlan.Park => "parked",
                _ => "due",
            };
        return new(link.Id, link.System, link.Object, link.ExternalId, Word(link.State), delivery, [.. troubles]);
    }

    static ClaimView Claim(Customer customer, ClaimExplained explained) => new(
        explained.LinkId,
        SystemOf(customer, explained.LinkId),
        explained.Source?.Object,
        explained.Source?.ExternalId,
        explained.Claim.Value.Json,
        Word(explained.Standing.ToString()),
        explained.Claim.Stamp.IsInitial ? null : explained.Claim.Stamp.Time,
        explained.IsGuess,
        explained.Claim.Stamp.EditId,
        Word(explained.Claim.By.Actor.Kind.ToString()),
        explained.Claim.By.Actor.Id);

    static WriteView Write(Customer customer, DeliveryExplained explained) => new(
        explained.LinkId,
        SystemOf(customer, explained.LinkId),
        explained.Source?.Object,
        explained.Source?.ExternalId,
        explained.Value.Json,
        explained.Rendering?.Json,
        explained.GoldenVersion,
        explained.State,
        explained.StartedAt,
        explained.EndedAt);

    // A link that was joined with another, or moved away, is known by its id alone.
    static string SystemOf(Customer customer, string linkId) => customer.Link(linkId)?.System ?? "";

    /// <summary><c>OutOfScope</c> as <c>out-of-scope</c>.</summary>
    static string Word(string name)
    {
        var text = new System.Text.StringBuilder(name.Length + 4);
        foreach (var letter in name)
        {
            if (char.IsAsciiLetterUpper(letter) && text.Length > 0) text.Append('-');
            text.Append(char.ToLowerInvariant(letter));
        }
        return text.ToString();
    }
}
