using System.Collections.Immutable;
using System.Globalization;

namespace OrleansCrm.Domain.Definitions.Reading;

/// <summary>What reading a hub definition gave: the definition, or everything that is wrong with it.</summary>
/// <param name="Definition">Null exactly when there are errors.</param>
/// <param name="Errors">In the order of the file; at most <see cref="HubDefinitionReader.ErrorsMax"/>.</param>
public sealed record DefinitionResult(HubDefinition? Definition, ImmutableArray<DefinitionError> Errors)
{
    public bool IsValid => Definition is not null;
}

/// <summary>One mistake in a hub definition. Values of secrets are never in it.</summary>
/// <param name="Line">From 1. Inside an alias: the line of its anchor.</param>
/// <param name="Column">From 1, in UTF-16 units.</param>
/// <param name="Path">Keys from the top: <c>systems.hubspot.retryPolicy.maxRetries</c>; empty for the file as a whole.</param>
/// <param name="Problem">What is wrong.</param>
/// <param name="Fix">What to write instead.</param>
public sealed record DefinitionError(int Line, int Column, string Path, string Problem, string Fix)
{
    /// <summary>One line as a compiler would print it: <c>12:7 systems.hubspot.mode: … Fix: …</c></summary>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Line}:{Column} {(Path.Length == 0 ? "file" : Path)}: {Problem} Fix: {Fix}");
}

/// <summary>Where in the file something is said.</summary>
readonly record struct Place(int Line, int Column, string Path);

/// <summary>A value and where it is said.</summary>
readonly record struct Placed<T>(T Value, Place At);

/// <summary>One entry of a map whose keys are names of the author's choice.</summary>
/// <param name="At">The place of the name.</param>
/// <param name="ValueAt">The place of the value.</param>
readonly record struct Named<T>(string Name, Place At, T Value, Place ValueAt);

/// <summary>Collects mistakes, so that the author sees all of them at once.</summary>
sealed class DefinitionErrors
{
    readonly List<DefinitionError> _all = [];

    public bool Any => _all.Count > 0;

    /// <summary>A fix with the word that was probably meant; empty when no further error is told, since finding it costs time.</summary>
    public string Suggest(string given, IReadOnlyCollection<string> known, string what) =>
        _all.Count >= HubDefinitionReader.ErrorsMax ? "" : Suggestion.Fix(given, known, what);

    public void Add(Place at, string problem, string fix)
    {
        // One mistake seen from two sides is told once.
        if (_all.Count >= HubDefinitionReader.ErrorsMax) return;
        var error = new DefinitionError(at.Line, at.Column, at.Path, problem, fix);
        if (!_all.Contains(error)) _all.Add(error);
    }

    public ImmutableArray<DefinitionError> InFileOrder() => [.. _all.OrderBy(e => e.Line).ThenBy(e => e.Column)];
}
