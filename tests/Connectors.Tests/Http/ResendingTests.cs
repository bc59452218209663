using OrleansCrm.Connectors.Http;
using Xunit;

namespace OrleansCrm.Connectors.Tests.Http;

public sealed class ResendingTests
{
    static readonly Exchange NoConnection = new Exchange.NotSent("no-connection");

    [Fact]
    public async Task A_write_that_was_not_sent_is_tried_again_and_one_that_may_have_arrived_is_not()
    {
        Assert.Equal(3, await TriesOf(NoConnection, Resending.WriteAsync));
        Assert.Equal(1, await TriesOf(new Exchange.Lost("connection-broken"), Resending.WriteAsync));
        Assert.Equal(3, await TriesOf(new Exchange.Lost("connection-broken"), Resending.ReadAsync));
    }

    [Fact]
    public async Task Giving_up_is_told_as_a_value_so_that_nothing_told_before_is_lost()
    {
        using var giveUp = new CancellationTokenSource();

        async Task<Exchange> GiveUp(CancellationToken token)
        {
            await giveUp.CancelAsync();
            token.ThrowIfCancellationRequested();
            return NoConnection;
        }

        Assert.Equal(new Exchange.NotSent(Codes.Cancelled), await Resending.WriteAsync(GiveUp, giveUp.Token));
        Assert.Equal(new Exchange.NotSent(Codes.Cancelled), await Resending.ReadAsync(GiveUp, giveUp.Token));
    }

    static async Task<int> TriesOf(Exchange told, Func<Func<CancellationToken, Task<Exchange>>, CancellationToken, Task<Exchange>> send)
    {
        var tries = 0;
        Assert.Equal(told, await send(_ => { tries++; return Task.FromResult(told); }, CancellationToken.None));
        return tries;
    }
}
