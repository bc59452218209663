using System.Text.Json;

namespace OrleansCrm.Silo;

/// <summary>Says in the data folder of an embedded store where its hub listens, for the <c>crm</c> tool; there while the hub runs.</summary>
sealed class AddressFile : IDisposable
{
    const string Name = "hub.address";

    readonly string _path;

    AddressFile(string path) => _path = path;

    /// <param name="urls">Where it listens; the first that is an address of HTTP is told.</param>
    /// <returns>Null: there is no data folder of its own, no such address, or no room for the file. Nothing depends on it.</returns>
    public static AddressFile? Write(StartSettings settings, string hubId, IEnumerable<string> urls)
    {
        if (settings.Store is not null || urls.FirstOrDefault(u => Uri.TryCreate(u, UriKind.Absolute, out var url) && url.Host.Length > 0 && url.Host != "unix") is not { } told) return null;
        var path = Path.Combine(settings.Data.FullName, Name);
        try
        {
            File.WriteAllText(path, JsonSerializer.Serialize(new { url = told, hub = hubId }));
            return new(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    public void Dispose()
    {
        try
        {
            File.Delete(_path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // Whoever reads it later finds nobody there, and is told by whom it was found.
        }
    }
}
