using System.Collections.Immutable;
using System.Text.Json;
using CsCheck;
using OrleansCrm.Connectors.Lines;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Values;
using Xunit;

namespace OrleansCrm.Connectors.Tests.Lines;

public sealed class JsonLinesTests : IDisposable
{
    readonly string _folder = Directory.CreateTempSubdirectory("lines-").FullName;
    readonly SetTime _time = new(Given.Noon);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    JsonLinesSink Sink(long bytesMax = 1 << 20, string? folder = null) => new(
        new SinkDefinition { Name = "lake", Connector = "jsonl", JsonLines = new JsonLinesSettings { Folder = folder ?? _folder, FileBytesMax = bytesMax, FileAgeMax = TimeSpan.FromHours(1) } },
        _time);

    string[] Files() => [.. Directory.GetFiles(_folder, "*.jsonl").Order(StringComparer.Ordinal)];

    string[] Lines() => [.. Files().SelectMany(File.ReadAllLines)];

    string[] Positions() => [.. Lines().Select(l => JsonElement.Parse(l).GetProperty("position").GetString()!)];

    static async Task Deliver(JsonLinesSink sink, ImmutableArray<CustomerChange> changes) =>
        Assert.All(await sink.DeliverAsync(changes, CancellationToken.None), o => Assert.IsType<SinkOutcome.Delivered>(o));

    [Fact]
    public async Task Each_change_is_one_line_with_its_position()
    {
        await using var sink = Sink();

        await Deliver(sink, [Given.Change("cus_1", 1, ("note", FieldValue.Text("two\nlines"))), Given.Change("cus_2", 2)]);

        Assert.Equal(["1-17-1", "1-17-2"], Positions());
        Assert.Equal("two\nlines", JsonElement.Parse(Lines()[0]).GetProperty("fields").GetProperty("note").GetProperty("value").GetString());
    }

    [Fact]
    public async Task A_full_file_is_followed_by_one_whose_name_sorts_behind_it()
    {
        await using var sink = Sink(bytesMax: 4_096);

        await Deliver(sink, Given.Changes(50));
        _time.Now -= TimeSpan.FromDays(400);
        await Deliver(sink, [.. Given.Changes(100).Skip(50)]);

        Assert.True(Files().Length > 5);
        Assert.All(Files(), f => Assert.InRange(new FileInfo(f).Length, 1, 4_096));
        Assert.Equal(Enumerable.Range(1, 100).Select(i => $"1-17-{i}"), Positions());
    }

    [Fact]
    public async Task A_line_longer_than_a_file_gets_a_file_of_its_own()
    {
        await using var sink = Sink(bytesMax: 4_096);

        await Deliver(sink, [Given.Change("cus_1", 1), Given.Change("cus_1", 2, ("note", FieldValue.Text(new string('x', 9_000)))), Given.Change("cus_1", 3)]);

        Assert.Equal(["1-17-1", "1-17-2", "1-17-3"], Positions());
        Assert.Equal(3, Files().Length);
    }

    [Fact]
    public async Task An_old_file_is_followed_by_a_new_one()
    {
        await using var sink = Sink();
        await Deliver(sink, [Given.Change("cus_1", 1)]);
        _time.Now += TimeSpan.FromMinutes(59);
        await Deliver(sink, [Given.Change("cus_1", 2)]);
        Assert.Single(Files());

        _time.Now += TimeSpan.FromMinutes(1);
        await Deliver(sink, [Given.Change("cus_1", 3)]);

        Assert.Equal(["changes-000000001-20260301T120000Z.jsonl", "changes-000000002-20260301T130000Z.jsonl"], Files().Select(Path.GetFileName));
    }

    [Fact]
    public async Task It_goes_on_in_the_file_that_it_left()
    {
        await using (var sink = Sink()) await Deliver(sink, [Given.Change("cus_1", 1)]);
        await using (var sink = Sink()) await Deliver(sink, [Given.Change("cus_1", 2)]);

        Assert.Single(Files());
        Assert.Equal(["1-17-1", "1-17-2"], Positions());
    }

    [Fact]
    public async Task Wherever_a_crash_tore_the_last_file_whole_lines_are_left_and_what_was_not_answered_is_told_again()
    {
        await using (var sink = Sink()) await Deliver(sink, Given.Changes(8));
        var whole = await File.ReadAllBytesAsync(Files().Single());

        await Gen.Int[0, whole.Length].SampleAsync(
            async length =>
            {
                await File.WriteAllBytesAsync(Files().Single(), whole[..length]);
                var kept = whole[..length].Count(b => b == '\n');

                await using (var sink = Sink()) await Deliver(sink, [.. Given.Changes(8).Skip(kept)]);

                Assert.Equal(Enumerable.Range(1, 8).Select(i => $"1-17-{i}"), Positions());
            },
            iter: 50,
            threads: 1);
    }

    [Fact]
    public async Task A_folder_has_one_writer()
    {
        await using var first = Sink();
        await Deliver(first, [Given.Change("cus_1", 1)]);
        await using var second = Sink();

        var outcomes = await second.DeliverAsync(Given.Changes(3), CancellationToken.None);

        Assert.Equal([new SinkOutcome.Retry("disk", AllWait: true), SinkOutcome.NotTried.Instance, SinkOutcome.NotTried.Instance], outcomes);
        Assert.Equal(["1-17-1"], Positions());
    }

    [Fact]
    public async Task What_is_no_folder_is_told_and_tried_again_when_it_is_one()
    {
        var place = Path.Combine(_folder, "later");
        await File.WriteAllTextAsync(place, "in the way");
        await using var sink = Sink(folder: place);
        Assert.IsType<SinkOutcome.Retry>(Assert.Single(await sink.DeliverAsync([Given.Change()], CancellationToken.None)));

        File.Delete(place);

        await Deliver(sink, [Given.Change()]);
    }

    [Fact]
    public async Task Many_callers_at_once_tear_no_line()
    {
        await using var sink = Sink(bytesMax: 8_192);

        await Task.WhenAll(Enumerable.Range(0, 20).Select(caller => Deliver(sink, [.. Enumerable.Range(0, 20).Select(i => Given.Change($"cus_{caller}", (caller * 20) + i))])));

        Assert.Equal(Enumerable.Range(0, 400).Select(i => $"1-17-{i}").Order(StringComparer.Ordinal), Positions().Order(StringComparer.Ordinal));
    }
}
