using Serilog.Events;

namespace OrleansCrm.Silo;

/// <summary>What the command line says about this start.</summary>
/// <param name="Definition">The definition file; null: <c>crm.yaml</c> of the current folder, if it is there.</param>
/// <param name="Apply">The file becomes the definition, whatever the store has.</param>
/// <param name="Store">A PostgreSQL connection string; null: SQLite in <paramref name="Data"/>.</param>
/// <param name="Secret">Where the hub's secret is: <c>env:NAME</c> or <c>file:PATH</c>; null: the usual places.</param>
/// <param name="SiloPort">0: a free one is chosen.</param>
/// <param name="GatewayPort">0: a free one is chosen.</param>
/// <param name="JsonLogs">Logs as compact JSON, a line each, in place of text for people.</param>
/// <param name="LogFrom">The lowest level of lines that are written.</param>
sealed record StartSettings(
    FileInfo? Definition, bool Apply, DirectoryInfo Data, string? Store, string? Secret, string Urls, string Host, int SiloPort, int GatewayPort, bool JsonLogs, LogEventLevel LogFrom);
