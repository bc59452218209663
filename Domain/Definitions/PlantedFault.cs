namespace OrleansCrm.Domain.Definitions;

/// <summary>Known mistakes that a test switches on, one at a time, to prove that the checks would notice them. Real hubs run with <see cref="None"/>.</summary>
internal enum PlantedFault
{
    None = 0,
}
