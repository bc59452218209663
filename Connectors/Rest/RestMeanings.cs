using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using OrleansCrm.Connectors.Http;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;

namespace OrleansCrm.Connectors.Rest;

/// <summary>What a system's answer means: by its own code, by its status, else by what HTTP says. Errs on the side of not knowing.</summary>
static partial class RestMeanings
{
    /// <returns>Null: it is no refusal.</returns>
    /// <param name="kind">Null: a read.</param>
    public static RestMeaning? Of(Exchange.Answered answer, WriteKind? kind, RestErrors errors)
    {
        if (answer.IsSuccess && answer.Status != 202) return null;
        if (CodeIn(answer, errors) is { } code && Declared(errors, code) is { } byCode) return byCode;
        if (Declared(errors, answer.Status.ToString(CultureInfo.InvariantCulture)) is { } byStatus) return byStatus;
        var creates = kind == WriteKind.Create;
        return answer.Status switch
        {
            // Taken in, to be done some time: only a look will tell.
            202 => kind is null ? RestMeaning.Transient : RestMeaning.Ambiguous,

            // A page that is not the system's says nothing about a record: a wrong address would bury them all.
            404 or 410 when !creates => answer.IsForeign ? RestMeaning.Transient : RestMeaning.Gone,
            409 when creates => RestMeaning.Conflict,
            409 when !FieldsIn(answer, errors).IsEmpty => RestMeaning.Rejected,
            429 => RestMeaning.Throttled,

            // To put off is to have done nothing; still, nobody bets a second record on it.
            503 when !creates && answer.Headers.Wait is not null => RestMeaning.Throttled,
            401 or 407 or 408 or 409 or 412 or 423 or 425 => RestMeaning.Transient,
            >= 400 and < 500 => RestMeaning.Rejected,

            // A redirect is not followed; what it leads to may have been done already.
            _ => kind is null ? RestMeaning.Transient : RestMeaning.Ambiguous,
        };
    }

    /// <summary>The code to tell people: the system's own where it looks like one, else the status. Never a text that may quote a value.</summary>
    public static string Code(Exchange.Answered answer, RestErrors errors) => CodeIn(answer, errors) ?? Codes.Of(answer.Status);

    /// <summary>The system's names of refused fields; empty: it tells none.</summary>
    public static ImmutableArray<string> FieldsIn(Exchange.Answered answer, RestErrors errors)
    {
        const int most = 1_000;
        if (errors.Fields is not { } path || answer.Body.ValueKind == JsonValueKind.Undefined || path.Find(answer.Body) is not { } told) return [];
        return told.ValueKind switch
        {
            JsonValueKind.String => [told.GetString()!],
            JsonValueKind.Object => [.. told.EnumerateObject().Select(p => p.Name).Take(most)],
            JsonValueKind.Array => [.. told.EnumerateArray().Take(most).Select(e => NameIn(e, errors)).OfType<string>()],
            _ => [],
        };
    }

    /// <summary>The id of the record that a conflict names; null: it names none.</summary>
    public static string? ExistingIn(Exchange.Answered answer, RestErrors errors) =>
        errors.Existing is { } path && answer.Body.ValueKind != JsonValueKind.Undefined && path.Find(answer.Body) is { } id ? RestRecords.IdText(id) : null;

    static string? NameIn(JsonElement told, RestErrors errors)
    {
        if (told.ValueKind == JsonValueKind.String) return told.GetString();
        return told.ValueKind == JsonValueKind.Object && errors.FieldName.Find(told) is { ValueKind: JsonValueKind.String } name ? name.GetString() : null;
    }

    static string? CodeIn(Exchange.Answered answer, RestErrors errors)
    {
        if (errors.Code is not { } path || answer.Body.ValueKind == JsonValueKind.Undefined || path.Find(answer.Body) is not { } told) return null;
        var code = told.ValueKind switch { JsonValueKind.String => told.GetString(), JsonValueKind.Number => told.GetRawText(), _ => null };
        return code is not null && CodeLike().IsMatch(code) ? code : null;
    }

    static RestMeaning? Declared(RestErrors errors, string code)
    {
        foreach (var (known, meaning) in errors.Meanings)
        {
            if (known == code) return meaning;
        }
        return null;
    }

    [GeneratedRegex("^[A-Za-z0-9_.:-]{1,64}$", RegexOptions.CultureInvariant, 1_000)]
    private static partial Regex CodeLike();
}
