using System.Buffers;
using System.Globalization;
using System.Text;
using OrleansCrm.Domain.Definitions;

namespace OrleansCrm.Domain.Values;

/// <summary>Tells a value that a system reshaped on save from a value that somebody edited.</summary>
/// <remarks>
/// Whether the stored value came of our write at all is not asked here. Consent and booleans have no renderings: each of
/// their differences matters. Scalars are compared in place, without allocating.
/// </remarks>
public static class Rendering
{
    const Equivalence CaseAndBlanks = Equivalence.Case | Equivalence.Whitespace;

    /// <summary>The differences that one system may make in one field: the field's own and the mapping's, and cutting where the mapping tells the length.</summary>
    public static Equivalence Allowed(FieldDefinition field, FieldMapping? mapping) =>
        field.Equivalence | (mapping?.Equivalence ?? Equivalence.Exact) | (mapping?.MaxLength is null ? Equivalence.Exact : Equivalence.Cut);

    /// <summary>Whether <paramref name="stored"/> is what we wrote, but for the allowed differences that make sense for the field's type.</summary>
    /// <param name="maxLength">Length in UTF-16 units at which the system cuts texts; null: with <see cref="Equivalence.Cut"/>, any beginning counts.</param>
    public static bool IsRendering(FieldDefinition field, Equivalence allowed, int? maxLength, FieldValue written, FieldValue stored)
    {
        if (written == stored) return true;
        if (allowed == Equivalence.Exact || written.IsCleared || stored.IsCleared) return false;

        return field.Type switch
        {
            FieldType.Text or FieldType.LongText => SameText(TextOf(written), TextOf(stored), allowed, maxLength),
            FieldType.Phone => SamePhone(TextOf(written), TextOf(stored), allowed),
            FieldType.Number or FieldType.Decimal => SameNumber(written, stored, allowed),
            FieldType.Date => SameText(TextOf(written), TextOf(stored), allowed & (Equivalence.Whitespace | Equivalence.Format), null),
            FieldType.DateTime => SameInstant(written, stored, allowed),
            FieldType.Url => SameText(Bare(written, allowed), Bare(stored, allowed), allowed & CaseAndBlanks, null),

            // A dot or a hyphen tells two mailboxes, users or records apart: no grouping there, and no cutting.
            FieldType.Email or FieldType.Choice or FieldType.User or FieldType.Reference =>
                SameText(TextOf(written), TextOf(stored), allowed & CaseAndBlanks, null),
            FieldType.MultiChoice or FieldType.Set or FieldType.Association => SameMembers(written, stored, allowed & CaseAndBlanks),
            _ => false,
        };
    }

    /// <summary>The beginning of a text that a system with this length keeps; half a surrogate pair is not kept.</summary>
    public static ReadOnlySpan<char> Cut(ReadOnlySpan<char> text, int maxLength)
    {
        if (text.Length <= maxLength) return text;
        var length = Math.Max(maxLength, 0);
        if (length > 0 && char.IsHighSurrogate(text[length - 1])) length--;
        return text[..length];
    }

    static bool Has(Equivalence allowed, Equivalence difference) => (allowed & difference) != Equivalence.Exact;

    static ReadOnlySpan<char> TextOf(FieldValue value)
    {
        var json = value.Json;
        if (json[0] != '"') return json;
        return json.Contains('\\', StringComparison.Ordinal) ? value.AsText() : json.AsSpan(1, json.Length - 2);
    }

    static bool SameText(ReadOnlySpan<char> written, ReadOnlySpan<char> stored, Equivalence allowed, int? maxLength)
    {
        if (Same(written, stored, allowed, prefix: false)) return true;
        if (!Has(allowed, Equivalence.Cut)) return false;
        if (maxLength is not { } length) return Same(written, stored, allowed, prefix: true);

        // The canonicaliser drops the blanks that a cut may leave at the end.
        return written.Length > length && Same(Cut(written, length).TrimEnd(), stored, allowed, prefix: false);
    }

    static bool Same(ReadOnlySpan<char> written, ReadOnlySpan<char> stored, Equivalence allowed, bool prefix)
    {
        var ours = new Letters(written, allowed);
        var theirs = new Letters(stored, allowed);
        var any = false;
        while (true)
        {
            var expected = ours.Next();
            var found = theirs.Next();

            // Two texts of nothing but punctuation are not the same for that.
            if (found < 0) return any && (expected < 0 || prefix);
            if (expected != found) return false;
            any = true;
        }
    }

    static bool SamePhone(ReadOnlySpan<char> written, ReadOnlySpan<char> stored, Equivalence allowed)
    {
        if (!Has(allowed, Equivalence.Format)) return SameText(written, stored, allowed & CaseAndBlanks, null);

        // "+43 12 x3" and "+43123" have the same digits and ring elsewhere.
        var (ours, ourExtension) = AtExtension(written);
        var (theirs, theirExtension) = AtExtension(stored);
        return SameDigits(ours, theirs) && (ourExtension.IsEmpty ? theirExtension.IsEmpty : SameDigits(ourExtension, theirExtension));
    }

    static Pair AtExtension(ReadOnlySpan<char> phone)
    {
        var at = phone.IndexOfAny(";xX#");
        if (at < 0) at = phone.IndexOf("ext", StringComparison.OrdinalIgnoreCase);
        if (at < 0) return new(phone, default);
        var extension = phone[at..];
        var digits = extension.IndexOfAnyInRange('0', '9');
        return digits < 0 ? new(phone, default) : new(phone[..at], extension[digits..]);
    }

    static bool SameDigits(ReadOnlySpan<char> written, ReadOnlySpan<char> stored)
    {
        int i = 0, j = 0;
        var any = false;
        while (true)
        {
            while (i < written.Length && !char.IsLetterOrDigit(written[i])) i++;
            while (j < stored.Length && !char.IsLetterOrDigit(stored[j])) j++;
            if (i == written.Length || j == stored.Length) return any && i == written.Length && j == stored.Length;
            if (written[i++] != stored[j++]) return false;
            any = true;
        }
    }

    // Format: the same number in another spelling. Cut: fewer decimal places, never fewer digits before the point.
    static bool SameNumber(FieldValue written, FieldValue stored, Equivalence allowed)
    {
        var style = Has(allowed, Equivalence.Format) ? NumberStyles.Number : NumberStyles.Float;
        if (!decimal.TryParse(TextOf(written), NumberStyles.Float, CultureInfo.InvariantCulture, out var ours)) return false;
        if (!decimal.TryParse(TextOf(stored), style, CultureInfo.InvariantCulture, out var theirs)) return false;
        if (ours == theirs) return Has(allowed, Equivalence.Format);
        return Has(allowed, Equivalence.Cut) && theirs.Scale < ours.Scale && Math.Round(ours, theirs.Scale, MidpointRounding.ToZero) == theirs;
    }

    // Cut: systems that keep whole seconds or minutes.
    static bool SameInstant(FieldValue written, FieldValue stored, Equivalence allowed)
    {
        if (!Has(allowed, Equivalence.Cut)) return false;
        if (Canonicaliser.AsInstant(written) is not { } ours || Canonicaliser.AsInstant(stored) is not { } theirs) return false;
        return ours.Ticks - (ours.Ticks % TimeSpan.TicksPerSecond) == theirs.Ticks || ours.Ticks - (ours.Ticks % TimeSpan.TicksPerMinute) == theirs.Ticks;
    }

    static ReadOnlySpan<char> Bare(FieldValue url, Equivalence allowed) => Has(allowed, Equivalence.Format) ? TextOf(url).TrimEnd('/') : TextOf(url);

    // Every member has its rendering, and none of the stored ones is left over. A set is never cut.
    static bool SameMembers(FieldValue written, FieldValue stored, Equivalence allowed)
    {
        if (allowed == Equivalence.Exact) return false;
        var ours = written.Members();
        var theirs = stored.Members().ToList();
        if (ours.Length != theirs.Count) return false;
        foreach (var member in ours)
        {
            var match = theirs.FindIndex(m => m == member || Same(TextOf(member), TextOf(m), allowed, prefix: false));
            if (match < 0) return false;
            theirs.RemoveAt(match);
        }
        return true;
    }

    readonly ref struct Pair(ReadOnlySpan<char> first, ReadOnlySpan<char> second)
    {
        readonly ReadOnlySpan<char> _first = first, _second = second;

        public void Deconstruct(out ReadOnlySpan<char> first, out ReadOnlySpan<char> second)
        {
            first = _first;
            second = _second;
        }
    }

    /// <summary>The characters of a text that count under the allowed differences.</summary>
    ref struct Letters(ReadOnlySpan<char> text, Equivalence allowed)
    {
        ReadOnlySpan<char> _rest = Has(allowed, Equivalence.Whitespace) ? text.Trim() : text;

        /// <summary>The next one; -1 at the end.</summary>
        internal int Next()
        {
            while (!_rest.IsEmpty)
            {
                var c = _rest[0];
                if (Has(allowed, Equivalence.Format) && (Canonicaliser.IsBlank(c) || Groups(c)))
                {
                    _rest = _rest[1..];
                    continue;
                }
                if (Has(allowed, Equivalence.Whitespace) && char.IsWhiteSpace(c))
                {
                    _rest = _rest.TrimStart();
                    return ' ';
                }
                if (c < 128)
                {
                    _rest = _rest[1..];
                    return Has(allowed, Equivalence.Case) && char.IsAsciiLetterLower(c) ? c & ~0x20 : c;
                }
                if (Rune.DecodeFromUtf16(_rest, out var rune, out var used) != OperationStatus.Done)
                {
                    _rest = _rest[1..];
                    return c;
                }
                _rest = _rest[used..];
                return (Has(allowed, Equivalence.Case) ? Rune.ToUpperInvariant(rune) : rune).Value;
            }
            return -1;
        }

        // Signs that group or separate; those that mean something of their own (C#, R&D, 5 %, *) count.
        static bool Groups(char c) => char.IsPunctuation(c) && c is not ('#' or '&' or '%' or '@' or '*' or '‰');
    }
}
