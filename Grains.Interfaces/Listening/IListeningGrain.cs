namespace OrleansCrm.Grains.Interfaces.Listening;

/// <summary>Listens to one system: polls it for what was modified, and reads records again of which an event told too little. Key: the system's name.</summary>
[Alias("crm.IListeningGrain")]
public interface IListeningGrain : IGrainWithStringKey
{
    /// <summary>Sees to it that the system is listened to. Repeating it changes nothing.</summary>
    [Alias("Run")]
    Task Run();

    /// <summary>A signal that may be lost or doubled: the store holds records that are to be read again.</summary>
    [Alias("ReadsCame"), OneWay]
    Task ReadsCame();

    /// <summary>Polls without waiting for the time.</summary>
    /// <param name="object">Null: all objects.</param>
    [Alias("PollNow")]
    Task PollNow(string? @object);

    /// <summary>A signal that may be lost or doubled: something that the system said was taken in.</summary>
    [Alias("Spoke"), OneWay]
    Task Spoke();

    [Alias("ReadStatus")]
    Task<ListeningStatus> ReadStatus();
}

/// <summary>How the listening to a system stands.</summary>
/// <param name="Problem">What keeps it from asking the system anything; null: nothing.</param>
/// <param name="Objects">Those that were ever listened to, by name.</param>
/// <param name="SilentSince">Since when it says nothing, where that is longer than the definition expects; null: it speaks, or may be silent.</param>
[GenerateSerializer, Immutable, Alias("crm.ListeningStatus")]
public sealed record ListeningStatus(string System, string? Problem, ImmutableArray<ObjectListening> Objects, DateTimeOffset? SilentSince = null);

/// <param name="SweptAt">When the last complete poll began; null: there was none.</param>
/// <param name="Since">The next poll asks for what was modified from then on; null: for everything.</param>
/// <param name="Pages">Pages taken in of the poll under way.</param>
/// <param name="Problem">The system's code of what keeps it from being read; null: nothing.</param>
[GenerateSerializer, Immutable, Alias("crm.ObjectListening")]
public sealed record ObjectListening(string Object, DateTimeOffset? SweptAt, DateTimeOffset? Since, int Pages, string? Problem);
