using System.Collections.Concurrent;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Grains.Interfaces.Listening;

namespace OrleansCrm.Grains.Listening;

/// <summary>Tells the listener of a system that is expected to speak that it has spoken here, by whatever way, and not too often.</summary>
public sealed class SourceSpeech(IGrainFactory grains, TimeProvider own)
{
    /// <summary>So often at most is a listener told by one silo: silence is measured in more.</summary>
    static readonly TimeSpan TellEvery = TimeSpan.FromMilliseconds(500);

    readonly ConcurrentDictionary<string, long> _told = new(StringComparer.Ordinal);

    public void Heard(SystemDefinition system)
    {
        ArgumentNullException.ThrowIfNull(system);
        if (system.ExpectEvery is null) return;
        var now = own.GetTimestamp();
        if (_told.TryGetValue(system.Name, out var last) && own.GetElapsedTime(last, now) < TellEvery) return;
        _told[system.Name] = now;

        // A signal: one that is lost is followed by others, or by an alert that the next one ends.
        _ = grains.GetGrain<IListeningGrain>(system.Name).Spoke();
    }
}
