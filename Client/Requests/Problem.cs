using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace OrleansCrm.Client.Requests;

/// <summary>What a caller is told instead of an answer, by RFC 9457. Holds names and ids, never a field value.</summary>
/// <param name="Reason">The stable code; the problem's <c>type</c> ends with it.</param>
/// <param name="Field">The attribute, parameter or field to blame; null: none in particular.</param>
sealed record Problem(int Status, string Reason, string Title, string Detail, string? Field = null)
{
    public const string ContentType = "application/problem+json";

    const string TypePrefix = "urn:orleans-crm:problem:";

    /// <summary>True where the caller does well to come again.</summary>
    public bool IsPassing => Status is StatusCodes.Status429TooManyRequests or StatusCodes.Status503ServiceUnavailable;

    public static Problem BadParameter(string name, string detail) => new(StatusCodes.Status400BadRequest, Requests.Reason.BadParameter, "A parameter is wrong", detail, name);

    public static Problem NotFound(string reason, string detail) => new(StatusCodes.Status404NotFound, reason, "Not found", detail);

    public static readonly Problem Busy = new(
        StatusCodes.Status429TooManyRequests, Requests.Reason.Busy, "The hub is busy", "As much is under way as the hub takes on. Nothing of this request was recorded; send it again later.");

    public static readonly Problem StoreUnavailable = new(
        StatusCodes.Status503ServiceUnavailable, Requests.Reason.StoreUnavailable, "The store is not available", "Nobody knows whether it was recorded. Send it again as it is: what was recorded once is not recorded twice.");

    public static readonly Problem HubUnavailable = new(
        StatusCodes.Status503ServiceUnavailable, Requests.Reason.HubUnavailable, "The hub is not available", "Nobody knows whether it was recorded. Send it again as it is: what was recorded once is not recorded twice.");

    public static readonly Problem InternalError = new(
        StatusCodes.Status500InternalServerError, Requests.Reason.InternalError, "The hub has failed", "This is a fault of the hub. Its log has the cause under the correlation id.");

    public void WriteMembers(Utf8JsonWriter json, string correlationId)
    {
        json.WriteString("type"u8, TypePrefix + Reason);
        json.WriteString("title"u8, Title);
        json.WriteNumber("status"u8, Status);
        json.WriteString("detail"u8, Detail);
        if (Field is not null) json.WriteString("field"u8, Field);
        json.WriteString("reason"u8, Reason);
        json.WriteString("correlationId"u8, correlationId);
    }
}
