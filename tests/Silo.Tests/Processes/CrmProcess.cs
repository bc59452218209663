using System.Diagnostics;

namespace OrleansCrm.Silo.Tests.Processes;

/// <summary>The crm tool, run as the process that it is.</summary>
static class CrmProcess
{
    static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    /// <param name="folder">Where the person is who types it.</param>
    public static async Task<(int Code, string Out, string Error)> RunAsync(DirectoryInfo folder, params string[] arguments)
    {
        var configuration = new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name;
        var start = new ProcessStartInfo("dotnet", [Path.Combine(Root(), "Cli", "bin", configuration, "net10.0", "crm.dll"), .. arguments])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder.FullName,
        };
        start.Environment.Remove("CRM_URL");
        using var process = Process.Start(start) ?? throw new InvalidOperationException("crm did not start.");
        using var patience = new CancellationTokenSource(Patience);
        var output = process.StandardOutput.ReadToEndAsync(patience.Token);
        var error = process.StandardError.ReadToEndAsync(patience.Token);
        await process.WaitForExitAsync(patience.Token);
        return (process.ExitCode, await output, await error);
    }

    static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "OrleansCrm.sln"))) folder = folder.Parent ?? throw new InvalidOperationException("OrleansCrm.sln is not above the tests.");
        return folder.FullName;
    }
}
