using System.Buffers;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace OrleansCrm.Domain.Values;

public static partial class Canonicaliser
{
    const int LongestEmail = 254, LongestLocalPart = 64, LongestDomain = 253, LongestLabel = 63, LongestUrl = 2_048;

    static readonly SearchValues<char> LocalPartMarks = SearchValues.Create("!#$%&'*+/=?^_`{|}~-.");
    static readonly SearchValues<char> UrlCharacters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?#[]@!$&'()*+,;=");

    static readonly IdnMapping Idn = new() { AllowUnassigned = true, UseStd3AsciiRules = false };

    /// <summary>The address in lower case, its domain in ASCII; null: it is none.</summary>
    // A mail server may tell the case of a local part apart. None in use does, every CRM compares without case, and an
    // identity key that did would make two customers of one person.
    static string? EmailAddress(string text)
    {
        if (text.StartsWith("mailto:", StringComparison.OrdinalIgnoreCase)) text = text["mailto:".Length..];
        var at = text.LastIndexOf('@');
        if (at is < 1 or > LongestLocalPart) return null;

        var local = Lower(text[..at]);
        if (local.Length > LongestLocalPart || local[0] == '.' || local[^1] == '.' || local.Contains("..", StringComparison.Ordinal)) return null;
        foreach (var rune in local.EnumerateRunes())
        {
            var fits = rune.IsAscii
                ? Rune.IsLetterOrDigit(rune) || LocalPartMarks.Contains((char)rune.Value)
                : !Rune.IsWhiteSpace(rune) && !Rune.IsControl(rune) && rune != Rune.ReplacementChar;
            if (!fits) return null;
        }
        if (Domain(text[(at + 1)..]) is not { } domain || !domain.Contains('.', StringComparison.Ordinal)) return null;
        return local.Length + 1 + domain.Length > LongestEmail ? null : $"{local}@{domain}";
    }

    static string Lower(string text)
    {
        // Lower case may take a composed letter apart (the Turkish İ does), so compose again.
        return UnicodeForm.Compose(text.ToLowerInvariant());
    }

    /// <summary>A host name in lower case, international labels as <c>xn--</c>; null: it is none.</summary>
    static string? Domain(string text)
    {
        if (text.Length is 0 or > LongestDomain) return null;
        var name = Lower(text);
        if (!Ascii.IsValid(name))
        {
            try
            {
                name = Idn.GetAscii(name).ToLowerInvariant();
            }
            catch (ArgumentException)
            {
                return null;
            }
        }
        if (name.Length is 0 or > LongestDomain || !Ascii.IsValid(name)) return null;

        var label = 0;
        for (var i = 0; i <= name.Length; i++)
        {
            if (i < name.Length && name[i] != '.')
            {
                var hyphenAtAnEnd = name[i] == '-' && (label == 0 || i + 1 == name.Length || name[i + 1] == '.');
                if (hyphenAtAnEnd || !(char.IsAsciiLetterLower(name[i]) || char.IsAsciiDigit(name[i]) || name[i] is '-' or '_')) return null;
                label++;
                continue;
            }
            if (label is 0 or > LongestLabel) return null;
            label = 0;
        }

        // A name that ends in a number is a mistyped IP address.
        return name.AsSpan(name.LastIndexOf('.') + 1).ContainsAnyExceptInRange('0', '9') ? name : null;
    }

    /// <summary>Scheme and host in lower case, host in ASCII, no default port, no slash alone, other characters as <c>%XX</c>.</summary>
    // Written out rather than left to System.Uri, whose spelling has changed between versions of .NET.
    static Canonicalised Url(string text)
    {
        var refused = Canonicalised.Refused(RefusalCode.InvalidUrl);
        if (text.Length > LongestUrl) return Canonicalised.Refused(RefusalCode.TooLong);

        // People type websites without a scheme, and CRMs keep them so.
        var scheme = "https";
        var rest = text;
        var schemeEnd = text.IndexOf("://", StringComparison.Ordinal);
        if (schemeEnd >= 0 && text.AsSpan(0, schemeEnd).IndexOfAny("/?#.") < 0)
        {
            scheme = text[..schemeEnd].ToLowerInvariant();
            if (scheme is not ("http" or "https")) return refused;
            rest = text[(schemeEnd + 3)..];
        }

        var pathStart = rest.AsSpan().IndexOfAny("/?#\\");
        if (pathStart < 0) pathStart = rest.Length;
        var authority = rest[..pathStart];

        // A user name, and worse a password, has no place in a field that every system shows.
        if (authority.Contains('@', StringComparison.Ordinal)) return refused;
        if (Authority(authority, scheme, schemeEnd >= 0) is not { } host || Path(rest.AsSpan(pathStart)) is not { } path) return refused;
        if (path == "/") path = "";
        var url = $"{scheme}://{host}{path}";
        return url.Length > LongestUrl ? Canonicalised.Refused(RefusalCode.TooLong) : Text(url);
    }

    static string? Authority(string authority, string scheme, bool schemeGiven)
    {
        var port = "";
        var hostEnd = authority.Length;
        var colon = authority.LastIndexOf(':');
        if (colon >= 0 && colon > authority.LastIndexOf(']'))
        {
            hostEnd = colon;
            var digits = authority.AsSpan(colon + 1);
            if (digits.Length > 0)
            {
                if (!ushort.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number == 0) return null;
                if (number != (scheme == "https" ? 443 : 80)) port = ":" + number.ToString(CultureInfo.InvariantCulture);
            }
        }

        var host = authority[..hostEnd];
        if (host is ['[', .., ']'])
        {
            return IPAddress.TryParse(host.AsSpan(1, host.Length - 2), out var v6) && v6.AddressFamily == AddressFamily.InterNetworkV6 && v6.ScopeId == 0
                ? $"[{v6}]{port}"
                : null;
        }
        if (Dotted(host)) return host + port;
        if (Domain(host.EndsWith('.') ? host[..^1] : host) is not { } domain) return null;

        // Without a scheme a single word is any text at all.
        return schemeGiven || domain.Contains('.', StringComparison.Ordinal) ? domain + port : null;
    }

    // Four numbers from 0 to 255 as people write them, without leading zeros (which some read as octal).
    static bool Dotted(string host)
    {
        if (host.Length is < 7 or > 15) return false;
        var parts = host.Split('.');
        if (parts.Length != 4) return false;
        foreach (var part in parts)
        {
            if (!byte.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out _) || part is ['0', _, ..]) return false;
        }
        return true;
    }

    static string? Path(ReadOnlySpan<char> path)
    {
        if (path.IsEmpty) return "";
        var url = new StringBuilder(path.Length + 8);
        Span<byte> utf8 = stackalloc byte[4];
        for (var i = 0; i < path.Length; i++)
        {
            var c = path[i];
            if (c == '%' && i + 2 < path.Length && char.IsAsciiHexDigit(path[i + 1]) && char.IsAsciiHexDigit(path[i + 2]))
            {
                url.Append('%').Append(char.ToUpperInvariant(path[i + 1])).Append(char.ToUpperInvariant(path[i + 2]));
                i += 2;
                continue;
            }
            if (UrlCharacters.Contains(c))
            {
                url.Append(c);
                continue;
            }
            if (c == '\\') return null;
            if (Rune.DecodeFromUtf16(path[i..], out var rune, out var used) != OperationStatus.Done) return null;
            i += used - 1;
            var length = rune.EncodeToUtf8(utf8);
            foreach (var b in utf8[..length]) url.Append('%').Append(b.ToString("X2", CultureInfo.InvariantCulture));
        }
        return url.ToString();
    }
}
