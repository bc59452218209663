using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;

namespace OrleansCrm.Sandbox.Vendors;

/// <summary>What a request to a vendor's API asks for, and what becomes of it.</summary>
public sealed class Visit
{
    /// <summary>By the request's credentials; the first where they tell none.</summary>
    public required Organisation Organisation { get; init; }

    /// <summary>The vendor's name for what is asked, as faults name it; null: nothing that the sandbox knows.</summary>
    public string? Operation { get; init; }

    public string? Object { get; init; }

    /// <summary>Grows with every request to the sandbox: 1, 2, 3, …. Writes name it.</summary>
    public long Number { get; internal set; }

    /// <summary>Records that it asks for or writes; the vendor counts.</summary>
    public int Rows { get; set; }

    internal List<string> Faults { get; } = [];

    /// <summary>Faults that its records met: they stand in the log of requests.</summary>
    public void Suffered(IEnumerable<Fault> faults) => Faults.AddRange(faults.Select(f => f.Kind));

    public static Visit Of(HttpContext context) => context.Features.Get<Visit>() ?? throw new InvalidOperationException("No visit was looked at.");
}

/// <summary>A simulated CRM over HTTP: the vendor's API, and beside it under <c>/_control/</c> its faults, its logs and a page for people.</summary>
public abstract class VendorSandbox : IAsyncDisposable
{
    static readonly TimeSpan SaveEvery = TimeSpan.FromSeconds(5);

    readonly VendorOptions _options;
    readonly CancellationTokenSource _stop = new();
    readonly List<(Organisation Organisation, RecordFile File)> _files = [];
    WebApplication? _app;
    Task _keeping = Task.CompletedTask;
    long _requests;
    int _disposed;

    protected VendorSandbox(IVendor vendor, VendorOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.Organisations is < 1 or > 50) throw new ArgumentException("A sandbox serves 1 to 50 organisations.", nameof(options));
        if (options.Records < 0 || options.Records > options.RecordsMax) throw new ArgumentException("There are fewer records than that.", nameof(options));
        Vendor = vendor;
        _options = options;
    }

    public IVendor Vendor { get; }

    public VendorOptions Options => _options;

    /// <summary>All of them, the first first.</summary>
    public abstract IReadOnlyList<Organisation> Organisations { get; }

    /// <summary>Where its API listens: <c>http://127.0.0.1:5082</c>.</summary>
    public Uri Address => new(_app!.Urls.First(u => u.StartsWith("http://", StringComparison.Ordinal)).TrimEnd('/'));

    /// <summary>Where each of its ports listens, by the port's name.</summary>
    public virtual IReadOnlyDictionary<string, Uri> Addresses => new Dictionary<string, Uri>(StringComparer.Ordinal) { [Vendor.Ports[0].Name] = Address };

    /// <summary>Largest body of a request in bytes; a larger one is answered with 413.</summary>
    protected virtual int BodyMax => 32 << 20;

    protected WebApplication App => _app!;

    /// <summary>Adds services and further ports, before the first port is opened.</summary>
    protected virtual void Configure(WebApplicationBuilder builder)
    {
    }

    /// <summary>Opens further ports.</summary>
    protected virtual void Configure(KestrelServerOptions kestrel, IPAddress address)
    {
    }

    /// <summary>Adds what the vendor serves: routes, or <c>MapFallback("/{**path}", …)</c> for one handler of all (a terminal <c>Run</c> would hide the control).</summary>
    protected abstract void Map(WebApplication app);

    /// <summary>What a request asks for, by its address and credentials; its body is not read yet.</summary>
    protected abstract Visit Look(HttpContext context);

    /// <summary>Answers with an error as the vendor would: throttled, out of order, token expired, or a kind of the vendor's own.</summary>
    /// <param name="fault">Of the scope <see cref="FaultScope.Request"/>.</param>
    protected abstract Task RefuseAsync(HttpContext context, Visit visit, Fault fault);

    /// <summary>The port that a vendor's port is to listen on; 0: a free one.</summary>
    protected int PortOf(string name) => _options.Ports.GetValueOrDefault(name);

    /// <summary>Starts it; it listens when this returns.</summary>
    /// <exception cref="IOException">A port is taken, or a file of records cannot be read.</exception>
    protected async Task StartAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (_options.LogFolder is { } logs) Directory.CreateDirectory(logs);
            Fill();
            var builder = WebApplication.CreateSlimBuilder();
            builder.Logging.ClearProviders();
            builder.WebHost.UseKestrelHttpsConfiguration();
            builder.WebHost.ConfigureKestrel(kestrel =>
            {
                var address = IPAddress.Parse(_options.Address);
                kestrel.AddServerHeader = false;
                kestrel.Limits.MaxRequestBodySize = BodyMax;
                kestrel.Listen(address, PortOf(Vendor.Ports[0].Name));
                Configure(kestrel, address);
            });
            Configure(builder);
            _app = builder.Build();
            _app.Use(VisitAsync);
            new Control(this).Map(_app);
            Map(_app);
            await _app.StartAsync(cancellationToken);
            _keeping = Task.Run(KeepAsync, CancellationToken.None);
        }
        catch
        {
            await DisposeAsync();
            throw;
        }
    }

    void Fill()
    {
        if (_options.Folder is { } folder) Directory.CreateDirectory(folder);
        foreach (var organisation in Organisations)
        {
            if (_options.Folder is not null)
            {
                var file = new RecordFile(Path.Combine(_options.Folder, string.Create(CultureInfo.InvariantCulture, $"{Vendor.Name}-{organisation.Number}.jsonl")));
                _files.Add((organisation, file));
                if (file.Exists)
                {
                    file.Load(organisation);
                    continue;
                }
            }
            if (_options.Records > 0) organisation.Seed(new FictionalPeople(_options.Seed), _options.Records);
        }
    }

    // Records and logs reach the disk every few seconds, and at the end.
    async Task KeepAsync()
    {
        using var timer = new PeriodicTimer(SaveEvery, _options.Time);
        try
        {
            while (await timer.WaitForNextTickAsync(_stop.Token)) Keep();
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The last save is made by whoever ends the sandbox.
        }
    }

    void Keep()
    {
        foreach (var (organisation, file) in _files) file.Save(organisation);
        foreach (var organisation in Organisations)
        {
            organisation.Requests.Flush();
            organisation.Writes.Flush();
        }
    }

    async Task VisitAsync(HttpContext context, RequestDelegate next)
    {
        if (Control.IsOurs(context.Request.Path))
        {
            await next(context);
            return;
        }
        var visit = Look(context);
        visit.Number = Interlocked.Increment(ref _requests);
        context.Features.Set(visit);
        var began = _options.Time.GetTimestamp();
        var at = _options.Time.GetUtcNow();
        var faults = visit.Organisation.Faults.Take(FaultScope.Request, new Occasion(visit.Operation, visit.Object));
        var cut = false;
        try
        {
            if (faults.Count == 0) await next(context);
            else cut = await SufferAsync(context, next, visit, faults);
        }
        finally
        {
            var request = context.Request;
            visit.Organisation.Requests.Add(_ => new LoggedRequest(
                visit.Number, at, Math.Round(_options.Time.GetElapsedTime(began).TotalMilliseconds, 2), request.Method, request.Path + request.QueryString, visit.Operation, visit.Object,
                cut ? 0 : context.Response.StatusCode, visit.Rows, visit.Faults, request.Headers.UserAgent.FirstOrDefault()));
        }
    }

    // True: the connection was cut.
    async Task<bool> SufferAsync(HttpContext context, RequestDelegate next, Visit visit, IReadOnlyList<Fault> faults)
    {
        visit.Faults.AddRange(faults.Select(f => f.Kind));
        foreach (var fault in faults)
        {
            if (fault.Kind == FaultKinds.Latency.Name)
            {
                await Task.Delay(fault.Wait, _options.Time, context.RequestAborted);
                continue;
            }
            if (fault.Kind == FaultKinds.DropBefore.Name)
            {
                context.Abort();
                return true;
            }
            if (fault.Kind == FaultKinds.Foreign.Name)
            {
                context.Response.StatusCode = fault.Status == 0 ? StatusCodes.Status502BadGateway : fault.Status;
                context.Response.ContentType = "text/html";
                await context.Response.WriteAsync("<html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>");
                return false;
            }
            if (IsAfter(fault)) continue;
            if (fault.RetryAfter is { } after) context.Response.Headers.RetryAfter = after;
            await RefuseAsync(context, visit, fault);
            return false;
        }
        if (!faults.Any(IsAfter))
        {
            await next(context);
            return false;
        }

        // The answer is kept back until the fault has happened to it.
        var body = context.Response.Body;
        using var kept = new MemoryStream();
        context.Response.Body = kept;
        await next(context);
        context.Response.Body = body;
        foreach (var fault in faults.Where(IsAfter))
        {
            if (fault.Kind == FaultKinds.LateAnswer.Name)
            {
                await Task.Delay(fault.Wait, _options.Time, CancellationToken.None);
            }
            else if (fault.Kind == FaultKinds.DropAfter.Name)
            {
                context.Abort();
                return true;
            }
            else if (fault.Kind == FaultKinds.Truncate.Name)
            {
                context.Response.ContentLength = kept.Length;
                await context.Response.Body.WriteAsync(kept.GetBuffer().AsMemory(0, (int)kept.Length / 2));
                await context.Response.Body.FlushAsync();
                context.Abort();
                return true;
            }
            else
            {
                var headers = context.Response.Headers;
                headers.ContentLength = null;
                await RefuseAsync(context, visit, fault);
                return false;
            }
        }
        kept.Position = 0;
        await kept.CopyToAsync(body);
        return false;
    }

    static bool IsAfter(Fault fault) =>
        fault.Kind == FaultKinds.LateAnswer.Name || fault.Kind == FaultKinds.ErrorAfter.Name || fault.Kind == FaultKinds.DropAfter.Name || fault.Kind == FaultKinds.Truncate.Name;

    public virtual async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 1) return;
        GC.SuppressFinalize(this);
        await _stop.CancelAsync();
        await _keeping;
        if (_app is not null)
        {
            using (var patience = new CancellationTokenSource(TimeSpan.FromSeconds(2))) await _app.StopAsync(patience.Token);
            await _app.DisposeAsync();
            Keep();
        }
        foreach (var organisation in Organisations) await organisation.DisposeAsync();
        _stop.Dispose();
    }
}
