using System.ComponentModel;
using System.Diagnostics;

namespace OrleansCrm.Cells.Arena;

/// <summary>A network namespace per silo, joined by a bridge on this machine, so that one can be cut off from the others. Needs root and iproute2.</summary>
sealed class Networks : IDisposable
{
    readonly string _bridge;
    readonly string[] _names;

    /// <exception cref="NotPermittedException">This machine allows no networks of one's own.</exception>
    public Networks(int count)
    {
        if (!Environment.IsPrivilegedProcess) throw new NotPermittedException("networks of its own need root");
        var id = Environment.ProcessId % 10_000;
        _bridge = $"crm{id}";
        _names = [.. Enumerable.Range(0, count).Select(i => $"crm{id}-{i}")];
        Ip("link", "add", _bridge, "type", "bridge");
        Ip("addr", "add", Gateway + "/24", "dev", _bridge);
        Ip("link", "set", _bridge, "up");
        for (var i = 0; i < count; i++)
        {
            Ip("netns", "add", _names[i]);
            Ip("link", "add", Outer(i), "type", "veth", "peer", "name", "eth0", "netns", _names[i]);
            Ip("link", "set", Outer(i), "master", _bridge, "up");
            Ip("-n", _names[i], "link", "set", "lo", "up");
            Ip("-n", _names[i], "addr", "add", Address(i) + "/24", "dev", "eth0");
            Ip("-n", _names[i], "link", "set", "eth0", "up");
        }
    }

    /// <summary>This machine, as the namespaces see it.</summary>
    public const string Gateway = "10.99.31.1";

    public static string Address(int index) => $"10.99.31.{index + 10}";

    public string Name(int index) => _names[index];

    /// <summary>Nothing goes in or out any more.</summary>
    public void Cut(int index) => Ip("link", "set", Outer(index), "down");

    public void Join(int index) => Ip("link", "set", Outer(index), "up");

    public void Dispose()
    {
        foreach (var name in _names) Ip("netns", "del", name);
        Ip("link", "del", _bridge);
    }

    string Outer(int index) => $"{_bridge}v{index}";

    static void Ip(params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo("ip", arguments) { UseShellExecute = false, RedirectStandardError = true })!;
            var error = process.StandardError.ReadToEnd();
            process.WaitForExit();
            if (process.ExitCode == 0) return;
            if (error.Contains("not permitted", StringComparison.Ordinal)) throw new NotPermittedException("networks of its own are not permitted here; run it in a container with --cap-add NET_ADMIN --cap-add SYS_ADMIN");
            throw new InvalidOperationException($"ip {string.Join(' ', arguments)} failed: {error.Trim()}");
        }
        catch (Win32Exception missing)
        {
            throw new InvalidOperationException("The program ip is needed (Debian: apt-get install iproute2), or run .ci/run, which installs it.", missing);
        }
    }
}
