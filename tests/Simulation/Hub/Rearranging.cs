using System.Collections.Immutable;
using OrleansCrm.Domain.Customers;

namespace OrleansCrm.Simulation.Hub;

/// <summary>A merge or unmerge that a person has asked for, with its tries.</summary>
/// <param name="loser">Null: links leave the survivor as a customer of their own.</param>
sealed class Rearranging(string survivor, string? loser, ImmutableArray<string> links, string fresh)
{
    public string Survivor => survivor;

    public string? Loser => loser;

    public ImmutableArray<string> Links => links;

    public string Fresh => fresh;

    public int Tries { get; set; }

    public HeldElsewhere Elsewhere { get; set; } = HeldElsewhere.Nothing;
}
