using System.Collections.Frozen;

namespace OrleansCrm.Domain.Values;

/// <summary>ISO 4217 currencies, those of funds and metals included, and a few retired ones that old records still name.</summary>
public static class CurrencyCode
{
    public static FrozenSet<string> All { get; } = Codes.Split([' ', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
        .ToFrozenSet(StringComparer.Ordinal);

    /// <summary>The code in capitals; null: no such currency. Symbols are no codes: <c>$</c> is the money of twenty countries.</summary>
    public static string? Canonicalise(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Length > 100) return null;
        var code = text.Trim().ToUpperInvariant();
        return All.Contains(code) ? code : null;
    }

    const string Codes =
        """
        AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF
        CHW CLF CLP CNY COP COU CRC CUC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD
        HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL
        MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD
        RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD
        USN UYI UYU UYW UZS VED VES VND VUV WST XAF XAG XAU XBA XBB XBC XBD XCD XCG XDR XOF XPD XPF XPT XSU XTS XUA XXX YER ZAR
        ZMW ZWL
        """;
}
