using OrleansCrm.Sandbox.Vendors;

namespace OrleansCrm.Sandbox.HubSpot;

/// <summary>A group of properties.</summary>
sealed record PropertyGroup(string Name, string Label, int DisplayOrder, bool Archived);

/// <summary>The records of one type in one portal, and their properties. Touched only under the portal's lock.</summary>
sealed class Table
{
    readonly Chance _chance;
    long _lastId;

    public Table(ObjectType type, Chance chance, TimeProvider time, TimeSpan lagMin, TimeSpan lagMax)
    {
        Type = type;
        _chance = chance;

        // Twelve digits, as live accounts have: an id does not fit into 32 bits. Contacts and companies share numbers.
        _lastId = 106_314_000_000;
        foreach (var property in StandardProperties.Of(type)) Properties[property.Name] = property;
        Groups[type.Group] = new PropertyGroup(type.Group, type == ObjectType.Contact ? "Contact information" : "Company information", 0, false);
        if (type == ObjectType.Contact) Unique["email"] = new(StringComparer.Ordinal);
        Index = new SearchIndex(this, chance, time, lagMin, lagMax);
    }

    public ObjectType Type { get; }

    /// <summary>In the order of their ids, with those that are archived or gone.</summary>
    public List<HubRecord> All { get; } = [];

    /// <summary>Archived ones too; not those that are gone.</summary>
    public Dictionary<long, HubRecord> ById { get; } = [];

    /// <summary>Records that became part of another one, and that one.</summary>
    public Dictionary<long, long> Aliases { get; } = [];

    public Dictionary<string, Property> Properties { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, PropertyGroup> Groups { get; } = new(StringComparer.Ordinal);

    /// <summary>Who holds which value of a unique property.</summary>
    public Dictionary<string, Dictionary<string, long>> Unique { get; } = new(StringComparer.Ordinal);

    public SearchIndex Index { get; }

    public int Living { get; private set; }

    public long NextId() => _lastId += 1 + _chance.Below(9);

    public void Add(HubRecord record)
    {
        All.Add(record);
        ById[record.Id] = record;
        _lastId = Math.Max(_lastId, record.Id);
        if (!record.IsArchived) Living++;
    }

    public void Archive(HubRecord record, DateTimeOffset at)
    {
        record.ArchivedAt = at;
        Living--;
    }

    public void Restore(HubRecord record)
    {
        record.ArchivedAt = null;
        Living++;
    }

    /// <summary>Takes a record out for good.</summary>
    public void Remove(HubRecord record)
    {
        if (!record.IsArchived) Living--;
        record.IsGone = true;
        ById.Remove(record.Id);
    }

    public void Clear()
    {
        All.Clear();
        ById.Clear();
        Aliases.Clear();
        Living = 0;
        foreach (var holders in Unique.Values) holders.Clear();
        Index.Clear();
    }

    /// <summary>The id under which a record is found that was merged away; the id itself for any other.</summary>
    public long Resolve(long id)
    {
        while (Aliases.TryGetValue(id, out var into)) id = into;
        return id;
    }

    /// <summary>Where the first record with at least this id stands.</summary>
    public int PlaceOf(long id)
    {
        var (low, high) = (0, All.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (All[middle].Id < id) low = middle + 1;
            else high = middle;
        }
        return low;
    }

    public Property? Find(string name) => Properties.TryGetValue(name, out var property) && property.ArchivedAt is null ? property : null;

    /// <summary>The living record with this value of a unique property.</summary>
    public HubRecord? By(string property, string value)
    {
        if (property == "email") value = value.Trim().ToLowerInvariant();
        return Unique.TryGetValue(property, out var holders) && holders.TryGetValue(value, out var id) ? ById.GetValueOrDefault(id) : null;
    }
}
