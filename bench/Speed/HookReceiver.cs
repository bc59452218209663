using System.Globalization;
using System.Net;
using System.Text.Json;

namespace OrleansCrm.Bench.Speed;

/// <summary>Takes a sink's requests and notes how long after its commit each change began to arrive.</summary>
sealed class HookReceiver : IAsyncDisposable
{
    readonly HttpListener _listener = new();
    readonly List<double> _delays = [];
    readonly Task _taking;
    volatile bool _counts;
    long _arrived;

    public HookReceiver(int port)
    {
        Url = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}/");
        _listener.Prefixes.Add(Url);
        _listener.Start();
        _taking = Task.Run(TakeAsync);
    }

    public string Url { get; }

    /// <summary>Changes so far, counted or not.</summary>
    public long Arrived => Interlocked.Read(ref _arrived);

    /// <summary>From here on arrivals count.</summary>
    public void Count() => _counts = true;

    /// <summary>Milliseconds, ascending.</summary>
    public List<double> Delays()
    {
        lock (_delays) return [.. _delays.Order()];
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Close();
        await _taking;
    }

    async Task TakeAsync()
    {
        while (true)
        {
            HttpListenerContext context;
            try
            {
                context = await _listener.GetContextAsync();
            }
            catch (Exception error) when (error is HttpListenerException or ObjectDisposedException)
            {
                return;
            }
            var arrived = DateTimeOffset.UtcNow;
            _ = Task.Run(() => AnswerAsync(context, arrived));
        }
    }

    async Task AnswerAsync(HttpListenerContext context, DateTimeOffset arrived)
    {
        using var change = await JsonDocument.ParseAsync(context.Request.InputStream);
        var committed = change.RootElement.GetProperty("time").GetDateTimeOffset();
        if (_counts)
        {
            lock (_delays) _delays.Add((arrived - committed).TotalMilliseconds);
        }
        Interlocked.Increment(ref _arrived);
        context.Response.StatusCode = 204;
        context.Response.Close();
    }
}
