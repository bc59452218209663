using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace OrleansCrm.Client.Tests.Fakes;

/// <summary>The gateway on a real server and a real socket, before a fake hub.</summary>
sealed class Gateway : IAsyncDisposable
{
    readonly WebApplication _app;

    Gateway(WebApplication app, FakeHub hub, ConcurrentQueue<string> log)
    {
        _app = app;
        Hub = hub;
        Log = log;
        Address = new(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());
        Http = new(new SocketsHttpHandler { AllowAutoRedirect = false }) { BaseAddress = Address, Timeout = TimeSpan.FromSeconds(60) };
    }

    public FakeHub Hub { get; }

    /// <summary>Every line that anybody logged at any level, scopes included.</summary>
    public ConcurrentQueue<string> Log { get; }

    public Uri Address { get; }

    public IServiceProvider Services => _app.Services;

    public HttpClient Http { get; }

    public IPEndPoint EndPoint => new(IPAddress.Loopback, Address.Port);

    /// <param name="grains">Null: the fake hub.</param>
    public static async Task<Gateway> StartAsync(Action<GatewayOptions>? options = null, IGrainFactory? grains = null, Action<IServiceCollection>? services = null)
    {
        var hub = new FakeHub();
        var log = new ConcurrentQueue<string>();
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders().SetMinimumLevel(LogLevel.Trace).AddProvider(new LogKeeper(log));
        builder.Services.AddSingleton(grains ?? hub);
        builder.Services.AddGateway();
        services?.Invoke(builder.Services);
        if (options is not null) builder.Services.PostConfigure(options);
        var app = builder.Build();
        app.MapGateway();
        await app.StartAsync();
        return new(app, hub, log);
    }

    public Task StopAsync() => _app.StopAsync();

    /// <summary>Tells the host to stop without waiting for it.</summary>
    public void BeginStop() => _app.Services.GetRequiredService<IHostApplicationLifetime>().StopApplication();

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await _app.DisposeAsync();
    }

    sealed class LogKeeper(ConcurrentQueue<string> log) : ILoggerProvider, ISupportExternalScope
    {
        IExternalScopeProvider _scopes = new LoggerExternalScopeProvider();

        public ILogger CreateLogger(string categoryName) => new Keeper(this, categoryName);

        public void SetScopeProvider(IExternalScopeProvider scopeProvider) => _scopes = scopeProvider;

        public void Dispose()
        {
        }

        sealed class Keeper(LogKeeper keeper, string category) : ILogger
        {
            public IDisposable? BeginScope<TState>(TState state)
                where TState : notnull => keeper._scopes.Push(state);

            public bool IsEnabled(LogLevel logLevel) => true;

            public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
            {
                var scopes = "";
                keeper._scopes.ForEachScope((scope, _) => scopes += scope is IEnumerable<KeyValuePair<string, object?>> pairs ? string.Join(' ', pairs) : scope?.ToString(), 0);
                keeper.Keep($"{logLevel} {category} {formatter(state, exception)} {exception} {scopes}");
            }
        }

        void Keep(string line) => log.Enqueue(line);
    }
}
