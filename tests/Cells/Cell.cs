namespace OrleansCrm.Cells;

/// <summary>One way in which a hub under load is hurt.</summary>
/// <param name="Silos">0: one embedded hub on SQLite.</param>
/// <param name="HurtAsync">What happens in the middle of the load; returns when the damage is over.</param>
sealed record Cell(string Name, int Silos, Func<Ground, Task> HurtAsync)
{
    static readonly TimeSpan Start = TimeSpan.FromSeconds(90);

    /// <summary>After a silo was killed its customers must answer again within this.</summary>
    static readonly TimeSpan AfterKill = TimeSpan.FromSeconds(5);

    /// <summary>After a silo was frozen or cut off its customers must answer again within this.</summary>
    static readonly TimeSpan AfterFreeze = TimeSpan.FromSeconds(15);

    /// <summary>Each silo in a network of its own.</summary>
    public bool NetworksApart { get; init; }

    /// <summary>Megabytes of the disk that the store has to itself; null: it shares the machine's.</summary>
    public int? Disk { get; init; }

    /// <summary>The version of the definition that all are at in the end.</summary>
    public int Definition { get; init; } = 1;

    // In an order in which any few that follow one another hurt different things.
    public static IReadOnlyList<Cell> All { get; } =
    [
        new("sqlite-kill", 0, async ground =>
        {
            for (var i = 0; i < 3; i++)
            {
                await ground.LoadForAsync(4);
                await RestartAsync(ground, 0);
            }
        }),
        new("one-of-three-kill", 3, async ground =>
        {
            await ground.LoadForAsync(5);
            await ground.UsualAsync();
            var hurt = ground.Hurt();
            ground.Silos[1].Kill();
            await ground.AnswersAgainAsync("one silo of three killed", hurt, without: 1, AfterKill);
            await ground.LoadForAsync(5);
            ground.Silos[1].Start();
            await ground.Silos[1].ReadyAsync(Start);
            await ground.LoadForAsync(3);
        }),
        new("postgres-full-disk", 1, async ground =>
        {
            await ground.LoadForAsync(4);
            ground.Disk!.Fill();
            await ground.RefusesAsync("the database's disk is full");
            await ground.LoadForAsync(10);
            ground.Disk.Free();
            var hurt = ground.Hurt();

            // Without room for what it writes ahead PostgreSQL ends itself: its supervisor starts it again, as it would anywhere.
            await ground.Postgres!.StartAsync();
            await ground.AnswersAgainAsync("room on the database's disk", hurt);
        }) { Disk = 320 },
        new("postgres-kill", 1, async ground =>
        {
            for (var i = 0; i < 3; i++)
            {
                await ground.LoadForAsync(4);
                await RestartAsync(ground, 0);
            }
        }),
        new("sqlite-full-disk", 0, async ground =>
        {
            await ground.LoadForAsync(4);
            ground.Disk!.Fill();
            await ground.RefusesAsync("the disk is full");
            await ground.LoadForAsync(8);
            ground.Disk.Free();
            await ground.AnswersAgainAsync("room on the disk", ground.Hurt());
            await ground.LoadForAsync(2);

            // Full once more, and killed like that: what was taken for stored has to be there.
            ground.Disk.Fill();
            await ground.RefusesAsync("the disk is full again");
            ground.Silos[0].Kill();
            ground.Disk.Free();
            ground.Silos[0].Start();
            await ground.Silos[0].ReadyAsync(Start);
        }) { Disk = 160 },
        new("two-definitions", 3, async ground =>
        {
            await ground.LoadForAsync(4);
            ground.Silos[1].Kill();
            ground.Silos[2].Kill();

            // One applies the newer while another starts with the older file, and the third knows only the older yet.
            ground.Silos[2].Start(ground.NewerDefinition);
            ground.Silos[1].Start();
            foreach (var silo in ground.Silos) await silo.ReadyAsync(Start);
            await ground.LoadForAsync(4);
            ground.Silos[0].Kill();
            ground.Silos[0].Start();
            await ground.Silos[0].ReadyAsync(Start);
            await ground.LoadForAsync(4);
        }) { Definition = 2 },
        new("one-of-three-freeze", 3, async ground =>
        {
            await ground.LoadForAsync(5);
            await ground.UsualAsync();
            var hurt = ground.Hurt();
            ground.Silos[2].Suspend();
            await ground.AnswersAgainAsync("one silo of three frozen", hurt, without: 2, AfterFreeze);
            await ground.LoadUntilAsync(hurt, 30);
            ground.Silos[2].Continue();
            await ground.TakenForDeadAsync(2);
            await ground.Silos[2].ReadyAsync(Start);
            await ground.LoadForAsync(3);
        }),
        new("postmaster-kill", 1, async ground =>
        {
            await ground.LoadForAsync(5);
            ground.Postgres!.Kill();
            await Task.Delay(TimeSpan.FromSeconds(3));
            var hurt = ground.Hurt();
            await ground.Postgres.StartAsync();
            await ground.AnswersAgainAsync("the postmaster killed, 3 s away", hurt);
        }),
        new("all-kill", 3, async ground =>
        {
            await ground.LoadForAsync(5);
            var hurt = ground.Hurt();
            foreach (var silo in ground.Silos) silo.Kill();
            foreach (var silo in ground.Silos) silo.Start();
            foreach (var silo in ground.Silos) await silo.ReadyAsync(Start);
            await ground.AnswersAgainAsync("all silos killed", hurt);
        }),
        new("postgres-away", 2, async ground =>
        {
            await ground.LoadForAsync(4);
            ground.Postgres!.Kill();
            await ground.RefusesAsync("the database is gone");
            await ground.LoadForAsync(18);
            var back = ground.Hurt();
            await ground.Postgres.StartAsync();
            await ground.AnswersAgainAsync("the database 20 s gone", back);
            await ground.LoadForAsync(3);
            await ground.Postgres.SuspendAsync();
            await ground.RefusesAsync("the database does not answer");
            await ground.LoadForAsync(10);
            back = ground.Hurt();
            await ground.Postgres.ContinueAsync();
            await ground.AnswersAgainAsync("the database 20 s frozen", back);
        }),
        new("one-of-three-cut-off", 3, async ground =>
        {
            await ground.LoadForAsync(5);
            await ground.UsualAsync();
            var hurt = ground.Hurt();
            ground.Networks!.Cut(2);
            await ground.AnswersAgainAsync("one silo of three cut off from the others", hurt, without: 2, AfterFreeze);
            await ground.LoadUntilAsync(hurt, 30);
            ground.Networks.Join(2);
            await ground.TakenForDeadAsync(2);
            await ground.Silos[2].ReadyAsync(Start);
            await ground.LoadForAsync(3);
        }) { NetworksApart = true },
    ];

    static async Task RestartAsync(Ground ground, int silo)
    {
        ground.Silos[silo].Kill();
        ground.Silos[silo].Start();
        await ground.Silos[silo].ReadyAsync(Start);
    }
}
