using DbUp.Builder;
using DbUp.Engine;
using DbUp.Engine.Output;
using OrleansCrm.Domain.Storage;

namespace OrleansCrm.Storage;

/// <summary>The scripts of a database, and what may be done with one that others have migrated. The caller holds the lock.</summary>
static class Migrations
{
    /// <param name="dialect">The folder of the scripts: <c>PostgreSql</c> or <c>Sqlite</c>.</param>
    public static IReadOnlyList<SqlScript> Of(string dialect)
    {
        var assembly = typeof(Migrations).Assembly;
        var prefix = $"OrleansCrm.Storage.{dialect}.Migrations.";
        var scripts = new List<SqlScript>();
        foreach (var resource in assembly.GetManifestResourceNames().Where(n => n.StartsWith(prefix, StringComparison.Ordinal)).Order(StringComparer.Ordinal))
        {
            using var reader = new StreamReader(assembly.GetManifestResourceStream(resource)!);
            scripts.Add(new(resource[prefix.Length..], reader.ReadToEnd()));
        }
        return scripts;
    }

    /// <summary>Brings the schema to this version.</summary>
    /// <exception cref="StoreRefusedException">A newer version has migrated it, or a script failed; then nothing of it is left.</exception>
    public static void Run(UpgradeEngineBuilder builder, IReadOnlyList<SqlScript> scripts)
    {
        var engine = builder
            .WithScripts(scripts)
            .WithVariablesDisabled()
            .WithTransaction()
            .LogTo(new NoOpUpgradeLog())
            .Build();

        var newer = engine.GetExecutedScripts().Except(scripts.Select(s => s.Name), StringComparer.Ordinal).Order(StringComparer.Ordinal).LastOrDefault();
        if (newer is not null)
        {
            throw new StoreRefusedException(
                $"The store was migrated by a newer version of OrleansCrm (it has '{newer}', which this version does not know). Nothing was changed. Start that version or a later one.");
        }
        var result = engine.PerformUpgrade();
        if (!result.Successful)
        {
            throw new StoreRefusedException($"Migration '{result.ErrorScript?.Name}' of the store failed and was rolled back: {result.Error.Message}", result.Error);
        }
    }
}
