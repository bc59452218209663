using OrleansCrm.Grains.Interfaces.Reading;
using OrleansCrm.Storage.Sqlite;
using Xunit;

namespace OrleansCrm.Grains.Tests;

public sealed class ReadingTests
{
    [Fact]
    public async Task A_change_says_of_each_field_whose_value_it_is_also_where_the_reader_has_never_seen_the_records()
    {
        await using var store = SqliteCustomerStore.Open(new() { DataFolder = null, Secret = Given.Secret });
        ChangeCursor founded;
        await using (var first = await HubCluster.StartAsync(store: store))
        {
            await first.Take(Given.Shop("e1", "s1", """{"email":"anna@example.com","full_name":"Anna","tel":"1"}"""));
            await first.Take(Given.Desk("e2", "d1", """{"email":"anna@example.com","name":"Ann"}"""));
            var page = await ChangesAsync(first, null);
            Assert.Equal(["email: shop", "name: shop", "phone: shop"], FieldsOf(page.Changes[0]));
            founded = page.Next;
            await first.Take(Given.Desk("e3", "d1", """{"phone":"2"}""", minutes: 1), Given.Shop("e4", "s1", """{"full_name":"Anne"}""", minutes: 1));
        }

        // Another process, which begins behind the entries that founded the records.
        await using var second = await HubCluster.StartAsync(store: store);
        var later = await ChangesAsync(second, founded);
        Assert.Equal(["name: shop", "phone: desk"], later.Changes.SelectMany(FieldsOf).Order(StringComparer.Ordinal));
        await second.Take(Given.Desk("e5", "d1", """{"phone":null}""", minutes: 2), Given.Shop("e6", "s1", """{"tel":"3"}""", minutes: 3));
        Assert.Equal(["phone: shop"], (await ChangesAsync(second, later.Next)).Changes.SelectMany(FieldsOf).Distinct(StringComparer.Ordinal));
    }

    static Task<ChangePage> ChangesAsync(HubCluster hub, ChangeCursor? after) => hub.Reader.ReadChanges(after, everything: false, 100, CancellationToken.None);

    static IEnumerable<string> FieldsOf(Change change) => change.Fields.Select(f => $"{f.Field}: {f.System}").Order(StringComparer.Ordinal);
}
