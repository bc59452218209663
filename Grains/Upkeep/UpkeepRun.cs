using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Storage;
using OrleansCrm.Grains.Delivery;
using OrleansCrm.Grains.Interfaces.Delivery;

namespace OrleansCrm.Grains.Upkeep;

/// <summary>One run of what the hub does by itself: one task after the other, a bounded piece of each at a time, all of it safe to repeat.</summary>
[System.Diagnostics.CodeAnalysis.SuppressMessage("Design", "CA1001", Justification = "Without timers and wait handles they hold nothing that must be given back.")]
sealed class UpkeepRun : ILocalRun
{
    const int PageMax = 1_000;
    const int EntriesAtOnce = 100;
    static readonly DeliveryLane Lane = new("upkeep/" + IUpkeepGrain.Key);
    static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

    /// <summary>Rest between two looks at the journal: what comes in meanwhile is read together.</summary>
    static readonly TimeSpan Rest = TimeSpan.FromMilliseconds(100);
    static readonly TimeSpan KeysEvery = TimeSpan.FromMinutes(10);
    static readonly TimeSpan ParkedEvery = TimeSpan.FromSeconds(5);
    static readonly TimeSpan ManyParkedEvery = TimeSpan.FromMinutes(1);
    static readonly TimeSpan TrimEvery = TimeSpan.FromMinutes(10);
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    readonly OutgoingParts _parts;
    readonly UpkeepOptions _options;
    readonly ILogger _logger;
    readonly CustomerAsks _customers;
    readonly UpkeepBook _book = new();
    readonly ReferenceKeeper _references;
    readonly CancellationTokenSource _stopping = new();
    readonly SemaphoreSlim _woken = new(0, 1);
    readonly Lock _ringing = new();
    readonly Dictionary<int, long> _rung = [];
    readonly long[] _read;
    readonly long[] _saved;
    readonly HashSet<string> _givers = new(StringComparer.Ordinal);
    readonly long _epoch;
    readonly Task _loop;
    long _tickets;
    int _resolvedVersion;
    int _resolvingVersion;
    string? _resolveAfter;
    long _resolveAsked;
    bool _resolveAgain;
    DateTimeOffset _resolveFrom;
    DateTimeOffset _keysAt;
    DateTimeOffset _parkedAt;
    DateTimeOffset _trimAt;
    bool _full;

    UpkeepRun(OutgoingParts parts, UpkeepOptions options, DeliveryMessage.Started started, IEnumerable<DueLink> rows)
    {
        _parts = parts;
        _options = options;
        _logger = parts.Loggers.CreateLogger("OrleansCrm.Upkeep");
        _customers = new(parts.Customers, parts.Definitions, parts.Own, _logger, options.ResolveAtOnce);
        _epoch = started.Epoch;
        _read = new long[started.Cursors.Length];
        foreach (var cursor in started.Cursors) _read[cursor.Partition] = cursor.Sequence;
        _saved = [.. _read];
        _book.Load(rows);
        _references = new(parts, _customers, _book, _logger);
        var now = parts.Clock.Now;
        (_keysAt, _parkedAt, _trimAt) = (now, now, now + TrimEvery);
        _logger.UpkeepStarted(_book.Asked, _book.Deletions);
        _loop = Task.Run(LoopAsync);
    }

    public string Key => IUpkeepGrain.Key;

    public string Name => IUpkeepGrain.Key;

    public Listener Kind => Listener.Upkeep;

    public RunFigures Figures => new(Name, 0, _book.Count, 0, Backlog(), 0, CircuitState.Closed);

    public Task Ended => _loop;

    public Action? Leave { get; set; }

    /// <summary>Takes over upkeep: from here on nothing that an earlier run has learned lands.</summary>
    /// <exception cref="StoreUnavailableException">The store could not be reached; nothing runs.</exception>
    public static async Task<UpkeepRun> StartAsync(OutgoingParts parts, UpkeepOptions options)
    {
        var started = await parts.Store.AcquireDeliveryAsync(Lane, 1, CancellationToken.None);
        var rows = new List<DueLink>();
        LinkKey? after = null;
        while (true)
        {
            var page = await parts.Store.ListParkedLinksAsync(Lane, after, StoreLimits.PageMax, CancellationToken.None);
            rows.AddRange(page);
            if (page.Length < StoreLimits.PageMax) break;
            after = new(page[^1].CustomerId, page[^1].LinkId);
        }
        var run = new UpkeepRun(parts, options, started, rows);
        parts.Runs.Add(run);
        return run;
    }

    public void Ring(ImmutableArray<PartitionCursor> reached)
    {
        lock (_ringing)
        {
            foreach (var cursor in reached)
            {
                if (!_rung.TryGetValue(cursor.Partition, out var known) || known < cursor.Sequence) _rung[cursor.Partition] = cursor.Sequence;
            }
        }
        Wake();
    }

    public async Task DrainAsync(TimeSpan most)
    {
        await _stopping.CancelAsync();
        Wake();
        await _loop;
    }

    void Wake()
    {
        try
        {
            if (_woken.CurrentCount == 0) _woken.Release();
        }
        catch (SemaphoreFullException)
        {
            // Woken by somebody else in this very moment.
        }
    }

    long Backlog()
    {
        lock (_ringing) return _rung.Sum(r => Math.Max(0, r.Value - Volatile.Read(ref _read[r.Key])));
    }

    async Task LoopAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            var more = false;
            try
            {
                more |= await FollowAsync();
                await _references.TellAsync(_stopping.Token);
                if (!await SaveAsync()) return;
                await OfferKeysAsync();
                await EndGraceAsync();
                more |= await ResolveAsync();
                await ReleaseEditsAsync();
                await TrimAsync();
            }
            catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
            {
                break;
            }
#pragma warning disable CA1031 // All of it can be done again, and is.
            catch (Exception error)
#pragma warning restore CA1031
            {
                _logger.UpkeepHindered(error.GetType().Name);
                more = false;
            }
            if (more) continue;
            await _woken.WaitAsync(LookEvery, CancellationToken.None);
            await Task.Delay(Rest, _parts.Own, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        _logger.UpkeepEnded("drained");
    }

    // ---- what the journal tells ----------------------------------------------------------------------------------

    /// <returns>True: there is more to read.</returns>
    async Task<bool> FollowAsync()
    {
        if (_book.Count >= UpkeepBook.RowsMax)
        {
            if (!_full) _logger.UpkeepFull(_book.Count);
            _full = true;
            return false;
        }
        _full = false;
        if (_references.IsBehind) return false;
        (int Partition, long Sequence)[] rung;
        lock (_ringing) rung = [.. _rung.Where(r => r.Value > _read[r.Key]).Select(r => (r.Key, r.Value))];
        if (rung.Length == 0) return false;
        var hub = _parts.Definitions.Current;
        var pages = await _parts.Store.ReadUpkeepPagesAsync([.. rung.Select(r => new PartitionCursor(r.Partition, _read[r.Partition]))], EntriesAtOnce, _stopping.Token);
        var moved = false;
        foreach (var page in pages)
        {
            moved |= page.Through > _read[page.Partition];
            foreach (var placed in page.Entries)
            {
                _book.Take(placed, hub, _givers);
                _references.Take(placed.Entry, hub);
            }
            Volatile.Write(ref _read[page.Partition], Math.Max(_read[page.Partition], page.Through));
        }
        return moved && rung.Any(r => r.Sequence > _read[r.Partition]);
    }

    /// <returns>False: another run has taken over.</returns>
    async Task<bool> SaveAsync()
    {
        ImmutableArray<PartitionCursor> cursors = [.. _read.Select((s, p) => new PartitionCursor(p, s)).Where(c => c.Sequence > _saved[c.Partition])];
        if (cursors.IsEmpty && !_book.IsChanged) return true;
        var (upserts, removals) = _book.TakeChanges();
        var answer = await _parts.Store.MarkAsync(Lane, new(_tickets++, upserts, cursors, _epoch), CancellationToken.None);
        if (answer == RowsAnswer.Ok)
        {
            foreach (var cursor in cursors) _saved[cursor.Partition] = cursor.Sequence;
            if (!removals.IsEmpty) answer = await _parts.Store.SaveRowsAsync(Lane, new(_tickets++, [], removals, _epoch), CancellationToken.None);
        }
        if (answer == RowsAnswer.Ok) return true;

        // What has landed nobody knows, and the next run reads it.
        _logger.UpkeepEnded(answer == RowsAnswer.Fenced ? "fenced" : "the store did not answer");
        return false;
    }

    public ImmutableArray<PartitionCursor> ReadCursors() => [.. _saved.Select((s, p) => new PartitionCursor(p, s))];

    // ---- keys given up -------------------------------------------------------------------------------------------

    async Task OfferKeysAsync()
    {
        var now = _parts.Clock.Now;
        ImmutableArray<string> keys = [.. _givers.SelectMany(g => _book.AskedOf(g)).Distinct(StringComparer.Ordinal)];
        var givers = _givers.ToArray();
        if (now >= _keysAt)
        {
            keys = _book.AllAsked();
            _keysAt = now + KeysEvery;
        }
        foreach (var some in keys.Chunk(PageMax))
        {
            var holders = (await _parts.Store.LookUpKeysAsync([.. some], _stopping.Token)).ToDictionary(k => k.Key, k => k.CustomerId, StringComparer.Ordinal);
            await Task.WhenAll(some.Select(async key =>
            {
                if (holders.TryGetValue(key, out var holder)) _book.HeldNowBy(key, holder);
                else if (_book.OldestAsker(key) is { } asker)
                {
                    _logger.KeyOffered(givers.FirstOrDefault(g => _book.AskedOf(g).Contains(key)), asker);
                    _parts.Metrics.UpkeepAsked("claim-key");
                    await _customers.AskAsync(asker, new CustomerCall.ClaimKey(key));
                }
            }));
        }
        foreach (var giver in givers) _givers.Remove(giver);
    }

    // ---- pending deletions ---------------------------------------------------------------------------------------

    async Task EndGraceAsync()
    {
        var now = _parts.Clock.Now;
        var due = _book.DeletionsDue(now, PageMax);
        var answers = await Task.WhenAll(due.Select(customer =>
        {
            _logger.GraceOver(customer);
            _parts.Metrics.UpkeepAsked("grace");
            return _customers.AskAsync(customer, new CustomerCall.Reresolve());
        }));

        // The row goes when the journal tells that the deletion is not pending any more.
        for (var i = 0; i < due.Length; i++) _book.LookAgain(due[i], now + (answers[i] is CustomerAnswer.TryAgain ? Patience : TimeSpan.FromMinutes(1)));
    }

    // ---- a changed definition ------------------------------------------------------------------------------------

    /// <returns>True: there are more customers to look at.</returns>
    async Task<bool> ResolveAsync()
    {
        var hub = _parts.Definitions.Current;
        if (_resolvedVersion >= hub.Version) return false;
        var now = _parts.Clock.Now;
        if (_resolvingVersion != hub.Version)
        {
            (_resolvingVersion, _resolveAfter, _resolveAsked, _resolveAgain, _resolveFrom) = (hub.Version, null, 0, false, now);
        }
        if (now < _resolveFrom) return false;

        var page = await _parts.Store.ListCustomersAsync(_resolveAfter, PageMax, _stopping.Token);
        string[] behind = [.. page.Where(h => h.DefinitionVersion < hub.Version).Select(h => h.CustomerId)];
        if (behind.Length > 0 && _resolveAsked == 0) _logger.ResolvingBegan(hub.Version, behind.Length);
        var answers = await Task.WhenAll(behind.Select(c =>
        {
            _parts.Metrics.UpkeepAsked("reresolve");
            return _customers.AskAsync(c, new CustomerCall.Reresolve());
        }));
        _resolveAsked += behind.Length;
        _resolveAgain |= answers.Any(a => a is CustomerAnswer.TryAgain);
        if (page.Length == PageMax)
        {
            _resolveAfter = page[^1].CustomerId;
            return true;
        }

        // Once through. A silo that had not heard of the definition may have decided under the one before meanwhile: another look
        // after all have heard makes sure; a merged or erased customer stays behind for good and has nothing to decide.
        if (_resolveAgain || (behind.Length > 0 && _resolveFrom + Patience > now))
        {
            (_resolveAfter, _resolveAgain, _resolveFrom) = (null, false, now + Patience);
            return false;
        }
        _resolvedVersion = hub.Version;
        _logger.ResolvingEnded(hub.Version, _resolveAsked);
        return false;
    }

    // ---- parked edits whose time has come ------------------------------------------------------------------------

    async Task ReleaseEditsAsync()
    {
        var now = _parts.Clock.Now;
        if (now < _parkedAt) return;
        var hub = _parts.Definitions.Current;
        var release = new EditRelease(_parts, _customers);
        string? after = null;
        while (true)
        {
            var page = await _parts.Store.ListParkedEditsAsync(null, after, PageMax, _stopping.Token);
            var known = await KnownAsync(page);
            foreach (var parked in page.Where(p => ParkedEdits.IsDue(p, hub, now) || known.Contains(p.Edit.Source)))
            {
                _parts.Metrics.UpkeepAsked("parked-edit");
                var answer = await release.TakeAsync(parked, _stopping.Token);
                if (answer is not IntakeAnswer.Done { Outcome: not EditOutcome.Parked } done) continue;
                await _parts.Store.RemoveParkedEditAsync(parked.Id, _stopping.Token);
                _logger.ParkedEditTaken(parked.Id, done.Outcome.ToString());
            }
            if (page.Length < PageMax) break;
            after = page[^1].Id;
        }
        _parkedAt = now + (after is null ? ParkedEvery : ManyParkedEvery);
    }

    /// <summary>Of the records that wait for a receipt of ours, those that have a customer by now.</summary>
    async Task<HashSet<SourceRecord>> KnownAsync(ImmutableArray<ParkedEdit> page)
    {
        ImmutableArray<SourceRecord> waiting = [.. page.Where(p => p.Reason == ParkReason.OwnCreate).Select(p => p.Edit.Source).Distinct()];
        if (waiting.IsEmpty) return [];
        var found = await _parts.Store.LookUpRecordsAsync(waiting, _stopping.Token);
        return [.. found.Where(f => f.CustomerId is not null || f.Suppressed).Select(f => f.Record)];
    }

    // ---- the journal's length ------------------------------------------------------------------------------------

    async Task TrimAsync()
    {
        var now = _parts.Clock.Now;
        if (now < _trimAt) return;
        _trimAt = now + TrimEvery;
        if (_options.KeepJournal is not { } keep || await NeededAsync() is not { } needed) return;
        var (removed, partitions) = (0L, 0);
        for (var partition = 0; partition < needed.Length; partition++)
        {
            var through = await LastBeforeAsync(partition, needed[partition], now - keep);
            if (through == 0) continue;
            var here = 0L;
            for (var some = PageMax; some == PageMax; here += some) some = await _parts.Store.TrimAsync(partition, through, PageMax, _stopping.Token);
            if (here > 0) partitions++;
            removed += here;
        }
        if (removed > 0) _logger.JournalTrimmed(removed, partitions);
    }

    /// <returns>By partition, the last sequence that every reader has left behind; null: somebody could not tell.</returns>
    async Task<long[]?> NeededAsync()
    {
        var hub = _parts.Definitions.Current;
        var needed = (long[])_saved.Clone();
        foreach (var system in hub.Systems)
        {
            var cursors = await Task.WhenAll(DeliveryLane.Of(system.Name, system.Lanes).Select(l => _parts.Grains.GetGrain<IDeliveryGrain>(l.ToString()).ReadCursors().WaitAsync(Patience, _parts.Own)));

            // Each lane tells of its own partitions; one that does not run tells nothing, and needs all.
            if (!Lower(needed, cursors.Any(c => c.IsDefaultOrEmpty) ? [] : [.. cursors.SelectMany(c => c)], system.Name)) return null;
        }
        foreach (var sink in hub.Sinks)
        {
            if (!Lower(needed, await _parts.Grains.GetGrain<ISinkGrain>(sink.Name).ReadCursors().WaitAsync(Patience, _parts.Own), sink.Name)) return null;
        }
        return needed;
    }

    bool Lower(long[] needed, ImmutableArray<PartitionCursor> cursors, string name)
    {
        if (cursors.IsDefaultOrEmpty)
        {
            _logger.NotTrimmed(name);
            return false;
        }
        var told = cursors.ToDictionary(c => c.Partition, c => c.Sequence);
        for (var partition = 0; partition < needed.Length; partition++) needed[partition] = Math.Min(needed[partition], told.GetValueOrDefault(partition));
        return true;
    }

    /// <summary>The last entry up to a sequence that is older than a time; 0: none.</summary>
    async Task<long> LastBeforeAsync(int partition, long most, DateTimeOffset time)
    {
        var (below, above) = (0L, most + 1);
        while (above - below > 1)
        {
            var middle = below + (above - below) / 2;
            var page = await _parts.Store.ReadPageAsync(partition, middle - 1, 1, _stopping.Token);

            // Where it was trimmed, the next entry that is there speaks for it.
            if (page.Entries is [var placed] && placed.Position.Sequence < above && placed.At < time) below = placed.Position.Sequence;
            else above = middle;
        }
        return below;
    }
}
