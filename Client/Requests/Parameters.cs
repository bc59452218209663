using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace OrleansCrm.Client.Requests;

/// <summary>Reads what a request says besides its path: numbers of the query, and small JSON bodies.</summary>
static class Parameters
{
    /// <summary>Most bytes of the body of a person's decision.</summary>
    public const int BodyMax = 16 << 10;

    /// <summary>Most letters of a name in a path that is looked up; a longer one is nobody's.</summary>
    public const int NameLengthMax = 512;

    public static string Route(HttpContext context, string name) => context.Request.RouteValues[name] as string ?? "";

    /// <returns>Null: it is no whole number in these bounds, or is there twice.</returns>
    public static long? Number(HttpContext context, string name, long min, long max, long otherwise)
    {
        var values = context.Request.Query[name];
        if (values.Count == 0) return otherwise;
        return values is [{ } text] && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= min && number <= max ? number : null;
    }

    public static bool IsName(string text) => text.Length is > 0 and <= NameLengthMax && !text.Any(char.IsControl);

    /// <summary>A name as a problem may repeat it.</summary>
    public static string Shown(string text) => text.Length <= NameLengthMax ? text : string.Concat(text.AsSpan(0, NameLengthMax), "…");

    /// <summary>The body as a JSON object; an empty body is an empty object.</summary>
    /// <param name="known">The members that the operation has; another is refused, since a misspelt one would be lost in silence.</param>
    public static Task<(JsonElement Object, Problem? Problem)> ObjectAsync(HttpContext context, params string[] known) => ObjectAsync(context, BodyMax, known);

    /// <param name="bytesMax">Most bytes of the body.</param>
    /// <inheritdoc cref="ObjectAsync(HttpContext, string[])"/>
    public static async Task<(JsonElement Object, Problem? Problem)> ObjectAsync(HttpContext context, int bytesMax, params string[] known)
    {
        if (await Body.ReadAsync(context.Request, bytesMax, context.RequestAborted) is not { } body)
        {
            return (default, new(StatusCodes.Status413PayloadTooLarge, Reason.BodyTooLarge, "The body is too large", $"The body is larger than the {bytesMax} bytes that this operation takes."));
        }
        var bytes = Body.Whole(body).ToArray();
        context.Request.BodyReader.AdvanceTo(body.End);
        if (bytes.AsSpan().Trim(" \t\r\n"u8).IsEmpty) bytes = "{}"u8.ToArray();
        JsonElement said;
        try
        {
            using var document = JsonDocument.Parse(bytes, new JsonDocumentOptions { MaxDepth = 8 });
            said = document.RootElement.Clone();
        }
        catch (JsonException)
        {
            return (default, Malformed("The body is not JSON."));
        }
        if (said.ValueKind != JsonValueKind.Object) return (default, Malformed("The body is a JSON object."));
        foreach (var member in said.EnumerateObject())
        {
            if (!known.Contains(member.Name, StringComparer.Ordinal)) return (default, BadMember(Shown(member.Name), $"There is no member '{Shown(member.Name)}'. Known: {string.Join(", ", known)}."));
        }
        return (said, null);
    }

    public static Problem BadMember(string name, string detail) => new(StatusCodes.Status400BadRequest, Reason.BadParameter, "A member of the body is wrong", detail, name);

    static Problem Malformed(string detail) => new(StatusCodes.Status400BadRequest, Reason.MalformedJson, "The body is wrong", detail);
}
