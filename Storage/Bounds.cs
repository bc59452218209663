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

    public static void EnsureBody(string body)
    {
        if (body.Length > OrleansCrm.Domain.Storage.IWorkStore.BodyMax) throw new ArgumentException($"A document of work has at most {OrleansCrm.Domain.Storage.IWorkStore.BodyMax} characters.", nameof(body));
    }
}
