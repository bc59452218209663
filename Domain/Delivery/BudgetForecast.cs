using OrleansCrm.Domain.Definitions;

namespace OrleansCrm.Domain.Delivery;

/// <summary>How long a number of calls takes at a system's budget, if nothing else comes meanwhile and every call is answered at once.</summary>
public static class BudgetForecast
{
    /// <param name="calls">Still to be made.</param>
    /// <param name="saved">Calls saved up now, of a budget by the second.</param>
    /// <param name="spentInDay">Calls of the last 24 hours.</param>
    /// <returns>Zero: the budget does not make them wait. Null: at this budget they are never made.</returns>
    public static TimeSpan? TimeFor(BudgetDefinition definition, DeliveryPriority priority, long calls, double saved, long spentInDay)
    {
        ArgumentNullException.ThrowIfNull(definition);
        if (calls <= 0) return TimeSpan.Zero;
        var seconds = 0d;
        if (definition.PerSecond is { } rate && calls > saved)
        {
            if (rate <= 0) return null;
            seconds = (calls - Math.Max(0, saved)) / rate;
        }
        if (definition.PerDay is { } day)
        {
            var share = Budget.ShareOf(definition, day, priority);
            var left = Math.Max(0, share - spentInDay);
            if (calls > left)
            {
                if (share < 1) return null;

                // What was spent comes back in the course of a day, and so does all that is spent from now on.
                seconds = Math.Max(seconds, (calls - left) / share * TimeSpan.SecondsPerDay);
            }
        }
        return seconds >= TimeSpan.MaxValue.TotalSeconds ? null : TimeSpan.FromSeconds(seconds);
    }

    /// <summary>Calls that so many records take, where each call carries as many as it may.</summary>
    public static long CallsFor(long records, int batchMax) => batchMax < 1 ? records : (records + batchMax - 1) / batchMax;
}
