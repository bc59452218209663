using System.Text.Json;

namespace OrleansCrm.Cli.Hub;

/// <summary>Where the hub is, and how that was found.</summary>
/// <param name="Found">For the message when nobody answers there.</param>
sealed record HubAddress(Uri Url, string Found)
{
    public const string Variable = "CRM_URL";

    /// <summary>The file in a hub's data folder that says where it listens; there while it runs.</summary>
    public const string FileName = "hub.address";

    /// <summary>Data folders that a hub takes by itself, beside the definition.</summary>
    static readonly string[] Folders = ["data", "data-demo"];

    static readonly Uri Usual = new("http://127.0.0.1:5080");

    /// <summary>Most bytes of an address file.</summary>
    const int FileMax = 16 << 10;

    /// <param name="told">From the command line; null: not told there.</param>
    /// <exception cref="CrmException">What was told is no address.</exception>
    public static HubAddress Find(string? told, Surroundings around)
    {
        if (told is not null) return new(Parse(told, "--url"), "--url");
        if (around.Variable(Variable) is { } variable) return new(Parse(variable, Variable), Variable);
        for (var folder = around.Folder; folder is not null; folder = folder.Parent)
        {
            foreach (var name in Folders)
            {
                var file = new FileInfo(Path.Combine(folder.FullName, name, FileName));
                if (Read(file) is { } url) return new(url, file.FullName);
            }
        }
        return new(Usual, "the usual address");
    }

    static Uri Parse(string text, string from) =>
        Uri.TryCreate(text, UriKind.Absolute, out var url) && (url.Scheme == Uri.UriSchemeHttp || url.Scheme == Uri.UriSchemeHttps)
            ? url
            : throw new CrmException($"{from} is not an address of a hub: write one such as http://127.0.0.1:5080. Nothing was asked.");

    // A file that is broken, or gone by now, is as good as none.
    static Uri? Read(FileInfo file)
    {
        try
        {
            if (!file.Exists || file.Length > FileMax) return null;
            using var document = JsonDocument.Parse(File.ReadAllBytes(file.FullName));
            return document.RootElement is { ValueKind: JsonValueKind.Object } said && said.TryGetProperty("url", out var url) && Uri.TryCreate(url.GetString(), UriKind.Absolute, out var found) ? found : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or JsonException or InvalidOperationException)
        {
            return null;
        }
    }
}
