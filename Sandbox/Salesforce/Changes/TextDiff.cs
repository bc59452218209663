using System.Security.Cryptography;
using System.Text;

namespace OrleansCrm.Sandbox.Salesforce.Changes;

/// <summary>Long texts are told as what changed in them.</summary>
static class TextDiff
{
    const int LengthMin = 1_000;

    /// <returns>A unified diff behind the hash of the new text; null: the text is told whole, being short or too different.</returns>
    public static string? Of(string before, string after)
    {
        if (after.Length < LengthMin || before.Length < LengthMin) return null;
        if (Math.Abs(after.Length - before.Length) * 2 > before.Length) return null;
        var (old, @new) = (before.Split('\n'), after.Split('\n'));
        var head = 0;
        while (head < old.Length && head < @new.Length && old[head] == @new[head]) head++;
        var tail = 0;
        while (tail < old.Length - head && tail < @new.Length - head && old[^(tail + 1)] == @new[^(tail + 1)]) tail++;
        var (removed, added) = (old.Length - head - tail, @new.Length - head - tail);
        if (Math.Max(removed, added) * 4 > Math.Max(old.Length, @new.Length)) return null;
        var diff = new StringBuilder()
            .Append("--- \n+++ ").Append(Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(after))))
            .Append('\n').Append(FormattableString.Invariant($"@@ -{Start(head, removed)},{removed} +{Start(head, added)},{added} @@"));
        foreach (var line in old.AsSpan(head, removed)) diff.Append("\n-").Append(line);
        foreach (var line in @new.AsSpan(head, added)) diff.Append("\n+").Append(line);
        return diff.ToString();

        // Of no lines, the line before is named.
        static int Start(int head, int lines) => lines == 0 ? head : head + 1;
    }
}
