using OrleansCrm.Domain.Definitions.Reading;

namespace OrleansCrm.Silo.Demo;

/// <summary>The definition of one run: as it comes with the demo, with the addresses at which the simulated CRMs listen and the hub's users there.</summary>
sealed class DemoDefinition
{
    /// <summary>The variables by which the demo's definition refers to what the sandboxes take: a client's secret, a private app's token.</summary>
    public const string SecretVariable = "CRM_DEMO_SECRET";
    public const string TokenVariable = "CRM_DEMO_TOKEN";

    /// <summary>What every sandbox takes: docs/systems/.</summary>
    public const string Secret = "sandbox";
    public const string Token = "sandbox-token";

    /// <exception cref="StartRefusedException">The text is no definition.</exception>
    public DemoDefinition(string text, IEnumerable<DemoSystem> systems)
    {
        foreach (var system in systems)
        {
            text = text.Replace(system.WrittenAddress, system.Address, StringComparison.Ordinal).Replace(system.WrittenActor, $"\"{system.Actor}\"", StringComparison.Ordinal);
        }
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
