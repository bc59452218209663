using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace OrleansCrm.Connectors.Tests.Webhooks;

/// <summary>Receives webhooks over real HTTP, and verifies them by the letter of Standard Webhooks: written apart from what signs.</summary>
sealed class Receiver : IAsyncDisposable
{
    readonly WebApplication _app;

    Receiver()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0));
        _app = builder.Build();
        _app.Run(async context =>
        {
            using var buffer = new MemoryStream();
            await context.Request.Body.CopyToAsync(buffer);
            var message = new Message(context.Request.Path, context.Request.Headers.ToDictionary(h => h.Key, h => h.Value.ToString(), StringComparer.OrdinalIgnoreCase), buffer.ToArray());
            Messages.Enqueue(message);
            await Answer(context, message);
        });
    }

    public ConcurrentQueue<Message> Messages { get; } = new();

    public Func<HttpContext, Message, Task> Answer { get; set; } = static (_, _) => Task.CompletedTask;

    public Uri Address => new(_app.Urls.First());

    public static async Task<Receiver> StartAsync()
    {
        var receiver = new Receiver();
        await receiver._app.StartAsync();
        return receiver;
    }

    public Receiver Answers(int status, string? retryAfter = null)
    {
        Answer = (context, _) =>
        {
            context.Response.StatusCode = status;
            if (retryAfter is not null) context.Response.Headers.RetryAfter = retryAfter;
            return Task.CompletedTask;
        };
        return this;
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    public sealed record Message(string Path, Dictionary<string, string> Headers, byte[] Body)
    {
        /// <summary>The reference: any v1 signature of the list is the HMAC-SHA256, by the decoded secret, of id, timestamp and body joined by dots.</summary>
        public bool IsSignedBy(string secret)
        {
            var key = Convert.FromBase64String(secret["whsec_".Length..]);
            var signed = Encoding.UTF8.GetBytes(Headers["webhook-id"] + "." + Headers["webhook-timestamp"] + ".").Concat(Body).ToArray();
            var expected = HMACSHA256.HashData(key, signed);
            return Headers["webhook-signature"].Split(' ').Any(s => s.StartsWith("v1,", StringComparison.Ordinal) && CryptographicOperations.FixedTimeEquals(Convert.FromBase64String(s[3..]), expected));
        }
    }
}
