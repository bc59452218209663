using Microsoft.AspNetCore.Http;
using OrleansCrm.Domain.Storage;

namespace OrleansCrm.Client.Requests;

/// <summary>What a failure behind the gateway means for the caller.</summary>
static class Failures
{
    /// <returns>Null: a fault that nobody foresaw.</returns>
    public static Problem? ProblemOf(Exception failure) => failure switch
    {
        StoreUnavailableException => Problem.StoreUnavailable,

        // A silo that is gone, a cluster that nobody reaches, a call that was not answered in time, a host that is ending.
        OrleansException or TimeoutException or ObjectDisposedException => Problem.HubUnavailable,
        BadHttpRequestException bad => OfRequest(bad.StatusCode),
        AggregateException { InnerException: { } inner } => ProblemOf(inner),
        _ => null,
    };

    /// <summary>A failure for the log: kinds and places. Its texts stay out, because nobody knows what they quote.</summary>
    public static string Describe(Exception failure, bool withPlaces = false)
    {
        var kinds = failure.GetType().Name;
        for (var inner = failure.InnerException; inner is not null; inner = inner.InnerException) kinds += " <- " + inner.GetType().Name;
        return withPlaces ? $"{kinds}\n{failure.StackTrace}" : kinds;
    }

    // Kestrel's texts may quote the request.
    static Problem OfRequest(int status) => status switch
    {
        StatusCodes.Status413PayloadTooLarge => new(status, Reason.BodyTooLarge, "The body is too large", "The body is larger than the hub takes."),
        StatusCodes.Status408RequestTimeout => new(status, Reason.BadRequest, "The request came too slowly", "The body came more slowly than the hub waits for it."),
        _ => new(StatusCodes.Status400BadRequest, Reason.BadRequest, "The request is broken", "The request is not well-formed HTTP, or ended before its body did."),
    };
}
