namespace OrleansCrm.Cells;

/// <summary>How long and how hard a cell is loaded.</summary>
/// <param name="Load">Part of the time for which a cell asks.</param>
/// <param name="PeopleRest">The mean time between two rounds of people's edits in the CRMs.</param>
/// <param name="Quiet">How long nothing may be written once all is at rest.</param>
/// <param name="Rest">The longest until all is at rest after the last edit.</param>
sealed record Pace(double Load, TimeSpan PeopleRest, TimeSpan Quiet, TimeSpan Rest)
{
    /// <summary>What <c>--all</c> and <c>--cell</c> do.</summary>
    public static Pace Full { get; } = new(1, TimeSpan.FromMilliseconds(125), TimeSpan.FromSeconds(60), TimeSpan.FromMinutes(4));

    /// <summary>A few cells within minutes, with each change of the code.</summary>
    public static Pace Short { get; } = new(0.6, TimeSpan.FromMilliseconds(600), TimeSpan.FromSeconds(8), TimeSpan.FromMinutes(3));
}
