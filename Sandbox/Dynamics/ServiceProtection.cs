using System.Globalization;

namespace OrleansCrm.Sandbox.Dynamics;

/// <summary>A limit that a request has met.</summary>
/// <param name="Code">The service's code.</param>
/// <param name="Wait">What <c>Retry-After</c> says.</param>
readonly record struct Exceeded(string Code, string Message, TimeSpan Wait);

/// <summary>The limits of one environment, per user and web server. Safe for many callers at once.</summary>
/// <seealso href="https://learn.microsoft.com/power-apps/developer/data-platform/api-limits"/>
sealed class ServiceProtection(DynamicsOptions options)
{
    public const string Requests = "0x80072322";
    public const string Execution = "0x80072321";
    public const string Concurrency = "0x80072326";

    readonly Lock _lock = new();
    readonly Dictionary<(Guid User, int Server), Window> _windows = [];

    /// <returns>Null: it may go on, and is to be ended by <see cref="Leave"/>.</returns>
    public Exceeded? Enter(Guid user, int server, DateTimeOffset now, out int requestsLeft, out TimeSpan timeLeft)
    {
        lock (_lock)
        {
            if (!_windows.TryGetValue((user, server), out var window)) _windows[(user, server)] = window = new Window();
            window.Forget(now - options.LimitWindow);
            requestsLeft = Math.Max(0, options.RequestsMax - window.Taken.Count - 1);
            timeLeft = options.ExecutionMax - window.Execution;

            // Who goes on asking meanwhile waits longer.
            if (now < window.QuietUntil)
            {
                window.QuietUntil += TimeSpan.FromSeconds(1);
                return Of(window.Code, window.QuietUntil - now);
            }
            if (window.Concurrent >= options.ConcurrentMax) return Of(Concurrency, TimeSpan.FromSeconds(1));
            if (window.Taken.Count >= options.RequestsMax) return Quiet(window, Requests, now);
            if (window.Execution >= options.ExecutionMax) return Quiet(window, Execution, now);
            window.Taken.Enqueue(new Entry { At = now });
            window.Concurrent++;
            return null;
        }
    }

    /// <summary>A request that had entered has been answered.</summary>
    public void Leave(Guid user, int server, TimeSpan took)
    {
        lock (_lock)
        {
            var window = _windows[(user, server)];
            window.Concurrent--;
            window.Execution += took;
            if (window.Taken.Count > 0) window.Taken.Peek().Took += took;
        }
    }

    // Until a tenth of the window is free again.
    Exceeded Quiet(Window window, string code, DateTimeOffset now)
    {
        var leaves = window.Taken.Skip(window.Taken.Count / 10).First().At + options.LimitWindow;
        window.QuietUntil = leaves > now.AddSeconds(1) ? leaves : now.AddSeconds(1);
        window.Code = code;
        return Of(code, window.QuietUntil - now);
    }

    public Exceeded Of(string code, TimeSpan wait) => new(code, code switch
    {
        Requests => string.Create(CultureInfo.InvariantCulture, $"Number of requests exceeded the limit of {options.RequestsMax} over time window of {options.LimitWindow.TotalSeconds:0} seconds."),
        Execution => string.Create(CultureInfo.InvariantCulture, $"Combined execution time of incoming requests exceeded limit of {options.ExecutionMax.TotalMilliseconds:#,0} milliseconds over time window of {options.LimitWindow.TotalSeconds:0} seconds. Decrease number of concurrent requests or reduce the duration of requests and try again later."),
        Concurrency => string.Create(CultureInfo.InvariantCulture, $"Number of concurrent requests exceeded the limit of {options.ConcurrentMax}."),
        _ => "The server is busy.",
    }, wait);

    sealed class Entry
    {
        public DateTimeOffset At { get; init; }

        // Of this request and of those that ended while it was the oldest.
        public TimeSpan Took { get; set; }
    }

    sealed class Window
    {
        public Queue<Entry> Taken { get; } = new();

        public TimeSpan Execution { get; set; }

        public int Concurrent { get; set; }

        public DateTimeOffset QuietUntil { get; set; }

        public string Code { get; set; } = Requests;

        public void Forget(DateTimeOffset until)
        {
            while (Taken.TryPeek(out var first) && first.At <= until)
            {
                Execution -= first.Took;
                Taken.Dequeue();
            }
            if (Execution < TimeSpan.Zero || Taken.Count == 0) Execution = TimeSpan.Zero;
        }
    }
}
