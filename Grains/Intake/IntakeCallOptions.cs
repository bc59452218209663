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

    /// <summary>Longest time for one question to the store or to a customer, with all its tries; then the source is told to send the event again. What is under way goes on, and is not recorded twice.</summary>
    /// <value>5 seconds: well below what callers of HTTP wait. Allowed: 10 milliseconds to 30 seconds.</value>
    [Range(typeof(TimeSpan), "00:00:00.01", "00:00:30")]
    public TimeSpan Patience { get; set; } = TimeSpan.FromSeconds(5);
}
