using System.Collections.Immutable;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;

namespace OrleansCrm.Domain.Listening;

/// <summary>Listens to one system: sweeps each object for what was modified, again and again, and reads again the records of which somebody told too little.</summary>
/// <remarks>
/// A sweep is a listing of everything modified since shortly before the sweep before it began. Its cursor moves page by page, each
/// time only when every record of the page has a final answer of intake: a listener that dies lists the last page again, and skips none.
/// What two sweeps both list is the same edit, so listing too much costs little and changes nothing.
/// </remarks>
public sealed class ListeningMachine
{
    readonly string _name;
    readonly ListeningLimits _limits;
    readonly RetryPolicy _again;
    readonly RetryPolicy _openAgain;
    readonly SortedDictionary<string, Sweep> _sweeps = new(StringComparer.Ordinal);
    readonly Readings _readings = new();
    readonly Stream _stream = new();
    ImmutableArray<ObjectCapabilities> _objects = [];
    bool _open;
    bool _started;
    long _epoch;
    int _calls;
    int _draws;
    DateTimeOffset? _alarm;
    DateTimeOffset _spokeAt;

    /// <param name="system">Name of the system in the definition. While the definition has none of that name, nothing is asked.</param>
    public ListeningMachine(string system, ListeningLimits? limits = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(system);
        _name = system;
        _limits = limits ?? new();
        _again = new() { Delay = _limits.Again, MaxDelay = _limits.AgainMost };
        _openAgain = new() { Delay = _limits.Again, MaxDelay = _limits.OpenMost };
    }

    /// <summary>True after <see cref="ListeningEffect.Stop"/>; from then on nothing is done any more.</summary>
    public bool IsStopped { get; private set; }

    /// <summary>Since when the system says nothing, where that is longer than it is expected to; null: it speaks, or may be silent. A listener that takes over begins to count anew.</summary>
    public DateTimeOffset? SilentSince { get; private set; }

    /// <summary>Pages and readings under way.</summary>
    public int CallsUnderWay => _calls;

    /// <summary>The cursors as they are durable, by object.</summary>
    public ImmutableArray<ListeningCursor> Cursors => [.. _sweeps.Values.Select(s => s.Saved).OfType<ListeningCursor>()];

    /// <summary>What stands in the way of an object's sweep; null: nothing.</summary>
    public string? ProblemOf(string @object) => _sweeps.GetValueOrDefault(@object)?.Problem;

    /// <summary>Takes messages in order and then decides what may start. Changes nothing but this machine and the list of effects.</summary>
    /// <param name="chance">At least 0 and below 1; drawn anew for every step.</param>
    /// <exception cref="InvalidOperationException">A message before <see cref="ListeningMessage.Started"/>, or a second one of it, or an answer to what was not asked: whoever drives the machine is at fault.</exception>
    public void Step(IReadOnlyList<ListeningMessage> messages, HubDefinition hub, DateTimeOffset now, double chance, ICollection<ListeningEffect> effects)
    {
        ArgumentNullException.ThrowIfNull(messages);
        ArgumentNullException.ThrowIfNull(hub);
        ArgumentNullException.ThrowIfNull(effects);
        _draws = 0;
        var at = new Moment(hub, hub.System(_name), now, chance, effects);
        foreach (var message in messages)
        {
            if (_started == message is ListeningMessage.Started) throw new InvalidOperationException("A listener is started once, before all else.");
            if (!IsStopped) Take(message, at);
        }
        if (!IsStopped) Advance(at);
    }

    void Take(ListeningMessage message, in Moment at)
    {
        switch (message)
        {
            case ListeningMessage.Started started:
                _started = true;
                _spokeAt = at.Now;
                _epoch = started.Epoch;
                foreach (var cursor in started.Cursors)
                {
                    if (cursor.Object == ListeningCursor.Stream) _stream.Mark = cursor.Mark;
                    else _sweeps.Add(cursor.Object, new(cursor, _limits.Remembered));
                }
                break;
            case ListeningMessage.Opened opened:
                _open = opened.Objects is not null;
                _objects = opened.Objects ?? [];
                _stream.IsWanted = false;
                break;
            case ListeningMessage.Streams:
                // What a listener before had a reason to look for may have been left undone.
                if (!_stream.IsWanted && at.System?.Poll.Every <= TimeSpan.Zero) WantAll();
                _stream.IsWanted = true;
                break;
            case ListeningMessage.StreamBegan:
                // Where the stream tells only what happens from now on, a poll tells what happened before.
                if (_stream.Mark is null) WantAll();
                break;
            case ListeningMessage.StreamTold told: TakeTold(told.News, at); break;
            case ListeningMessage.StreamEnded ended: TakeEnded(ended.End, at); break;
            case ListeningMessage.Taken { Object: ListeningCursor.Stream } taken: TakeStreamTaken(taken, at); break;
            case ListeningMessage.Saved { Object: ListeningCursor.Stream } saved: TakeStreamSaved(saved.Answer, at); break;
            case ListeningMessage.Listed listed: TakeListed(Of(listed.Object, Phase.Listing), listed.Outcome, at); break;
            case ListeningMessage.HasRead read: TakeRead(read.Outcome, at); break;
            case ListeningMessage.Taken { Object: { } name } taken: TakeTaken(Of(name, Phase.Taking), taken.Settled, at); break;
            case ListeningMessage.Taken taken: TakeReadTaken(taken.Settled, at); break;
            case ListeningMessage.Saved { Object: { } name } saved: TakeSaved(Of(name, Phase.Saving), saved.Answer, at); break;
            case ListeningMessage.Saved saved: TakeReadsSaved(saved.Answer, at); break;
            case ListeningMessage.ReadsScanned scanned: TakeScanned(scanned, at); break;
            case ListeningMessage.ReadsCame: _readings.Rung = true; break;
            case ListeningMessage.PollNow poll:
                foreach (var (name, sweep) in _sweeps)
                {
                    if (poll.Object is null || poll.Object == name) sweep.Wanted = true;
                }
                break;
            case ListeningMessage.Spoke: _spokeAt = at.Now; break;
            case ListeningMessage.Tick: break;
            default: throw new InvalidOperationException($"A listener does not know the message {message.GetType().Name}.");
        }
    }

    Sweep Of(string name, Phase phase) =>
        _sweeps.TryGetValue(name, out var sweep) && sweep.Phase == phase ? sweep : throw new InvalidOperationException($"The listener did not ask this of {name}.");

    void Advance(in Moment at)
    {
        if (at.System is { } system && _open)
        {
            Begin(system, at);
            foreach (var (name, sweep) in _sweeps) Advance(name, sweep, system, at);
            AdvanceReadings(at);
            AdvanceStream(at);
        }
        Watch(at);
        SetAlarm(at);
    }

    void Watch(in Moment at)
    {
        var silent = at.System?.ExpectEvery is { } most && at.Now >= RetrySchedule.After(_spokeAt, most);
        if (silent == SilentSince is not null) return;
        if (SilentSince is { } since) at.Effects.Add(new ListeningEffect.SpeaksAgain(since));
        else at.Effects.Add(new ListeningEffect.Silent(_spokeAt, at.System!.ExpectEvery!.Value));
        SilentSince = silent ? _spokeAt : null;
    }

    // ---- sweeps --------------------------------------------------------------------------------------------------

    /// <summary>Whether the object is polled: told of what was modified, or, where the definition asks for it in so many words, all of it each time.</summary>
    ObjectCapabilities? Polled(string name, SystemDefinition system)
    {
        if ((system.Poll.Every <= TimeSpan.Zero && !_stream.IsWanted) || system.MappingOfObject(name) is null) return null;
        foreach (var each in _objects)
        {
            if (each.Object == name) return each.ListModified || (each.List && system.Poll.IsDeclared) ? each : null;
        }
        return null;
    }

    // An object that was never listened to: from when on must be durable before anything else is.
    void Begin(SystemDefinition system, in Moment at)
    {
        foreach (var each in _objects)
        {
            if (_sweeps.ContainsKey(each.Object) || Polled(each.Object, system) is null) continue;
            var since = at.Now - system.ClockTolerance;
            var sweep = new Sweep(null, _limits.Remembered)
            {
                Next = new ListeningCursor { Object = each.Object, Since = system.Poll.From == PollStart.All ? null : since },
            };
            _sweeps.Add(each.Object, sweep);
            if (system.Poll.From == PollStart.Now) at.Effects.Add(new ListeningEffect.Begins(each.Object, since));
            Save(each.Object, sweep, at);
        }
    }

    void Advance(string name, Sweep sweep, SystemDefinition system, in Moment at)
    {
        if (Polled(name, system) is not { } can) return;
        if (sweep.Phase is Phase.TakingAgain or Phase.SavingAgain && sweep.AgainAt <= at.Now)
        {
            if (sweep.Phase == Phase.SavingAgain) Save(name, sweep, at);
            else
            {
                sweep.Phase = Phase.Taking;
                at.Effects.Add(new ListeningEffect.Take(name, sweep.Left, []));
            }
            return;
        }
        if (sweep.Phase != Phase.Idle || DueAt(sweep, system) > at.Now || _calls >= _limits.Calls) return;
        _calls++;
        sweep.Phase = Phase.Listing;
        var cursor = sweep.Saved!;

        // A sweep under way may have passed by what somebody has a reason to look for.
        if (cursor.SweepAt is null) sweep.Wanted = false;
        at.Effects.Add(new ListeningEffect.List(new RecordList(name, cursor.Page, can.ListModified ? cursor.Since : null, cursor.Before) { Mark = cursor.Mark }));
    }

    static DateTimeOffset DueAt(Sweep sweep, SystemDefinition system)
    {
        var cursor = sweep.Saved!;
        var due = cursor.SweepAt is not null || cursor.SweptAt is not { } swept || sweep.Wanted ? DateTimeOffset.MinValue

            // Not by the clock, but when the stream gives a reason.
            : system.Poll.Every <= TimeSpan.Zero ? DateTimeOffset.MaxValue
            : RetrySchedule.After(swept, system.Poll.Every);
        return due > sweep.AgainAt ? due : sweep.AgainAt;
    }

    void TakeListed(Sweep sweep, ListOutcome outcome, in Moment at)
    {
        _calls--;
        var saved = sweep.Saved!;
        var name = saved.Object;
        switch (outcome)
        {
            case ListOutcome.Page page when page.Next is { } next && (next == saved.Page || saved.Pages >= _limits.Pages):
                // The same page again would be asked for for ever.
                Fail(name, sweep, ListeningLimits.Endless, "The system names no end of its pages. Check 'paging' and 'next' of the mapping, or tell the makers of the connector.", null, at);
                sweep.Saved = saved with { Page = null, Pages = 0 };
                break;
            case ListOutcome.Page page:
                sweep.Next = After(saved, page, at.System);
                sweep.Left = [.. page.Records.Where(r => !sweep.Heard.Contains(r.Observation.Id))];
                sweep.Wait = Waiting(page.Records, at);
                if (sweep.Left.IsEmpty)
                {
                    Save(name, sweep, at);
                    break;
                }
                sweep.Phase = Phase.Taking;
                at.Effects.Add(new ListeningEffect.Take(name, sweep.Left, []));
                break;
            case ListOutcome.Failed failed:
                Fail(name, sweep, failed.Code, null, failed.RetryAt, at);
                break;
            case ListOutcome.Refused refused when saved.Page is not null || saved.Mark is not null:
                // Names of pages and marks grow old. The sweep begins anew, by time, where it began before.
                sweep.Saved = saved with { Page = null, Pages = 0, Mark = null };
                Fail(name, sweep, refused.Code, refused.Advice, null, at);
                break;
            case ListOutcome.Refused refused:
                Fail(name, sweep, refused.Code, refused.Advice, RetrySchedule.After(at.Now, _limits.AgainMost), at);
                break;
            default: throw new InvalidOperationException($"A listener does not know the outcome {outcome.GetType().Name}.");
        }
    }

    static ListeningCursor After(ListeningCursor cursor, ListOutcome.Page page, SystemDefinition? system)
    {
        var began = cursor.SweepAt ?? page.SeenAt;
        if (page.Next is { } next) return cursor with { SweepAt = began, Page = next, Pages = cursor.Pages + 1 };

        // The system's clock may be behind ours: what it stamps from here on must not fall before where the next sweep begins.
        var since = began - (system?.ClockTolerance ?? TimeSpan.Zero);
        return cursor with { Since = since, Before = since, SweepAt = null, Page = null, Pages = 0, Mark = page.Mark, SweptAt = began };
    }

    static ImmutableArray<RecordToRead> Waiting(ImmutableArray<ListedRecord> records, in Moment at)
    {
        ImmutableArray<RecordToRead>.Builder? waiting = null;
        foreach (var record in records)
        {
            if (!record.Problems.IsDefaultOrEmpty && record.Problems.Any(p => p.IsParked)) (waiting ??= ImmutableArray.CreateBuilder<RecordToRead>()).Add(new(record.Observation.Source.Object, record.Observation.Source.ExternalId, Definition: at.Hub.Version));
        }
        return waiting?.DrainToImmutable() ?? [];
    }

    void Fail(string name, Sweep sweep, string code, string? advice, DateTimeOffset? notBefore, in Moment at)
    {
        sweep.Phase = Phase.Idle;

        // A sweep that did not come to begin is as due as it was.
        sweep.Wanted |= sweep.Saved!.SweepAt is null;
        var counts = code != ListeningLimits.NoCallLeft;
        sweep.AgainAt = Later(RetrySchedule.After(at.Now, RetrySchedule.NextDelay(_again, counts ? sweep.Failures : 0, Chance(at))), notBefore);
        if (!counts) return;
        sweep.Failures++;
        sweep.Problem = code;
        at.Effects.Add(new ListeningEffect.Tell(name, code, advice, sweep.AgainAt));
    }

    void TakeTaken(Sweep sweep, ImmutableArray<bool> settled, in Moment at)
    {
        var left = ImmutableArray.CreateBuilder<ListedRecord>();
        for (var i = 0; i < sweep.Left.Length; i++)
        {
            if (i < settled.Length && settled[i]) sweep.Heard.Add(sweep.Left[i].Observation.Id);
            else left.Add(sweep.Left[i]);
        }
        sweep.Left = left.DrainToImmutable();
        if (sweep.Left.IsEmpty)
        {
            Save(sweep.Next!.Object, sweep, at);
            return;
        }
        sweep.Phase = Phase.TakingAgain;
        sweep.AgainAt = RetrySchedule.After(at.Now, RetrySchedule.NextDelay(_again, sweep.Failures++, Chance(at)));
    }

    void Save(string name, Sweep sweep, in Moment at)
    {
        sweep.Phase = Phase.Saving;
        at.Effects.Add(new ListeningEffect.Save(name, _epoch, sweep.Next, sweep.Wait, []));
    }

    void TakeSaved(Sweep sweep, RowsAnswer answer, in Moment at)
    {
        switch (answer)
        {
            case RowsAnswer.Ok:
                sweep.Saved = sweep.Next;
                (sweep.Next, sweep.Left, sweep.Wait) = (null, [], []);
                sweep.Phase = Phase.Idle;
                sweep.AgainAt = DateTimeOffset.MinValue;

                // A sweep that was begun anew has not got over what stopped it before it has ended.
                if (sweep.Saved!.SweepAt is null) (sweep.Failures, sweep.Problem) = (0, null);
                break;
            case RowsAnswer.Fenced:
                Stop("another listener has taken over", at);
                break;
            default:
                // Landed or not: the same again makes sure.
                sweep.Phase = Phase.SavingAgain;
                sweep.AgainAt = RetrySchedule.After(at.Now, RetrySchedule.NextDelay(_again, sweep.Failures++, Chance(at)));
                break;
        }
    }

    // ---- readings ------------------------------------------------------------------------------------------------

    void AdvanceReadings(in Moment at)
    {
        switch (_readings.Phase)
        {
            case Phase.Idle when _readings.AgainAt <= at.Now && (_readings.Rung || _readings.LookAt <= at.Now || _readings.Definition != at.Hub.Version):
                _readings.Rung = false;
                _readings.Definition = at.Hub.Version;
                _readings.LookAt = RetrySchedule.After(at.Now, _limits.Look);
                _readings.Phase = Phase.Scanning;
                at.Effects.Add(new ListeningEffect.ScanReads(at.Hub.Version, _readings.Size(_limits)));
                break;
            case Phase.Waiting when _calls < _limits.Calls && _readings.AgainAt <= at.Now:
                _calls++;
                _readings.Phase = Phase.Listing;
                var name = _readings.Wanted[0].Object;
                at.Effects.Add(new ListeningEffect.Read(name, [.. _readings.Wanted.Select(w => w.ExternalId)], _sweeps.GetValueOrDefault(name)?.Saved?.Before));
                break;
            case Phase.TakingAgain when _readings.AgainAt <= at.Now:
                _readings.Phase = Phase.Taking;
                at.Effects.Add(new ListeningEffect.Take(null, _readings.Left, []));
                break;
            case Phase.SavingAgain when _readings.AgainAt <= at.Now:
                SaveReads(at);
                break;
        }
    }

    void TakeScanned(ListeningMessage.ReadsScanned scanned, in Moment at)
    {
        if (_readings.Phase != Phase.Scanning) throw new InvalidOperationException("The listener did not ask for readings.");
        _readings.Phase = Phase.Idle;
        if (scanned.Failed)
        {
            _readings.Rung = true;
            _readings.AgainAt = RetrySchedule.After(at.Now, RetrySchedule.NextDelay(_again, _readings.Failures++, Chance(at)));
            return;
        }
        if (scanned.Reads.IsEmpty) return;

        // One object at a time; the others are found by the next look.
        _readings.Wanted = [.. scanned.Reads.Where(r => r.Object == scanned.Reads[0].Object)];
        _readings.Rung = true;
        _readings.Phase = Phase.Waiting;
    }

    void TakeRead(ListOutcome outcome, in Moment at)
    {
        if (_readings.Phase != Phase.Listing) throw new InvalidOperationException("The listener did not ask for records.");
        _calls--;
        var name = _readings.Wanted[0].Object;
        switch (outcome)
        {
            case ListOutcome.Page page:
                _readings.Failures = 0;
                _readings.Wait = Waiting(page.Records, at);
                _readings.Left = page.Records;
                if (page.Records.IsEmpty)
                {
                    SaveReads(at);
                    break;
                }
                _readings.Phase = Phase.Taking;
                at.Effects.Add(new ListeningEffect.Take(null, page.Records, []));
                break;
            case ListOutcome.Refused refused when _readings.Wanted.Length == 1:
                // This one record cannot be read as things are: it waits for a definition under which it may be.
                _readings.Wait = [_readings.Wanted[0] with { Definition = at.Hub.Version }];
                at.Effects.Add(new ListeningEffect.Tell(name, refused.Code, refused.Advice, at.Now));
                SaveReads(at);
                break;
            case ListOutcome.Refused:
                // One of them spoils the others: from here on they are read one by one for a while.
                _readings.Alone = _readings.Wanted.Length;
                _readings.Phase = Phase.Idle;
                break;
            case ListOutcome.Failed failed:
                _readings.Phase = Phase.Waiting;
                var counts = failed.Code != ListeningLimits.NoCallLeft;
                _readings.AgainAt = Later(RetrySchedule.After(at.Now, RetrySchedule.NextDelay(_again, counts ? _readings.Failures++ : 0, Chance(at))), failed.RetryAt);
                if (counts) at.Effects.Add(new ListeningEffect.Tell(name, failed.Code, null, _readings.AgainAt));
                break;
            default: throw new InvalidOperationException($"A listener does not know the outcome {outcome.GetType().Name}.");
        }
    }

    void TakeReadTaken(ImmutableArray<bool> settled, in Moment at)
    {
        if (_readings.Phase != Phase.Taking) throw new InvalidOperationException("The listener offered no records that were read.");
        _readings.Left = [.. _readings.Left.Where((_, i) => i >= settled.Length || !settled[i])];
        if (_readings.Left.IsEmpty)
        {
            SaveReads(at);
            return;
        }
        _readings.Phase = Phase.TakingAgain;
        _readings.AgainAt = RetrySchedule.After(at.Now, RetrySchedule.NextDelay(_again, _readings.Failures++, Chance(at)));
    }

    void SaveReads(in Moment at)
    {
        _readings.Phase = Phase.Saving;
        var wait = _readings.Wait;
        at.Effects.Add(new ListeningEffect.Save(null, _epoch, null, wait, [.. _readings.Wanted.Where(w => !wait.Any(x => x.ExternalId == w.ExternalId))]));
    }

    void TakeReadsSaved(RowsAnswer answer, in Moment at)
    {
        if (_readings.Phase != Phase.Saving) throw new InvalidOperationException("The listener saved no readings.");
        switch (answer)
        {
            case RowsAnswer.Ok:
                _readings.Alone = Math.Max(0, _readings.Alone - _readings.Wanted.Length);
                (_readings.Wanted, _readings.Wait, _readings.Left) = ([], [], []);
                _readings.Phase = Phase.Idle;
                _readings.Failures = 0;
                _readings.AgainAt = DateTimeOffset.MinValue;
                break;
            case RowsAnswer.Fenced:
                Stop("another listener has taken over", at);
                break;
            default:
                _readings.Phase = Phase.SavingAgain;
                _readings.AgainAt = RetrySchedule.After(at.Now, RetrySchedule.NextDelay(_again, _readings.Failures++, Chance(at)));
                break;
        }
    }

    // ---- the stream ----------------------------------------------------------------------------------------------

    void WantAll()
    {
        foreach (var sweep in _sweeps.Values) sweep.Wanted = true;
    }

    void AdvanceStream(in Moment at)
    {
        if (_stream.AgainAt > at.Now) return;
        switch (_stream.Phase)
        {
            case Phase.Idle when _stream.IsWanted:
                _stream.Phase = Phase.Listing;
                at.Effects.Add(new ListeningEffect.Listen(_stream.Mark));
                break;
            case Phase.TakingAgain:
                _stream.Phase = Phase.Taking;
                at.Effects.Add(new ListeningEffect.Take(ListeningCursor.Stream, _stream.Left, _stream.ToRead));
                break;
            case Phase.SavingAgain:
                SaveStream(at);
                break;
        }
    }

    void TakeTold(StreamNews news, in Moment at)
    {
        if (_stream.Phase != Phase.Listing) throw new InvalidOperationException("The listener did not ask the stream for more.");
        _stream.Failures = 0;
        _stream.Next = news.Cursor;
        _stream.Left = news.Records;
        _stream.ToRead = news.ToRead;
        _stream.Wait = Waiting(news.Records, at);
        foreach (var name in news.ToPoll)
        {
            if (_sweeps.TryGetValue(name, out var sweep)) sweep.Wanted = true;
        }
        if (news.Records.IsEmpty && news.ToRead.IsEmpty)
        {
            SaveStream(at);
            return;
        }
        _stream.Phase = Phase.Taking;
        at.Effects.Add(new ListeningEffect.Take(ListeningCursor.Stream, _stream.Left, _stream.ToRead));
    }

    void TakeStreamTaken(ListeningMessage.Taken taken, in Moment at)
    {
        if (_stream.Phase != Phase.Taking) throw new InvalidOperationException("The listener offered nothing of the stream.");
        if (taken.Noted)
        {
            _readings.Rung |= !_stream.ToRead.IsEmpty;
            _stream.ToRead = [];
        }
        _stream.Left = [.. _stream.Left.Where((_, i) => i >= taken.Settled.Length || !taken.Settled[i])];
        if (_stream.Left.IsEmpty && _stream.ToRead.IsEmpty)
        {
            SaveStream(at);
            return;
        }
        _stream.Phase = Phase.TakingAgain;
        _stream.AgainAt = RetrySchedule.After(at.Now, RetrySchedule.NextDelay(_again, _stream.Failures++, Chance(at)));
    }

    void SaveStream(in Moment at)
    {
        _stream.Phase = Phase.Saving;
        at.Effects.Add(new ListeningEffect.Save(ListeningCursor.Stream, _epoch, new ListeningCursor { Object = ListeningCursor.Stream, Mark = _stream.Next }, _stream.Wait, []));
    }

    void TakeStreamSaved(RowsAnswer answer, in Moment at)
    {
        if (_stream.Phase != Phase.Saving) throw new InvalidOperationException("The listener saved nothing of the stream.");
        switch (answer)
        {
            case RowsAnswer.Ok:
                _stream.Mark = _stream.Next;
                _stream.Wait = [];
                _stream.AgainAt = DateTimeOffset.MinValue;
                _stream.Phase = Phase.Listing;
                if (_stream.End is { } end)
                {
                    _stream.End = null;
                    TakeEnded(end, at);
                    break;
                }
                at.Effects.Add(new ListeningEffect.GoOn());
                break;
            case RowsAnswer.Fenced:
                Stop("another listener has taken over", at);
                break;
            default:
                _stream.Phase = Phase.SavingAgain;
                _stream.AgainAt = RetrySchedule.After(at.Now, RetrySchedule.NextDelay(_again, _stream.Failures++, Chance(at)));
                break;
        }
    }

    void TakeEnded(StreamEnd end, in Moment at)
    {
        // What it told before is taken in first: the next stream goes on behind it.
        if (_stream.Phase != Phase.Listing)
        {
            _stream.End = end;
            return;
        }
        _stream.Phase = Phase.Idle;
        var wait = RetrySchedule.After(at.Now, RetrySchedule.NextDelay(_openAgain, _stream.Failures++, Chance(at)));
        switch (end)
        {
            case StreamEnd.Broken broken:
                _stream.AgainAt = Later(wait, broken.RetryAt);
                at.Effects.Add(new ListeningEffect.Tell(StreamName, broken.Code, null, _stream.AgainAt));
                break;
            case StreamEnd.Refused refused:
                _stream.AgainAt = RetrySchedule.After(at.Now, _limits.AgainMost);
                at.Effects.Add(new ListeningEffect.Tell(StreamName, refused.Code, refused.Advice, _stream.AgainAt));
                break;
            case StreamEnd.CursorLost lost:
                // The next stream tells what happens from then on, and the poll that follows what happened between.
                _stream.Mark = null;
                _stream.AgainAt = at.Now;
                at.Effects.Add(new ListeningEffect.Tell(StreamName, lost.Code, null, at.Now));
                break;
            default: throw new InvalidOperationException($"A listener does not know the end {end.GetType().Name}.");
        }
    }

    const string StreamName = "events";

    // ---- time ----------------------------------------------------------------------------------------------------

    void Stop(string reason, in Moment at)
    {
        if (IsStopped) return;
        IsStopped = true;
        at.Effects.Add(new ListeningEffect.Stop(reason));
    }

    void SetAlarm(in Moment at)
    {
        if (at.System is not { } system) return;
        var next = _open ? NextOf(system, at) : DateTimeOffset.MaxValue;
        if (SilentSince is null && system.ExpectEvery is { } most && RetrySchedule.After(_spokeAt, most) is var expected && expected < next) next = expected;
        if (next <= at.Now || next == DateTimeOffset.MaxValue || next == _alarm) return;
        _alarm = next;
        at.Effects.Add(new ListeningEffect.WakeAt(next));
    }

    DateTimeOffset NextOf(SystemDefinition system, in Moment at)
    {
        var next = _readings.Phase switch
        {
            Phase.Idle => _readings.Rung ? _readings.AgainAt : Later(_readings.LookAt, _readings.AgainAt),
            Phase.Waiting or Phase.TakingAgain or Phase.SavingAgain => _readings.AgainAt,
            _ => DateTimeOffset.MaxValue,
        };
        var again = _stream.Phase is Phase.TakingAgain or Phase.SavingAgain || (_stream.Phase == Phase.Idle && _stream.IsWanted) ? _stream.AgainAt : DateTimeOffset.MaxValue;
        if (again > at.Now && again < next) next = again;
        foreach (var (name, sweep) in _sweeps)
        {
            if (Polled(name, system) is null) continue;
            var due = sweep.Phase switch
            {
                Phase.Idle => DueAt(sweep, system),
                Phase.TakingAgain or Phase.SavingAgain => sweep.AgainAt,
                _ => DateTimeOffset.MaxValue,
            };
            // What is due and only waits for its turn is begun by the answer that ends another's.
            if (due > at.Now && due < next) next = due;
        }
        return next;
    }

    static DateTimeOffset Later(DateTimeOffset one, DateTimeOffset? other) => other > one ? other.Value : one;

    // One step has one chance, several decisions may need some: steps of the golden ratio spread evenly.
    double Chance(in Moment at)
    {
        var chance = at.Chance + 0.6180339887498949 * _draws++;
        return chance - Math.Floor(chance);
    }

    enum Phase
    {
        Idle,

        /// <summary>What is to be read is known and waits for its turn.</summary>
        Waiting,
        Scanning,
        Listing,
        Taking,

        /// <summary>Some records have no final answer yet and are offered again.</summary>
        TakingAgain,
        Saving,
        SavingAgain,
    }

    /// <summary>The listening to one object.</summary>
    sealed class Sweep(ListeningCursor? saved, int remembered)
    {
        /// <summary>Never ahead of the store, but for where a sweep begins anew; null only until the first save.</summary>
        public ListeningCursor? Saved { get; set; } = saved;

        /// <summary>What the store gets when all of the page is taken; null: nothing is to be saved.</summary>
        public ListeningCursor? Next { get; set; }

        public Phase Phase { get; set; }

        public DateTimeOffset AgainAt { get; set; } = DateTimeOffset.MinValue;

        public int Failures { get; set; }

        public string? Problem { get; set; }

        /// <summary>Somebody has a reason to look before the time.</summary>
        public bool Wanted { get; set; }

        /// <summary>Records of the page without a final answer.</summary>
        public ImmutableArray<ListedRecord> Left { get; set; } = [];

        public ImmutableArray<RecordToRead> Wait { get; set; } = [];

        public Remembered Heard { get; } = new(remembered);
    }

    sealed class Readings
    {
        public Phase Phase { get; set; }

        public bool Rung { get; set; } = true;

        public DateTimeOffset LookAt { get; set; } = DateTimeOffset.MinValue;

        public DateTimeOffset AgainAt { get; set; } = DateTimeOffset.MinValue;

        public int Definition { get; set; }

        public int Failures { get; set; }

        /// <summary>So many more are read one by one.</summary>
        public int Alone { get; set; }

        public ImmutableArray<RecordToRead> Wanted { get; set; } = [];

        public ImmutableArray<ListedRecord> Left { get; set; } = [];

        public ImmutableArray<RecordToRead> Wait { get; set; } = [];

        public int Size(ListeningLimits limits) => Alone > 0 ? 1 : limits.Reads;
    }

    /// <summary>The listening to the system's stream of events.</summary>
    sealed class Stream
    {
        public bool IsWanted { get; set; }

        /// <summary><see cref="Phase.Listing"/>: it is open, and may tell more. <see cref="Phase.Idle"/>: none is open.</summary>
        public Phase Phase { get; set; }

        /// <summary>Behind it the next stream goes on; null: from now on. Never ahead of the store.</summary>
        public string? Mark { get; set; }

        public string? Next { get; set; }

        /// <summary>It has ended, while what it told is still being taken in.</summary>
        public StreamEnd? End { get; set; }

        public DateTimeOffset AgainAt { get; set; } = DateTimeOffset.MinValue;

        public int Failures { get; set; }

        public ImmutableArray<ListedRecord> Left { get; set; } = [];

        public ImmutableArray<RecordToRead> ToRead { get; set; } = [];

        public ImmutableArray<RecordToRead> Wait { get; set; } = [];
    }

    /// <summary>What a step is given, besides its messages.</summary>
    readonly record struct Moment(HubDefinition Hub, SystemDefinition? System, DateTimeOffset Now, double Chance, ICollection<ListeningEffect> Effects);
}
