using System.ComponentModel.DataAnnotations;

namespace OrleansCrm.Grains.Intake;

/// <summary>How an intake worker calls customers. Section <c>IntakeCalls</c>.</summary>
public sealed class IntakeCallOptions
{
    /// <summary>Times that a customer which answered "try again", or could not be reached, is asked anew before the source is told to send the event again.</summary>
    /// <value>8. Allowed: 0 to 100.</value>
    [Range(0, 100)]
    public int TriesMax { get; set; } = 8;

    /// <summary>Upper bound of the wait before the first of them; it doubles with each, up to two seconds, and chance picks in its upper half.</summary>
    /// <value>25 milliseconds. Allowed: 1 millisecond to 10 seconds.</value>
    [Range(typeof(TimeSpan), "00:00:00.001", "00:00:10")]
    public TimeSpan Backoff { get; set; } = TimeSpan.FromMilliseconds(25);
}
