using Serilog.Events;

namespace OrleansCrm.Silo.Demo;

/// <summary>What the command line says about a demo.</summary>
/// <param name="Data">Its folder; each start deletes what the last demo left there.</param>
/// <param name="Secret">As for every hub.</param>
/// <param name="Urls">Where the hub listens; port 0: a free one.</param>
/// <param name="LogFrom">The lowest level of log lines that are written.</param>
/// <param name="EditsPerSecond">Live edits by people in the simulated CRMs; 0: none.</param>
/// <param name="People">Fictional people beside those of the data set.</param>
sealed record DemoSettings(DirectoryInfo Data, string? Secret, string Urls, bool JsonLogs, LogEventLevel LogFrom, double EditsPerSecond, int People)
{
    public const double EditsPerSecondUsual = 2;
    public const double EditsPerSecondMax = 50;
}
