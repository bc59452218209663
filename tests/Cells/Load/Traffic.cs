using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using OrleansCrm.Cells.Arena;

namespace OrleansCrm.Cells.Load;

/// <summary>
/// A shop that keeps telling the hub of its customers, one event or a stream of them at a time, to any silo that answers.
/// What was not answered for good is sent again as it is, until it is.
/// </summary>
sealed class Traffic(IReadOnlyList<Silo> silos, int customers, int writers, int seed)
{
    public const string System = "shop";

    readonly ConcurrentBag<SentEdit> _sent = [];
    readonly ConcurrentDictionary<string, int> _refusals = new(StringComparer.Ordinal);
    readonly ConcurrentBag<string> _faults = [];
    int _acknowledged;
    int _touches;

    /// <summary>All edits that were ever sent.</summary>
    public IReadOnlyCollection<SentEdit> Sent => _sent;

    public int Acknowledged => Volatile.Read(ref _acknowledged);

    /// <summary>Statuses that are no answer, and how often each came.</summary>
    public IReadOnlyDictionary<string, int> NotAnswered => _refusals;

    /// <summary>Answers that were not as they should be.</summary>
    public IReadOnlyCollection<string> Faults => _faults;

    /// <summary>How often a status was no answer.</summary>
    public int NotAnsweredWith(HttpStatusCode status) => _refusals.GetValueOrDefault(((int)status).ToString(CultureInfo.InvariantCulture));

    /// <summary>Edits every customer once, all at the same time, each again and again until it is answered.</summary>
    /// <param name="through">The silos that are asked.</param>
    /// <returns>How long it took until half of them, and until all of them, were answered.</returns>
    /// <exception cref="TimeoutException">Not all were within the time.</exception>
    public async Task<(TimeSpan Half, TimeSpan All)> TouchAllAsync(IReadOnlyList<Silo> through, TimeSpan within)
    {
        var round = Interlocked.Increment(ref _touches);
        var watch = Stopwatch.StartNew();
        var answered = await Task.WhenAll(Enumerable.Range(0, customers).Select(async customer =>
        {
            await Task.Yield();
            var fields = new Dictionary<string, string>(StringComparer.Ordinal) { ["mail"] = $"person{customer}@example.com", ["city"] = $"City t{round}" };
            var edit = new SentEdit($"{seed}-t{round}-{customer}", System, $"buyers/b{customer}", DateTimeOffset.UtcNow, fields);
            _sent.Add(edit);
            for (var turn = customer; edit.Outcome is null; turn++)
            {
                if (watch.Elapsed > within) throw new TimeoutException($"Customer {customer} was not answered within {within.TotalSeconds:0} s.");
                await TrySendAsync([edit], through[turn % through.Count], TouchPatience);
                if (edit.Outcome is null) await Task.Delay(50);
            }
            return watch.Elapsed;
        }));
        Array.Sort(answered);
        return (answered[answered.Length / 2], answered[^1]);
    }

    // A caller that hears nothing asks somebody else.
    static readonly TimeSpan TouchPatience = TimeSpan.FromSeconds(3);
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>Writes until it is told to stop, then until everything sent is answered.</summary>
    /// <exception cref="TimeoutException">Some edit stayed without an answer for two minutes after the end.</exception>
    public Task RunAsync(CancellationToken stop) =>
        Task.WhenAll(Enumerable.Range(0, writers).Select(writer => Task.Run(() => WriteAsync(writer, stop), CancellationToken.None)));

    // A writer has customers of its own: what it says of one is in order.
    async Task WriteAsync(int writer, CancellationToken stop)
    {
        var chance = new Random(seed * 1_000 + writer);
        var mine = Enumerable.Range(0, customers).Where(c => c % writers == writer).ToArray();
        var last = DateTimeOffset.UtcNow;
        for (var number = 0; !stop.IsCancellationRequested; number++)
        {
            var batch = new List<SentEdit>();
            var size = chance.Next(3) == 0 ? chance.Next(2, 30) : 1;
            for (var i = 0; i < size; i++)
            {
                last = last.AddMilliseconds(1) is var next && DateTimeOffset.UtcNow > next ? DateTimeOffset.UtcNow : next;
                batch.Add(NewEdit(chance, writer, number, i, mine[chance.Next(mine.Length)], last));
            }
            foreach (var edit in batch) _sent.Add(edit);
            await SendUntilAnsweredAsync(batch, chance, stop);
            await Task.Delay(chance.Next(0, 10), CancellationToken.None);
        }
    }

    SentEdit NewEdit(Random chance, int writer, int number, int part, int customer, DateTimeOffset at)
    {
        var fields = new Dictionary<string, string>(StringComparer.Ordinal) { ["mail"] = $"person{customer}@example.com" };
        if (chance.Next(2) == 0) fields["city"] = $"City {chance.Next(1_000)}";
        if (chance.Next(2) == 0) fields["family"] = $"Name {chance.Next(1_000)}";
        if (chance.Next(2) == 0) fields["segment"] = chance.Next(2) == 0 ? "smb" : "enterprise";
        return new SentEdit($"{seed}-{writer}-{number}-{part}", System, $"buyers/b{customer}", at, fields);
    }

    async Task SendUntilAnsweredAsync(List<SentEdit> edits, Random chance, CancellationToken stop)
    {
        var silo = chance.Next(silos.Count);
        DateTimeOffset? giveUp = null;
        while (edits.Count > 0)
        {
            if (stop.IsCancellationRequested) giveUp ??= DateTimeOffset.UtcNow.AddMinutes(2);
            if (DateTimeOffset.UtcNow > giveUp) throw new TimeoutException($"{edits.Count} edits, the first {edits[0].Id}, had no answer two minutes after the end.");
            await TrySendAsync(edits, silos[silo % silos.Count], Patience);
            edits.RemoveAll(e => e.Outcome is not null);
            if (edits.Count == 0) return;
            silo++;
            await Task.Delay(chance.Next(50, 400), CancellationToken.None);
        }
    }

    async Task TrySendAsync(List<SentEdit> edits, Silo silo, TimeSpan patience)
    {
        try
        {
            foreach (var edit in edits) edit.Tries++;
            using var ends = new CancellationTokenSource(patience);
            using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/events") { Content = ContentOf(edits) };
            using var answer = await silo.Http.SendAsync(request, ends.Token);
            await TakeAnswersAsync(edits, answer);
        }
        catch (Exception error) when (error is HttpRequestException or OperationCanceledException or IOException)
        {
            _refusals.AddOrUpdate(error is OperationCanceledException ? "no answer in time" : error.GetType().Name, 1, (_, n) => n + 1);
        }
    }

    static ByteArrayContent ContentOf(List<SentEdit> edits)
    {
        var body = new StringBuilder();
        foreach (var edit in edits)
        {
            if (body.Length > 0) body.Append('\n');
            body.Append(JsonSerializer.Serialize(new Dictionary<string, object>(StringComparer.Ordinal)
            {
                ["specversion"] = "1.0",
                ["id"] = edit.Id,
                ["source"] = edit.System,
                ["type"] = "crm.person.changed",
                ["subject"] = edit.Subject,
                ["time"] = edit.At.UtcDateTime.ToString("O", CultureInfo.InvariantCulture),
                ["data"] = new { fields = edit.Fields, actor = new { kind = "user", id = "u1" } },
            }));
        }
        var content = new ByteArrayContent(Encoding.UTF8.GetBytes(body.ToString()));
        content.Headers.ContentType = new MediaTypeHeaderValue(edits.Count == 1 ? "application/cloudevents+json" : "application/x-ndjson");
        return content;
    }

    async Task TakeAnswersAsync(List<SentEdit> edits, HttpResponseMessage answer)
    {
        var text = await answer.Content.ReadAsStringAsync();
        if (answer.StatusCode is HttpStatusCode.ServiceUnavailable or HttpStatusCode.TooManyRequests)
        {
            _refusals.AddOrUpdate(((int)answer.StatusCode).ToString(CultureInfo.InvariantCulture), 1, (_, n) => n + 1);
            if (answer.Headers.RetryAfter is null && _faults.Count < 20) _faults.Add($"the hub answered {(int)answer.StatusCode} without Retry-After");
            return;
        }
        if ((int)answer.StatusCode >= 500) throw new InvalidOperationException($"The hub answered {(int)answer.StatusCode}: {text}");
        if (edits.Count == 1)
        {
            Take(edits[0], JsonDocument.Parse(text).RootElement);
            return;
        }
        var byId = edits.ToDictionary(e => e.Id, StringComparer.Ordinal);
        foreach (var line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var one = JsonDocument.Parse(line).RootElement;
            if (one.TryGetProperty("id", out var id) && byId.TryGetValue(id.GetString()!, out var edit)) Take(edit, one);
        }
    }

    void Take(SentEdit edit, JsonElement answer)
    {
        var outcome = answer.TryGetProperty("outcome", out var word) ? word.GetString() : null;
        if (outcome is null or "try-again") return;
        if (outcome is not ("applied" or "unchanged")) throw new InvalidOperationException($"Edit {edit.Id} of {edit.Subject} was answered {answer.GetRawText()}.");
        edit.Outcome = outcome;
        edit.Customer = answer.GetProperty("customer").GetString();
        edit.Revision = answer.GetProperty("revision").GetInt64();
        Interlocked.Increment(ref _acknowledged);
    }
}
