using System.Buffers.Text;
using System.Text;

namespace OrleansCrm.Bench.Http;

/// <summary>Events that are written once and then only patched: ids, values and times have fixed places.</summary>
sealed class LoadEvents
{
    public const int PersonsMax = 10_000_000;

    const string Number = "############";
    const string Person = "@@@@@@@";
    const string Time = "2026-01-01T00:00:00.000Z";

    static readonly (string System, string Object)[] Systems = [("crm", "Contact"), ("marketing", "contacts"), ("shop", "customers")];

    static readonly string[] Texts =
    [
        "firstName", "lastName", "salutation", "phone", "mobile", "company", "title", "department", "street", "city", "postalCode", "country", "language", "lifecycle", "leadSource", "segment", "note",
    ];

    readonly Template[] _edits;
    readonly Template[] _fills;
    readonly Random _random;
    long _number;

    /// <param name="connection">Ids never meet those of another connection or run.</param>
    public LoadEvents(int connection)
    {
        _random = new(connection);
        var run = $"{DateTimeOffset.UtcNow.ToUnixTimeSeconds():x}-{connection}";
        _edits = [.. Systems.Select(s => new Template(Event(run, s.System, s.Object, "changed", $$"""{"firstName":"A{{Number}}","lastName":"B{{Number}}"}""")))];
        _fills = [.. Systems.Select(s => new Template(Event(run, s.System, s.Object, "observed",
            $$"""{"email":"p{{Person}}@example.com",{{string.Join(',', Texts.Select(t => $"\"{t}\":\"{t[..3]} {Person}\""))}},"birthDate":"1984-07-19","score":72}""")))];
    }

    public static int SystemsCount => Systems.Length;

    /// <summary>An edit of two fields of anybody, in one of the systems. The bytes are good until the next call.</summary>
    public ReadOnlyMemory<byte> NextEdit(int persons) => _edits[_random.Next(_edits.Length)].Patch(_random.Next(persons), _number++, DateTimeOffset.UtcNow);

    /// <summary>All that one system says of one person.</summary>
    public ReadOnlyMemory<byte> Fill(int person, int system) => _fills[system].Patch(person, _number++, DateTimeOffset.UtcNow);

    static string Event(string run, string system, string @object, string verb, string fields) =>
        $$$"""{"specversion":"1.0","id":"{{{run}}}-{{{Number}}}","source":"{{{system}}}","type":"crm.person.{{{verb}}}","subject":"{{{@object}}}/p{{{Person}}}","time":"{{{Time}}}","data":{"fields":{{{fields}}}}}""";

    sealed class Template
    {
        readonly byte[] _bytes;
        readonly int[] _numbers;
        readonly int[] _persons;
        readonly int _time;

        public Template(string text)
        {
            _bytes = Encoding.UTF8.GetBytes(text + "\n");
            _numbers = [.. Places(text, Number)];
            _persons = [.. Places(text, Person)];
            _time = text.IndexOf(Time, StringComparison.Ordinal);
        }

        public ReadOnlyMemory<byte> Patch(int person, long number, DateTimeOffset time)
        {
            foreach (var at in _numbers) Digits(number, _bytes.AsSpan(at, Number.Length));
            foreach (var at in _persons) Digits(person, _bytes.AsSpan(at, Person.Length));
            Span<byte> stamp = stackalloc byte[33];
            Utf8Formatter.TryFormat(time.UtcDateTime, stamp, out _, new('O'));
            stamp[..23].CopyTo(_bytes.AsSpan(_time));
            return _bytes;
        }

        static IEnumerable<int> Places(string text, string what)
        {
            for (var at = text.IndexOf(what, StringComparison.Ordinal); at >= 0; at = text.IndexOf(what, at + what.Length, StringComparison.Ordinal)) yield return at;
        }

        static void Digits(long number, Span<byte> into)
        {
            for (var i = into.Length - 1; i >= 0; i--, number /= 10) into[i] = (byte)('0' + (number % 10));
        }
    }
}
