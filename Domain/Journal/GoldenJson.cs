using OrleansCrm.Domain.Claims;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Journal;

/// <summary>Golden values, put together where one edit, rule and revision gave them.</summary>
static class GoldenJson
{
    /// <summary>Whether two golden values differ in nothing but the value.</summary>
    public static bool SameHead(Golden left, Golden right) => left with { Value = default } == right with { Value = default };

    /// <summary>What the fields of a group have in common, but for link and stamp.</summary>
    /// <param name="revision">The version that goes without saying; null: none does.</param>
    public static void WriteHead(DocumentWriter to, Golden golden, long? revision)
    {
        to.Text("rule"u8, golden.Rule);
        if (golden.Version != revision) to.Number("rev"u8, (long?)golden.Version);
        if (golden.Hold is { } hold) to.Stamp("hold"u8, hold);
        to.Flag("conflict"u8, golden.InConflict);
    }

    /// <summary>A group as read; its stamp may still be the number of an edit.</summary>
    public sealed class Group
    {
        string? _rule;
        Stamp? _hold;
        long? _revision;
        bool _conflict;

        public string? LinkId { get; set; }

        /// <summary>Entry: the number of its edit that says the same.</summary>
        public int? Edit { get; private set; }

        /// <summary>Snapshot: the id of the link's edit that the stamp comes from.</summary>
        public string? EditId { get; private set; }

        /// <summary>Entry: fields that hold what the edit said.</summary>
        public List<string> Same { get; } = [];

        public Stamp? Stamp { get; set; }

        /// <summary>Fields that have no golden value any more; the group holds nothing else then.</summary>
        public bool IsUndetermined { get; private set; }

        public List<(string Field, FieldValue Value)> Fields { get; } = [];

        public static Group Read(ref DocumentReader from)
        {
            var group = new Group();
            from.BeginObject();
            while (from.Member(out var name))
            {
                if (name.SequenceEqual("link"u8)) group.LinkId = from.Id();
                else if (name.SequenceEqual("edit"u8) && from.IsText) group.EditId = from.Id();
                else if (name.SequenceEqual("edit"u8)) group.Edit = from.Int();
                else if (name.SequenceEqual("same"u8))
                {
                    from.BeginArray();
                    while (from.Element()) group.Same.Add(from.Name());
                }
                else if (name.SequenceEqual("stamp"u8)) group.Stamp = from.Stamp();
                else if (name.SequenceEqual("rule"u8)) group._rule = from.Name();
                else if (name.SequenceEqual("rev"u8)) group._revision = from.Long();
                else if (name.SequenceEqual("hold"u8)) group._hold = from.Stamp();
                else if (name.SequenceEqual("conflict"u8)) group._conflict = from.Flag();
                else if (name.SequenceEqual("fields"u8))
                {
                    from.BeginObject();
                    while (from.Field(out var field)) group.Fields.Add((field, from.Value()));
                }
                else if (name.SequenceEqual("undetermined"u8))
                {
                    group.IsUndetermined = true;
                    from.BeginArray();
                    while (from.Element()) group.Fields.Add((from.Name(), default));
                }
                else from.Skip();
            }
            return group;
        }

        public Golden ToGolden(ref DocumentReader from, FieldValue value, long revision) => new()
        {
            Value = value,
            Version = _revision ?? revision,
            LinkId = from.Owed(LinkId, "link"),
            Stamp = from.Owed(Stamp, "stamp"),
            Rule = from.Owed(_rule, "rule"),
            Hold = _hold,
            InConflict = _conflict,
        };
    }
}
