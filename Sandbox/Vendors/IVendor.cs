namespace OrleansCrm.Sandbox.Vendors;

/// <summary>One kind of CRM that can be simulated. <see cref="VendorCatalog"/> lists all of them.</summary>
public interface IVendor
{
    /// <summary>Its name on the command line and in file names: <c>hubspot</c>.</summary>
    string Name { get; }

    /// <summary>Its name for people.</summary>
    string Title { get; }

    /// <summary>The ports that it serves; the first has its API and its page.</summary>
    IReadOnlyList<VendorPort> Ports { get; }

    /// <summary>Starts it; it listens when this returns.</summary>
    /// <exception cref="IOException">A port is taken, or a file of records cannot be read.</exception>
    Task<VendorSandbox> StartAsync(VendorOptions options, CancellationToken cancellationToken);
}

/// <summary>A port of a simulated CRM.</summary>
/// <param name="Name">Its name on the command line (<c>--hubspot-port</c>) and in <see cref="VendorOptions.Ports"/>: <c>hubspot</c>.</param>
/// <param name="Usual">Where it listens unless told otherwise.</param>
/// <param name="About">What is served there, in one sentence.</param>
public sealed record VendorPort(string Name, int Usual, string About);

/// <summary>How a simulated CRM is set up: what all of them share.</summary>
public sealed record VendorOptions
{
    /// <summary>Where it listens: an address of this machine.</summary>
    public string Address { get; init; } = "127.0.0.1";

    /// <summary>Its ports by name; one that is not here is a free one, and so is 0.</summary>
    public IReadOnlyDictionary<string, int> Ports { get; init; } = new Dictionary<string, int>(StringComparer.Ordinal);

    /// <summary>Where chance begins: the same seed gives the same records, and the same faults to the same requests.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Persons made in each organisation that has no file yet; one company goes with every ten. 0: none.</summary>
    public int Records { get; init; }

    /// <summary>Organisations (portals, environments) served beside each other; 1 to 50.</summary>
    public int Organisations { get; init; } = 1;

    /// <summary>Whether the vendor's own limits apply (calls in a time, calls in a day). Faults throttle even where they do not.</summary>
    public bool Limits { get; init; } = true;

    /// <summary>Folder that keeps each organisation's records in a file; null: they end with the process.</summary>
    public string? Folder { get; init; }

    /// <summary>Folder that gets each organisation's requests and writes as lines of JSON, for whoever checks afterwards; null: none.</summary>
    public string? LogFolder { get; init; }

    /// <summary>Most requests, and most writes, that are remembered for each organisation; the oldest go first, and are counted.</summary>
    public int LogMax { get; init; } = 200_000;

    /// <summary>Most records of an organisation; beyond, a create is refused as the vendor refuses when its storage is full.</summary>
    public int RecordsMax { get; init; } = 1_000_000;

    public TimeProvider Time { get; init; } = TimeProvider.System;
}
