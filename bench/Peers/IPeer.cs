namespace OrleansCrm.Bench.Peers;

/// <summary>Another way to do the same work: an edit of two fields is durable, and told to whoever listens, when the call returns.</summary>
interface IPeer : IAsyncDisposable
{
    string Name { get; }

    /// <summary>Callers at once with which it is quickest.</summary>
    int Callers { get; }

    Task PrepareAsync(int persons);

    Task EditAsync(int person, string system, string phone, string title, DateTimeOffset at);
}
