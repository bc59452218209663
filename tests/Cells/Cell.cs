namespace OrleansCrm.Cells;

/// <summary>One way in which a hub under load is hurt.</summary>
/// <param name="Silos">0: one embedded hub on SQLite.</param>
/// <param name="NetworksApart">Each silo in a network of its own.</param>
/// <param name="HurtAsync">What happens in the middle of the load; returns when the damage is over.</param>
sealed record Cell(string Name, int Silos, bool NetworksApart, Func<Ground, Task> HurtAsync)
{
    static readonly TimeSpan Start = TimeSpan.FromSeconds(90);

    public static IReadOnlyList<Cell> All { get; } =
    [
        new("sqlite-kill", 0, false, async ground =>
        {
            for (var i = 0; i < 3; i++)
            {
                await ground.LoadForAsync(4);
                await RestartAsync(ground, 0);
            }
        }),
        new("postgres-kill", 1, false, async ground =>
        {
            for (var i = 0; i < 3; i++)
            {
                await ground.LoadForAsync(4);
                await RestartAsync(ground, 0);
            }
        }),
        new("one-of-three-kill", 3, false, async ground =>
        {
            await ground.LoadForAsync(5);
            ground.Silos[1].Kill();
            await ground.AnswersAgainAsync("one silo of three killed");
            await ground.LoadForAsync(5);
            ground.Silos[1].Start();
            await ground.Silos[1].ReadyAsync(Start);
        }),
        new("all-kill", 3, false, async ground =>
        {
            await ground.LoadForAsync(5);
            foreach (var silo in ground.Silos) silo.Kill();
            foreach (var silo in ground.Silos) silo.Start();
            foreach (var silo in ground.Silos) await silo.ReadyAsync(Start);
            await ground.AnswersAgainAsync("all silos killed");
        }),
        new("postmaster-kill", 1, false, async ground =>
        {
            await ground.LoadForAsync(5);
            ground.Postgres!.Kill();
            await Task.Delay(TimeSpan.FromSeconds(3));
            await ground.Postgres.StartAsync();
            await ground.AnswersAgainAsync("the postmaster killed, 3 s away");
        }),
        new("one-of-three-freeze", 3, false, async ground =>
        {
            await ground.LoadForAsync(5);
            ground.Silos[2].Suspend();
            await ground.AnswersAgainAsync("one silo of three frozen");
            await ground.LoadForAsync(25);
            ground.Silos[2].Continue();
            await ground.LoadForAsync(5);
            if (!ground.Silos[2].IsRunning) ground.Silos[2].Start();
            await ground.Silos[2].ReadyAsync(Start);
        }),
        new("one-of-three-cut-off", 3, true, async ground =>
        {
            await ground.LoadForAsync(5);
            ground.Networks!.Cut(2);
            await ground.AnswersAgainAsync("one silo of three cut off from the others");
            await ground.LoadForAsync(25);
            ground.Networks.Join(2);
            await ground.LoadForAsync(5);
            if (!ground.Silos[2].IsRunning) ground.Silos[2].Start();
            await ground.Silos[2].ReadyAsync(Start);
        }),
    ];

    static async Task RestartAsync(Ground ground, int silo)
    {
        ground.Silos[silo].Kill();
        ground.Silos[silo].Start();
        await ground.Silos[silo].ReadyAsync(Start);
    }
}
