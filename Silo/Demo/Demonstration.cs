using System.Globalization;
using System.Net;
using System.Runtime.InteropServices;
using OrleansCrm.Client.Standalone;

namespace OrleansCrm.Silo.Demo;

/// <summary>A hub and three simulated CRMs that disagree about a few thousand people, all in this process: nothing is left behind when it ends.</summary>
static class Demonstration
{
    const int Refused = 2;

    static readonly string Parts = Path.Combine(AppContext.BaseDirectory, "demo");

    /// <returns>As <see cref="HubHost.RunAsync"/>.</returns>
    public static async Task<int> RunAsync(DemoSettings settings, CancellationToken cancellationToken)
    {
        using var told = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);

        // From the first moment on: the simulated CRMs start before the hub, which would listen to signals only later.
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, End);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, End);
        var systems = new List<DemoSystem>();
        try
        {
            DemoRecord[] records = [.. DemoRecord.ReadAll(Path.Combine(Parts, "data", "fake_1000.csv")).Concat(DemoPeople.Fictional(settings.People)).Select(DemoPeople.Typed)];
            var urls = WithoutZeroPorts(settings.Urls);
            var hub = AddressOf(urls);
            using var folder = DemoFolder.Take(settings.Data);
            foreach (var kind in DemoSystemKind.All)
            {
                systems.Add(await DemoSystem.StartAsync(kind, hub.Port, told.Token));
                await systems[^1].PrepareAsync(told.Token);
            }

            Environment.SetEnvironmentVariable(DemoDefinition.SecretVariable, DemoDefinition.Secret);
            Environment.SetEnvironmentVariable(DemoDefinition.TokenVariable, DemoDefinition.Token);
            var definition = new DemoDefinition(await File.ReadAllTextAsync(Path.Combine(Parts, "crm.yaml"), told.Token), systems);
            await File.WriteAllTextAsync(folder.Definition.FullName, definition.Observing, told.Token);
            var start = new StartSettings(folder.Definition, Apply: false, folder.Folder, Store: null, settings.Secret, urls, "127.0.0.1", SiloPort: 0, GatewayPort: 0, settings.JsonLogs, settings.LogFrom);
            var story = new DemoStory(hub, systems, records, definition, folder, settings.EditsPerSecond, Console.Out);
            var code = await HubHost.RunAsync(start, story.RunAsync, told.Token);
            if (code == 0) await Console.Out.WriteLineAsync($"The demo has ended. What it stored is in {folder.Folder.FullName} until the next one.");
            return code;
        }
        catch (StartRefusedException error)
        {
            await Console.Error.WriteLineAsync(error.Message);
            return Refused;
        }
        catch (OperationCanceledException) when (told.IsCancellationRequested)
        {
            return 0;
        }
        finally
        {
            // After the hub, which may have calls under way.
            foreach (var system in systems) await system.DisposeAsync();
        }

        void End(PosixSignalContext signal)
        {
            signal.Cancel = true;
            told.Cancel();
        }
    }

    /// <summary>What is printed names the hub's port before it listens.</summary>
    static string WithoutZeroPorts(string urls) => string.Join(';', urls.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(url =>
        Uri.TryCreate(url, UriKind.Absolute, out var uri) && uri.Port == 0
            ? string.Create(CultureInfo.InvariantCulture, $"{uri.Scheme}://{uri.Host}:{FreePorts.Choose(IPAddress.Loopback, 1)[0]}")
            : url));

    static Uri AddressOf(string urls)
    {
        var first = urls.Split(';')[0];
        if (LoopbackUrls.FirstOther(urls) is null && Uri.TryCreate(first, UriKind.Absolute, out var uri) && uri.Scheme == Uri.UriSchemeHttp && uri.Host != "unix") return new Uri(uri.GetLeftPart(UriPartial.Authority));
        throw new StartRefusedException($"--urls {urls} does not begin with an address that only this machine reaches, such as http://127.0.0.1:5080. Nothing was started.");
    }
}
