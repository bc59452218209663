using System.Buffers;
using System.Collections.Immutable;
using OrleansCrm.Domain.Claims;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Journal;

/// <summary>A journal entry as JSON text: for the store, and readable for a person there.</summary>
/// <remarks>
/// The text must be kept as it is (bytes, text, <c>json</c>): <c>jsonb</c> would respell canonical values. Times come back in
/// UTC. Unknown members are passed over, so that a member may be added without a new version; a newer version is refused.
/// </remarks>
public static class EntryJson
{
    /// <summary>Version of the form that is written, and the newest that is read.</summary>
    public const int Version = 1;

    /// <exception cref="JournalFormatException">A field value is not JSON.</exception>
    public static byte[] Write(JournalEntry entry) => DocumentWriter.ToBytes(entry, entry.CustomerId, Write);

    /// <exception cref="JournalFormatException">A field value is not JSON; the buffer holds a part of a document.</exception>
    public static void Write(JournalEntry entry, IBufferWriter<byte> into) => DocumentWriter.ToBuffer(entry, entry.CustomerId, into, Write);

    static void Write(DocumentWriter to, JournalEntry entry)
    {
        var json = to.Json;
        json.WriteStartObject();
        to.Number("v"u8, (long?)Version);
        to.Text("customer"u8, entry.CustomerId);
        to.Text("type"u8, entry.RecordType);
        to.Number("rev"u8, (long?)entry.Revision);
        to.Number("def"u8, entry.DefinitionVersion, 0);
        to.Time("at"u8, entry.At);
        to.Flag("erasure"u8, entry.IsErasure);
        if (entry.Renamed is { } renamed)
        {
            json.WriteStartObject("renamed"u8);
            to.Text("type"u8, renamed.RecordType);
            WriteRenamed(to, "fields"u8, renamed.Fields);
            WriteRenamed(to, "systems"u8, renamed.Systems);
            json.WriteEndObject();
        }
        if (!entry.Edits.IsDefaultOrEmpty)
        {
            json.WriteStartArray("edits"u8);
            foreach (var edit in entry.Edits) WriteEdit(to, edit);
            json.WriteEndArray();
        }
        if (!entry.Links.IsDefaultOrEmpty)
        {
            json.WriteStartArray("links"u8);
            foreach (var change in entry.Links) WriteLink(to, change);
            json.WriteEndArray();
        }
        if (!entry.LinksJoined.IsDefaultOrEmpty)
        {
            json.WriteStartArray("joined"u8);
            foreach (var (one, into) in entry.LinksJoined)
            {
                json.WriteStartArray();
                to.IdValue(one);
                to.IdValue(into);
                json.WriteEndArray();
            }
            json.WriteEndArray();
        }
        if (!entry.Receipts.IsDefaultOrEmpty)
        {
            json.WriteStartArray("receipts"u8);
            foreach (var receipt in entry.Receipts) WriteReceipt(to, receipt, entry.At);
            json.WriteEndArray();
        }
        if (!entry.Undone.IsDefaultOrEmpty)
        {
            json.WriteStartArray("undone"u8);
            foreach (var undoing in entry.Undone)
            {
                json.WriteStartObject();
                to.Id("link"u8, undoing.LinkId);
                to.Ids("edits"u8, undoing.EditIds);
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }
        if (!entry.Referred.IsDefaultOrEmpty)
        {
            json.WriteStartArray("referred"u8);
            foreach (var change in entry.Referred)
            {
                json.WriteStartObject();
                to.Text("said"u8, change.Said);
                to.Text("to"u8, change.CustomerId);
                to.Texts("fields"u8, change.Fields);
                to.Flag("forgotten"u8, change.IsForgotten);
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }
        if (!entry.Forgotten.IsDefaultOrEmpty)
        {
            json.WriteStartArray("forgotten"u8);
            foreach (var forgotten in entry.Forgotten)
            {
                json.WriteStartObject();
                to.Id("link"u8, forgotten.LinkId);
                to.Text("field"u8, forgotten.Field);
                to.Ids("edits"u8, forgotten.EditIds);
                to.Numbers("intents"u8, forgotten.IntentIds);
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }
        WriteGolden(to, entry);
        if (!entry.Troubles.IsDefaultOrEmpty)
        {
            json.WriteStartArray("troubles"u8);
            foreach (var change in entry.Troubles)
            {
                json.WriteStartObject();
                to.Id("link"u8, change.LinkId);
                to.Text("field"u8, change.Field);
                if (change.Trouble is { } trouble)
                {
                    json.WritePropertyName("is"u8);
                    LinkJson.WriteTrouble(to, trouble);
                }
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }
        if (!entry.Intents.IsDefaultOrEmpty)
        {
            json.WriteStartArray("intents"u8);
            foreach (var intent in entry.Intents) WriteIntent(to, intent, entry.At);
            json.WriteEndArray();
        }
        if (entry.Keys is { } keys)
        {
            json.WriteStartObject("keys"u8);
            to.Texts("held"u8, keys.Held);
            CustomerJson.WriteWithheld(to, keys.Withheld);
            json.WriteEndObject();
        }
        if (entry.Status is { } status)
        {
            json.WriteStartObject("status"u8);
            to.Word("is"u8, status.Status);
            to.Text("moved-to"u8, status.MovedTo);
            if (status.PendingDeletion is { } pending) CustomerJson.WritePending(to, pending);
            json.WriteEndObject();
        }
        if (!entry.MovedIn.IsDefaultOrEmpty)
        {
            json.WriteStartArray("moved-in"u8);
            foreach (var link in entry.MovedIn) LinkJson.Write(to, link, FieldMap.Empty<Golden>());
            json.WriteEndArray();
        }
        to.Ids("moved-out"u8, entry.MovedOut);
        if (!entry.Refusals.IsDefaultOrEmpty)
        {
            json.WriteStartObject("refusals"u8);
            foreach (var (field, stamp) in entry.Refusals) to.StampOf(field, stamp);
            json.WriteEndObject();
        }
        if (!entry.Due.IsDefaultOrEmpty)
        {
            json.WriteStartObject("due"u8);
            foreach (var due in entry.Due)
            {
                json.WritePropertyName(due.System);
                to.IdValue(due.LinkId);
            }
            json.WriteEndObject();
        }
        json.WriteEndObject();
    }

    static void WriteRenamed(DocumentWriter to, ReadOnlySpan<byte> name, ImmutableArray<(string From, string To)> names)
    {
        if (names.IsDefaultOrEmpty) return;
        to.Json.WriteStartObject(name);
        foreach (var (old, present) in names) to.Json.WriteString(old, present);
        to.Json.WriteEndObject();
    }

    static void WriteEdit(DocumentWriter to, RecordedEdit edit)
    {
        var json = to.Json;
        json.WriteStartObject();
        to.Id("link"u8, edit.LinkId);
        to.Word("kind"u8, edit.Kind, edit.By.IsChange ? EditKind.Change : EditKind.Observation);
        EvidenceJson.WriteMembers(to, edit.By);
        if (!edit.Fields.IsDefaultOrEmpty)
        {
            json.WriteStartObject("fields"u8);
            var reported = false;
            foreach (var field in edit.Fields)
            {
                json.WritePropertyName(field.Field);
                to.Value(field.Value);
                reported |= field.Reported is not null;
            }
            json.WriteEndObject();
            if (reported) WriteReported(to, edit.Fields);
        }
        to.Record("into"u8, edit.Into);
        json.WritePropertyName("hash"u8);
        to.RecentValue(edit.Recent);
        json.WriteEndObject();
    }

    static void WriteReported(DocumentWriter to, ImmutableArray<FieldEdit> fields)
    {
        to.Json.WriteStartObject("reported"u8);
        for (var i = 0; i < fields.Length; i++)
        {
            if (fields[i].Reported is { } spelling)
            {
                to.Json.WriteString(fields[i].Field, spelling);
                continue;
            }
            // The reader takes spellings in the order of the fields: a field named twice needs its turn.
            for (var j = i + 1; j < fields.Length; j++)
            {
                if (fields[j].Field != fields[i].Field || fields[j].Reported is null) continue;
                to.Json.WriteNull(fields[i].Field);
                break;
            }
        }
        to.Json.WriteEndObject();
    }

    static void WriteLink(DocumentWriter to, LinkChange change)
    {
        to.Json.WriteStartObject();
        LinkJson.WriteHead(to, change, expected: null);
        to.Flag("new"u8, change.IsNew);
        to.Json.WriteEndObject();
    }

    static void WriteReceipt(DocumentWriter to, Receipt receipt, DateTimeOffset at)
    {
        var json = to.Json;
        json.WriteStartObject();
        to.Id("link"u8, receipt.LinkId);
        to.Number("intent"u8, (long?)receipt.IntentId);
        to.Word("state"u8, receipt.State);
        to.Text("code"u8, receipt.Code);
        if (receipt.At != at) to.Time("at"u8, receipt.At);
        to.Time("saved"u8, receipt.SavedAt);
        to.Number("version"u8, receipt.SavedVersion);
        to.Flag("read"u8, receipt.IsReadBack);
        if (!receipt.Fields.IsDefaultOrEmpty)
        {
            json.WriteStartObject("fields"u8);
            foreach (var field in receipt.Fields)
            {
                json.WriteStartObject(field.Field);
                to.Value("stored"u8, field.Rendering);
                to.Flag("refused"u8, field.Refused);
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        if (receipt.Trouble is { } trouble) LinkJson.WriteTrouble(to, "trouble"u8, trouble);
        json.WriteEndObject();
    }

    static void WriteIntent(DocumentWriter to, Announcement intent, DateTimeOffset at)
    {
        var json = to.Json;
        json.WriteStartObject();
        to.Id("link"u8, intent.LinkId);
        to.Word("kind"u8, intent.Kind, WriteKind.Update);
        to.TimeAfter("before"u8, intent.StartBefore, at);
        if (!intent.Fields.IsDefaultOrEmpty)
        {
            json.WriteStartObject("fields"u8);
            foreach (var field in intent.Fields)
            {
                json.WriteStartObject(field.Field);
                to.Value("is"u8, field.Value);
                to.Value("was"u8, field.Held);
                to.Value("stored"u8, field.Rendered);
                to.Number("golden"u8, (long?)field.Version);
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        json.WriteEndObject();
    }

    static void WriteGolden(DocumentWriter to, JournalEntry entry)
    {
        if (entry.Golden.IsDefaultOrEmpty) return;
        var json = to.Json;
        json.WriteStartArray("golden"u8);
        for (var i = 0; i < entry.Golden.Length;)
        {
            var head = entry.Golden[i].Golden;
            if (head is null)
            {
                json.WriteStartObject();
                json.WriteStartArray("undetermined"u8);
                while (i < entry.Golden.Length && entry.Golden[i].Golden is null) json.WriteStringValue(entry.Golden[i++].Field);
                json.WriteEndArray();
                json.WriteEndObject();
                continue;
            }
            json.WriteStartObject();
            var edit = EditOf(entry.Edits, head);
            if (edit >= 0)
            {
                to.Number("edit"u8, (long?)edit);
            }
            else
            {
                to.Id("link"u8, head.LinkId);
                to.Stamp("stamp"u8, head.Stamp);
            }
            GoldenJson.WriteHead(to, head, entry.Revision);
            // A group holds either values, or names of fields that are now what the edit said.
            var same = IsSaid(entry, edit, i);
            if (same) json.WriteStartArray("same"u8);
            else json.WriteStartObject("fields"u8);
            while (i < entry.Golden.Length && entry.Golden[i].Golden is { } golden && GoldenJson.SameHead(head, golden) && IsSaid(entry, edit, i) == same)
            {
                if (same)
                {
                    json.WriteStringValue(entry.Golden[i++].Field);
                    continue;
                }
                json.WritePropertyName(entry.Golden[i++].Field);
                to.Value(golden.Value);
            }
            if (same) json.WriteEndArray();
            else json.WriteEndObject();
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    static bool IsSaid(JournalEntry entry, int edit, int change)
    {
        if (edit < 0) return false;
        foreach (var said in entry.Edits[edit].Fields)
        {
            if (said.Field == entry.Golden[change].Field) return said.Value == entry.Golden[change].Golden!.Value;
        }
        return false;
    }

    static int EditOf(ImmutableArray<RecordedEdit> edits, Golden golden)
    {
        if (edits.IsDefault) return -1;
        for (var i = 0; i < edits.Length; i++)
        {
            if (edits[i].LinkId == golden.LinkId && edits[i].By.ToStamp() == golden.Stamp) return i;
        }
        return -1;
    }

    /// <summary>Takes what <see cref="Write(JournalEntry)"/> wrote.</summary>
    /// <exception cref="JournalFormatException">The text is no entry, or one of a newer version.</exception>
    public static JournalEntry Read(ReadOnlySpan<byte> utf8) => DocumentReader.Read(utf8, Read);

    static JournalEntry Read(ref DocumentReader from)
    {
        var id = from.Begin("customer"u8, Version, "entry");
        string? type = null;
        long? revision = null;
        var definition = 0;
        DateTimeOffset? at = null;
        var erasure = false;
        Renaming? renamed = null;
        var edits = ImmutableArray.CreateBuilder<RecordedEdit>();
        var links = ImmutableArray.CreateBuilder<LinkChange>();
        var joined = ImmutableArray.CreateBuilder<(string, string)>();
        var receipts = ImmutableArray.CreateBuilder<(Receipt Receipt, bool Timed)>();
        var undone = ImmutableArray.CreateBuilder<Undoing>();
        var referred = ImmutableArray.CreateBuilder<ReferralChange>();
        var forgotten = ImmutableArray.CreateBuilder<Forgotten>();
        List<GoldenJson.Group>? golden = null;
        var troubles = ImmutableArray.CreateBuilder<TroubleChange>();
        var intents = new List<(Announcement Intent, SoonTime Before)>();
        KeyChange? keys = null;
        StatusChange? status = null;
        var movedIn = ImmutableArray.CreateBuilder<Link>();
        ImmutableArray<string> movedOut = [];
        var refusals = ImmutableArray.CreateBuilder<KeyValuePair<string, Stamp>>();
        var due = ImmutableArray.CreateBuilder<DueMark>();
        while (from.Member(out var name))
        {
            if (name.SequenceEqual("type"u8)) type = from.Name();
            else if (name.SequenceEqual("rev"u8)) revision = from.Long();
            else if (name.SequenceEqual("def"u8)) definition = from.Int();
            else if (name.SequenceEqual("at"u8)) at = from.Time();
            else if (name.SequenceEqual("erasure"u8)) erasure = from.Flag();
            else if (name.SequenceEqual("renamed"u8)) renamed = ReadRenaming(ref from);
            else if (name.SequenceEqual("keys"u8)) keys = ReadKeys(ref from);
            else if (name.SequenceEqual("status"u8)) status = ReadStatus(ref from);
            else if (name.SequenceEqual("moved-out"u8)) movedOut = from.Ids();
            else if (name.SequenceEqual("refusals"u8))
            {
                from.BeginObject();
                while (from.Field(out var field)) refusals.Add(new(field, from.Stamp()));
            }
            else if (name.SequenceEqual("edits"u8)) DocumentReader.Each(ref from, edits, ReadEdit);
            else if (name.SequenceEqual("links"u8)) DocumentReader.Each(ref from, links, ReadLink);
            else if (name.SequenceEqual("joined"u8)) DocumentReader.Each(ref from, joined, ReadPair);
            else if (name.SequenceEqual("receipts"u8)) DocumentReader.Each(ref from, receipts, ReadReceipt);
            else if (name.SequenceEqual("undone"u8)) DocumentReader.Each(ref from, undone, ReadUndoing);
            else if (name.SequenceEqual("referred"u8)) DocumentReader.Each(ref from, referred, ReadReferral);
            else if (name.SequenceEqual("forgotten"u8)) DocumentReader.Each(ref from, forgotten, ReadForgotten);
            else if (name.SequenceEqual("golden"u8))
            {
                golden ??= [];
                from.BeginArray();
                while (from.Element()) golden.Add(GoldenJson.Group.Read(ref from));
            }
            else if (name.SequenceEqual("troubles"u8)) DocumentReader.Each(ref from, troubles, ReadTrouble);
            else if (name.SequenceEqual("intents"u8))
            {
                from.BeginArray();
                while (from.Element()) intents.Add(ReadIntent(ref from));
            }
            else if (name.SequenceEqual("moved-in"u8))
            {
                from.BeginArray();
                while (from.Element()) movedIn.Add(LinkJson.Read(ref from, golden: []));
            }
            else if (name.SequenceEqual("due"u8))
            {
                from.BeginObject();
                while (from.Field(out var system)) due.Add(new(system, from.Id()));
            }
            else from.Skip();
        }
        from.Finish();
        var time = from.Owed(at, "time");
        var number = from.Owed(revision, "revision");
        var taken = edits.DrainToImmutable();
        return new JournalEntry
        {
            CustomerId = id,
            RecordType = from.Owed(type, "record type"),
            Revision = number,
            DefinitionVersion = definition,
            At = time,
            Renamed = renamed,
            Edits = taken,
            Links = links.DrainToImmutable(),
            LinksJoined = joined.DrainToImmutable(),
            Receipts = Timed(receipts, time),
            Undone = undone.DrainToImmutable(),
            Referred = referred.DrainToImmutable(),
            Forgotten = forgotten.DrainToImmutable(),
            Golden = golden is null ? [] : ToChanges(ref from, golden, taken, number),
            Troubles = troubles.DrainToImmutable(),
            Intents = [.. intents.Select(i => i.Intent with { StartBefore = i.Before.Since(time) })],
            Keys = keys,
            Status = status,
            MovedIn = movedIn.DrainToImmutable(),
            MovedOut = movedOut,
            Refusals = refusals.DrainToImmutable(),
            IsErasure = erasure,
            Due = due.DrainToImmutable(),
        };
    }

    static ImmutableArray<Receipt> Timed(ImmutableArray<(Receipt Receipt, bool Timed)>.Builder receipts, DateTimeOffset at)
    {
        if (receipts.Count == 0) return [];
        var timed = ImmutableArray.CreateBuilder<Receipt>(receipts.Count);
        foreach (var (receipt, isTimed) in receipts) timed.Add(isTimed ? receipt : receipt with { At = at });
        return timed.MoveToImmutable();
    }

    static ImmutableArray<GoldenChange> ToChanges(ref DocumentReader from, List<GoldenJson.Group> groups, ImmutableArray<RecordedEdit> edits, long revision)
    {
        var changes = ImmutableArray.CreateBuilder<GoldenChange>();
        foreach (var group in groups)
        {
            if (group.Edit is { } edit)
            {
                if ((uint)edit >= (uint)edits.Length) throw from.Malformed("it refers to an edit that is not there");
                group.Stamp = edits[edit].By.ToStamp();
                group.LinkId = edits[edit].LinkId;
                foreach (var field in group.Same) changes.Add(new(field, group.ToGolden(ref from, Said(ref from, edits[edit], field), revision)));
            }
            foreach (var (field, value) in group.Fields) changes.Add(new(field, group.IsUndetermined ? null : group.ToGolden(ref from, value, revision)));
        }
        return changes.DrainToImmutable();
    }

    static FieldValue Said(ref DocumentReader from, RecordedEdit edit, string field)
    {
        foreach (var said in edit.Fields)
        {
            if (said.Field == field) return said.Value;
        }
        throw from.Malformed("it refers to something that the edit did not say");
    }

    static RecordedEdit ReadEdit(ref DocumentReader from)
    {
        var head = new EvidenceJson.EvidenceParts();
        string? link = null;
        EditKind? kind = null;
        RecentEdit? recent = null;
        SourceRecord? into = null;
        var fields = ImmutableArray.CreateBuilder<FieldEdit>();
        List<(string Field, string? Spelling)>? spellings = null;
        from.BeginObject();
        while (from.Member(out var name))
        {
            if (head.Take(name, ref from)) continue;
            if (name.SequenceEqual("link"u8)) link = from.Id();
            else if (name.SequenceEqual("kind"u8)) kind = from.Word<EditKind>();
            else if (name.SequenceEqual("hash"u8)) recent = from.Recent();
            else if (name.SequenceEqual("into"u8)) into = from.Record();
            else if (name.SequenceEqual("fields"u8))
            {
                from.BeginObject();
                while (from.Field(out var field)) fields.Add(new(field, from.Value()));
            }
            else if (name.SequenceEqual("reported"u8))
            {
                spellings = [];
                from.BeginObject();
                while (from.Field(out var field)) spellings.Add((field, from.TextOrNull()));
            }
            else from.Skip();
        }
        var at = 0;
        foreach (var (field, spelling) in spellings ?? [])
        {
            while (at < fields.Count && fields[at].Field != field) at++;
            if (at == fields.Count) throw from.Malformed("a spelling of a field that is not there");
            fields[at] = fields[at] with { Reported = spelling };
            at++;
        }
        var by = head.ToEvidence(ref from);
        return new(from.Owed(link, "link"), kind ?? (by.IsChange ? EditKind.Change : EditKind.Observation), by, fields.DrainToImmutable(), from.Owed(recent, "hash"), into);
    }

    static LinkChange ReadLink(ref DocumentReader from)
    {
        var head = new LinkJson.HeadParts();
        var isNew = false;
        from.BeginObject();
        while (from.Member(out var name))
        {
            if (head.Take(name, ref from)) continue;
            if (name.SequenceEqual("new"u8)) isNew = from.Flag();
            else from.Skip();
        }
        return head.ToHead(ref from, expected: null) with { IsNew = isNew };
    }

    static (string From, string Into) ReadPair(ref DocumentReader from)
    {
        from.BeginArray();
        from.Element();
        var one = from.Id();
        from.Element();
        var into = from.Id();
        while (from.Element()) from.Skip();
        return (one, into);
    }

    static (Receipt Receipt, bool Timed) ReadReceipt(ref DocumentReader from)
    {
        string? link = null, code = null;
        long? intent = null, version = null;
        IntentState? state = null;
        DateTimeOffset? at = null, saved = null;
        RecordTrouble? trouble = null;
        var read = false;
        var fields = ImmutableArray.CreateBuilder<FieldReceipt>();
        from.BeginObject();
        while (from.Member(out var name))
        {
            if (name.SequenceEqual("link"u8)) link = from.Id();
            else if (name.SequenceEqual("intent"u8)) intent = from.Long();
            else if (name.SequenceEqual("state"u8)) state = from.Word<IntentState>();
            else if (name.SequenceEqual("code"u8)) code = from.Name();
            else if (name.SequenceEqual("at"u8)) at = from.Time();
            else if (name.SequenceEqual("saved"u8)) saved = from.Time();
            else if (name.SequenceEqual("version"u8)) version = from.Long();
            else if (name.SequenceEqual("read"u8)) read = from.Flag();
            else if (name.SequenceEqual("trouble"u8)) trouble = LinkJson.ReadRecordTrouble(ref from);
            else if (name.SequenceEqual("fields"u8))
            {
                from.BeginObject();
                while (from.Field(out var field)) fields.Add(ReadFieldReceipt(ref from, field));
            }
            else from.Skip();
        }
        return (new(from.Owed(link, "link"), from.Owed(intent, "intent"), from.Owed(state, "state"), at ?? default, from.Owed(code, "code"), saved, version, fields.DrainToImmutable(), trouble, read), at is not null);
    }

    static FieldReceipt ReadFieldReceipt(ref DocumentReader from, string field)
    {
        FieldValue? stored = null;
        var refused = false;
        from.BeginObject();
        while (from.Member(out var name))
        {
            if (name.SequenceEqual("stored"u8)) stored = from.Value();
            else if (name.SequenceEqual("refused"u8)) refused = from.Flag();
            else from.Skip();
        }
        return new(field, stored, refused);
    }

    static Undoing ReadUndoing(ref DocumentReader from)
    {
        string? link = null;
        ImmutableArray<string> edits = [];
        from.BeginObject();
        while (from.Member(out var name))
        {
            if (name.SequenceEqual("link"u8)) link = from.Id();
            else if (name.SequenceEqual("edits"u8)) edits = from.Ids();
            else from.Skip();
        }
        return new(from.Owed(link, "link"), edits);
    }

    static ReferralChange ReadReferral(ref DocumentReader from)
    {
        string? said = null, to = null;
        ImmutableArray<string> fields = [];
        var forgotten = false;
        from.BeginObject();
        while (from.Member(out var name))
        {
            if (name.SequenceEqual("said"u8)) said = from.Text();
            else if (name.SequenceEqual("to"u8)) to = from.Text();
            else if (name.SequenceEqual("fields"u8)) fields = from.Texts();
            else if (name.SequenceEqual("forgotten"u8)) forgotten = from.Flag();
            else from.Skip();
        }
        return new(from.Owed(said, "reference"), to, fields, forgotten);
    }

    static Forgotten ReadForgotten(ref DocumentReader from)
    {
        string? link = null, field = null;
        ImmutableArray<string> edits = [];
        ImmutableArray<long> intents = [];
        from.BeginObject();
        while (from.Member(out var name))
        {
            if (name.SequenceEqual("link"u8)) link = from.Id();
            else if (name.SequenceEqual("field"u8)) field = from.Name();
            else if (name.SequenceEqual("edits"u8)) edits = from.Ids();
            else if (name.SequenceEqual("intents"u8)) intents = from.Numbers();
            else from.Skip();
        }
        return new(from.Owed(link, "link"), from.Owed(field, "field"), edits, intents);
    }

    static TroubleChange ReadTrouble(ref DocumentReader from)
    {
        string? link = null, field = null;
        FieldTrouble? trouble = null;
        from.BeginObject();
        while (from.Member(out var name))
        {
            if (name.SequenceEqual("link"u8)) link = from.Id();
            else if (name.SequenceEqual("field"u8)) field = from.Name();
            else if (name.SequenceEqual("is"u8)) trouble = LinkJson.ReadFieldTrouble(ref from);
            else from.Skip();
        }
        return new(from.Owed(link, "link"), from.Owed(field, "field"), trouble);
    }

    static (Announcement Intent, SoonTime Before) ReadIntent(ref DocumentReader from)
    {
        string? link = null;
        var kind = WriteKind.Update;
        SoonTime? before = null;
        var fields = ImmutableArray.CreateBuilder<FieldWrite>();
        from.BeginObject();
        while (from.Member(out var name))
        {
            if (name.SequenceEqual("link"u8)) link = from.Id();
            else if (name.SequenceEqual("kind"u8)) kind = from.Word<WriteKind>();
            else if (name.SequenceEqual("before"u8)) before = from.TimeOrAfter();
            else if (name.SequenceEqual("fields"u8))
            {
                from.BeginObject();
                while (from.Field(out var field))
                {
                    var write = LinkJson.ReadWrite(ref from, golden: [], field);
                    fields.Add(new(field, write.Value, write.Version, write.Held, write.Stored));
                }
            }
            else from.Skip();
        }
        return (new(from.Owed(link, "link"), kind, default, fields.DrainToImmutable()), from.Owed(before, "latest start of a write"));
    }

    static Renaming ReadRenaming(ref DocumentReader from)
    {
        string? type = null;
        ImmutableArray<(string From, string To)> fields = [], systems = [];
        from.BeginObject();
        while (from.Member(out var name))
        {
            if (name.SequenceEqual("type"u8)) type = from.Name();
            else if (name.SequenceEqual("fields"u8)) fields = ReadRenamed(ref from);
            else if (name.SequenceEqual("systems"u8)) systems = ReadRenamed(ref from);
            else from.Skip();
        }
        return new(type, fields, systems);
    }

    static ImmutableArray<(string From, string To)> ReadRenamed(ref DocumentReader from)
    {
        from.BeginObject();
        var names = ImmutableArray.CreateBuilder<(string, string)>();
        while (from.Field(out var old)) names.Add((old, from.Name()));
        return names.DrainToImmutable();
    }

    static KeyChange ReadKeys(ref DocumentReader from)
    {
        ImmutableArray<string> held = [];
        ImmutableArray<WithheldKey> withheld = [];
        from.BeginObject();
        while (from.Member(out var name))
        {
            if (name.SequenceEqual("held"u8)) held = from.Texts();
            else if (name.SequenceEqual("withheld"u8)) withheld = CustomerJson.ReadWithheld(ref from);
            else from.Skip();
        }
        return new(held, withheld);
    }

    static StatusChange ReadStatus(ref DocumentReader from)
    {
        CustomerStatus? status = null;
        string? movedTo = null;
        PendingDeletion? pending = null;
        from.BeginObject();
        while (from.Member(out var name))
        {
            if (name.SequenceEqual("is"u8)) status = from.Word<CustomerStatus>();
            else if (name.SequenceEqual("moved-to"u8)) movedTo = from.Text();
            else if (name.SequenceEqual("deletion"u8)) pending = CustomerJson.ReadPending(ref from);
            else from.Skip();
        }
        return new(from.Owed(status, "status"), movedTo, pending);
    }
}
