namespace OrleansCrm.Sandbox.HubSpot;

/// <summary>A type of association, from one type of record to another.</summary>
/// <param name="Label">Null: plain.</param>
/// <param name="Mirror">The type in the other direction.</param>
sealed record AssociationType(int Id, ObjectType From, ObjectType To, string Category, string? Label, string? Name, int Mirror)
{
    public const string Defined = "HUBSPOT_DEFINED";
    public const string OfUser = "USER_DEFINED";

    public const int ContactToCompany = 279;
    public const int ContactToPrimary = 1;

    public static IEnumerable<AssociationType> Standard { get; } =
    [
        new(279, ObjectType.Contact, ObjectType.Company, Defined, null, null, 280),
        new(280, ObjectType.Company, ObjectType.Contact, Defined, null, null, 279),
        new(1, ObjectType.Contact, ObjectType.Company, Defined, "Primary", null, 2),
        new(2, ObjectType.Company, ObjectType.Contact, Defined, "Primary", null, 1),
        new(450, ObjectType.Company, ObjectType.Company, Defined, null, null, 450),
        new(13, ObjectType.Company, ObjectType.Company, Defined, "Parent Company", null, 14),
        new(14, ObjectType.Company, ObjectType.Company, Defined, "Child Company", null, 13),
        new(449, ObjectType.Contact, ObjectType.Contact, Defined, null, null, 449),
    ];

    public bool IsPrimary => Category == Defined && Id is 1 or 2;

    /// <summary>The plain type between two types of record.</summary>
    public static int Plain(ObjectType from, ObjectType to) => (from == ObjectType.Contact, to == ObjectType.Contact) switch
    {
        (true, false) => 279,
        (false, true) => 280,
        (false, false) => 450,
        _ => 449,
    };
}

/// <summary>One end of an association.</summary>
readonly record struct End(ObjectType Type, long Id);

/// <summary>Which records belong together, and as what. Touched only under the portal's lock.</summary>
sealed class Associations
{
    /// <summary>Most associations of one record with records of one type.</summary>
    public const int Max = 50_000;

    readonly Dictionary<(ObjectType From, long Id, ObjectType To), SortedDictionary<long, SortedSet<int>>> _all = [];

    public Dictionary<int, AssociationType> Types { get; } = AssociationType.Standard.ToDictionary(t => t.Id);

    /// <summary>The records of a type that belong to a record, by id, each with the types.</summary>
    public IReadOnlyDictionary<long, SortedSet<int>> Of(End from, ObjectType to) =>
        _all.TryGetValue((from.Type, from.Id, to), out var found) ? found : Empty;

    static readonly SortedDictionary<long, SortedSet<int>> Empty = [];

    /// <summary>Sets the types of a pair, both ways.</summary>
    /// <param name="types">All types that it has from now on; empty: it has none.</param>
    /// <returns>False: there are too many.</returns>
    public bool TrySet(End from, End to, IReadOnlyCollection<int> types)
    {
        if (types.Count > 0 && (Of(from, to.Type).Count >= Max || Of(to, from.Type).Count >= Max)) return false;
        Put(from, to, types);
        Put(to, from, [.. types.Select(t => Types[t].Mirror)]);
        return true;
    }

    void Put(End from, End to, IReadOnlyCollection<int> types)
    {
        var key = (from.Type, from.Id, to.Type);
        if (types.Count == 0)
        {
            if (!_all.TryGetValue(key, out var left)) return;
            left.Remove(to.Id);
            if (left.Count == 0) _all.Remove(key);
            return;
        }
        if (!_all.TryGetValue(key, out var pairs)) _all[key] = pairs = [];
        pairs[to.Id] = [.. types];
    }

    /// <summary>A contact's primary company; null: none.</summary>
    public long? Primary(long contact)
    {
        foreach (var (company, types) in Of(new End(ObjectType.Contact, contact), ObjectType.Company))
        {
            if (types.Contains(AssociationType.ContactToPrimary)) return company;
        }
        return null;
    }

    /// <summary>Everything that a record belongs to.</summary>
    public IReadOnlyList<(End To, int[] Types)> AllOf(End from) =>
        [.. ObjectType.All.SelectMany(to => Of(from, to).Select(p => (new End(to, p.Key), p.Value.ToArray())))];

    /// <summary>Every pair once.</summary>
    public IReadOnlyList<(End From, End To, int[] Types)> Pairs() =>
        [.. _all.SelectMany(f => f.Value.Select(t => (From: new End(f.Key.From, f.Key.Id), To: new End(f.Key.To, t.Key), Types: t.Value.ToArray())))
            .Where(p => string.CompareOrdinal(p.From.Type.Id, p.To.Type.Id) is var order && (order < 0 || (order == 0 && p.From.Id <= p.To.Id)))];

    public void Clear() => _all.Clear();
}
