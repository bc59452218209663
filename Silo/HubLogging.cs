using System.Globalization;
using Serilog;
using Serilog.Core;
using Serilog.Events;
using Serilog.Formatting.Compact;

namespace OrleansCrm.Silo;

/// <summary>Where log lines go: to the console, for people or for programs.</summary>
static class HubLogging
{
    const string Line = "{Timestamp:HH:mm:ss.fff} {Level:u3} {Message:lj} {CorrelationId}{NewLine}{Exception}";

    /// <param name="from">The lowest level that the hub's own lines are written at.</param>
    public static Logger Make(bool json, LogEventLevel from)
    {
        var log = new LoggerConfiguration()
            .MinimumLevel.Is(from)
            .MinimumLevel.Override("Microsoft", LogEventLevel.Warning)
            .MinimumLevel.Override("Orleans", LogEventLevel.Warning)
            .MinimumLevel.Override("Microsoft.Orleans", LogEventLevel.Warning)

            // Advice about the collector, and a watchdog that takes the machine's uptime for a standstill when it starts.
            .MinimumLevel.Override("Orleans.Runtime.Silo", LogEventLevel.Error)
            .MinimumLevel.Override("Orleans.Runtime.Watchdog", LogEventLevel.Error)
            .MinimumLevel.Override("Polly", LogEventLevel.Warning)
            .MinimumLevel.Override("System.Net.Http.HttpClient", LogEventLevel.Warning)
            .Enrich.FromLogContext();
        return (json
            ? log.WriteTo.Console(new CompactJsonFormatter())
            : log.WriteTo.Console(outputTemplate: Line, formatProvider: CultureInfo.InvariantCulture)).CreateLogger();
    }
}
