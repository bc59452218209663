using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Listening;
using Xunit;
using static OrleansCrm.Storage.Tests.Given;

namespace OrleansCrm.Storage.Tests;

public abstract partial class CustomerStoreContract
{
    static ListeningCursor Contacts(string? page = null) => new()
    {
        Object = "contacts", Since = Noon, Before = Noon.AddMinutes(-1), SweepAt = Noon.AddMinutes(1), Page = page, Pages = 3, Mark = "!\u0000é", SweptAt = Noon.AddMinutes(-2),
    };

    static ListeningEffect.Save Save(long epoch, ListeningCursor? cursor = null, RecordToRead[]? wait = null, RecordToRead[]? settled = null) => new(null, epoch, cursor, [.. wait ?? []], [.. settled ?? []]);

    [Fact]
    public async Task A_cursor_of_a_listener_comes_back_as_it_was_kept()
    {
        var first = await Store.AcquireListeningAsync("shop", Token);
        Assert.Equal(RowsAnswer.Ok, await Store.SaveListeningAsync("shop", Save(first.Epoch, Contacts("p1")), Token));
        Assert.Equal(RowsAnswer.Ok, await Store.SaveListeningAsync("shop", Save(first.Epoch, Contacts("p2")), Token));

        var second = await Store.AcquireListeningAsync("shop", Token);

        Assert.Empty(first.Cursors);
        Assert.Equal(Contacts("p2"), Assert.Single(second.Cursors));
        Assert.Empty((await Store.AcquireListeningAsync("desk", Token)).Cursors);
    }

    [Fact]
    public async Task Nothing_of_a_listener_lands_that_was_taken_over()
    {
        var first = await Store.AcquireListeningAsync("shop", Token);
        await Store.AskReadsAsync("shop", [new("contacts", "1")], Token);
        var second = await Store.AcquireListeningAsync("shop", Token);

        Assert.Equal(RowsAnswer.Fenced, await Store.SaveListeningAsync("shop", Save(first.Epoch, Contacts(), [new("contacts", "2")], [new("contacts", "1")]), Token));

        Assert.True(second.Epoch > first.Epoch);
        Assert.Equal(["1"], (await Store.ScanReadsAsync("shop", 1, 10, Token)).Select(r => r.ExternalId));
        Assert.Empty((await Store.AcquireListeningAsync("shop", Token)).Cursors);
    }

    [Fact]
    public async Task A_reading_asked_for_twice_waits_once_and_is_settled_only_by_an_answer_to_the_later_asking()
    {
        var epoch = (await Store.AcquireListeningAsync("shop", Token)).Epoch;
        await Store.AskReadsAsync("shop", [new("contacts", "1"), new("contacts", "a\\b\0")], Token);
        var before = await Store.ScanReadsAsync("shop", 1, 10, Token);
        await Store.AskReadsAsync("shop", [new("contacts", "1")], Token);

        await Store.SaveListeningAsync("shop", Save(epoch, settled: [.. before]), Token);

        Assert.Equal(["1", "a\\b\0"], before.Select(r => r.ExternalId));
        var left = Assert.Single(await Store.ScanReadsAsync("shop", 1, 10, Token));
        Assert.True(left.ExternalId == "1" && left.Asking > before[0].Asking);
        await Store.SaveListeningAsync("shop", Save(epoch, settled: [left]), Token);
        Assert.Empty(await Store.ScanReadsAsync("shop", 1, 10, Token));

        // Told again because nobody knew whether it landed, it settles nothing that was asked for since.
        await Store.AskReadsAsync("shop", [new("contacts", "1")], Token);
        await Store.SaveListeningAsync("shop", Save(epoch, settled: [left, .. before]), Token);
        Assert.Single(await Store.ScanReadsAsync("shop", 1, 10, Token));
    }

    [Fact]
    public async Task A_reading_that_waits_for_a_newer_definition_is_due_under_one_or_when_somebody_asks()
    {
        var epoch = (await Store.AcquireListeningAsync("shop", Token)).Epoch;
        await Store.SaveListeningAsync("shop", Save(epoch, wait: [new("contacts", "1", Definition: 4), new("contacts", "2", Definition: 4)]), Token);
        await Store.AskReadsAsync("shop", [new("contacts", "2")], Token);

        Assert.Equal(["2"], (await Store.ScanReadsAsync("shop", 4, 10, Token)).Select(r => r.ExternalId));
        Assert.Equal(["1", "2"], (await Store.ScanReadsAsync("shop", 5, 10, Token)).Select(r => r.ExternalId));

        // It was asked for since: that it waits for a definition is news of before.
        await Store.SaveListeningAsync("shop", Save(epoch, wait: [new("contacts", "2", 1, 4)]), Token);
        Assert.Equal(["2"], (await Store.ScanReadsAsync("shop", 4, 10, Token)).Select(r => r.ExternalId));
    }
}
