using System.Reflection;
using CsCheck;
using OrleansCrm.Domain.Claims;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Journal;
using OrleansCrm.Domain.Values;
using Xunit;

namespace OrleansCrm.Domain.Tests.Journal;

public sealed class RoundTripTests
{
    [Fact]
    public void Every_member_of_an_entry_comes_back()
    {
        var entry = Samples.Full<JournalEntry>();

        var read = EntryJson.Read(EntryJson.Write(entry));

        Assert.Null(Deep.Difference(entry, read));
    }

    [Fact]
    public void Every_member_of_a_customer_comes_back()
    {
        var customer = Samples.Full<Customer>();

        var read = CustomerJson.Read(CustomerJson.Write(customer));

        Assert.Null(Deep.Difference(customer, read));
    }

    /// <summary>Else the two tests above would prove nothing about that member.</summary>
    [Theory]
    [InlineData(typeof(JournalEntry))]
    [InlineData(typeof(Customer))]
    public void A_full_sample_leaves_no_member_as_it_is_when_nothing_is_said(Type type)
    {
        var full = typeof(Samples).GetMethod(nameof(Samples.Full))!.MakeGenericMethod(type).Invoke(null, null)!;
        var unset = new List<string>();

        FindUnset(full, type.Name, unset);

        Assert.Empty(unset);
    }

    static void FindUnset(object of, string path, List<string> unset)
    {
        foreach (var property in of.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance))
        {
            if (property.GetIndexParameters().Length > 0 || (property.SetMethod is null && of is not FieldEvidence)) continue;
            var value = property.GetValue(of);
            var name = $"{path}.{property.Name}";
            if (value is null || (value is System.Collections.ICollection { Count: 0 }) || (property.PropertyType.IsValueType && value is not bool && value.Equals(Activator.CreateInstance(property.PropertyType)))) unset.Add(name);
            if (value is System.Collections.IEnumerable and not string)
            {
                foreach (var element in (System.Collections.IEnumerable)value) Inside(element!, name, unset);
            }
            else if (value is not null)
            {
                Inside(value, name, unset);
            }
        }
    }

    static void Inside(object value, string path, List<string> unset)
    {
        if (value is KeyValuePair<string, FieldEvidence> evidence) FindUnset(evidence.Value, path, unset);
        else if (value is KeyValuePair<string, Golden> golden) FindUnset(golden.Value, path, unset);
        else if (value is KeyValuePair<string, FieldTrouble> trouble) FindUnset(trouble.Value, path, unset);
        else if (value.GetType().Namespace?.StartsWith("OrleansCrm", StringComparison.Ordinal) == true && value is not (Stamp or FieldValue or Enum)) FindUnset(value, path, unset);
    }

    [Fact]
    public void Any_entry_comes_back_as_it_was() => Gen.Int.Sample(
        seed =>
        {
            var entry = Samples.Any<JournalEntry>(seed);

            var text = EntryJson.Write(entry);
            var read = EntryJson.Read(text);

            Assert.Null(Deep.Difference(entry, read));
            Assert.Equal(text, EntryJson.Write(read));
        },
        iter: 2_000);

    [Fact]
    public void Any_customer_comes_back_as_it_was() => Gen.Int.Sample(
        seed =>
        {
            var customer = Samples.Any<Customer>(seed) is var c ? c with { Links = [.. c.Links.DistinctBy(l => l.Id)] } : null!;

            var text = CustomerJson.Write(customer);
            var read = CustomerJson.Read(text);

            Assert.Null(Deep.Difference(customer, read));
            Assert.Equal(text, CustomerJson.Write(read));
        },
        iter: 2_000);
}
