using Microsoft.Extensions.Options;
using OrleansCrm.Client.Standalone;
using OrleansCrm.Client.Tests.Fakes;

namespace OrleansCrm.Client.Tests;

public sealed class GatewayOptionsTests
{
    [Fact]
    public async Task Bounds_that_contradict_each_other_stop_the_start()
    {
        var failure = await Assert.ThrowsAsync<OptionsValidationException>(() => Gateway.StartAsync(o => o.StreamBytesMax = 2_000));

        Assert.Contains("StreamBytesMax", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://127.0.0.1:5080", true)]
    [InlineData("http://localhost:5080;http://[::1]:5081", true)]
    [InlineData("http://0.0.0.0:5080", false)]
    [InlineData("http://127.0.0.1:5080;http://10.0.0.5:80", false)]
    [InlineData("http://*:5080", false)]
    [InlineData("http://+:5080", false)]
    [InlineData("http://hub.example.com", false)]
    [InlineData("nonsense", false)]
    public void Only_loopback_addresses_are_taken_for_such(string urls, bool all) => Assert.Equal(all, LoopbackUrls.FirstOther(urls) is null);
}
