using OrleansCrm.Sandbox.Dynamics.Records;
using OrleansCrm.Sandbox.Vendors;

namespace OrleansCrm.Sandbox.Dynamics.Api;

/// <summary>Carries out what one request asks for: a single operation, or a batch of them.</summary>
/// <param name="user">As whom.</param>
/// <param name="newId">Ids for the parts of an answer.</param>
sealed class ApiCall(DataverseEnvironment environment, string root, Visit visit, Guid user, Func<string> newId)
{
    Caller CallerOf(Operation operation)
    {
        // Somebody else by whom the application acts; it needs the privilege to, which the sandbox takes for given.
        var behalf = operation.Header("MSCRMCallerID") is { } id && Guid.TryParse(id, out var other) ? other : user;
        var bypassed = operation.Header("MSCRM.BypassBusinessLogicExecution") ?? "";
        return environment.CallerOf(behalf, visit.Number) with
        {
            BypassesSync = bypassed.Contains("CustomSync", StringComparison.Ordinal) || operation.Header("MSCRM.BypassCustomPluginExecution") == "true",
            BypassesAsync = bypassed.Contains("CustomAsync", StringComparison.Ordinal),
            DetectsDuplicates = operation.Header("MSCRM.SuppressDuplicateDetection") == "false",
        };
    }

    public async Task<Answer> OneAsync(Operation operation, CancellationToken cancellationToken) => (await TogetherAsync([operation], cancellationToken))[0];

    /// <summary>Carries out operations that take effect together.</summary>
    /// <returns>An answer to each; a single one where they were refused.</returns>
    async Task<IReadOnlyList<Answer>> TogetherAsync(IReadOnlyList<Operation> operations, CancellationToken cancellationToken)
    {
        var answers = new List<Answer>(operations.Count);
        var unit = new Unit(environment);
        IReadOnlyList<WebhookCall> listeners;
        lock (environment.Gate)
        {
            var current = operations[0];
            try
            {
                var api = new RecordsApi(environment, root, visit, unit);
                var caller = CallerOf(operations[0]);
                foreach (var operation in operations)
                {
                    current = operation;
                    answers.Add(api.Run(operation, caller));
                }
            }
            catch (Refusal refusal)
            {
                unit.Undo();
                return [Answer.Of(refusal, current.Prefer)];
            }
            if (unit.IsEmpty) return answers;
            listeners = Webhooks.Synchronous(environment, unit.Happenings);
            if (listeners.Count == 0) environment.Tell(unit);
            else environment.Open();
        }
        if (listeners.Count > 0 && await AskAsync(unit, listeners, cancellationToken) is { } refused) return [refused];
        environment.Finish(unit);
        return answers;
    }

    // A synchronous listener that does not take it undoes it.
    async Task<Answer?> AskAsync(Unit unit, IReadOnlyList<WebhookCall> listeners, CancellationToken cancellationToken)
    {
        foreach (var listener in listeners)
        {
            var status = await environment.Webhooks.CallAsync(listener, cancellationToken);
            if (status is >= 200 and < 300) continue;
            lock (environment.Gate)
            {
                unit.Undo();
                environment.Close();
            }
            return status == 0
                ? Answer.Error(400, "0x80050202", "The webhook call failed because the http request timed out at client side.")
                : Answer.Error(400, "0x80050201", "The webhook call failed because the http request had non-success httpStatus code.");
        }
        lock (environment.Gate)
        {
            environment.Close();
            environment.Tell(unit);
        }
        return null;
    }

    public async Task<Answer> BatchAsync(Operation operation, CancellationToken cancellationToken)
    {
        if (operation.Method != "POST") return Answer.Error(405, "0x80060888", "A batch is posted.");
        List<BatchPart> parts;
        try
        {
            if (Multipart.BoundaryOf(operation.Header("Content-Type")) is not { } boundary) throw Refusals.Syntax("The Content-Type of a batch is multipart/mixed with a boundary.");
            parts = Multipart.Read(operation.Body, boundary);
        }
        catch (Refusal refusal)
        {
            return Answer.Of(refusal, operation.Prefer);
        }
        var done = new List<(IReadOnlyList<(Operation Operation, Answer Answer)> Answers, bool IsChangeSet)>(parts.Count);
        var status = 200;
        foreach (var part in parts)
        {
            if (part.Operations.Count == 0) continue;
            var answers = await TogetherAsync(part.Operations, cancellationToken);
            var failed = answers[0].Status >= 400;

            // A change set that failed has one answer.
            done.Add(failed ? ([(part.Operations[0], answers[0])], false) : ([.. part.Operations.Zip(answers)], part.IsChangeSet));
            if (!failed || operation.Prefer.ContinueOnError) continue;
            status = answers[0].Status;
            break;
        }
        return Multipart.Write(status, "batchresponse_" + newId(), done, newId);
    }
}
