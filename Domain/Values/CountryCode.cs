using System.Collections.Frozen;
using System.Globalization;
using System.Text;

namespace OrleansCrm.Domain.Values;

/// <summary>ISO 3166-1 countries, by code or by name.</summary>
/// <remarks>A table of our own: the framework knows no countries where globalization is invariant, and the answer must not depend on the machine.</remarks>
public static class CountryCode
{
    static readonly FrozenDictionary<string, string> ByCode = ReadCodes();
    static readonly FrozenDictionary<string, string> ByName = ReadNames();

    /// <summary>All 249 alpha-2 codes, and <c>XK</c>, which banks and customs use for Kosovo.</summary>
    public static FrozenSet<string> All { get; } = ByCode.Values.ToFrozenSet(StringComparer.Ordinal);

    /// <summary>The alpha-2 code in capitals of an alpha-2 or alpha-3 code or an English or common local name; null: it names no country.</summary>
    /// <remarks>Case does not matter, nor do accents, blanks and punctuation in a name. In a code they do: "N/A" is not Namibia.</remarks>
    public static string? Canonicalise(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Length > 100) return null;
        return ByCode.GetValueOrDefault(text.Trim()) ?? ByName.GetValueOrDefault(Key(text));
    }

    // Letters only, without accents, in lower case.
    static string Key(string text)
    {
        var key = new StringBuilder(text.Length);
        foreach (var c in UnicodeForm.Decompose(text.Replace("&", " and ", StringComparison.Ordinal)))
        {
            if (char.IsLetter(c)) key.Append(char.ToLower(c, CultureInfo.InvariantCulture));
        }
        return key.ToString();
    }

    static FrozenDictionary<string, string> ReadCodes()
    {
        var byCode = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var row in Rows(Table))
        {
            byCode[row[..2]] = row[..2];
            byCode[row[2..5]] = row[..2];
        }
        return byCode.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);
    }

    static FrozenDictionary<string, string> ReadNames()
    {
        var byName = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var row in Rows(Table)) byName.Add(Key(row[6..]), row[..2]);
        foreach (var row in Rows(OtherNames)) byName.TryAdd(Key(row[3..]), row[..2]);
        return byName.ToFrozenDictionary(StringComparer.Ordinal);
    }

    static string[] Rows(string table) => table.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    // Alpha-2, alpha-3, English name.
    const string Table =
        """
        ADAND Andorra
        AEARE United Arab Emirates
        AFAFG Afghanistan
        AGATG Antigua and Barbuda
        AIAIA Anguilla
        ALALB Albania
        AMARM Armenia
        AOAGO Angola
        AQATA Antarctica
        ARARG Argentina
        ASASM American Samoa
        ATAUT Austria
        AUAUS Australia
        AWABW Aruba
        AXALA Aland Islands
        AZAZE Azerbaijan
        BABIH Bosnia and Herzegovina
        BBBRB Barbados
        BDBGD Bangladesh
        BEBEL Belgium
        BFBFA Burkina Faso
        BGBGR Bulgaria
        BHBHR Bahrain
        BIBDI Burundi
        BJBEN Benin
        BLBLM Saint Barthélemy
        BMBMU Bermuda
        BNBRN Brunei
        BOBOL Bolivia
        BQBES Caribbean Netherlands
        BRBRA Brazil
        BSBHS Bahamas
        BTBTN Bhutan
        BVBVT Bouvet Island
        BWBWA Botswana
        BYBLR Belarus
        BZBLZ Belize
        CACAN Canada
        CCCCK Cocos (Keeling) Islands
        CDCOD Congo (Kinshasa)
        CFCAF Central African Republic
        CGCOG Congo
        CHCHE Switzerland
        CICIV Cote d'Ivoire
        CKCOK Cook Islands
        CLCHL Chile
        CMCMR Cameroon
        CNCHN China
        COCOL Colombia
        CRCRI Costa Rica
        CUCUB Cuba
        CVCPV Cabo Verde
        CWCUW Curacao
        CXCXR Christmas Island
        CYCYP Cyprus
        CZCZE Czechia
        DEDEU Germany
        DJDJI Djibouti
        DKDNK Denmark
        DMDMA Dominica
        DODOM Dominican Republic
        DZDZA Algeria
        ECECU Ecuador
        EEEST Estonia
        EGEGY Egypt
        EHESH Western Sahara
        ERERI Eritrea
        ESESP Spain
        ETETH Ethiopia
        FIFIN Finland
        FJFJI Fiji
        FKFLK Falkland Islands
        FMFSM Micronesia
        FOFRO Faroe Islands
        FRFRA France
        GAGAB Gabon
        GBGBR United Kingdom
        GDGRD Grenada
        GEGEO Georgia
        GFGUF French Guiana
        GGGGY Guernsey
        GHGHA Ghana
        GIGIB Gibraltar
        GLGRL Greenland
        GMGMB Gambia
        GNGIN Guinea
        GPGLP Guadeloupe
        GQGNQ Equatorial Guinea
        GRGRC Greece
        GSSGS South Georgia and the South Sandwich Islands
        GTGTM Guatemala
        GUGUM Guam
        GWGNB Guinea-Bissau
        GYGUY Guyana
        HKHKG Hong Kong
        HMHMD Heard Island and McDonald Islands
        HNHND Honduras
        HRHRV Croatia
        HTHTI Haiti
        HUHUN Hungary
        IDIDN Indonesia
        IEIRL Ireland
        ILISR Israel
        IMIMN Isle of Man
        ININD India
        IOIOT British Indian Ocean Territory
        IQIRQ Iraq
        IRIRN Iran
        ISISL Iceland
        ITITA Italy
        JEJEY Jersey
        JMJAM Jamaica
        JOJOR Jordan
        JPJPN Japan
        KEKEN Kenya
        KGKGZ Kyrgyzstan
        KHKHM Cambodia
        KIKIR Kiribati
        KMCOM Comoros
        KNKNA Saint Kitts and Nevis
        KPPRK North Korea
        KRKOR South Korea
        KWKWT Kuwait
        KYCYM Cayman Islands
        KZKAZ Kazakhstan
        LALAO Laos
        LBLBN Lebanon
        LCLCA Saint Lucia
        LILIE Liechtenstein
        LKLKA Sri Lanka
        LRLBR Liberia
        LSLSO Lesotho
        LTLTU Lithuania
        LULUX Luxembourg
        LVLVA Latvia
        LYLBY Libya
        MAMAR Morocco
        MCMCO Monaco
        MDMDA Moldova
        MEMNE Montenegro
        MFMAF Saint Martin
        MGMDG Madagascar
        MHMHL Marshall Islands
        MKMKD North Macedonia
        MLMLI Mali
        MMMMR Myanmar
        MNMNG Mongolia
        MOMAC Macao
        MPMNP Northern Mariana Islands
        MQMTQ Martinique
        MRMRT Mauritania
        MSMSR Montserrat
        MTMLT Malta
        MUMUS Mauritius
        MVMDV Maldives
        MWMWI Malawi
        MXMEX Mexico
        MYMYS Malaysia
        MZMOZ Mozambique
        NANAM Namibia
        NCNCL New Caledonia
        NENER Niger
        NFNFK Norfolk Island
        NGNGA Nigeria
        NINIC Nicaragua
        NLNLD Netherlands
        NONOR Norway
        NPNPL Nepal
        NRNRU Nauru
        NUNIU Niue
        NZNZL New Zealand
        OMOMN Oman
        PAPAN Panama
        PEPER Peru
        PFPYF French Polynesia
        PGPNG Papua New Guinea
        PHPHL Philippines
        PKPAK Pakistan
        PLPOL Poland
        PMSPM Saint Pierre and Miquelon
        PNPCN Pitcairn
        PRPRI Puerto Rico
        PSPSE Palestine
        PTPRT Portugal
        PWPLW Palau
        PYPRY Paraguay
        QAQAT Qatar
        REREU Reunion
        ROROU Romania
        RSSRB Serbia
        RURUS Russia
        RWRWA Rwanda
        SASAU Saudi Arabia
        SBSLB Solomon Islands
        SCSYC Seychelles
        SDSDN Sudan
        SESWE Sweden
        SGSGP Singapore
        SHSHN Saint Helena
        SISVN Slovenia
        SJSJM Svalbard and Jan Mayen
        SKSVK Slovakia
        SLSLE Sierra Leone
        SMSMR San Marino
        SNSEN Senegal
        SOSOM Somalia
        SRSUR Suriname
        SSSSD South Sudan
        STSTP Sao Tome and Principe
        SVSLV El Salvador
        SXSXM Sint Maarten
        SYSYR Syria
        SZSWZ Eswatini
        TCTCA Turks and Caicos Islands
        TDTCD Chad
        TFATF French Southern Territories
        TGTGO Togo
        THTHA Thailand
        TJTJK Tajikistan
        TKTKL Tokelau
        TLTLS Timor-Leste
        TMTKM Turkmenistan
        TNTUN Tunisia
        TOTON Tonga
        TRTUR Türkiye
        TTTTO Trinidad and Tobago
        TVTUV Tuvalu
        TWTWN Taiwan
        TZTZA Tanzania
        UAUKR Ukraine
        UGUGA Uganda
        UMUMI US Minor Outlying Islands
        USUSA United States
        UYURY Uruguay
        UZUZB Uzbekistan
        VAVAT Vatican City
        VCVCT Saint Vincent and the Grenadines
        VEVEN Venezuela
        VGVGB British Virgin Islands
        VIVIR US Virgin Islands
        VNVNM Vietnam
        VUVUT Vanuatu
        WFWLF Wallis and Futuna
        WSWSM Samoa
        XKXKX Kosovo
        YEYEM Yemen
        YTMYT Mayotte
        ZAZAF South Africa
        ZMZMB Zambia
        ZWZWE Zimbabwe
        """;

    const string OtherNames =
        """
        AE UAE
        AE Emirates
        AT Österreich
        BA Bosnia
        BE Belgien
        BE Belgique
        BE België
        BO Plurinational State of Bolivia
        BN Brunei Darussalam
        BR Brasil
        CD Democratic Republic of the Congo
        CD DR Congo
        CD DRC
        CG Republic of the Congo
        CH Schweiz
        CH Suisse
        CH Svizzera
        CI Ivory Coast
        CN People's Republic of China
        CV Cape Verde
        CZ Czech Republic
        CZ Česko
        DE Deutschland
        DE Federal Republic of Germany
        DK Danmark
        ES España
        FI Suomi
        FM Federated States of Micronesia
        GB UK
        GB U.K.
        GB Great Britain
        GB Britain
        GB United Kingdom of Great Britain and Northern Ireland
        GB England
        GB Scotland
        GB Wales
        GB Northern Ireland
        GR Hellas
        GR Hellenic Republic
        HK Hong Kong SAR
        HR Hrvatska
        HU Magyarország
        IE Republic of Ireland
        IR Islamic Republic of Iran
        IT Italia
        KP Democratic People's Republic of Korea
        KR Korea
        KR Republic of Korea
        LA Lao People's Democratic Republic
        MK Macedonia
        MK Republic of North Macedonia
        MM Burma
        MD Republic of Moldova
        MO Macau
        MX México
        NL Holland
        NL Nederland
        NL The Netherlands
        NO Norge
        PL Polska
        PS State of Palestine
        RU Russian Federation
        SE Sverige
        SI Slovenija
        SK Slovensko
        SK Slovak Republic
        SY Syrian Arab Republic
        SZ Swaziland
        TL East Timor
        TR Turkey
        TW Taiwan, Province of China
        TZ United Republic of Tanzania
        US USA
        US U.S.A.
        US U.S.
        US United States of America
        US America
        VA Holy See
        VE Bolivarian Republic of Venezuela
        VN Viet Nam
        BQ Bonaire, Sint Eustatius and Saba
        SX St. Maarten
        KN St. Kitts and Nevis
        LC St. Lucia
        VC St. Vincent and the Grenadines
        """;
}
