using System.Buffers;
using System.Collections.Immutable;
using BenchmarkDotNet.Attributes;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Journal;

namespace OrleansCrm.Bench;

/// <summary>What one customer costs: deciding, folding, writing down and reading back.</summary>
[MemoryDiagnoser]
public class ModelBenchmarks
{
    readonly ArrayBufferWriter<byte> _buffer = new(16_384);
    readonly CustomerCall.Offer _edit = Person.EditOfTwoFields();
    readonly DateTimeOffset _now = Person.Noon.AddSeconds(1);
    readonly Customer _customer = Person.Customer;
    readonly ImmutableArray<JournalEntry> _tail = Person.Tail();
    readonly Customer _edited;
    readonly JournalEntry _entry;
    readonly byte[] _entryText;
    readonly byte[] _customerText;

    public ModelBenchmarks()
    {
        var decision = Person.Decide(_customer, _edit, _now);
        _edited = decision.Next!;
        _entry = decision.Entry!;
        _entryText = EntryJson.Write(_entry);
        _customerText = CustomerJson.Write(_customer);
    }

    /// <summary>Resolve, plan and make the entry for an edit of two fields. Bound: 10 µs, 8 KB.</summary>
    [Benchmark]
    public Decision DecideEdit() => Person.Decide(_customer, _edit, _now);

    /// <summary>Bound: 100 µs.</summary>
    [Benchmark]
    public Customer? FoldSixteen() => CustomerFold.Apply(_customer, _tail);

    [Benchmark]
    public Customer BeginAndEnd() => Person.Deliver(_edited, _edited.Links[1].Id, _now).After;

    [Benchmark]
    public int WriteEntry()
    {
        _buffer.ResetWrittenCount();
        EntryJson.Write(_entry, _buffer);
        return _buffer.WrittenCount;
    }

    [Benchmark]
    public JournalEntry ReadEntry() => EntryJson.Read(_entryText);

    [Benchmark]
    public int WriteSnapshot()
    {
        _buffer.ResetWrittenCount();
        CustomerJson.Write(_customer, _buffer);
        return _buffer.WrittenCount;
    }

    [Benchmark]
    public Customer ReadSnapshot() => CustomerJson.Read(_customerText);

    /// <summary>What a silo does that loads a customer: snapshot, sixteen entries, fold.</summary>
    [Benchmark]
    public Customer? Load() => CustomerFold.Apply(CustomerJson.Read(_customerText), _tail);
}
