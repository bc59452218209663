using System.Collections.Immutable;

namespace OrleansCrm.Domain.Definitions;

/// <summary>Settings of the connector <c>webhook</c>.</summary>
public sealed record WebhookSettings
{
    public required Uri Url { get; init; }

    /// <summary>References to the secrets, the present one first; the former one signs along while receivers change over.</summary>
    public required ImmutableArray<string> Secrets { get; init; }

    /// <summary>The longest that one attempt may take. Default 20 seconds.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Whether the address may lead into private networks or to this machine. Default no.</summary>
    public bool AllowPrivate { get; init; }

    /// <summary>Largest body in bytes; a larger change is parked. Default 1 MiB.</summary>
    public int BodyBytesMax { get; init; } = 1 << 20;
}

/// <summary>Settings of the connector <c>jsonl</c>.</summary>
public sealed record JsonLinesSettings
{
    public required string Folder { get; init; }

    /// <summary>A file of this size is closed and the next one begun. Default 64 MiB.</summary>
    public long FileBytesMax { get; init; } = 64L << 20;

    /// <summary>A file of this age is closed and the next one begun. Default 1 day.</summary>
    public TimeSpan FileAgeMax { get; init; } = TimeSpan.FromDays(1);
}
