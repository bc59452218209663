using OrleansCrm.Sandbox.Vendors;

namespace OrleansCrm.Silo.Demo;

/// <summary>People in the simulated CRMs who go on editing, gently, each in their own system's words.</summary>
sealed class DemoEdits(IReadOnlyList<DemoSystem> systems, DemoStock stock, double perSecond)
{
    /// <summary>A demo that is forgotten must not fill a memory: the simulated CRMs keep all that was ever changed.</summary>
    public const long Most = 50_000;

    static readonly TimeSpan TellEvery = TimeSpan.FromSeconds(30);

    /// <summary>The same people do the same things in every demo.</summary>
    readonly Random _chance = new(11);

    /// <param name="tell">Told now and then how many edits were made.</param>
    public async Task RunAsync(Action<long> tell, CancellationToken stopping)
    {
        var records = stock.Loaded.ToLookup(l => l.System);

        // The example is left to who tries the demo out: what was printed about it stays so.
        var example = stock.Example?.Records.ToHashSet() ?? [];
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1 / perSecond));
        var told = TimeProvider.System.GetTimestamp();
        for (var made = 0L; made < Most; made++)
        {
            if (!await timer.WaitForNextTickAsync(stopping)) return;
            var system = systems[_chance.Next(systems.Count)];
            LoadedRecord[] mine = [.. records[system].Where(r => !example.Contains(r))];
            if (mine.Length > 0) Edit(system, mine[_chance.Next(mine.Length)]);
            if (TimeProvider.System.GetElapsedTime(told) < TellEvery) continue;
            told = TimeProvider.System.GetTimestamp();
            tell(made + 1);
        }
    }

    void Edit(DemoSystem system, LoadedRecord record)
    {
        var habit = system.Kind.Habits[_chance.Next(system.Kind.Habits.Length)];
        var who = system.Kind.Staff[_chance.Next(system.Kind.Staff.Length)];
        system.Organisation.Update(system.Kind.Object, record.Id, habit(_chance), new Editor(EditorKind.Person, who));
    }
}
