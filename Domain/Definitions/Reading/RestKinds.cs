using System.Collections.Immutable;
using System.Text.RegularExpressions;
using NJsonSchema;

namespace OrleansCrm.Domain.Definitions.Reading;

/// <summary>A method and a path: <c>PATCH /customers/{id}</c>.</summary>
/// <param name="method">The method that is usual here, for the texts.</param>
/// <param name="needs">A place that must be in the path; null: none must.</param>
/// <param name="may">Places that may be in it.</param>
sealed class RestRequestKind(string method, string? needs, params ImmutableArray<string> may) : Kind<RestRequest>
{
    const int LengthMax = 500;
    static readonly ImmutableArray<string> Methods = ["GET", "POST", "PUT", "PATCH", "DELETE"];

    // What stands for itself in a path or query (RFC 3986) and the braces of places.
    static readonly Regex Letters = new("^/[A-Za-z0-9._~!$&'()*+,;=:@%/?{}-]*$", RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);

    string Example => $"{method} /customers{(needs is null ? "" : "/{" + needs + "}")}";

    public override string Words => $"a method and a path such as {Example}";

    public override bool TryRead(Node node, string path, DefinitionErrors errors, out RestRequest value)
    {
        value = null!;
        if (node.Kind != NodeKind.Scalar || node.IsNothing) return Expected(node, path, errors);
        var text = node.Text;
        var blank = text.IndexOf(' ', StringComparison.Ordinal);
        if (blank < 0 || !Methods.Contains(text[..blank])) return Fail(0, "The request does not begin with a method.", $"Write for example {Example}. Methods: {string.Join(", ", Methods)}.");
        var template = text[(blank + 1)..];
        if (text.Length > LengthMax) return Fail(0, "The path is too long.", "Put what is common to all paths into the system's url.");
        if (!Letters.IsMatch(template)) return Fail(blank + 1, "The path does not begin with a slash, or holds a sign that no path can hold.", $"Write for example {Example}; other signs as %20.");
        if (template.Split('?')[0].Split('/').Contains("..")) return Fail(blank + 1, "The path climbs out of its folder.", "Write the path from the system's url on.");

        var parts = ImmutableArray.CreateBuilder<string>();
        var at = 0;
        while (true)
        {
            var open = template.IndexOf('{', at);
            var close = template.IndexOf('}', at);
            if (open < 0 && close < 0) break;
            if (open < 0 || close < open) return Fail(blank + 1 + Math.Max(open, close), "A brace has no partner.", "Write places as {id}.");
            var place = template[(open + 1)..close];
            if (!may.Contains(place) && place != needs) return Fail(blank + 1 + open, $"There is no place {Suggestion.Quote(place)} here.", Places(errors, place));
            parts.Add(template[at..open]);
            parts.Add(place);
            at = close + 1;
        }
        parts.Add(template[at..]);
        value = new RestRequest(text[..blank], parts.ToImmutable());
        return needs is null || value.Has(needs) || Fail(blank + 1, $"The path does not say where the {needs} stands.", $"Write for example {Example}.");

        bool Fail(int offset, string problem, string fix)
        {
            errors.Add(node.TextOffset is { } quote ? new(node.Line, node.Column + quote + offset, path) : node.At(path), problem, fix);
            return false;
        }
    }

    string Places(DefinitionErrors errors, string place)
    {
        var known = may.Concat(needs is null ? [] : [needs]).Distinct(StringComparer.Ordinal).ToArray();
        return known.Length == 0 ? "Remove it: this request has no places." : errors.Suggest(place, known, "places");
    }

    public override JsonSchema Schema(SchemaParts parts) => new() { Type = JsonObjectType.String, Pattern = "^(GET|POST|PUT|PATCH|DELETE) /", MaxLength = LengthMax };
}

/// <summary>A place in JSON: names joined by dots.</summary>
sealed class JsonPathKind : Kind<JsonPath>
{
    static readonly TextKind Text = new("a place in JSON such as data.id", 255, "^[A-Za-z0-9_$@:-]{1,64}([.][A-Za-z0-9_$@:-]{1,64}){0,7}$");

    public static TextKind Name => Text;

    public override string Words => Text.Words;

    public override bool TryRead(Node node, string path, DefinitionErrors errors, out JsonPath value)
    {
        value = JsonPath.Root;
        if (!Text.TryRead(node, path, errors, out var text)) return false;
        value = JsonPath.Of(text);
        return true;
    }

    public override JsonSchema Schema(SchemaParts parts) => Text.Schema(parts);
}
