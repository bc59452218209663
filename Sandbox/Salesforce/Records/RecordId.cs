using System.Diagnostics.CodeAnalysis;

namespace OrleansCrm.Sandbox.Salesforce.Records;

/// <summary>Record ids: 15 characters whose case counts, and three more that tell the case of the others.</summary>
public static class RecordId
{
    const string Digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const string Suffixes = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

    /// <summary>What stands where a change is told of no record in particular.</summary>
    public const string Nobody = "000000000000000AAA";

    /// <summary>The three characters that 15 others imply.</summary>
    public static string Suffix(ReadOnlySpan<char> id15)
    {
        Span<char> suffix = stackalloc char[3];
        for (var group = 0; group < 3; group++)
        {
            var bits = 0;
            for (var i = 0; i < 5; i++)
            {
                if (id15[(group * 5) + i] is >= 'A' and <= 'Z') bits |= 1 << i;
            }
            suffix[group] = Suffixes[bits];
        }
        return new string(suffix);
    }

    /// <summary>Takes 15 or 18 characters; gives 18. An id of 18 characters whose suffix is wrong is none.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, [NotNullWhen(true)] out string? id)
    {
        id = null;
        if (text is not { Length: 15 or 18 }) return false;
        foreach (var c in text)
        {
            if (!char.IsAsciiLetterOrDigit(c)) return false;
        }
        var suffix = Suffix(text.AsSpan(0, 15));
        if (text.Length == 15) id = text + suffix;
        else if (text.AsSpan(15).SequenceEqual(suffix)) id = text;
        return id is not null;
    }

    /// <param name="prefix">Three characters that tell the object.</param>
    /// <param name="pod">Three characters that tell the organisation's instance.</param>
    /// <param name="number">Grows with each record.</param>
    public static string Make(string prefix, string pod, long number)
    {
        Span<char> id = stackalloc char[15];
        prefix.CopyTo(id);
        pod.CopyTo(id[3..]);
        for (var i = 14; i >= 6; i--)
        {
            id[i] = Digits[(int)(number % 62)];
            number /= 62;
        }
        return string.Concat(id, Suffix(id));
    }
}
