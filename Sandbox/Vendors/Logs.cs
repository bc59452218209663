using System.Text.Encodings.Web;
using System.Text.Json;

namespace OrleansCrm.Sandbox.Vendors;

/// <summary>One request, as it ended.</summary>
/// <param name="Status">What was answered; 0: the connection was cut.</param>
/// <param name="Rows">Records that it asked for or wrote, where the vendor counts them.</param>
/// <param name="Faults">Kinds of the faults that it met.</param>
public sealed record LoggedRequest(
    long Number, DateTimeOffset At, double Milliseconds, string Method, string Path, string? Operation, string? Object, int Status, int Rows, IReadOnlyList<string> Faults, string? Client);

/// <summary>One change of one record that took effect.</summary>
/// <param name="Request">The request that made it; 0: a person or automation did.</param>
/// <param name="Kind">created, changed, deleted, restored, merged, …</param>
/// <param name="By">Who did it, in the vendor's words.</param>
/// <param name="Fields">What changed fields hold now; null: cleared.</param>
public sealed record LoggedWrite(long Number, DateTimeOffset At, long Request, string Object, string Record, string Kind, string By, IReadOnlyDictionary<string, string?> Fields);

/// <summary>What happened in an organisation: the newest of it in memory, all of it in a file if there is one. Safe for many callers at once.</summary>
/// <param name="max">Most that are remembered; the oldest go first.</param>
/// <param name="file">Gets a line of JSON for each; null: none.</param>
public sealed class Log<T>(int max, string? file) : IDisposable
    where T : class
{
    static readonly JsonSerializerOptions Words = new(JsonSerializerDefaults.Web) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    readonly Lock _lock = new();
    readonly Queue<T> _kept = new();
    readonly FileStream? _file = file is null ? null : new FileStream(file, FileMode.Append, FileAccess.Write, FileShare.Read, 1 << 16);
    long _all;
    long _flushedAt;

    /// <summary>How many there were since the start, forgotten ones included.</summary>
    public long All
    {
        get { lock (_lock) return _all; }
    }

    /// <summary>How many of them are forgotten.</summary>
    public long Forgotten
    {
        get { lock (_lock) return _all - _kept.Count; }
    }

    /// <param name="make">Gets the number of the new entry: 1, 2, 3, ….</param>
    public T Add(Func<long, T> make)
    {
        lock (_lock)
        {
            var entry = make(++_all);
            if (_kept.Count >= max) _kept.Dequeue();
            _kept.Enqueue(entry);
            if (_file is null) return entry;
            JsonSerializer.Serialize(_file, entry, Words);
            _file.WriteByte((byte)'\n');
            return entry;
        }
    }

    /// <summary>The entries that are remembered and fit, oldest first.</summary>
    /// <param name="most">Most of them; the oldest that fit.</param>
    public IReadOnlyList<T> Find(Func<T, bool> fits, int most)
    {
        T[] kept;
        lock (_lock) kept = [.. _kept];
        return [.. kept.Where(fits).Take(most)];
    }

    /// <summary>The newest entries that fit, newest first.</summary>
    public IReadOnlyList<T> Newest(Func<T, bool> fits, int most)
    {
        T[] kept;
        lock (_lock) kept = [.. _kept];
        return [.. kept.Reverse().Where(fits).Take(most)];
    }

    /// <summary>Puts what was written into the file's place on disk.</summary>
    public void Flush()
    {
        lock (_lock)
        {
            if (_file is null || _flushedAt == _all) return;
            _file.Flush();
            _flushedAt = _all;
        }
    }

    public void Dispose()
    {
        lock (_lock) _file?.Dispose();
    }
}
