using System.Collections.Immutable;
using System.Text.RegularExpressions;
using NJsonSchema;

namespace OrleansCrm.Domain.Definitions.Reading;

/// <summary>One setting of a connector; nested names are joined by dots.</summary>
/// <param name="NameAt">The place of the name; the value has its own.</param>
readonly record struct Setting(string Name, string Value, Place NameAt);

/// <summary>Free keys with single values, at most three levels. What must not be read by others is a reference.</summary>
sealed class SettingsKind : Kind<ImmutableArray<Placed<Setting>>>
{
    const int Most = 100;
    const int LevelsMax = 3;
    const string Name = "^[a-zA-Z][a-zA-Z0-9_-]{0,63}$";

    static readonly TextKind Names = new("a setting's name: a letter, then letters, digits, '_' and '-', at most 64", 64, Name);

    public override string Words => "settings by name";

    public override bool TryRead(Node node, string path, DefinitionErrors errors, out ImmutableArray<Placed<Setting>> value)
    {
        var settings = ImmutableArray.CreateBuilder<Placed<Setting>>();
        value = [];
        if (node.Kind != NodeKind.Mapping) return Expected(node, path, errors);
        Read(node, path, "", 1, settings, errors);
        if (settings.Count > Most)
        {
            errors.Add(node.At(path), "There are too many settings.", $"Keep at most {Most.ToString(System.Globalization.CultureInfo.InvariantCulture)}.");
            return false;
        }
        value = settings.ToImmutable();
        return true;
    }

    static void Read(Node node, string path, string prefix, int level, ImmutableArray<Placed<Setting>>.Builder settings, DefinitionErrors errors)
    {
        var seen = new Dictionary<string, Node>(StringComparer.Ordinal);
        foreach (var (key, child) in node.Pairs)
        {
            if (settings.Count > Most) return;
            if (!Keys.TryRead(key, path, errors, out var text)) continue;
            var childPath = Keys.Join(path, text);
            if (Names.Fault(text) is not null)
            {
                errors.Add(key.At(childPath), $"{Suggestion.Quote(text)} cannot be a setting's name.", $"Use {Names.Words}.");
                continue;
            }
            if (!Keys.Fresh(seen, text, key, childPath, errors)) continue;
            if (child.Kind == NodeKind.Mapping && level < LevelsMax)
            {
                Read(child, childPath, prefix + text + ".", level + 1, settings, errors);
                continue;
            }
            if (child.Kind != NodeKind.Scalar || child.IsNothing)
            {
                errors.Add(child.At(childPath), $"Expected a single value, found {child.Word}.", "Write one value per setting; lists are written as one text.");
                continue;
            }
            if (child.Text.Length > HubDefinitionReader.ValueLengthMax)
            {
                errors.Add(child.At(childPath), "The value is too long.", "Keep long texts in a file and write 'file:PATH'.");
                continue;
            }
            if (Secrets.Fault(text, child.Text) is { } fault)
            {
                errors.Add(child.At(childPath), fault.Problem, fault.Fix);
                continue;
            }
            settings.Add(new(new(prefix + text, child.Text, key.At(childPath)), child.At(childPath)));
        }
    }

    public override JsonSchema Schema(SchemaParts parts) => SchemaParts.Settings(LevelsMax, Most, Name);
}

/// <summary>Secrets stand in the environment or in files, never in a definition: it is versioned, shown and mailed around.</summary>
static class Secrets
{
    /// <summary>What a reference looks like.</summary>
    public const string Reference = @"^(env:[A-Za-z_][A-Za-z0-9_]{0,127}|file:[^\s].{0,1000})$";

    /// <summary>Names that are secrets in every spelling that an editor's schema can tell; the reader knows more.</summary>
    public const string NamesOfSchema = "^([a-zA-Z0-9_-]*([tT]oken|[pP]assword|[sS]ecret|[pP]assphrase|[aA]pi[kK]ey|[pP]rivate[kK]ey))$";

    static readonly string[] Words = ["token", "password", "passwd", "passphrase", "secret", "apikey", "privatekey", "accesskey", "signingkey", "credential", "connectionstring", "bearer"];
    static readonly string[] Whole = ["pwd", "pass", "pin", "key", "jwt", "authorization", "assertion", "clientassertion", "certificate", "pat"];

    // tokenUrl, secretName, accessKeyId and their like speak about a secret without being one.
    static readonly string[] About = ["url", "uri", "endpoint", "host", "path", "name", "header", "type", "lifetime", "expiry", "ttl", "id", "audience", "scope", "version", "field"];

    static readonly Regex Referring = new(Reference, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture);

    // Access tokens of the vendors, JSON web tokens, key files, and addresses with a password in them.
    static readonly Regex LooksSecret = new(@"^(eyJ[A-Za-z0-9_-]{8,}[.]|pat-[a-z0-9]+-|sk_live_|shp(at|ca|pa|ss)_|xox[abp]-|gh[pousr]_|whsec_|AKIA[A-Z0-9]{12})|-----BEGIN |^[a-zA-Z][a-zA-Z0-9+.-]*://[^/@\s]*:[^/@\s]+@|(?i)(password|pwd|accountkey|sharedaccesskey|client_secret)=",
        RegexOptions.NonBacktracking | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture);

    public static bool IsReference(string value) => !value.Contains('\n', StringComparison.Ordinal) && Referring.IsMatch(value);

    /// <returns>Null when the setting may stand; the value is in none of the texts.</returns>
    public static (string Problem, string Fix)? Fault(string name, string value)
    {
        if (IsReference(value)) return null;
        var fix = $"Write 'env:{EnvironmentName(name)}' and set that variable, or 'file:/run/secrets/{name}'.";
        if (value.StartsWith("env:", StringComparison.Ordinal) || value.StartsWith("file:", StringComparison.Ordinal) && IsSecret(name))
            return ("The reference cannot be read.", fix);
        if (IsSecret(name)) return ($"{Suggestion.Quote(name)} is a secret and stands here as a value.", fix + " Then change the secret: it has been in a file.");
        if (LooksSecret.IsMatch(value)) return ($"The value of {Suggestion.Quote(name)} looks like a secret.", fix + " Then change the secret: it has been in a file.");
        return null;
    }

    public static bool IsSecret(string name)
    {
        var plain = string.Concat(name.Where(char.IsAsciiLetterOrDigit)).ToLowerInvariant();
        if (Whole.Contains(plain)) return true;
        return Array.Exists(Words, w => plain.Contains(w, StringComparison.Ordinal)) && !Array.Exists(About, a => plain.EndsWith(a, StringComparison.Ordinal));
    }

    static string EnvironmentName(string name)
    {
        var text = new System.Text.StringBuilder();
        foreach (var c in name)
        {
            if (char.IsAsciiLetterUpper(c) && text.Length > 0 && text[^1] != '_') text.Append('_');
            text.Append(char.IsAsciiLetterOrDigit(c) ? char.ToUpperInvariant(c) : '_');
        }
        return text.ToString();
    }
}
