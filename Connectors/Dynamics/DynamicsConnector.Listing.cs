using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using OrleansCrm.Domain.Connecting;

namespace OrleansCrm.Connectors.Dynamics;

// Listing rows: all of them, and what has changed since. The service's change tracking tells both, and deletions; where a table
// has none, rows are listed by the time of their last change, and deletions are not told.
public sealed partial class DynamicsConnector
{
    /// <summary>Rows that one query names: more would not fit into an address.</summary>
    const int NamedMax = 100;

    /// <summary>Most places per object at which a later listing may go on.</summary>
    const int PlacesMax = 16;

    /// <summary>A place to go on from: everything that happened after a time is told from there.</summary>
    sealed record Place(string Link, DateTimeOffset From);

    // The newest last. What is lost with the process is found by a listing of all rows; who keeps the marks that listings give needs none of it.
    readonly Lock _placesLock = new();
    readonly Dictionary<string, List<Place>> _places = new(StringComparer.Ordinal);

    enum Phase
    {
        /// <summary>All rows, followed from here on.</summary>
        Tracked,

        /// <summary>What has changed since a place.</summary>
        Changes,

        /// <summary>Rows by the time of their last change.</summary>
        ByTime,
    }

    /// <summary>Names a page.</summary>
    /// <param name="From">When the listing began, by the earlier one of both clocks.</param>
    /// <param name="Mark">Tells the place that changes began at from others; empty for other phases.</param>
    /// <param name="Link">Behind the service's root.</param>
    sealed record PageName(Phase Phase, DateTimeOffset From, string Mark, string Link)
    {
        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{(Phase switch { Phase.Tracked => 't', Phase.Changes => 'd', _ => 'm' })}:{From.UtcTicks}:{Mark}:{Link}");

        public static PageName? Read(string text) =>
            text.Split(':', 4) is [['t' or 'd' or 'm'] phase, var from, var mark, var link] && long.TryParse(from, NumberStyles.None, CultureInfo.InvariantCulture, out var ticks) && ticks <= DateTimeOffset.MaxValue.UtcTicks
                ? new PageName(phase switch { "t" => Phase.Tracked, "d" => Phase.Changes, _ => Phase.ByTime }, new DateTimeOffset(ticks, TimeSpan.Zero), mark, link)
                : null;
    }

    public async Task<ListOutcome> ListAsync(RecordList list, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(list);
        if (!_objects.TryGetValue(list.Object, out var records)) return new ListOutcome.Refused("not-described", "Map the object, then list again.");
        var (table, failed) = await TableAsync(records, cancellationToken);
        if (table is null) return Failed(failed!);
        if (list.Page is { } page)
        {
            if (PageName.Read(page) is not { } name || !name.Link.StartsWith(table.Set + "?", StringComparison.Ordinal)) return new ListOutcome.Refused("page-unknown", "Begin the listing anew.");
            return await PageAsync(records, table, list, name, cancellationToken);
        }
        if (!_dynamics.ChangeTracking || !table.TracksChanges) return await PageAsync(records, table, list, ByTime(records, table, list), cancellationToken);
        if (list.Mark is { } mark)
        {
            if (!mark.StartsWith(table.Set + "?", StringComparison.Ordinal)) return new ListOutcome.Refused("mark-unknown", "List again without the mark.");
            return await PageAsync(records, table, list, Changes(mark, _time.GetUtcNow()), cancellationToken);
        }
        if (list.ModifiedSince is not { } since) return await PageAsync(records, table, list, Tracked(records, table), cancellationToken);
        var places = Places(records, table);
        if (places.FindLast(p => p.From <= since) is { } place) return await PageAsync(records, table, list, Changes(place.Link, _time.GetUtcNow()), cancellationToken);

        // Nothing is followed yet: this reads all rows, and tells those that were modified since. Later it need not.
        if (places.Count == 0) return await PageAsync(records, table, list, Tracked(records, table), cancellationToken);
        return await PageAsync(records, table, list, ByTime(records, table, list), cancellationToken);
    }

    public async Task<ListOutcome> ListAsync(string @object, ImmutableArray<string> externalIds, DateTimeOffset? before, CancellationToken cancellationToken)
    {
        if (!_objects.TryGetValue(@object, out var records)) return new ListOutcome.Refused("not-described", "Map the object in the definition, then read again.");
        for (var tries = 0; ; tries++)
        {
            var (table, undescribed) = await TableAsync(records, cancellationToken);
            if (table is null) return Failed(undescribed!);
            var (outcome, again) = await NamedAsync(records, table, externalIds, before, cancellationToken);
            if (!again || tries > 0 || !Forget(records)) return outcome;
        }
    }

    // Again: a column that is asked for seems to have gone.
    async Task<(ListOutcome Outcome, bool Again)> NamedAsync(DynamicsRecords records, DynamicsTable table, ImmutableArray<string> externalIds, DateTimeOffset? before, CancellationToken cancellationToken)
    {
        DateTimeOffset? seenAt = null;
        var listed = ImmutableArray.CreateBuilder<ListedRecord>(externalIds.Length);

        // What is no id is nobody's.
        foreach (var ids in externalIds.Select(i => Guid.TryParse(i, out var id) ? id.ToString() : null).OfType<string>().Distinct(StringComparer.Ordinal).Chunk(NamedMax))
        {
            var filter = $"Microsoft.Dynamics.CRM.In(PropertyName='{table.IdColumn}',PropertyValues=[{string.Join(',', ids.Select(i => $"'{i}'"))}])";
            var (answer, at, failed) = await AskAsync($"{table.Set}?$select={records.Select(table)}&$filter={Uri.EscapeDataString(filter)}", IncludeLookups, cancellationToken);
            if (failed is not null) return (Failed(failed), failed.Problem is { } problem && DynamicsAnswers.IsDrift(problem));
            seenAt ??= at;
            listed.AddRange(DynamicsAnswers.List(answer, "value").Select(r => records.Listed(r, table, before)).OfType<ListedRecord>());
        }
        return (new ListOutcome.Page(listed.ToImmutable(), null, seenAt ?? _time.GetUtcNow()), false);
    }

    // Those that tell the columns that are asked for now.
    List<Place> Places(DynamicsRecords records, DynamicsTable table)
    {
        lock (_placesLock) return _places.TryGetValue(records.Object, out var places) ? [.. places.Where(p => TellsAll(p.Link, records, table))] : [];
    }

    // A place tells the columns that were asked for when it was given, whatever is asked for since.
    static bool TellsAll(string link, DynamicsRecords records, DynamicsTable table)
    {
        foreach (var pair in link[(link.IndexOf('?', StringComparison.Ordinal) + 1)..].Split('&'))
        {
            if (pair.Split('=', 2) is [var name, var value] && Uri.UnescapeDataString(name) == "$select") return records.Select(table).Split(',').ToHashSet(StringComparer.Ordinal).SetEquals(Uri.UnescapeDataString(value).Split(','));
        }
        return true;
    }

    void Remember(DynamicsRecords records, Place place)
    {
        lock (_placesLock)
        {
            if (!_places.TryGetValue(records.Object, out var places)) _places[records.Object] = places = [];
            if (places.Count == PlacesMax) places.RemoveAt(0);
            places.Add(place);
        }
    }

    void ForgetPlaces(DynamicsRecords records)
    {
        lock (_placesLock) _places.Remove(records.Object);
    }

    PageName Tracked(DynamicsRecords records, DynamicsTable table) => new(Phase.Tracked, _time.GetUtcNow(), "", $"{table.Set}?$select={records.Select(table)}");

    static PageName Changes(string link, DateTimeOffset from) => new(Phase.Changes, from, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(link)).AsSpan(0, 8)), link);

    // Many rows share a second, so the id decides, too.
    PageName ByTime(DynamicsRecords records, DynamicsTable table, RecordList list)
    {
        var filter = list.ModifiedSince is { } since ? "&$filter=" + Uri.EscapeDataString($"modifiedon ge {Say(since - _dynamics.Overlap)}") : "";
        return new PageName(Phase.ByTime, _time.GetUtcNow(), "", $"{table.Set}?$select={records.Select(table)}{filter}&$orderby={Uri.EscapeDataString($"modifiedon asc,{table.IdColumn} asc")}");
    }

    async Task<ListOutcome> PageAsync(DynamicsRecords records, DynamicsTable table, RecordList list, PageName name, CancellationToken cancellationToken)
    {
        if (await BoundAsync(cancellationToken) is { } elsewhere) return Failing(elsewhere, list);
        var prefer = string.Create(CultureInfo.InvariantCulture, $"{(name.Phase == Phase.Tracked ? "odata.track-changes," : "")}odata.maxpagesize={_dynamics.PageSize},{IncludeLookups}");
        var (answer, seenAt, failed) = await GetAsync(name.Link, prefer, cancellationToken);
        if (failed is not null) return await AnewAsync(records, table, list, name, failed, cancellationToken);
        if (answer!.Body.ValueKind != JsonValueKind.Object || !answer.Body.TryGetProperty("value", out _)) return new ListOutcome.Failed("answer-not-understood", null);

        // The earlier of both clocks: a change that the listing did not see must not fall before it.
        if (list.Page is null) name = name with { From = answer.Headers.Date is { } theirs && theirs < seenAt ? theirs : seenAt };
        var listed = ImmutableArray.CreateBuilder<ListedRecord>();
        foreach (var row in DynamicsAnswers.List(answer.Body, "value"))
        {
            if (DynamicsAnswers.Text(row, "reason") is not null && DynamicsAnswers.Text(row, "id") is { } gone && Guid.TryParse(gone, out var id))
            {
                listed.Add(records.Deleted(id.ToString(), name.Mark));
                continue;
            }
            if (name.Phase == Phase.Tracked && list.ModifiedSince is { } since && DynamicsRecords.ModifiedOn(row) < Floor(since - _dynamics.Overlap)) continue;
            if (records.Listed(row, table, list.Before) is not { } one) return new ListOutcome.Refused("no-id", "A row came without an id. Tell the makers of the connector.");
            listed.Add(one);
        }
        if (LinkIn(answer.Body, "@odata.nextLink") is { } next) return new ListOutcome.Page(listed.DrainToImmutable(), (name with { Link = next }).ToString(), seenAt);
        if (LinkIn(answer.Body, "@odata.deltaLink") is { } link)
        {
            // The mapping has more columns than when the place was given: they are read of all rows that were modified since, and followed from there.
            if (!TellsAll(link, records, table)) return new ListOutcome.Page(listed.DrainToImmutable(), (Tracked(records, table) with { From = name.From }).ToString(), seenAt);
            Remember(records, new Place(link, name.From));
            return new ListOutcome.Page(listed.DrainToImmutable(), null, seenAt) { Mark = link };
        }

        // Listed by time, deletions are told by the oldest place that is known.
        var oldest = name.Phase == Phase.ByTime && list.ModifiedSince is not null && _dynamics.ChangeTracking ? Places(records, table).FirstOrDefault() : null;
        return new ListOutcome.Page(listed.DrainToImmutable(), oldest is null ? null : Changes(oldest.Link, name.From).ToString(), seenAt);
    }

    // Some failures end by beginning in another way.
    async Task<ListOutcome> AnewAsync(DynamicsRecords records, DynamicsTable table, RecordList list, PageName name, Failure failed, CancellationToken cancellationToken)
    {
        switch (failed.Problem)
        {
            case { Code: DynamicsAnswers.DeltaExpired } when name.Phase == Phase.Changes:
                // The service no longer knows what has changed since: all rows are read, those that were modified since are told, and deletions of meanwhile are not.
                ForgetPlaces(records);
                return await PageAsync(records, table, list with { Page = null }, Tracked(records, table), cancellationToken);
            case { Code: DynamicsAnswers.NotTracked } when name.Phase == Phase.Tracked:
                return await PageAsync(records, table, list, ByTime(records, table, list), cancellationToken);
            case { } problem when DynamicsAnswers.IsDrift(problem):
                // A column seems to be gone: links that name it are worth nothing.
                var isNews = Forget(records);
                ForgetPlaces(records);
                if ((await TableAsync(records, cancellationToken)).Table is not { } fresh) return new ListOutcome.Failed(failed.Code, null);
                if (name.Phase == Phase.Changes) return await PageAsync(records, fresh, list with { Page = null }, Tracked(records, fresh), cancellationToken);
                return list.Page is null && isNews ? await ListAsync(list, cancellationToken) : Failed(failed);
            default:
                return Failing(failed, list);
        }
    }

    // Whoever is refused lets go of the mark. It is still good when a right is given back, or the binding put right.
    static ListOutcome Failing(Failure failure, RecordList list) =>
        list.Mark is not null && (failure.Code == BoundElsewhere || failure.Problem is { Status: 403 } || failure.Problem is { Code: "0x80040225" }) ? new ListOutcome.Failed(failure.Code, failure.RetryAt) : Failed(failure);

    static DateTimeOffset Floor(DateTimeOffset time) => new(time.UtcTicks - (time.UtcTicks % TimeSpan.TicksPerSecond), TimeSpan.Zero);

    // Only what stands behind the root is kept: a link never leads to another host.
    static string? LinkIn(JsonElement body, string name)
    {
        if (DynamicsAnswers.Text(body, name) is not { } text) return null;
        var at = text.IndexOf("/api/data/v", StringComparison.OrdinalIgnoreCase);
        var slash = at < 0 ? -1 : text.IndexOf('/', at + "/api/data/v".Length);
        return slash < 0 ? null : text[(slash + 1)..];
    }

    static ListOutcome Failed(Failure failure) => failure.Advice is { } advice ? new ListOutcome.Refused(failure.Code, advice) : new ListOutcome.Failed(failure.Code, failure.RetryAt);
}
