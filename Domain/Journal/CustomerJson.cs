using System.Buffers;
using System.Collections.Immutable;
using OrleansCrm.Domain.Claims;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Journal;

/// <summary>A snapshot of a customer as JSON text: for the store, and readable for a person there.</summary>
/// <remarks>
/// The text must be kept as it is (bytes, text, <c>json</c>): <c>jsonb</c> would respell canonical values. Times come back in
/// UTC. Unknown members are passed over, so that a member may be added without a new version; a newer version is refused.
/// </remarks>
public static class CustomerJson
{
    /// <summary>Version of the form that is written, and the newest that is read.</summary>
    public const int Version = 1;

    /// <exception cref="JournalFormatException">A field value is not JSON.</exception>
    public static byte[] Write(Customer customer) => DocumentWriter.ToBytes(customer, customer.Id, Write);

    /// <exception cref="JournalFormatException">A field value is not JSON; the buffer holds a part of a document.</exception>
    public static void Write(Customer customer, IBufferWriter<byte> into) => DocumentWriter.ToBuffer(customer, customer.Id, into, Write);

    static void Write(DocumentWriter to, Customer customer)
    {
        to.Json.WriteStartObject();
        to.Number("v"u8, (long?)Version);
        to.Text("id"u8, customer.Id);
        to.Text("type"u8, customer.RecordType);
        to.Number("rev"u8, (long?)customer.Revision);
        to.Number("def"u8, customer.DefinitionVersion, 0);
        to.Word("status"u8, customer.Status, CustomerStatus.Living);
        to.Text("moved-to"u8, customer.MovedTo);
        to.Number("founded"u8, customer.LinksFounded, 0);
        if (customer.PendingDeletion is { } pending) WritePending(to, pending);
        to.Texts("keys"u8, customer.Keys);
        WriteWithheld(to, customer.Withheld);
        if (customer.Refusals.Count > 0)
        {
            to.Json.WriteStartObject("refusals"u8);
            for (var i = 0; i < customer.Refusals.Count; i++) to.StampOf(customer.Refusals.Names[i], customer.Refusals.Values[i]);
            to.Json.WriteEndObject();
        }
        if (!customer.Referred.IsEmpty)
        {
            to.Json.WriteStartObject("referred"u8);
            foreach (var (said, customerId) in customer.Referred) to.Json.WriteString(said, customerId);
            to.Json.WriteEndObject();
        }
        // Before the links, which say of many fields only that they hold the same.
        WriteGolden(to, customer);
        if (!customer.Links.IsEmpty)
        {
            to.Json.WriteStartArray("links"u8);
            foreach (var link in customer.Links) LinkJson.Write(to, link, customer.Golden);
            to.Json.WriteEndArray();
        }
        to.Json.WriteEndObject();
    }

    static void WriteGolden(DocumentWriter to, Customer customer)
    {
        var golden = customer.Golden;
        if (golden.Count == 0) return;
        var order = new List<int>(golden.Count);
        Span<bool> done = golden.Count <= 256 ? stackalloc bool[golden.Count] : new bool[golden.Count];
        to.Json.WriteStartArray("golden"u8);
        for (var i = 0; i < golden.Count; i++)
        {
            if (done[i]) continue;
            var head = golden.Values[i];
            to.Json.WriteStartObject();
            to.Id("link"u8, head.LinkId);
            if (StampsAlone(customer, head)) to.Id("edit"u8, head.Stamp.EditId);
            else to.Stamp("stamp"u8, head.Stamp);
            GoldenJson.WriteHead(to, head, revision: null);
            to.Json.WriteStartObject("fields"u8);
            for (var j = i; j < golden.Count; j++)
            {
                if (done[j] || (j != i && !GoldenJson.SameHead(head, golden.Values[j]))) continue;
                to.Json.WritePropertyName(golden.Names[j]);
                to.Value(golden.Values[j].Value);
                done[j] = true;
                order.Add(j);
            }
            to.Json.WriteEndObject();
            to.Json.WriteEndObject();
        }
        to.Json.WriteEndArray();
        LinkJson.WriteOrder(to, order);
    }

    /// <summary>Whether the id of the stamp's edit is enough to find the stamp again among the statements of its link.</summary>
    static bool StampsAlone(Customer customer, Golden golden)
    {
        if (golden.Stamp.IsInitial || golden.Stamp.IsGuess || customer.Link(golden.LinkId) is not { } link) return false;
        var found = false;
        foreach (var evidence in link.Fields.Values)
        {
            foreach (var statement in evidence.Statements)
            {
                if (statement.By.EditId != golden.Stamp.EditId) continue;
                if (statement.By.ToStamp() != golden.Stamp) return false;
                found = true;
            }
        }
        return found;
    }

    static Stamp StampOf(ref DocumentReader from, Link link, string editId)
    {
        foreach (var evidence in link.Fields.Values)
        {
            foreach (var statement in evidence.Statements)
            {
                if (statement.By.EditId == editId) return statement.By.ToStamp();
            }
        }
        throw from.Malformed("it refers to an edit that is not there");
    }

    internal static void WritePending(DocumentWriter to, PendingDeletion pending)
    {
        to.Json.WriteStartObject("deletion"u8);
        to.Id("link"u8, pending.LinkId);
        to.Time("at"u8, pending.At);
        to.Json.WriteEndObject();
    }

    internal static PendingDeletion ReadPending(ref DocumentReader from)
    {
        string? link = null;
        DateTimeOffset? at = null;
        from.BeginObject();
        while (from.Member(out var name))
        {
            if (name.SequenceEqual("link"u8)) link = from.Id();
            else if (name.SequenceEqual("at"u8)) at = from.Time();
            else from.Skip();
        }
        return new(from.Owed(link, "link"), from.Owed(at, "time"));
    }

    internal static void WriteWithheld(DocumentWriter to, ImmutableArray<WithheldKey> withheld)
    {
        if (withheld.IsDefaultOrEmpty) return;
        to.Json.WriteStartArray("withheld"u8);
        foreach (var key in withheld)
        {
            to.Json.WriteStartObject();
            to.Text("key"u8, key.Key);
            to.Text("holder"u8, key.HolderId);
            to.Number("since"u8, (long?)key.Since);
            to.Json.WriteEndObject();
        }
        to.Json.WriteEndArray();
    }

    internal static ImmutableArray<WithheldKey> ReadWithheld(ref DocumentReader from)
    {
        var withheld = ImmutableArray.CreateBuilder<WithheldKey>();
        from.BeginArray();
        while (from.Element())
        {
            string? key = null, holder = null;
            long? since = null;
            from.BeginObject();
            while (from.Member(out var name))
            {
                if (name.SequenceEqual("key"u8)) key = from.Text();
                else if (name.SequenceEqual("holder"u8)) holder = from.Text();
                else if (name.SequenceEqual("since"u8)) since = from.Long();
                else from.Skip();
            }
            withheld.Add(new(from.Owed(key, "key"), from.Owed(holder, "holder"), from.Owed(since, "revision")));
        }
        return withheld.DrainToImmutable();
    }

    /// <summary>Takes what <see cref="Write(Customer)"/> wrote.</summary>
    /// <exception cref="JournalFormatException">The text is no snapshot, or one of a newer version.</exception>
    public static Customer Read(ReadOnlySpan<byte> utf8) => DocumentReader.Read(utf8, Read);

    static Customer Read(ref DocumentReader from)
    {
        var id = from.Begin("id"u8, Version, "snapshot");
        string? type = null, movedTo = null;
        long? revision = null;
        int definition = 0, founded = 0;
        var status = CustomerStatus.Living;
        PendingDeletion? pending = null;
        ImmutableArray<string> keys = [];
        ImmutableArray<WithheldKey> withheld = [];
        var refusals = FieldMap.Empty<Stamp>();
        ImmutableSortedDictionary<string, string>.Builder? referred = null;
        var links = ImmutableArray.CreateBuilder<Link>();
        List<GoldenJson.Group> golden = [];
        int[]? order = null;
        while (from.Member(out var name))
        {
            if (name.SequenceEqual("type"u8)) type = from.Name();
            else if (name.SequenceEqual("rev"u8)) revision = from.Long();
            else if (name.SequenceEqual("def"u8)) definition = from.Int();
            else if (name.SequenceEqual("status"u8)) status = from.Word<CustomerStatus>();
            else if (name.SequenceEqual("moved-to"u8)) movedTo = from.Text();
            else if (name.SequenceEqual("founded"u8)) founded = from.Int();
            else if (name.SequenceEqual("deletion"u8)) pending = ReadPending(ref from);
            else if (name.SequenceEqual("keys"u8)) keys = from.Texts();
            else if (name.SequenceEqual("withheld"u8)) withheld = ReadWithheld(ref from);
            else if (name.SequenceEqual("refusals"u8))
            {
                from.BeginObject();
                while (from.Field(out var field)) refusals = refusals.With(field, from.Stamp());
            }
            else if (name.SequenceEqual("referred"u8))
            {
                referred ??= ImmutableSortedDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
                from.BeginObject();
                while (from.Key(out var said)) referred[said] = from.Text();
            }
            else if (name.SequenceEqual("links"u8))
            {
                from.BeginArray();
                while (from.Element()) links.Add(LinkJson.Read(ref from, golden));
            }
            else if (name.SequenceEqual("golden"u8))
            {
                from.BeginArray();
                while (from.Element()) golden.Add(GoldenJson.Group.Read(ref from));
            }
            else if (name.SequenceEqual("order"u8)) order = LinkJson.ReadOrder(ref from);
            else from.Skip();
        }
        from.Finish();
        var customer = new Customer
        {
            Id = id,
            RecordType = from.Owed(type, "record type"),
            Revision = from.Owed(revision, "revision"),
            DefinitionVersion = definition,
            Status = status,
            MovedTo = movedTo,
            Links = links.ToImmutable(),
            LinksFounded = founded,
            Golden = ToGolden(ref from, golden, links, order),
            Keys = keys,
            Withheld = withheld,
            Refusals = refusals,
            PendingDeletion = pending,
        };
        return referred is null ? customer : customer with { Referred = referred.ToImmutable() };
    }

    static FieldMap<Golden> ToGolden(ref DocumentReader from, List<GoldenJson.Group> groups, ImmutableArray<Link>.Builder links, int[]? order)
    {
        var count = 0;
        foreach (var group in groups) count += group.Fields.Count;
        var names = new string[count];
        var values = new Golden[count];
        var at = 0;
        foreach (var group in groups)
        {
            if (group.EditId is { } editId)
            {
                var link = 0;
                while (link < links.Count && links[link].Id != group.LinkId) link++;
                if (link == links.Count) throw from.Malformed("it refers to a link that is not there");
                group.Stamp = StampOf(ref from, links[link], editId);
            }
            foreach (var (field, value) in group.Fields)
            {
                if (names.AsSpan(0, at).Contains(field)) throw from.Malformed("two golden values of one field");
                names[at] = field;
                values[at++] = group.ToGolden(ref from, value, 0);
            }
        }
        return LinkJson.Ordered(ref from, names, values, order);
    }
}
