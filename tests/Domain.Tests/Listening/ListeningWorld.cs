using System.Collections.Immutable;
using System.Globalization;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Definitions.Reading;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Listening;
using Xunit;

namespace OrleansCrm.Domain.Tests.Listening;

/// <summary>A system whose records change while it is listened to, a store, intake, and listeners that die; a tape decides what happens next.</summary>
sealed class ListeningWorld
{
    const int RecordsMost = 12;
    const int PageSize = 3;
    static readonly TimeSpan Every = TimeSpan.FromSeconds(30);
    static readonly DateTimeOffset Start = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    public static HubDefinition Hub { get; } = Polled("30s");

    // Polled only when the stream gives a reason.
    static readonly HubDefinition Told = Polled("0s");

    static HubDefinition Polled(string every) => HubDefinitionReader.Read(
        $$"""
        hub: small
        recordTypes:
          person: { fields: { name: text } }
        systems:
          shop:
            connector: rest
            poll: { every: {{every}}, from: all }
            mappings: { customers: { recordType: person, fields: { name: name } } }
        """).Definition!;

    static readonly ImmutableArray<ObjectCapabilities> Objects = [new("customers", false, false, false, true, true, true, CreationKey.None)];

    readonly SortedDictionary<int, (int Version, DateTimeOffset Stamp)> _records = [];
    readonly Dictionary<string, int> _taken = new(StringComparer.Ordinal);
    readonly Dictionary<string, (long Asking, int Definition)> _reads = new(StringComparer.Ordinal);
    readonly List<ListeningEffect> _asked = [];
    readonly List<ListeningEffect> _effects = [];
    ListeningMachine _machine = new("shop");
    readonly SortedDictionary<string, ListeningCursor> _stored = new(StringComparer.Ordinal);
    long _epoch;
    long _asking;
    DateTimeOffset _now = Start;
    DateTimeOffset? _alarm;

    // What the system tells over its stream, and how far it has told the present listener; null: no stream is open.
    readonly bool _streams;
    readonly List<(int Number, int Version)> _events = [];
    int _forgotten;
    int? _streamAt;
    bool _mayTell;

    /// <summary>Events told over streams.</summary>
    public int Heard { get; private set; }

    /// <summary>Pages that were asked for.</summary>
    public int Lists { get; private set; }

    public int Deaths { get; private set; }

    public ListeningWorld(bool streams = false)
    {
        _streams = streams;
        Restart();
    }

    static string Id(int number) => number.ToString(CultureInfo.InvariantCulture);

    public static void Play(int[] tape, bool streams)
    {
        var world = new ListeningWorld(streams);
        world.Do(tape);
        world.Settle();
    }

    public void Do(int[] tape)
    {
        foreach (var choice in tape) Do(choice & 15, choice >> 4);
    }

    void Do(int what, int how)
    {
        switch (what)
        {
            case < 4: Edit(how); break;
            case < 6: Pass(TimeSpan.FromSeconds(how % 20)); break;
            case 6: Ask(how); break;
            case 7 when how % 4 == 1 && _streamAt is not null: EndStream(how / 4 % 8 == 0 ? new StreamEnd.CursorLost("too-old") : new StreamEnd.Broken("cut")); break;
            case 7 when how % 16 == 2: _forgotten = _events.Count - how / 16 % 4; break;
            case 8 when _mayTell: Tell(); break;
            case 7 when how % 4 == 0: Restart(); break;
            default:
                if (_asked.Count == 0) Pass(TimeSpan.FromSeconds(1));
                else Answer(how % _asked.Count, how / 16 % 8);
                break;
        }
    }

    // The system's clock goes up to a second before ours or behind.
    void Edit(int how)
    {
        var number = how % RecordsMost;
        _records[number] = ((_records.TryGetValue(number, out var known) ? known.Version : 0) + 1, _now.AddMilliseconds(how / RecordsMost % 2_000 - 1_000));
        _events.Add((number, _records[number].Version));
    }

    void Tell()
    {
        var from = _streamAt!.Value;
        var told = _events.Skip(from).Take(PageSize).ToArray();
        _streamAt = from + told.Length;
        _mayTell = false;
        Heard += told.Length;

        // Some events tell only of whom they are.
        Step(new ListeningMessage.StreamTold(new(
            [.. told.Where(e => (e.Number + e.Version) % 5 != 0).Select(e => Edited(e.Number, e.Version))],
            [.. told.Where(e => (e.Number + e.Version) % 5 == 0).Select(e => new RecordToRead("customers", Id(e.Number))).Distinct()], [], Id(_streamAt.Value))));
    }

    void EndStream(StreamEnd end)
    {
        _streamAt = null;
        _mayTell = false;
        Step(new ListeningMessage.StreamEnded(end));
    }

    void Open(string? after)
    {
        var at = after is null ? _events.Count : int.Parse(after, CultureInfo.InvariantCulture);
        if (after is not null && at < _forgotten)
        {
            EndStream(new StreamEnd.CursorLost("too-old"));
            return;
        }
        _streamAt = at;
        _mayTell = true;
        Step(new ListeningMessage.StreamBegan());
    }

    void Ask(int how)
    {
        var id = Id(how % RecordsMost);
        _reads[id] = (++_asking, 0);
        Step(new ListeningMessage.ReadsCame());
    }

    void Pass(TimeSpan time)
    {
        _now += time;
        if (_alarm is not { } alarm || alarm > _now) return;
        _alarm = null;
        Step(new ListeningMessage.Tick());
    }

    void Restart()
    {
        Deaths++;
        _machine = new("shop");
        _asked.Clear();
        _alarm = null;
        _streamAt = null;
        _mayTell = false;
        Step([new ListeningMessage.Started(++_epoch, [.. _stored.Values]), new ListeningMessage.Opened(Objects), .. _streams ? [new ListeningMessage.Streams()] : Array.Empty<ListeningMessage>()]);
    }

    void Step(params ListeningMessage[] messages)
    {
        _machine.Step(messages, _streams ? Told : Hub, _now, 0.5, _effects);
        foreach (var effect in _effects)
        {
            if (effect is ListeningEffect.WakeAt wake) _alarm = wake.Time;
            else if (effect is ListeningEffect.List) Lists++;
            else if (effect is ListeningEffect.GoOn) _mayTell = true;
            if (effect is not (ListeningEffect.WakeAt or ListeningEffect.Tell or ListeningEffect.Begins or ListeningEffect.GoOn)) _asked.Add(effect);
        }
        _effects.Clear();
        Assert.True(_asked.OfType<ListeningEffect.List>().Count() <= 1, "One page of an object at a time");
    }

    void Answer(int which, int fate)
    {
        var effect = _asked[which];
        _asked.RemoveAt(which);
        if (effect is ListeningEffect.Listen listen)
        {
            Open(listen.After);
            return;
        }
        Step(effect switch
        {
            ListeningEffect.List list => new ListeningMessage.Listed("customers", fate switch
            {
                0 => new ListOutcome.Failed("503", _now.AddSeconds(5)),
                1 when list.Page.Page is not null => new ListOutcome.Refused("page-unknown", "Begin anew."),
                2 => new ListOutcome.Failed(ListeningLimits.NoCallLeft, _now.AddSeconds(1)),
                _ => Page(list.Page),
            }),
            ListeningEffect.Read read => new ListeningMessage.HasRead(fate switch
            {
                0 => new ListOutcome.Failed("503", null),
                1 when read.ExternalIds.Length > 1 => new ListOutcome.Refused("400", "One is bad."),
                _ => new ListOutcome.Page([.. read.ExternalIds.Select(i => int.Parse(i, CultureInfo.InvariantCulture)).Where(_records.ContainsKey).Select(Listed)], null, _now),
            }),
            ListeningEffect.Take take => new ListeningMessage.Taken(take.Object, Take(take.Records, fate), Note(take.ToRead, fate)),
            ListeningEffect.Save save => new ListeningMessage.Saved(save.Object, Save(save, fate)),
            ListeningEffect.ScanReads scan => new ListeningMessage.ReadsScanned(
                fate == 0 ? [] : [.. _reads.Where(r => r.Value.Definition < scan.Definition || r.Value.Definition == 0).Take(scan.Max).Select(r => new RecordToRead("customers", r.Key, r.Value.Asking, r.Value.Definition))], fate == 0),
            _ => throw new InvalidOperationException(effect.GetType().Name),
        });
    }

    ListOutcome.Page Page(RecordList asked)
    {
        var from = asked.Page?.Split('|') is [var stamp, var id] ? (new DateTimeOffset(long.Parse(stamp, CultureInfo.InvariantCulture), TimeSpan.Zero), int.Parse(id, CultureInfo.InvariantCulture)) : (DateTimeOffset.MinValue, -1);
        var found = _records.Where(r => (asked.ModifiedSince is not { } since || r.Value.Stamp >= since) && (r.Value.Stamp, r.Key).CompareTo(from) > 0)
            .OrderBy(r => r.Value.Stamp).ThenBy(r => r.Key).Take(PageSize).ToArray();
        return new([.. found.Select(r => Listed(r.Key))], found.Length < PageSize ? null : $"{found[^1].Value.Stamp.UtcTicks}|{found[^1].Key}", _now);
    }

    ListedRecord Listed(int number) => Edited(number, _records[number].Version);

    static ListedRecord Edited(int number, int version) =>
        new(new Edit { Id = $"{number}@{version}", Kind = EditKind.Observation, Source = new("shop", "customers", Id(number)), RecordType = "person", Version = version }, [], []);

    bool Note(ImmutableArray<RecordToRead> reads, int fate)
    {
        if (fate == 1) return reads.IsEmpty;
        foreach (var read in reads) _reads[read.ExternalId] = (++_asking, 0);
        return true;
    }

    ImmutableArray<bool> Take(ImmutableArray<ListedRecord> records, int fate)
    {
        var settled = ImmutableArray.CreateBuilder<bool>();
        for (var i = 0; i < records.Length; i++)
        {
            // Handed back: perhaps it was taken all the same.
            var isHandedBack = fate == 0 && i % 2 == 0;
            settled.Add(!isHandedBack);
            var edit = records[i].Observation;
            if (!isHandedBack || i % 4 == 0) _taken[edit.Source.ExternalId] = Math.Max(_taken.GetValueOrDefault(edit.Source.ExternalId), (int)edit.Version!.Value);
        }
        return settled.ToImmutable();
    }

    RowsAnswer Save(ListeningEffect.Save save, int fate)
    {
        Assert.Equal(_epoch, save.Epoch);
        if (fate == 0) return RowsAnswer.Failed;
        if (save.Cursor is { } cursor) _stored[cursor.Object] = cursor;
        foreach (var settled in save.Settled)
        {
            if (_reads.TryGetValue(settled.ExternalId, out var known) && known.Asking == settled.Asking) _reads.Remove(settled.ExternalId);
        }
        return fate == 1 ? RowsAnswer.Unknown : RowsAnswer.Ok;
    }

    /// <summary>Nothing fails and nobody edits any more: soon the hub knows all, and then it is quiet but for polls.</summary>
    public void Settle()
    {
        for (var i = 0; i < 400 && _now < Start.AddYears(1); i++)
        {
            while (_asked.Count > 0 || (_mayTell && _streamAt < _events.Count))
            {
                if (_asked.Count > 0) Answer(0, 5);
                else Tell();
            }
            if (IsSettled() && i > 40) break;
            Pass(TimeSpan.FromSeconds(10));
        }
        Assert.Empty(_reads);
        foreach (var (number, (version, _)) in _records) Assert.True(_taken.GetValueOrDefault(Id(number)) == version, $"Record {number} is at {version}, the hub heard {_taken.GetValueOrDefault(Id(number))}");

        var before = Lists;
        for (var i = 0; i < 60; i++)
        {
            Pass(TimeSpan.FromSeconds(5));
            while (_asked.Count > 0) Answer(0, 5);
        }
        Assert.InRange(Lists - before, _streams ? 0 : 5, _streams ? 0 : 300 / (int)Every.TotalSeconds + 1);
    }

    bool IsSettled() => _reads.Count == 0 && _records.All(r => _taken.GetValueOrDefault(Id(r.Key)) == r.Value.Version);
}
