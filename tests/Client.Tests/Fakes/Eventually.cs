namespace OrleansCrm.Client.Tests.Fakes;

/// <summary>Waits for what happens on its own time, with a bound.</summary>
static class Eventually
{
    public static async Task True(Func<bool> condition)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!condition())
        {
            Assert.False(patience.IsCancellationRequested, "It has not come true within 30 seconds.");
            await Task.Yield();
        }
    }
}
