using System.Globalization;
using System.Text.Json;
using CsCheck;
using OrleansCrm.Domain.Definitions;

namespace OrleansCrm.Domain.Tests.Values;

/// <summary>Generated fields, and reports of them as CRMs and strangers make them.</summary>
static class Reports
{
    static readonly string[] Spellings =
    [
        "", " ", "Anna", " Anna  Maria ", "e\u0301", "\u1100\u1161\u11a8", "Grüße\r\n東京\t🎌", "\ud800", "a\u0000b", "\ufeffx", "İstanbul",
        "Anna.Huber@Example.COM", "mailto:a@b.c", "ä@müller.de", "a@b", "@", "a@@b.c", "a b@c.de", "x@xn--mller-kva.de", "a@b..c",
        "+43 1 234 5678", "01 2345678", "0043 1 2345678", "+1 (415) 555-2671 ext. 12", "+4312345678;ext=12", "1-800-FLOWERS", "+54 9 11 2345 6789",
        "011 15 2345 6789", "+39 06 12345678", "911", "+", "+0", "++43", "2345678",
        "0", "-0", "1.50", "1e3", "1,234", ".5", "5.", "-", "+7", "99999999999999999999999999999999999999", "0.1234567890123456789012345678901", "79228162514264337593543950335",
        "2026-01-02", "2026/1/2", "20260102", "2026-02-30", "0000-01-01", "2026-01-02T00:00:00Z", "2026-01-02T03:04:05.678+0000", "2026-01-02 03:04:05 +01:00",
        "2026-01-02T03:04", "20260102T030405Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.9999999Z", "1767225600000", "-62135596800000", "2026-01-02T24:00:00Z",
        "true", "Yes", "off", "1", "gold", "GOLD", "gold;silver", " silver ; gold;", ";;", "platinum",
        "example.com", "HTTP://Example.com:80/", "https://user:pw@example.com", "https://müller.de/ä?q=ö#x", "http://[::1]:8080/a", "http://127.0.0.1/%e4%zz", "ftp://a.b",
        "opted_in", "OPT-OUT", "NOT_SUBSCRIBED", "subscribed", "pending",
        "cus_01JD3ZK", "cus_", "shop/customers/gid://shopify/Customer/1", "salesforce/Contact/003x", "a/b", "Salesforce/Contact/1", "null", "[]", "{}",
        "Österreich", "AUT", "at", "The Netherlands", "eur", "€",
    ];

    internal static readonly Gen<string> Texts = Gen.Frequency(
        (6, Gen.OneOf(Spellings)),
        (2, Gen.String),
        (2, Gen.String[Gen.Char["abzAZäßİıé \u0301\u0323-_.;/:@+019'\"\\\t\n\r"], 0, 24]),
        (1, Gen.Select(Gen.OneOf(Spellings), Gen.OneOf(Spellings), (a, b) => a + b)),
        (1, Gen.Date.Select(d => d.ToString("O", CultureInfo.InvariantCulture))),
        (1, Gen.Decimal.Select(d => d.ToString(CultureInfo.InvariantCulture))));

    static readonly Gen<string> Raw = Gen.OneOf(
        Texts.Select(Quoted), Texts.Select(Quoted), Texts.Select(Quoted),
        Gen.Decimal.Select(d => d.ToString(CultureInfo.InvariantCulture)),
        Gen.Double.Where(double.IsFinite).Select(d => d.ToString("R", CultureInfo.InvariantCulture)),
        Gen.Long.Select(d => d.ToString(CultureInfo.InvariantCulture)),
        Gen.OneOf("null", "true", "false", "0", "1", "1e400", "-1E-400", "1.0e2", "1767225600000", "\"\\ud800\"", "\"\\ud83c\\udf8c\"", "{\"\\udc00\":1}"));

    static readonly Gen<string> Structure = Gen.Select(Raw.Array[0, 4], Gen.OneOf("to", "role", "primary", "email", "id", "system", "object", "\u0000", "").Array[4], Gen.Int[0, 3],
        (values, names, shape) => shape switch
        {
            0 => "[" + string.Join(",", values) + "]",
            1 => "{" + string.Join(",", values.Select((v, i) => Quoted(names[i]) + ":" + v)) + "}",
            2 => "[" + string.Join(",", values.Select((v, i) => "{" + Quoted(names[i]) + ":" + v + ",\"email\":\"a@b.c\"}")) + "]",
            _ => "[" + string.Join(",", values.Select(v => "{\"to\":\"cus_1\",\"role\":" + v + "}")) + "]",
        });

    /// <summary>Any JSON at all, mostly of the kinds that fields are made of.</summary>
    internal static readonly Gen<string> Json = Gen.Frequency((4, Raw), (1, Structure));

    internal static readonly Gen<FieldDefinition> Fields =
        Gen.Select(Gen.Enum<FieldType>(), Gen.Bool, Gen.OneOf<int?>(null, 0, 2), Gen.OneOf<string?>(null, "AT", "US", "AR", "IT", "xx"), Gen.OneOf<string?>(null, "email"), Gen.OneOf("f", "address.country", "price.currency"),
            (type, choices, scale, country, key, name) => new FieldDefinition
            {
                Name = name,
                Group = name == "f" ? null : name[..name.IndexOf('.', StringComparison.Ordinal)],
                Type = type,
                Choices = choices ? type == FieldType.ConsentStatus ? ["granted", "denied"] : ["gold", "silver", "bronze"] : [],
                Scale = scale,
                Country = country,
                MemberKey = key,
            });

    // Halves of surrogate pairs are written as they are: as escapes.
    internal static string Quoted(string text) =>
        "\"" + string.Concat(text.Select(c => c is >= ' ' and < '\u007f' and not '"' and not '\\' ? c.ToString() : $"\\u{(int)c:x4}")) + "\"";

    internal static JsonElement Parsed(string json) => JsonElement.Parse(json);
}
