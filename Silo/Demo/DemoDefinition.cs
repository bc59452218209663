using OrleansCrm.Domain.Definitions.Reading;

namespace OrleansCrm.Silo.Demo;

/// <summary>The definition of one run: as it comes with the demo, with the addresses at which the fake systems listen.</summary>
sealed class DemoDefinition
{
    /// <exception cref="StartRefusedException">The text is no definition.</exception>
    public DemoDefinition(string text, IEnumerable<DemoSystem> systems)
    {
        foreach (var system in systems) text = text.Replace(system.WrittenAddress, system.Address, StringComparison.Ordinal);
        Live = text;
        Observing = text.Replace("mode: live", "mode: observe", StringComparison.Ordinal);
        if (HubDefinitionReader.Read(Observing) is { IsValid: false } result)
        {
            throw new StartRefusedException("The demo's definition has mistakes. Nothing was started.\n" + string.Join('\n', result.Errors.Select(e => $"  crm.yaml:{e}")));
        }
    }

    /// <summary>The hub only takes in: who wrote while records are still coming would make doubles of those that have not come yet.</summary>
    public string Observing { get; }

    /// <summary>The hub also writes.</summary>
    public string Live { get; }
}
