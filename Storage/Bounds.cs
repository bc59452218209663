using System.Runtime.CompilerServices;
using OrleansCrm.Domain.Storage;

namespace OrleansCrm.Storage;

static class Bounds
{
    /// <exception cref="ArgumentOutOfRangeException">Not a size of page.</exception>
    public static void EnsurePage(int max, [CallerArgumentExpression(nameof(max))] string? name = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(max, 1, name);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(max, StoreLimits.PageMax, name);
    }
}
