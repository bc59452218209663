using System.Globalization;
using CsCheck;

namespace OrleansCrm.Domain.Tests.Rules;

/// <summary>The choices of one case, one number each; what was not chosen is 0. A shorter tape of smaller numbers is a simpler case, which is how a failure shrinks.</summary>
sealed class Tape(int[] numbers)
{
    int _at;

    public bool IsAtEnd => _at >= numbers.Length;

    public int Next(int below) => _at < numbers.Length ? numbers[_at++] % below : 0;

    public bool Chance(int of) => Next(of) == of - 1;

    public T Pick<T>(IReadOnlyList<T> items) => items[Next(items.Count)];

    public static Gen<int[]> Of(int longest) => Gen.Int[0, 1 << 20].Array[8, longest];
}

/// <summary>How many cases of a rule are tried. <c>CRM_CASES_SCALE</c> in the environment multiplies it: 10 for ten times as many.</summary>
static class Cases
{
    public const int Many = 20_000;
    public const int Some = 2_000;

    static readonly double Scale =
        double.TryParse(Environment.GetEnvironmentVariable("CRM_CASES_SCALE"), NumberStyles.Float, CultureInfo.InvariantCulture, out var scale) ? scale : 1;

    public static long Of(int cases) => Math.Max(1, (long)(cases * Scale));

    /// <summary>Plays a rule against tapes. A failure prints the seed with which it can be played again, and the smallest tape found.</summary>
    public static void Play(int cases, int longest, Action<Tape> rule) => Tape.Of(longest).Sample(numbers => rule(new(numbers)), iter: Of(cases));
}
