using OrleansCrm.Domain.Definitions.Reading;
using OrleansCrm.Domain.Storage;
using OrleansCrm.Grains.Definitions;

namespace OrleansCrm.Silo;

/// <summary>Which definition a start is under: the stored one rules; the file seeds an empty store, or replaces what is there when a person says so.</summary>
static class DefinitionStart
{
    const string UsualFile = "crm.yaml";

    /// <exception cref="StartRefusedException">There is no definition at all, or the file cannot be read.</exception>
    public static async Task PrepareAsync(ICustomerStore store, StartSettings settings, Serilog.ILogger log, CancellationToken cancellationToken)
    {
        var file = settings.Definition ?? (File.Exists(UsualFile) ? new FileInfo(UsualFile) : null);
        var stored = await store.ReadDefinitionAsync(null, cancellationToken);
        if (file is null)
        {
            if (settings.Apply) throw new StartRefusedException($"--apply needs a file: there is no {UsualFile} in this folder. Nothing was changed. Name it with --definition FILE.");
            if (stored is not null) return;
            throw new StartRefusedException($"The store has no hub definition yet, and there is no {UsualFile} in this folder. Nothing was started. Name the file to begin with: --definition FILE");
        }

        if (!file.Exists) throw new StartRefusedException($"The definition file {file.FullName} is not there. Nothing was started.");
        var text = await File.ReadAllTextAsync(file.FullName, cancellationToken);
        if (stored is not null && StoredDefinitions.AreSame(stored.Text, text)) return;
        if (stored is not null && !settings.Apply)
        {
            log.Warning(
                "The file {File} differs from version {Version} of the definition, which stays in force. See what the file would change with 'crm plan', and apply it with 'crm apply' or by a start with --apply.",
                file.FullName, stored.Version);
            return;
        }

        var result = HubDefinitionReader.Read(text);
        if (!result.IsValid)
        {
            throw new StartRefusedException($"The definition {file.FullName} has mistakes. Nothing was started.\n" + string.Join('\n', result.Errors.Select(e => $"  {file.Name}:{e}")));
        }
        var version = await StoredDefinitions.ApplyAsync(store, text, stored is null ? "the hub's first start" : "a start with --apply", cancellationToken);
        log.Information("The file {File} is version {Version} of the definition now", file.FullName, version);
    }
}
