using System.Collections.Immutable;
using System.Runtime.InteropServices;
using OrleansCrm.Domain.Claims;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Journal;

/// <summary>
/// A link with all that its record said and holds, told edit by edit and write by write: each once, with the fields that it
/// speaks of. An edit is numbered by its place among the link's edits, from 0; so is a write.
/// </summary>
static class LinkJson
{
    /// <param name="golden">Golden values that the document has told already: what is said equal to them is only named.</param>
    public static void Write(DocumentWriter to, Link link, FieldMap<Golden> golden)
    {
        to.Json.WriteStartObject();
        WriteHead(to, Settlement.Head(link), LinkState.Linked);
        WriteFields(to, link, golden);
        if (link.Troubles.Count > 0)
        {
            to.Json.WriteStartObject("troubles"u8);
            for (var i = 0; i < link.Troubles.Count; i++)
            {
                to.Json.WritePropertyName(link.Troubles.Names[i]);
                WriteTrouble(to, link.Troubles.Values[i]);
            }
            to.Json.WriteEndObject();
        }
        if (link.Trouble is { } trouble) WriteTrouble(to, trouble);
        if (!link.Recent.IsDefaultOrEmpty)
        {
            to.Json.WriteStartArray("recent"u8);
            foreach (var recent in link.Recent) to.RecentValue(recent);
            to.Json.WriteEndArray();
        }
        to.Json.WriteEndObject();
    }

    /// <summary>What an entry and a snapshot tell of a link alike.</summary>
    /// <param name="expected">The state that goes without saying; null: none does.</param>
    public static void WriteHead(DocumentWriter to, LinkChange head, LinkState? expected)
    {
        to.Id("id"u8, head.LinkId);
        to.Text("system"u8, head.System);
        to.Text("object"u8, head.Object);
        to.Text("record"u8, head.ExternalId);
        if (head.State != expected) to.Word("state"u8, head.State);
        to.Number("epoch"u8, head.Epoch, 0);
        to.Id("key"u8, head.CreationKey);
    }

    /// <summary>Collects the members of a link's head among others.</summary>
    public struct HeadParts
    {
        string? _id, _system, _object, _record, _key;
        LinkState? _state;
        long _epoch;

        /// <returns>False: the member is none of them, and is still to be read.</returns>
        public bool Take(ReadOnlySpan<byte> name, ref DocumentReader from)
        {
            if (name.SequenceEqual("id"u8)) _id = from.Id();
            else if (name.SequenceEqual("system"u8)) _system = from.Name();
            else if (name.SequenceEqual("object"u8)) _object = from.Name();
            else if (name.SequenceEqual("record"u8)) _record = from.Text();
            else if (name.SequenceEqual("state"u8)) _state = from.Word<LinkState>();
            else if (name.SequenceEqual("epoch"u8)) _epoch = from.Long();
            else if (name.SequenceEqual("key"u8)) _key = from.Id();
            else return false;
            return true;
        }

        /// <param name="expected">The state where none is told; null: it has to be.</param>
        public readonly LinkChange ToHead(ref DocumentReader from, LinkState? expected) =>
            new(from.Owed(_id, "link id"), from.Owed(_system, "system"), from.Owed(_object, "object"), _record, from.Owed(_state ?? expected, "state"), _epoch, _key);
    }

    static void WriteFields(DocumentWriter to, Link link, FieldMap<Golden> golden)
    {
        to.Edits.Clear();
        to.Intents.Clear();
        var count = link.Fields.Count;
        // The order in which a reader will meet the fields, and how many statements or writes of each are out.
        var order = new List<int>(count);
        Span<int> done = count <= 128 ? stackalloc int[count] : new int[count];
        WriteEdits(to, link, golden, order, done);
        done.Clear();
        WriteIntents(to, link, golden, order, done);
        WriteRest(to, link, order);
    }

    static void WriteEdits(DocumentWriter to, Link link, FieldMap<Golden> golden, List<int> order, Span<int> done)
    {
        var fields = link.Fields;
        var any = false;
        while (true)
        {
            EditEvidence? by = null;
            for (var i = 0; i < fields.Count; i++)
            {
                var statements = fields.Values[i].Statements;
                if (done[i] >= statements.Length) continue;
                var first = statements[done[i]].By;
                if (by is null || (!ReferenceEquals(first, by) && EditEvidence.Compare(first, by) < 0)) by = first;
            }
            if (by is null) break;
            Start(to, ref any, "edits"u8);
            WriteHead(to, by);
            if (WriteSaid(to, link, golden, by, done, order)) WriteReported(to, link, by, done);
            for (var i = 0; i < fields.Count; i++)
            {
                if (Next(fields, i, done, by) is not null) done[i]++;
            }
            to.Json.WriteEndObject();
        }
        // Edits that only something else refers to.
        if (link.LastAlive is { } alive) Bare(to, alive, ref any);
        if (link.LastGone is { } gone) Bare(to, gone.By, ref any);
        if (any) to.Json.WriteEndArray();
    }

    // The next statement of a field, if the edit makes it.
    static Statement? Next(FieldMap<FieldEvidence> fields, int field, ReadOnlySpan<int> done, EditEvidence by)
    {
        var statements = fields.Values[field].Statements;
        return done[field] < statements.Length && IsSame(statements[done[field]].By, by) ? statements[done[field]] : null;
    }

    // In the order of the fields: names of those of which the edit says the golden value, objects with what it says of others.
    static bool WriteSaid(DocumentWriter to, Link link, FieldMap<Golden> golden, EditEvidence by, ReadOnlySpan<int> done, List<int> order)
    {
        var reported = false;
        var open = false;
        to.Json.WriteStartArray("said"u8);
        for (var i = 0; i < link.Fields.Count; i++)
        {
            if (Next(link.Fields, i, done, by) is not { } statement) continue;
            var name = link.Fields.Names[i];
            var same = golden.TryGet(name, out var holds) && holds.Value == statement.Value;
            if (open && same) to.Json.WriteEndObject();
            else if (!open && !same) to.Json.WriteStartObject();
            open = !same;
            if (same)
            {
                to.Json.WriteStringValue(name);
            }
            else
            {
                to.Json.WritePropertyName(name);
                to.Value(statement.Value);
            }
            reported |= statement.Reported is not null;
            if (done[i] == 0) order.Add(i);
        }
        if (open) to.Json.WriteEndObject();
        to.Json.WriteEndArray();
        return reported;
    }

    static void WriteReported(DocumentWriter to, Link link, EditEvidence by, ReadOnlySpan<int> done)
    {
        to.Json.WriteStartObject("reported"u8);
        for (var i = 0; i < link.Fields.Count; i++)
        {
            if (Next(link.Fields, i, done, by)?.Reported is { } spelling) to.Json.WriteString(link.Fields.Names[i], spelling);
        }
        to.Json.WriteEndObject();
    }

    static void Start(DocumentWriter to, ref bool any, ReadOnlySpan<byte> name)
    {
        if (any) return;
        to.Json.WriteStartArray(name);
        any = true;
    }

    // Opens the object of an edit; one that was told before speaks once more where its statements stand apart.
    static void WriteHead(DocumentWriter to, EditEvidence by)
    {
        to.Json.WriteStartObject();
        if (NumberOf(to.Edits, by) is var known and >= 0)
        {
            to.Number("as"u8, (long?)known);
            return;
        }
        to.Edits.Add(by);
        EvidenceJson.WriteMembers(to, by);
    }

    static void Bare(DocumentWriter to, EditEvidence by, ref bool any)
    {
        if (NumberOf(to.Edits, by) >= 0) return;
        Start(to, ref any, "edits"u8);
        WriteHead(to, by);
        to.Json.WriteEndObject();
    }

    static bool IsSame(EditEvidence left, EditEvidence right) => ReferenceEquals(left, right) || left == right;

    static int NumberOf(List<EditEvidence> edits, EditEvidence by)
    {
        for (var i = 0; i < edits.Count; i++)
        {
            if (IsSame(edits[i], by)) return i;
        }
        return -1;
    }

    static int NumberOf(List<Intent> intents, Intent intent)
    {
        for (var i = 0; i < intents.Count; i++)
        {
            if (ReferenceEquals(intents[i], intent) || intents[i] == intent) return i;
        }
        return -1;
    }

    static void WriteIntents(DocumentWriter to, Link link, FieldMap<Golden> golden, List<int> order, Span<int> done)
    {
        var fields = link.Fields;
        var any = false;
        while (true)
        {
            Intent? intent = null;
            for (var i = 0; i < fields.Count; i++)
            {
                var writes = fields.Values[i].Writes;
                if (done[i] < writes.Length && (intent is null || writes[done[i]].Intent.Start < intent.Start)) intent = writes[done[i]].Intent;
            }
            if (intent is null) break;
            Start(to, ref any, "writes"u8);
            WriteHead(to, intent);
            to.Json.WriteStartObject("fields"u8);
            for (var i = 0; i < fields.Count; i++)
            {
                var writes = fields.Values[i].Writes;
                if (done[i] >= writes.Length || writes[done[i]].Intent != intent) continue;
                var write = writes[done[i]];
                to.Json.WriteStartObject(fields.Names[i]);
                if (!golden.TryGet(fields.Names[i], out var holds) || holds.Value != write.Value) to.Value("is"u8, write.Value);
                to.Value("was"u8, write.Before);
                to.Number("golden"u8, (long?)write.GoldenVersion);
                to.Value("stored"u8, write.Rendering);
                to.Flag("refused"u8, write.Refused);
                to.Json.WriteEndObject();
                if (done[i]++ == 0 && fields.Values[i].Statements.IsEmpty) order.Add(i);
            }
            to.Json.WriteEndObject();
            to.Json.WriteEndObject();
        }
        if (link.Intent is { } open && NumberOf(to.Intents, open) < 0)
        {
            Start(to, ref any, "writes"u8);
            WriteHead(to, open);
            to.Json.WriteEndObject();
        }
        if (any) to.Json.WriteEndArray();
        if (link.Intent is { } underWay) to.Number("intent"u8, (long?)NumberOf(to.Intents, underWay));
    }

    static void WriteHead(DocumentWriter to, Intent intent)
    {
        to.Json.WriteStartObject();
        if (NumberOf(to.Intents, intent) is var known and >= 0)
        {
            to.Number("as"u8, (long?)known);
            return;
        }
        to.Intents.Add(intent);
        EvidenceJson.WriteMembers(to, intent);
    }

    static void WriteRest(DocumentWriter to, Link link, List<int> order)
    {
        var fields = link.Fields;
        if (order.Count < fields.Count)
        {
            // Nothing is left of what was said or written; they keep their places.
            to.Json.WriteStartArray("blank"u8);
            for (var i = 0; i < fields.Count; i++)
            {
                var evidence = fields.Values[i];
                if (!evidence.Statements.IsEmpty || !evidence.Writes.IsEmpty) continue;
                to.Json.WriteStringValue(fields.Names[i]);
                order.Add(i);
            }
            to.Json.WriteEndArray();
        }
        WriteOrder(to, order);
        if (link.LastAlive is { } alive) to.Number("alive"u8, (long?)NumberOf(to.Edits, alive));
        if (link.LastGone is not { } gone) return;
        to.Json.WriteStartObject("gone"u8);
        to.Word("kind"u8, gone.Kind);
        to.Number("edit"u8, (long?)NumberOf(to.Edits, gone.By));
        to.Record("into"u8, gone.Into);
        if (gone.Since != gone.By.Time) to.Time("since"u8, gone.Since);
        to.Json.WriteEndObject();
    }

    /// <summary>The places of fields in the order in which a reader meets them, where these do not simply count up.</summary>
    public static void WriteOrder(DocumentWriter to, List<int> order)
    {
        var simple = true;
        for (var i = 0; i < order.Count && simple; i++) simple = order[i] == i;
        if (simple) return;
        to.Json.WriteStartArray("order"u8);
        foreach (var place in order) to.Json.WriteNumberValue(place);
        to.Json.WriteEndArray();
    }

    static void WriteTrouble(DocumentWriter to, RecordTrouble trouble) => WriteTrouble(to, "trouble"u8, trouble);

    public static void WriteTrouble(DocumentWriter to, ReadOnlySpan<byte> name, RecordTrouble trouble)
    {
        to.Json.WriteStartObject(name);
        to.Text("code"u8, trouble.Code);
        to.Text("advice"u8, trouble.Advice);
        to.Number("rev"u8, (long?)trouble.AtRevision);
        to.Json.WriteEndObject();
    }

    public static void WriteTrouble(DocumentWriter to, FieldTrouble trouble)
    {
        to.Json.WriteStartObject();
        to.Word("kind"u8, trouble.Kind);
        to.Text("code"u8, trouble.Code);
        to.Number("golden"u8, (long?)trouble.GoldenVersion);
        to.Number("rounds"u8, trouble.Rounds, 0);
        to.Number("intent"u8, trouble.LastIntent, 0);
        if (trouble.Advice is { } advice) to.Text("advice"u8, advice);
        to.Time("until"u8, trouble.Until);
        to.Json.WriteEndObject();
    }

    // ---- Reading ----

    sealed class Parts
    {
        public readonly List<string> Names = [];
        public readonly List<EditEvidence> Edits = [];
        public readonly List<Intent> Intents = [];
        public readonly List<(int Field, Statement Statement)> Statements = [];
        public readonly List<(int Field, FieldIntent Write)> Writes = [];
        public int[]? Order;

        public int FieldOf(string name)
        {
            for (var i = 0; i < Names.Count; i++)
            {
                if (ReferenceEquals(Names[i], name) || Names[i] == name) return i;
            }
            Names.Add(name);
            return Names.Count - 1;
        }
    }

    /// <param name="golden">The golden values that stand before the link.</param>
    public static Link Read(ref DocumentReader from, List<GoldenJson.Group> golden)
    {
        var parts = new Parts();
        var head = new HeadParts();
        int? intent = null, alive = null, goneBy = null;
        EditKind? gone = null;
        DateTimeOffset? goneSince = null;
        SourceRecord? into = null;
        var troubles = FieldMap.Empty<FieldTrouble>();
        RecordTrouble? trouble = null;
        ImmutableArray<RecentEdit> recent = [];
        from.BeginObject();
        while (from.Member(out var name))
        {
            if (head.Take(name, ref from)) continue;
            if (name.SequenceEqual("edits"u8)) ReadEdits(ref from, parts, golden);
            else if (name.SequenceEqual("writes"u8)) ReadWrites(ref from, parts, golden);
            else if (name.SequenceEqual("blank"u8))
            {
                from.BeginArray();
                while (from.Element()) parts.FieldOf(from.Name());
            }
            else if (name.SequenceEqual("order"u8)) parts.Order = ReadOrder(ref from);
            else if (name.SequenceEqual("intent"u8)) intent = from.Int();
            else if (name.SequenceEqual("alive"u8)) alive = from.Int();
            else if (name.SequenceEqual("gone"u8))
            {
                from.BeginObject();
                while (from.Member(out var part))
                {
                    if (part.SequenceEqual("kind"u8)) gone = from.Word<EditKind>();
                    else if (part.SequenceEqual("edit"u8)) goneBy = from.Int();
                    else if (part.SequenceEqual("into"u8)) into = from.Record();
                    else if (part.SequenceEqual("since"u8)) goneSince = from.Time();
                    else from.Skip();
                }
            }
            else if (name.SequenceEqual("troubles"u8))
            {
                from.BeginObject();
                while (from.Field(out var field)) troubles = troubles.With(field, ReadFieldTrouble(ref from));
            }
            else if (name.SequenceEqual("trouble"u8)) trouble = ReadRecordTrouble(ref from);
            else if (name.SequenceEqual("recent"u8))
            {
                from.BeginArray();
                var builder = ImmutableArray.CreateBuilder<RecentEdit>();
                while (from.Element()) builder.Add(from.Recent());
                recent = builder.DrainToImmutable();
            }
            else from.Skip();
        }
        var (id, system, @object, record, state, epoch, key, _) = head.ToHead(ref from, LinkState.Linked);
        return new Link
        {
            Id = id,
            System = system,
            Object = @object,
            ExternalId = record,
            State = state,
            Epoch = epoch,
            CreationKey = key,
            Fields = ToFields(ref from, parts),
            Troubles = troubles,
            Trouble = trouble,
            Intent = intent is { } i ? from.At(parts.Intents, i) : null,
            LastAlive = alive is { } a ? from.At(parts.Edits, a) : null,
            LastGone = gone is { } kind ? Gone(kind, from.At(parts.Edits, from.Owed(goneBy, "edit")), into, goneSince) : null,
            Recent = recent,
        };
    }

    static Departure Gone(EditKind kind, EditEvidence by, SourceRecord? into, DateTimeOffset? since) => new(kind, by, into, since ?? by.Time);

    static void ReadEdits(ref DocumentReader from, Parts parts, List<GoldenJson.Group> golden)
    {
        from.BeginArray();
        var values = new List<(int Field, FieldValue Value)>();
        var spellings = new List<(int Field, string Spelling)>();
        while (from.Element())
        {
            values.Clear();
            spellings.Clear();
            var head = new EvidenceJson.EvidenceParts();
            int? known = null;
            from.BeginObject();
            while (from.Member(out var name))
            {
                if (head.Take(name, ref from)) continue;
                if (name.SequenceEqual("as"u8)) known = from.Int();
                else if (name.SequenceEqual("said"u8))
                {
                    from.BeginArray();
                    while (from.Element()) ReadSaid(ref from, parts, golden, values);
                }
                else if (name.SequenceEqual("reported"u8))
                {
                    from.BeginObject();
                    while (from.Field(out var field)) spellings.Add((parts.FieldOf(field), from.Text()));
                }
                else from.Skip();
            }
            var by = known is { } number ? from.At(parts.Edits, number) : head.ToEvidence(ref from);
            if (known is null) parts.Edits.Add(by);
            foreach (var (field, value) in values)
            {
                string? spelling = null;
                foreach (var told in spellings)
                {
                    if (told.Field == field) spelling = told.Spelling;
                }
                parts.Statements.Add((field, new(value, by, spelling)));
            }
        }
    }

    static void ReadSaid(ref DocumentReader from, Parts parts, List<GoldenJson.Group> golden, List<(int Field, FieldValue Value)> values)
    {
        if (from.IsText)
        {
            var same = from.Name();
            values.Add((parts.FieldOf(same), GoldenOf(ref from, golden, same)));
            return;
        }
        from.BeginObject();
        while (from.Field(out var field)) values.Add((parts.FieldOf(field), from.Value()));
    }

    static FieldValue GoldenOf(ref DocumentReader from, List<GoldenJson.Group> golden, string field)
    {
        foreach (var group in golden)
        {
            foreach (var (name, value) in group.Fields)
            {
                if (ReferenceEquals(name, field) || name == field) return value;
            }
        }
        throw from.Malformed("it refers to a golden value that does not stand before it");
    }

    static void ReadWrites(ref DocumentReader from, Parts parts, List<GoldenJson.Group> golden)
    {
        from.BeginArray();
        var writes = new List<(int Field, FieldWriteParts Write)>();
        while (from.Element())
        {
            writes.Clear();
            var head = new EvidenceJson.IntentParts();
            int? known = null;
            from.BeginObject();
            while (from.Member(out var name))
            {
                if (head.Take(name, ref from)) continue;
                if (name.SequenceEqual("as"u8)) known = from.Int();
                else if (name.SequenceEqual("fields"u8))
                {
                    from.BeginObject();
                    while (from.Field(out var field)) writes.Add((parts.FieldOf(field), ReadWrite(ref from, golden, field)));
                }
                else from.Skip();
            }
            var intent = known is { } number ? from.At(parts.Intents, number) : head.ToIntent(ref from);
            if (known is null) parts.Intents.Add(intent);
            foreach (var (field, write) in writes) parts.Writes.Add((field, new(intent, write.Value, write.Held, write.Version, write.Stored, write.Refused)));
        }
    }

    /// <summary>What was written to one field, before it is known by which write.</summary>
    public readonly record struct FieldWriteParts(FieldValue Value, FieldValue? Held, long Version, FieldValue? Stored, bool Refused);

    /// <param name="golden">Where a value that is not told is to be found.</param>
    public static FieldWriteParts ReadWrite(ref DocumentReader from, List<GoldenJson.Group> golden, string field)
    {
        FieldValue? value = null, held = null, stored = null;
        long? version = null;
        var refused = false;
        from.BeginObject();
        while (from.Member(out var name))
        {
            if (name.SequenceEqual("is"u8)) value = from.Value();
            else if (name.SequenceEqual("was"u8)) held = from.Value();
            else if (name.SequenceEqual("golden"u8)) version = from.Long();
            else if (name.SequenceEqual("stored"u8)) stored = from.Value();
            else if (name.SequenceEqual("refused"u8)) refused = from.Flag();
            else from.Skip();
        }
        return new(value ?? GoldenOf(ref from, golden, field), held, from.Owed(version, "golden version"), stored, refused);
    }

    public static int[] ReadOrder(ref DocumentReader from)
    {
        from.BeginArray();
        var order = new List<int>();
        while (from.Element()) order.Add(from.Int());
        return [.. order];
    }

    static FieldMap<FieldEvidence> ToFields(ref DocumentReader from, Parts parts)
    {
        var count = parts.Names.Count;
        if (count == 0) return FieldMap.Empty<FieldEvidence>();
        var statements = new int[count];
        var writes = new int[count];
        foreach (var (field, _) in parts.Statements) statements[field]++;
        foreach (var (field, _) in parts.Writes) writes[field]++;

        var allStatements = ByField(parts.Statements, statements);
        var allWrites = ByField(parts.Writes, writes);
        var values = new FieldEvidence[count];
        for (var i = 0; i < count; i++) values[i] = new(allStatements[i], allWrites[i]);
        return Ordered(ref from, [.. parts.Names], values, parts.Order);
    }

    /// <summary>Puts fields into their places; without an order they stay as met.</summary>
    public static FieldMap<T> Ordered<T>(ref DocumentReader from, string[] names, T[] values, int[]? order)
    {
        if (order is null) return FieldMap.Owning(names, values);
        if (order.Length != names.Length) throw from.Malformed("the order of the fields does not fit");
        var orderedNames = new string[names.Length];
        var orderedValues = new T[names.Length];
        for (var i = 0; i < order.Length; i++)
        {
            if ((uint)order[i] >= (uint)names.Length || orderedNames[order[i]] is not null) throw from.Malformed("the order of the fields does not fit");
            orderedNames[order[i]] = names[i];
            orderedValues[order[i]] = values[i];
        }
        return FieldMap.Owning(orderedNames, orderedValues);
    }

    static ImmutableArray<T>[] ByField<T>(List<(int Field, T Item)> items, int[] counts)
    {
        var arrays = new T[counts.Length][];
        for (var i = 0; i < counts.Length; i++) arrays[i] = counts[i] == 0 ? [] : new T[counts[i]];
        Array.Clear(counts);
        foreach (var (field, item) in items) arrays[field][counts[field]++] = item;
        var result = new ImmutableArray<T>[arrays.Length];
        for (var i = 0; i < arrays.Length; i++) result[i] = ImmutableCollectionsMarshal.AsImmutableArray(arrays[i]);
        return result;
    }

    public static FieldTrouble ReadFieldTrouble(ref DocumentReader from)
    {
        TroubleKind? kind = null;
        string? code = null;
        long? golden = null;
        long intent = 0;
        var rounds = 0;
        string? advice = null;
        DateTimeOffset? until = null;
        from.BeginObject();
        while (from.Member(out var name))
        {
            if (name.SequenceEqual("until"u8)) until = from.Time();
            else if (name.SequenceEqual("kind"u8)) kind = from.Word<TroubleKind>();
            else if (name.SequenceEqual("code"u8)) code = from.Name();
            else if (name.SequenceEqual("golden"u8)) golden = from.Long();
            else if (name.SequenceEqual("rounds"u8)) rounds = from.Int();
            else if (name.SequenceEqual("intent"u8)) intent = from.Long();
            else if (name.SequenceEqual("advice"u8)) advice = from.Text();
            else from.Skip();
        }
        return new(from.Owed(kind, "kind"), from.Owed(code, "code"), from.Owed(golden, "golden version"), rounds, intent, advice) { Until = until };
    }

    public static RecordTrouble ReadRecordTrouble(ref DocumentReader from)
    {
        string? code = null, advice = null;
        long? revision = null;
        from.BeginObject();
        while (from.Member(out var name))
        {
            if (name.SequenceEqual("code"u8)) code = from.Name();
            else if (name.SequenceEqual("advice"u8)) advice = from.Text();
            else if (name.SequenceEqual("rev"u8)) revision = from.Long();
            else from.Skip();
        }
        return new(from.Owed(code, "code"), from.Owed(advice, "advice"), from.Owed(revision, "revision"));
    }
}
