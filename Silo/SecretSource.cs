using System.Security.Cryptography;
using System.Text;

namespace OrleansCrm.Silo;

/// <summary>Finds the hub's secret: the key of the hashes by which erased persons stay suppressed. It is never kept beside the data.</summary>
static class SecretSource
{
    const string Variable = "CRM_SECRET";
    const int BytesMin = 32;

    /// <param name="told"><c>env:NAME</c> or <c>file:PATH</c>; null: the variable CRM_SECRET, else a file in the user's own folder, which is made at the first start.</param>
    /// <returns>The secret, and where it was found.</returns>
    /// <exception cref="StartRefusedException">There is none where it should be, or it is too short.</exception>
    public static (ReadOnlyMemory<byte> Secret, string Where) Read(string? told)
    {
        if (told is null && Environment.GetEnvironmentVariable(Variable) is { Length: > 0 }) told = "env:" + Variable;
        if (told is null) return (Long(OwnFile(out var path), path), path);
        if (told.StartsWith("env:", StringComparison.Ordinal))
        {
            var value = Environment.GetEnvironmentVariable(told[4..]);
            return string.IsNullOrEmpty(value)
                ? throw new StartRefusedException($"The environment variable {told[4..]}, which should hold the hub's secret, is empty. Nothing was started. Set it to at least {BytesMin} random characters.")
                : (Long(Encoding.UTF8.GetBytes(value), told), told);
        }
        if (told.StartsWith("file:", StringComparison.Ordinal))
        {
            return File.Exists(told[5..])
                ? (Long(File.ReadAllBytes(told[5..]), told), told)
                : throw new StartRefusedException($"The file {told[5..]}, which should hold the hub's secret, is not there. Nothing was started. Make one with at least {BytesMin} random bytes: head -c 48 /dev/urandom | base64 > {told[5..]}");
        }
        throw new StartRefusedException("--secret is a reference: env:NAME or file:PATH, never the secret itself. Nothing was started.");
    }

    static byte[] OwnFile(out string path)
    {
        var folder = Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.Create);
        if (folder.Length == 0) throw new StartRefusedException($"This user has no folder of its own where the hub's secret could be kept. Nothing was started. Set {Variable}, or name a file with --secret file:PATH.");
        path = Path.Combine(folder, "orleanscrm", "hub.secret");
        if (!File.Exists(path)) Make(path);
        return File.ReadAllBytes(path);
    }

    // Two silos may start at once: whoever comes second finds the other's file, whole.
    static void Make(string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var fresh = path + "." + Guid.NewGuid().ToString("n");
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using (var file = new FileStream(fresh, options))
        {
            file.Write(Encoding.ASCII.GetBytes(Convert.ToBase64String(RandomNumberGenerator.GetBytes(48))));
        }
        try
        {
            File.Move(fresh, path, overwrite: false);
        }
        catch (IOException) when (File.Exists(path))
        {
            File.Delete(fresh);
        }
    }

    static byte[] Long(byte[] secret, string where) => secret.Length >= BytesMin
        ? secret
        : throw new StartRefusedException($"The hub's secret in {where} has {secret.Length} bytes; it needs at least {BytesMin}. Nothing was started.");
}
