using Microsoft.AspNetCore.Http;
using OrleansCrm.Client.Requests;

namespace OrleansCrm.Client.Standalone;

/// <summary>Whether this gateway reaches a hub that can work.</summary>
sealed class ClusterHealth(Hub hub)
{
    static readonly TimeSpan AnswerMax = TimeSpan.FromSeconds(5);

    public async Task<IResult> ReadAsync(CancellationToken cancellationToken)
    {
        try
        {
            var health = await hub.Reader.ReadHealth().WaitAsync(AnswerMax, cancellationToken);
            return health.Problem is null
                ? Results.Json(new { status = "ready", hub = health.HubId, definition = health.DefinitionVersion })
                : Results.Json(new { status = "not-ready", problem = health.Problem }, statusCode: StatusCodes.Status503ServiceUnavailable);
        }
        catch (Exception failure) when (Failures.ProblemOf(failure) is { } problem)
        {
            return Results.Json(new { status = "not-ready", problem = problem.Reason }, statusCode: StatusCodes.Status503ServiceUnavailable);
        }
    }
}
