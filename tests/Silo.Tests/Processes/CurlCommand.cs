using System.Text;

namespace OrleansCrm.Silo.Tests.Processes;

/// <summary>A command line of curl, done without curl: as far as the demo prints them.</summary>
sealed record CurlCommand(HttpMethod Method, Uri Url, IReadOnlyList<(string Name, string Value)> Headers, string? Body)
{
    /// <exception cref="FormatException">It is more than is understood here.</exception>
    public static CurlCommand Read(string line)
    {
        var words = new Queue<string>(Words(line));
        if (words.Dequeue() != "curl") throw new FormatException(line);
        HttpMethod? method = null;
        Uri? url = null;
        string? body = null;
        var headers = new List<(string, string)>();
        while (words.TryDequeue(out var word))
        {
            switch (word)
            {
                case "-s" or "-sN": break;
                case "-X": method = new(words.Dequeue()); break;
                case "-d": body = words.Dequeue(); break;
                case "-H":
                    var (name, value) = words.Dequeue().Split(": ", 2) is [var left, var right] ? (left, right) : throw new FormatException(line);
                    headers.Add((name, value));
                    break;
                default: url = word.StartsWith('-') || url is not null ? throw new FormatException(line) : new Uri(word); break;
            }
        }
        return new(method ?? (body is null ? HttpMethod.Get : HttpMethod.Post), url ?? throw new FormatException(line), headers, body);
    }

    public HttpRequestMessage Request()
    {
        var request = new HttpRequestMessage(Method, Url);
        if (Body is not null) request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(Body));
        foreach (var (name, value) in Headers)
        {
            if (!request.Headers.TryAddWithoutValidation(name, value)) request.Content!.Headers.TryAddWithoutValidation(name, value);
        }
        return request;
    }

    // Words as a shell reads them: by blanks, or whole between single quotes.
    static IEnumerable<string> Words(string line)
    {
        var word = new StringBuilder();
        var quoted = false;
        foreach (var letter in line)
        {
            if (letter == '\'') quoted = !quoted;
            else if (letter != ' ' || quoted) word.Append(letter);
            else if (word.Length > 0)
            {
                yield return word.ToString();
                word.Clear();
            }
        }
        if (quoted) throw new FormatException(line);
        if (word.Length > 0) yield return word.ToString();
    }
}
