using System.Collections;
using System.Reflection;
using OrleansCrm.Domain.Claims;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Tests.Journal;

/// <summary>Compares by every public member, all the way down; arrays and maps in their order.</summary>
static class Deep
{
    /// <returns>Where the two first differ; null: nowhere.</returns>
    public static string? Difference(object? left, object? right, string path = "")
    {
        if (left is null || right is null) return left is null && right is null ? null : path + ": one is null";
        if (ReferenceEquals(left, right)) return null;
        if (left.GetType() != right.GetType()) return path + ": types";
        if (left is string or bool or int or long or ulong or DateTimeOffset or FieldValue or Stamp or Enum) return left.Equals(right) ? null : $"{path}: {left} and {right}";
        if (left is IEnumerable many) return Elements(many, (IEnumerable)right, path);
        foreach (var property in left.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance))
        {
            if (property.GetIndexParameters().Length > 0) continue;
            if (Difference(property.GetValue(left), property.GetValue(right), $"{path}.{property.Name}") is { } difference) return difference;
        }
        foreach (var field in left.GetType().GetFields(BindingFlags.Public | BindingFlags.Instance))
        {
            if (Difference(field.GetValue(left), field.GetValue(right), $"{path}.{field.Name}") is { } difference) return difference;
        }
        return null;
    }

    static string? Elements(IEnumerable left, IEnumerable right, string path)
    {
        var l = List(left);
        var r = List(right);
        if (l.Count != r.Count) return $"{path}: {l.Count} and {r.Count} elements";
        for (var i = 0; i < l.Count; i++)
        {
            if (Difference(l[i], r[i], $"{path}[{i}]") is { } difference) return difference;
        }
        return null;
    }

    // An array that was never set holds nothing, as an empty one does.
    static List<object?> List(IEnumerable many)
    {
        if ((bool?)many.GetType().GetProperty("IsDefault")?.GetValue(many) == true) return [];
        return [.. many.Cast<object?>()];
    }
}
