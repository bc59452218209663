using System.Collections.Immutable;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Definitions;

/// <summary>A question about the fields of one record or customer, with a yes or no.</summary>
public abstract record Condition
{
    /// <param name="read">The value of a field, or null where it is absent or undetermined.</param>
    public abstract bool Holds(Func<string, FieldValue?> read);

    public abstract IEnumerable<string> FieldsRead();

    /// <summary>The field has exactly this value.</summary>
    public sealed record Is(string Field, FieldValue Value) : Condition
    {
        public override bool Holds(Func<string, FieldValue?> read) => read(Field) is { } value && value == Value;

        public override IEnumerable<string> FieldsRead() => [Field];
    }

    /// <summary>The field has one of these values.</summary>
    public sealed record In(string Field, ImmutableArray<FieldValue> Values) : Condition
    {
        public override bool Holds(Func<string, FieldValue?> read) => read(Field) is { } value && Values.Contains(value);

        public override IEnumerable<string> FieldsRead() => [Field];
    }

    /// <summary>The set or multi-choice field has this member, whatever else it has.</summary>
    public sealed record Has(string Field, FieldValue Member) : Condition
    {
        public override bool Holds(Func<string, FieldValue?> read) => read(Field) is { } value && value.Members().Contains(Member);

        public override IEnumerable<string> FieldsRead() => [Field];
    }

    /// <summary>The field holds something: neither absent nor cleared nor blank.</summary>
    public sealed record Filled(string Field) : Condition
    {
        public override bool Holds(Func<string, FieldValue?> read) => read(Field) is { IsBlank: false };

        public override IEnumerable<string> FieldsRead() => [Field];
    }

    public sealed record Not(Condition Inner) : Condition
    {
        public override bool Holds(Func<string, FieldValue?> read) => !Inner.Holds(read);

        public override IEnumerable<string> FieldsRead() => Inner.FieldsRead();
    }

    public sealed record All(ImmutableArray<Condition> Inner) : Condition
    {
        public override bool Holds(Func<string, FieldValue?> read) => Inner.All(c => c.Holds(read));

        public override IEnumerable<string> FieldsRead() => Inner.SelectMany(c => c.FieldsRead());
    }

    public sealed record Any(ImmutableArray<Condition> Inner) : Condition
    {
        public override bool Holds(Func<string, FieldValue?> read) => Inner.Any(c => c.Holds(read));

        public override IEnumerable<string> FieldsRead() => Inner.SelectMany(c => c.FieldsRead());
    }
}
