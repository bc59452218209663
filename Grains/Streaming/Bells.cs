using System.Collections.Immutable;
using Orleans.Streams;
using Orleans.Streams.Core;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Grains.Interfaces.Streaming;

namespace OrleansCrm.Grains.Streaming;

/// <summary>How a grain hears its bell.</summary>
static class Bells
{
    public static Task Hear(IStreamSubscriptionHandleFactory subscription, Func<ImmutableArray<PartitionCursor>, Task> ring) =>
        subscription.Create<JournalGrown>().ResumeAsync(new Listener(ring));

    sealed class Listener(Func<ImmutableArray<PartitionCursor>, Task> ring) : IAsyncObserver<JournalGrown>
    {
        public Task OnNextAsync(JournalGrown item, StreamSequenceToken? token = null) => ring(item.Reached);

        public Task OnCompletedAsync() => Task.CompletedTask;

        // What was missed is found by looking.
        public Task OnErrorAsync(Exception ex) => Task.CompletedTask;
    }
}
