using System.Collections.Immutable;
using OrleansCrm.Domain.Claims;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Intake;

namespace OrleansCrm.Domain.Journal;

/// <summary>What is known of one edit and of one write, as members of the object at hand.</summary>
static class EvidenceJson
{
    public static void WriteMembers(DocumentWriter to, EditEvidence by)
    {
        to.Id("id"u8, by.EditId);
        to.Flag("seen"u8, !by.IsChange);
        to.Time("time"u8, by.Time);
        to.Flag("told"u8, by.TimeTold, expected: true);
        to.Flag("ours"u8, by.IsHubTime);
        to.Time("since"u8, by.Since);
        to.Number("version"u8, by.Version);
        to.Actor("by"u8, by.Actor);
        if (by.ReceivedAt != by.Time) to.TimeAfter("got"u8, by.ReceivedAt, by.Time);
        if (!by.Judged.IsDefaultOrEmpty)
        {
            to.Json.WriteStartArray("judged"u8);
            foreach (var judged in by.Judged)
            {
                to.Json.WriteStartObject();
                to.Id("link"u8, judged.LinkId);
                to.Text("field"u8, judged.Field);
                to.Stamp("stamp"u8, judged.Stamp);
                to.Json.WriteEndObject();
            }
            to.Json.WriteEndArray();
        }
        to.Text("batch"u8, by.Batch);
        to.Flag("reverted"u8, by.IsReverted);
    }

    /// <summary>Collects the members of an <see cref="EditEvidence"/> among others.</summary>
    public struct EvidenceParts
    {
        string? _id;
        DateTimeOffset? _time, _since;
        SoonTime _got;
        long? _version;
        Actor _by;
        ImmutableArray<JudgedClaim> _judged;
        string? _batch;
        bool _seen, _untold, _ours, _reverted;

        /// <returns>False: the member is none of them, and is still to be read.</returns>
        public bool Take(ReadOnlySpan<byte> name, ref DocumentReader from)
        {
            if (name.SequenceEqual("id"u8)) _id = from.Id();
            else if (name.SequenceEqual("seen"u8)) _seen = from.Flag();
            else if (name.SequenceEqual("time"u8)) _time = from.Time();
            else if (name.SequenceEqual("told"u8)) _untold = !from.Flag();
            else if (name.SequenceEqual("ours"u8)) _ours = from.Flag();
            else if (name.SequenceEqual("since"u8)) _since = from.Time();
            else if (name.SequenceEqual("version"u8)) _version = from.Long();
            else if (name.SequenceEqual("by"u8)) _by = from.Actor();
            else if (name.SequenceEqual("got"u8)) _got = from.TimeOrAfter();
            else if (name.SequenceEqual("judged"u8)) _judged = ReadJudged(ref from);
            else if (name.SequenceEqual("batch"u8)) _batch = from.Text();
            else if (name.SequenceEqual("reverted"u8)) _reverted = from.Flag();
            else return false;
            return true;
        }

        public readonly EditEvidence ToEvidence(ref DocumentReader from) => new()
        {
            EditId = from.Owed(_id, "edit id"),
            IsChange = !_seen,
            Time = from.Owed(_time, "time of an edit"),
            TimeTold = !_untold,
            IsHubTime = _ours,
            Since = _since,
            Version = _version,
            Actor = _by,
            ReceivedAt = _got.Since(_time.GetValueOrDefault()),
            Judged = _judged.IsDefault ? [] : _judged,
            Batch = _batch,
            IsReverted = _reverted,
        };

        static ImmutableArray<JudgedClaim> ReadJudged(ref DocumentReader from)
        {
            from.BeginArray();
            var judged = ImmutableArray.CreateBuilder<JudgedClaim>();
            while (from.Element())
            {
                from.BeginObject();
                string? link = null, field = null;
                Stamp? stamp = null;
                while (from.Member(out var name))
                {
                    if (name.SequenceEqual("link"u8)) link = from.Id();
                    else if (name.SequenceEqual("field"u8)) field = from.Name();
                    else if (name.SequenceEqual("stamp"u8)) stamp = from.Stamp();
                    else from.Skip();
                }
                judged.Add(new(from.Owed(link, "link"), from.Owed(field, "field"), from.Owed(stamp, "stamp")));
            }
            return judged.DrainToImmutable();
        }
    }

    public static void WriteMembers(DocumentWriter to, Intent intent)
    {
        to.Number("id"u8, (long?)intent.Id);
        to.Word("kind"u8, intent.Kind, WriteKind.Update);
        to.Word("state"u8, intent.State, IntentState.Done);
        to.Time("start"u8, intent.Start);
        if (intent.StartBefore != Before(intent.Start)) to.TimeAfter("before"u8, intent.StartBefore, intent.Start);
        to.TimeAfter("end"u8, intent.End, intent.Start);
        to.TimeAfter("saved"u8, intent.SavedAt, intent.Start);
        to.Number("version"u8, intent.SavedVersion);
        to.Flag("read"u8, intent.IsReadBack);
    }

    // What goes without saying in version 1, whatever the planner's window becomes. At the end of time it cannot be computed, and is told.
    static DateTimeOffset? Before(DateTimeOffset start) => start > DateTimeOffset.MaxValue.AddSeconds(-30) ? null : start.AddSeconds(30);

    /// <summary>Collects the members of an <see cref="Intent"/> among others.</summary>
    public struct IntentParts
    {
        long? _id, _version;
        WriteKind? _kind;
        IntentState? _state;
        DateTimeOffset? _start;
        SoonTime? _before, _end, _saved;
        bool _read;

        /// <returns>False: the member is none of them, and is still to be read.</returns>
        public bool Take(ReadOnlySpan<byte> name, ref DocumentReader from)
        {
            if (name.SequenceEqual("id"u8)) _id = from.Long();
            else if (name.SequenceEqual("kind"u8)) _kind = from.Word<WriteKind>();
            else if (name.SequenceEqual("state"u8)) _state = from.Word<IntentState>();
            else if (name.SequenceEqual("start"u8)) _start = from.Time();
            else if (name.SequenceEqual("before"u8)) _before = from.TimeOrAfter();
            else if (name.SequenceEqual("end"u8)) _end = from.TimeOrAfter();
            else if (name.SequenceEqual("saved"u8)) _saved = from.TimeOrAfter();
            else if (name.SequenceEqual("version"u8)) _version = from.Long();
            else if (name.SequenceEqual("read"u8)) _read = from.Flag();
            else return false;
            return true;
        }

        public readonly Intent ToIntent(ref DocumentReader from) => new()
        {
            Id = from.Owed(_id, "intent id"),
            Kind = _kind ?? WriteKind.Update,
            Start = from.Owed(_start, "start of a write"),
            StartBefore = _before?.Since(_start.GetValueOrDefault()) ?? from.Owed(Before(_start.GetValueOrDefault()), "latest start of a write"),
            State = _state ?? IntentState.Done,
            End = _end?.Since(_start.GetValueOrDefault()),
            SavedAt = _saved?.Since(_start.GetValueOrDefault()),
            SavedVersion = _version,
            IsReadBack = _read,
        };
    }
}
