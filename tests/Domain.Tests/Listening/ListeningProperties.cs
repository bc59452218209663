using CsCheck;
using Xunit;

namespace OrleansCrm.Domain.Tests.Listening;

public sealed class ListeningProperties
{
    static readonly Gen<int[]> Tapes = Gen.Int[0, 1 << 26].Array[20, 400];

    [Fact]
    public void Whatever_fails_and_dies_no_edit_is_skipped_and_a_quiet_system_is_only_polled() =>
        Tapes.Sample(tape => ListeningWorld.Play(tape, streams: false), iter: 4_000);

    [Fact]
    public void Whatever_breaks_or_is_forgotten_a_system_that_streams_is_heard_whole_and_then_not_polled() =>
        Tapes.Sample(tape => ListeningWorld.Play(tape, streams: true), iter: 4_000);

    [Fact]
    public void The_tapes_do_list_and_do_die()
    {
        var world = new ListeningWorld();

        world.Do([.. Enumerable.Range(1, 6_000).Select(i => (int)(i * 2_654_435_761L % (1 << 26)))]);

        Assert.True(world.Lists > 100 && world.Deaths > 20, $"{world.Lists} pages, {world.Deaths} deaths");
    }

    [Fact]
    public void The_tapes_do_stream()
    {
        var world = new ListeningWorld(streams: true);

        world.Do([.. Enumerable.Range(1, 6_000).Select(i => (int)(i * 2_654_435_761L % (1 << 26)))]);

        Assert.True(world.Heard > 50 && world.Lists > 20, $"{world.Heard} events, {world.Lists} pages");
    }
}
