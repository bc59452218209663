using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace OrleansCrm.Cli.Hub;

/// <summary>Asks the hub over HTTP. Whatever is not an answer ends the command with a message.</summary>
sealed class HubConnection : IDisposable
{
    /// <summary>Most bytes of one answer.</summary>
    const int AnswerMax = 64 << 20;

    /// <summary>The longest that one question may take: some make a system be asked in turn.</summary>
    static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    readonly HubAddress _address;
    readonly HttpClient _client;

    public HubConnection(HubAddress address)
    {
        _address = address;
        _client = new(new SocketsHttpHandler { AllowAutoRedirect = false, ConnectTimeout = TimeSpan.FromSeconds(10) })
        {
            BaseAddress = address.Url,
            Timeout = Patience,
            MaxResponseContentBufferSize = AnswerMax,
        };
        _client.DefaultRequestHeaders.Accept.Add(new("application/json"));
        _client.DefaultRequestHeaders.UserAgent.ParseAdd("crm");
    }

    /// <param name="path">Below <c>/v1</c>, its parts escaped by <see cref="Part"/>.</param>
    /// <exception cref="CrmException">No hub, or no answer that is one.</exception>
    public Task<JsonElement> GetAsync(string path, CancellationToken cancellationToken) => AskAsync(HttpMethod.Get, path, null, cancellationToken);

    /// <param name="body">JSON; null: none.</param>
    /// <inheritdoc cref="GetAsync"/>
    public Task<JsonElement> PostAsync(string path, string? body, CancellationToken cancellationToken) => AskAsync(HttpMethod.Post, path, body is null ? null : new StringContent(body, Encoding.UTF8, "application/json"), cancellationToken);

    /// <inheritdoc cref="GetAsync"/>
    public Task<JsonElement> PostAsync(string path, HttpContent body, CancellationToken cancellationToken) => AskAsync(HttpMethod.Post, path, body, cancellationToken);

    /// <summary>A name as one part of a path.</summary>
    public static string Part(string name) => Uri.EscapeDataString(name);

    public void Dispose() => _client.Dispose();

    async Task<JsonElement> AskAsync(HttpMethod method, string path, HttpContent? body, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(method, "/v1" + path) { Content = body };
        HttpResponseMessage response;
        try
        {
            response = await _client.SendAsync(request, cancellationToken);
        }
        catch (HttpRequestException error)
        {
            throw new CrmException($"No hub answers at {_address.Url.GetLeftPart(UriPartial.Authority)} (found by {_address.Found}). Start one, or name it with --url or {HubAddress.Variable}.", error);
        }
        catch (OperationCanceledException error) when (!cancellationToken.IsCancellationRequested)
        {
            throw new CrmException($"The hub at {_address.Url.GetLeftPart(UriPartial.Authority)} took longer than {Patience.TotalMinutes:0} minutes. Whether it did what was asked is unknown; ask it how things stand.", error);
        }
        using (response)
        {
            var text = await response.Content.ReadAsByteArrayAsync(cancellationToken);
            if (Parse(text) is not { } answer) throw new CrmException($"What answers at {_address.Url.GetLeftPart(UriPartial.Authority)} is no hub: status {(int)response.StatusCode}, {TypeOf(response.Content.Headers.ContentType)}.");
            return response.IsSuccessStatusCode ? answer : throw Refused(response.StatusCode, answer);
        }
    }

    static string TypeOf(MediaTypeHeaderValue? type) => type?.MediaType ?? "no media type";

    static JsonElement? Parse(byte[] text)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            return document.RootElement.Clone();
        }
        catch (JsonException)
        {
            return null;
        }
    }

    // RFC 9457: title, detail, and the hub's own stable reason.
    static CrmException Refused(HttpStatusCode status, JsonElement problem)
    {
        string? Said(string name) => problem.ValueKind == JsonValueKind.Object && problem.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        var said = Said("detail") ?? Said("title") ?? "The hub gave no reason.";
        return new($"{said} ({Said("reason") ?? "no reason"}, {(int)status}{(Said("correlationId") is { } id ? $", correlation id {id}" : "")})");
    }
}
