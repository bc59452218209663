using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace OrleansCrm.Cli.Tests;

/// <summary>A hub's HTTP API with answers that a test has written, and a crm tool before it.</summary>
sealed class FakeHub : IAsyncDisposable
{
    readonly WebApplication _app;
    readonly ConcurrentDictionary<string, (int Status, string Body)> _answers = new(StringComparer.Ordinal);

    FakeHub(WebApplication app) => _app = app;

    /// <summary>Method, path with query, and body of each request.</summary>
    public ConcurrentQueue<(string Request, string Body)> Asked { get; } = [];

    public string Url => _app.Urls.Single();

    public static async Task<FakeHub> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        var app = builder.Build();
        var hub = new FakeHub(app);
        app.Run(hub.AnswerAsync);
        await app.StartAsync();
        return hub;
    }

    /// <param name="request">Method and path, as <c>GET /v1/systems</c>.</param>
    public void On(string request, string body, int status = 200) => _answers[request] = (status, body);

    async Task AnswerAsync(HttpContext context)
    {
        var request = $"{context.Request.Method} {context.Request.Path}{context.Request.QueryString}";
        using var reader = new StreamReader(context.Request.Body);
        Asked.Enqueue((request, await reader.ReadToEndAsync()));
        var (status, body) = _answers.TryGetValue(request, out var known) ? known : (404, """{"title":"Not found","detail":"There is no such thing.","reason":"unknown-operation","correlationId":"c1"}""");
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(body);
    }

    /// <summary>Runs the tool against this hub.</summary>
    public Task<Ran> Crm(params string[] arguments) => Run(new(), [.. arguments, "--url", Url]);

    public static async Task<Ran> Run(Around around, params string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var code = await CrmCommand.RunAsync(arguments, new()
        {
            Out = output,
            Error = error,
            In = new StringReader(around.Typed ?? ""),
            OutIsTerminal = around.Terminal,
            ErrorIsTerminal = around.Terminal,
            InIsTerminal = around.Terminal,
            Variable = name => around.Variables.GetValueOrDefault(name),
            Folder = around.Folder ?? new DirectoryInfo(Path.GetTempPath()),
            Time = TimeProvider.System,
        });
        return new(code, output.ToString(), error.ToString());
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();
}

sealed record Around
{
    public string? Typed { get; init; }

    public bool Terminal { get; init; }

    public Dictionary<string, string> Variables { get; init; } = [];

    public DirectoryInfo? Folder { get; init; }
}

sealed record Ran(int Code, string Out, string Error)
{
    public string[] Lines => Out.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}
