namespace OrleansCrm.Client.Events;

/// <summary>Bytes that may be under way. One takes and waits, others give back.</summary>
/// <remarks>A taker that finds nothing under way is let through whatever it asks for, so that the largest line cannot wait for ever.</remarks>
sealed class ByteCredit(long bytesMax)
{
    readonly Lock _lock = new();
    TaskCompletionSource? _waiting;
    long _needed;
    long _taken;

    /// <summary>Waits until there is room. Never called again before it has ended.</summary>
    public ValueTask TakeAsync(int bytes)
    {
        lock (_lock)
        {
            if (Fits(bytes))
            {
                _taken += bytes;
                return ValueTask.CompletedTask;
            }
            _needed = bytes;
            _waiting = new(TaskCreationOptions.RunContinuationsAsynchronously);
            return new(_waiting.Task);
        }
    }

    public void GiveBack(long bytes)
    {
        TaskCompletionSource? next = null;
        lock (_lock)
        {
            _taken -= bytes;
            if (_waiting is not null && Fits(_needed))
            {
                _taken += _needed;
                next = _waiting;
                _waiting = null;
            }
        }
        next?.SetResult();
    }

    bool Fits(long bytes) => _taken == 0 || _taken + bytes <= bytesMax;
}
