using OrleansCrm.Domain.Delivery;

namespace OrleansCrm.Storage.Documents;

/// <summary>Words of the due rows.</summary>
static class DueRow
{
    public static string Word(DueState state) => state switch
    {
        DueState.Due => "due",
        DueState.Retrying => "retrying",
        DueState.Waiting => "waiting",
        DueState.Parked => "parked",
        _ => throw new ArgumentOutOfRangeException(nameof(state), state, "A due link has no such state."),
    };

    public static DueState State(string word) => word switch
    {
        "due" => DueState.Due,
        "retrying" => DueState.Retrying,
        "waiting" => DueState.Waiting,
        "parked" => DueState.Parked,
        _ => throw new FormatException($"A due link is '{word}', which this version does not know."),
    };
}
