using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Definitions.Reading;
using OrleansCrm.Domain.Storage;

namespace OrleansCrm.Grains.Definitions;

/// <summary>Hub definitions as the store keeps them: each version follows from the one before, so they are read in order.</summary>
public static class StoredDefinitions
{
    /// <summary>The newest definition that the store has.</summary>
    /// <param name="from">A version known already; null: none.</param>
    /// <returns>Null: the store has none. <paramref name="from"/> where there is no newer one.</returns>
    /// <exception cref="StoreUnavailableException">The store could not be read.</exception>
    /// <exception cref="StoreRefusedException">A stored version cannot be read by this program.</exception>
    public static async Task<HubDefinition?> ReadNewestAsync(ICustomerStore store, HubDefinition? from, CancellationToken cancellationToken)
    {
        var newest = await store.ReadDefinitionAsync(null, cancellationToken);
        var definition = from;
        for (var version = (from?.Version ?? 0) + 1; version <= newest?.Version; version++)
        {
            var stored = version == newest.Version ? newest : await store.ReadDefinitionAsync(version, cancellationToken);
            definition = Read(stored!, definition);
        }
        return definition;
    }

    /// <summary>Makes a definition the store's newest.</summary>
    /// <param name="yaml">Readable: what its author got told about mistakes is the caller's matter.</param>
    /// <param name="note">Who applies it and why; null: not told.</param>
    /// <returns>The version that it became.</returns>
    /// <exception cref="ArgumentException">The text is no definition.</exception>
    public static async Task<int> ApplyAsync(ICustomerStore store, string yaml, string? note, CancellationToken cancellationToken)
    {
        if (HubDefinitionReader.Read(yaml) is { IsValid: false } result) throw new ArgumentException($"The definition has {result.Errors.Length} mistakes.", nameof(yaml));
        while (true)
        {
            var newest = await store.ReadDefinitionAsync(null, cancellationToken);
            var version = (newest?.Version ?? 0) + 1;
            var at = await store.ReadClockAsync(cancellationToken);
            if (await store.AppendDefinitionAsync(new(version, yaml, at, note), cancellationToken)) return version;
        }
    }

    /// <summary>Whether two texts say the same, whatever system their line ends come from.</summary>
    public static bool AreSame(string one, string other) => Lines(one) == Lines(other);

    static string Lines(string text) => text.ReplaceLineEndings("\n").TrimEnd();

    static HubDefinition Read(StoredDefinition stored, HubDefinition? previous)
    {
        var result = HubDefinitionReader.Read(stored.Text);
        if (result.Definition is { } definition) return definition.After(previous, stored.AppliedAt);
        throw new StoreRefusedException(
            $"Version {stored.Version} of the hub definition in the store cannot be read by this program ({result.Errors[0]}). Nothing was changed. Start the program that applied it, or a later one.");
    }
}
