using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using OrleansCrm.Domain.Storage;
using OrleansCrm.Grains.Definitions;
using OrleansCrm.Grains.Delivery;
using OrleansCrm.Grains.Interfaces.Reading;
using OrleansCrm.Sandbox.Vendors;

namespace OrleansCrm.Silo.Demo;

/// <summary>What happens in a demo, one thing after another: records come in, the hub goes live, people go on editing.</summary>
sealed class DemoStory(
    Uri hub, IReadOnlyList<DemoSystem> systems, IReadOnlyList<DemoRecord> records, DemoDefinition definition, DemoFolder folder, double editsPerSecond, TextWriter to)
{
    static readonly TimeSpan LoadMost = TimeSpan.FromMinutes(3);
    static readonly TimeSpan DeliverMost = TimeSpan.FromMinutes(2);
    static readonly TimeSpan Look = TimeSpan.FromMilliseconds(100);

    /// <summary>Records asked for in one look.</summary>
    const int KnownAtOnce = 500;

    /// <summary>Nothing for so long is rest: between two signals things may look so for a moment.</summary>
    static readonly TimeSpan Rest = TimeSpan.FromSeconds(2);

    public async Task RunAsync(IServiceProvider services, CancellationToken stopping)
    {
        try
        {
            await TellAsync(services, stopping);
        }
        catch (Exception) when (stopping.IsCancellationRequested)
        {
            // Somebody ends the demo in the middle of it; whatever then fails fails for that.
        }
    }

    async Task TellAsync(IServiceProvider services, CancellationToken stopping)
    {
        Say($"OrleansCrm demo: a hub, and a Salesforce, a HubSpot and a Dynamics 365 that are simulated and disagree about the same people. Everything is in this process and in {folder.Folder.FullName}.");
        Say("");
        Say("1. Records come in. The hub only observes yet: it asks each system for all that it holds, and writes nothing.");
        var watch = Stopwatch.StartNew();
        var loaded = await LoadAsync(services.GetRequiredService<IGrainFactory>(), stopping);
        var stock = await DemoStock.TakeAsync(services.GetRequiredService<IGrainFactory>(), loaded, stopping);
        Say(stock, watch.Elapsed);

        Say("");
        Say("2. The hub goes live: the same definition again, with 'mode: live'. Every system is brought to the golden values.");
        watch.Restart();
        await File.WriteAllTextAsync(folder.Definition.FullName, definition.Live, stopping);
        await StoredDefinitions.ApplyAsync(services.GetRequiredService<ICustomerStore>(), definition.Live, "the demo goes live", stopping);
        await services.GetRequiredService<HubDefinitions>().RefreshAsync(stopping);
        var runs = services.GetRequiredService<LocalRuns>();
        await RestAsync(runs, stopping);
        Say(await LinkFigures.TakeAsync(services.GetRequiredService<IGrainFactory>(), stock, stopping), watch.Elapsed);

        Say("");
        DemoGuide.Write(to, hub, systems, stock);
        Say("");
        if (editsPerSecond <= 0)
        {
            Say("Nobody edits now but you. Ctrl+C ends everything.");
            return;
        }
        Say(string.Create(CultureInfo.InvariantCulture, $"3. People in the three systems go on editing, {editsPerSecond} times a second. Ctrl+C ends everything."));
        await new DemoEdits(systems, stock, editsPerSecond).RunAsync(made => Say(Progress(made, runs)), stopping);
        Say("The people have gone home; the hub runs on. Ctrl+C ends everything.");
    }

    /// <summary>One system after the other: two that tell of the same new person in the same moment might found two customers, and leave it to a person to merge them.</summary>
    async Task<IReadOnlyList<LoadedRecord>> LoadAsync(IGrainFactory grains, CancellationToken stopping)
    {
        var loaded = new List<LoadedRecord>();
        var dealt = Deal().ToLookup(d => d.System, d => d.Record);
        foreach (var system in systems)
        {
            var mine = new List<LoadedRecord>();
            foreach (var record in dealt[system])
            {
                if (system.Organisation.Create(system.Kind.Object, system.Kind.Write(record), new Editor(EditorKind.Person, "loader")) is { Id: { } id }) mine.Add(new(record, system, id));
            }
            await KnownAsync(grains, mine, stopping);
            loaded.AddRange(mine);
        }
        return [.. loaded.OrderBy(l => l.Record.Id)];
    }

    /// <summary>Waits until the hub has taken the records in.</summary>
    static async Task KnownAsync(IGrainFactory grains, IReadOnlyCollection<LoadedRecord> records, CancellationToken stopping)
    {
        var reader = grains.GetGrain<IReaderGrain>(0);
        var unknown = records.ToHashSet();
        for (var watch = Stopwatch.StartNew(); unknown.Count > 0 && watch.Elapsed < LoadMost; await Task.Delay(Look, stopping))
        {
            var found = new ConcurrentBag<LoadedRecord>();
            await Parallel.ForEachAsync(unknown.Take(KnownAtOnce), DemoStock.Together(stopping), async (record, _) =>
            {
                if (await reader.FindBySource(record.System.Kind.Name, record.System.Kind.Object, record.Id) is not null) found.Add(record);
            });
            unknown.ExceptWith(found);
        }
    }

    // The records of each person in turn, as if three departments had typed them. Nobody has two contacts of one e-mail in HubSpot.
    IEnumerable<(DemoSystem System, DemoRecord Record)> Deal()
    {
        var turns = new Dictionary<int, int>();
        var taken = new HashSet<(DemoSystem, string)>();
        foreach (var record in records)
        {
            var turn = turns[record.Person] = turns.GetValueOrDefault(record.Person, record.Person) + 1;
            while (systems[turn % systems.Count] is { Kind.IsUnique: true } choosy && record.Email.Length > 0 && !taken.Add((choosy, record.Email))) turn++;
            yield return (systems[turn % systems.Count], record);
        }
    }

    void Say(DemoStock stock, TimeSpan took)
    {
        Say(string.Create(CultureInfo.InvariantCulture, $"   {stock.Loaded.Count:N0} records, a thousand of them of a data set that others made (demo/data/README.md), came in within {took.TotalSeconds:0.0} s: {string.Join(", ", systems.Select(s => $"{s.Kind.Name} {stock.Loaded.Count(l => l.System == s)}"))}."));
        if (stock.Refused > 0) Say(string.Create(CultureInfo.InvariantCulture, $"   {stock.Refused:N0} were not taken; the log says why."));
        Say(string.Create(CultureInfo.InvariantCulture, $"   {stock.Customers.Count:N0} customers: {stock.Matched:N0} hold {stock.RecordsMatched:N0} records with the same e-mail ({stock.AcrossSystems:N0} of them in several systems), {stock.Customers.Count - stock.Matched:N0} have one record."));
        Say(string.Create(CultureInfo.InvariantCulture, $"   Who is who is known here, and the hub was not told: {stock.People:N0} people; {stock.Mixed:N0} customers mix two of them."));
        Say("   Where the records of one customer contradict each other, and whose value is golden:");
        foreach (var (field, conflicts) in stock.ConflictsByField)
        {
            var winners = conflicts.GroupBy(c => c, StringComparer.Ordinal).OrderByDescending(g => g.Count()).ThenBy(g => g.Key, StringComparer.Ordinal).Select(g => $"{g.Key} {g.Count()}");
            Say(string.Create(CultureInfo.InvariantCulture, $"     {field,-10} {conflicts.Count,4:N0} customers   {string.Join(", ", winners)}"));
        }
    }

    void Say(IReadOnlyDictionary<string, LinkFigures> links, TimeSpan took)
    {
        foreach (var system in systems)
        {
            var ours = system.Organisation.Writes.Find(w => w.Request > 0, int.MaxValue);
            var (created, changed) = (ours.Count(w => w.Kind == "created"), ours.Count(w => w.Kind == "changed"));
            var calls = system.Organisation.Requests.All;
            var figures = links.GetValueOrDefault(system.Kind.Name) ?? new LinkFigures(0, 0, 0, 0);
            var others = new[] { (figures.Waiting, "wait for a field that the system requires"), (figures.Parked, "wait for a person"), (figures.OnTheWay, "are on the way") }
                .Where(o => o.Item1 > 0).Select(o => string.Create(CultureInfo.InvariantCulture, $", {o.Item1:N0} {o.Item2}"));
            Say(string.Create(CultureInfo.InvariantCulture, $"     {system.Kind.Name,-10} {created,5:N0} records made, {changed,5:N0} changed, {calls:N0} requests in all; {figures.InSync:N0} hold the golden values{string.Concat(others)}"));
        }
        Say(string.Create(CultureInfo.InvariantCulture, $"   That took {took.TotalSeconds:0.0} s."));
    }

    static string Progress(long made, LocalRuns runs)
    {
        var open = runs.Figures().Sum(f => f.Due);
        return string.Create(CultureInfo.InvariantCulture, $"   {made:N0} edits so far; {(open == 0 ? "every system holds the golden values" : $"{open:N0} deliveries on the way")}");
    }

    static Task RestAsync(LocalRuns runs, CancellationToken stopping)
    {
        var watch = Stopwatch.StartNew();
        return UntilAsync(
            () =>
            {
                if (runs.Figures().Any(f => f.Due + f.Backlog + f.Calls > 0)) watch.Restart();
                return watch.Elapsed >= Rest;
            },
            DeliverMost,
            stopping);
    }

    // What does not come in time is told as it stands then: the story goes on.
    static async Task UntilAsync(Func<bool> holds, TimeSpan most, CancellationToken stopping)
    {
        for (var watch = Stopwatch.StartNew(); !holds() && watch.Elapsed < most;) await Task.Delay(Look, stopping);
    }

    void Say(string line) => to.WriteLine(line);
}
