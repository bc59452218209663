using System.Collections.Concurrent;
using OrleansCrm.Connectors.Salesforce;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Listening;
using OrleansCrm.Domain.Values;
using OrleansCrm.Sandbox.Salesforce;
using OrleansCrm.Sandbox.Vendors;
using Xunit;

namespace OrleansCrm.Connectors.Tests.Salesforce;

/// <summary>Change events of the simulated organisation, over real gRPC and TLS.</summary>
public sealed class SalesforceEventTests : IAsyncLifetime
{
    readonly string _certificate = Path.GetTempFileName();
    readonly ConcurrentQueue<StreamNews> _told = new();
    readonly CancellationTokenSource _stop = new();
    SalesforceSandbox _sandbox = null!;
    SalesforceConnector _connector = null!;
    HubDefinition _hub = null!;

    public async ValueTask InitializeAsync()
    {
        _sandbox = await SalesforceSandbox.OpenAsync(new VendorOptions(), CancellationToken.None);
        _sandbox.KeepAlive = TimeSpan.FromMilliseconds(50);
        await File.WriteAllTextAsync(_certificate, _sandbox.CertificatePem);
        _connector = Connect();
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _connector.DisposeAsync();
        await _sandbox.DisposeAsync();
        _stop.Dispose();
        File.Delete(_certificate);
    }

    SalesforceConnector Connect(bool pinned = true, string channel = "/data/ChangeEvents")
    {
        var settings = $"overlap: 0s, changeEvents: true, channel: {channel}, pubSubUrl: {_sandbox.PubSubAddress.OriginalString}{(pinned ? $", pubSubCertificate: {_certificate}" : "")}";
        _hub = SalesforceRig.Definition(_sandbox, settings, SalesforceRig.Credentials, 10);
        return new SalesforceConnector(_hub, _hub.System("crm")!, new KnownSecrets(("env:S", "sandbox")), TimeProvider.System);
    }

    Organisation Org => _sandbox.Organisations[0];

    // Ends when it is sure that nothing more is missed.
    async Task<Task<StreamEnd>> ListenAsync(string? after = null, Func<StreamNews, Task>? take = null)
    {
        var began = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var signs = 0;
        var ended = _connector.ListenAsync(after, () => { if (++signs == (after is null ? 2 : 1)) began.SetResult(); }, take ?? Keep, _stop.Token);
        await Task.WhenAny(began.Task, ended);
        return ended;
    }

    Task Keep(StreamNews news)
    {
        _told.Enqueue(news);
        return Task.CompletedTask;
    }

    ListedRecord[] Records => [.. _told.SelectMany(n => n.Records)];

    static async Task Until(Func<bool> holds)
    {
        var since = TimeProvider.System.GetTimestamp();
        while (!holds())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(since) < TimeSpan.FromSeconds(20), "In twenty seconds it has not come true.");
            await Task.Delay(5);
        }
    }

    string Make(string email, string? city = null) =>
        Org.Create("Contact", new Dictionary<string, string?> { ["LastName"] = "Lovelace", ["Email"] = email, ["MailingCity"] = city, ["Birthdate"] = "1815-12-10" }, Editor.Someone).Id!;

    void Change(string id, params (string, string?)[] fields) => Org.Update("Contact", id, fields.ToDictionary(f => f.Item1, f => f.Item2), Editor.Someone);

    [Fact]
    public async Task A_change_tells_what_changed_and_what_was_cleared_and_nothing_else()
    {
        var id = Make("ada@example.com", "Graz");
        await ListenAsync();

        Change(id, ("MailingCity", "Linz"), ("Birthdate", "1815-12-11"));
        Change(id, ("Email", null));

        await Until(() => Records.Length == 2);
        var (first, second) = (Records[0].Observation, Records[1].Observation);
        Assert.Equal((EditKind.Change, id), (first.Kind, first.Source.ExternalId));
        Assert.Equal([("born", "\"1815-12-11\""), ("city", "\"Linz\"")], first.Fields.Select(f => (f.Field, f.Value.Json)).Order());
        Assert.Equal([("email", FieldValue.Cleared)], second.Fields.Select(f => (f.Field, f.Value)));
        Assert.True(second.Version > first.Version);
        Assert.NotEqual(first.Id, second.Id);
        Assert.Empty(_told.SelectMany(n => n.ToRead));
    }

    [Fact]
    public async Task A_new_record_is_told_whole_and_our_own_carries_our_mark_and_its_key()
    {
        await ListenAsync();
        Make("ada@example.com", "Graz");
        await _connector.WriteAsync(new RecordCall(Domain.Delivery.WriteKind.Create, [Given.Write(Domain.Delivery.WriteKind.Create, null, "k.1", Given.Text("email", "bob@example.com"), Given.Text("lastName", "Bob")) with { Object = "Contact" }]), CancellationToken.None);

        await Until(() => Records.Length == 2);
        var (theirs, ours) = (Records[0].Observation, Records[1].Observation);
        Assert.Equal((EditKind.Observation, FieldValue.Text("Graz")), (theirs.Kind, theirs.Fields.Single(f => f.Field == "city").Value));
        Assert.NotEqual(ActorKind.Hub, theirs.Actor.Kind);
        Assert.Equal((ActorKind.Hub, "k.1"), (ours.Actor.Kind, ours.CreationKey));
    }

    [Fact]
    public async Task A_deletion_and_a_gap_are_looked_up()
    {
        var (gone, dirty) = (Make("ada@example.com"), Make("bob@example.com"));
        await ListenAsync();

        Org.Delete("Contact", gone, Editor.Someone);
        Org.Happen(new Fault { Kind = "gap", Object = "Contact", Count = 1 });
        Change(dirty, ("MailingCity", "Linz"));

        await Until(() => _told.SelectMany(n => n.ToRead).Count() == 2);
        Assert.Equal([new RecordToRead("Contact", gone), new RecordToRead("Contact", dirty)], _told.SelectMany(n => n.ToRead));
        Assert.Equal((EditKind.Deleted, gone), (Assert.Single(Records).Observation.Kind, Records[0].Observation.Source.ExternalId));
    }

    [Fact]
    public async Task Merged_records_are_found_to_have_been_merged()
    {
        var (lives, ended) = (Make("ada@example.com"), Make("ada.l@example.com"));
        await ListenAsync();

        Org.Happen(new Fault { Kind = "merge", Record = lives, Value = ended });

        await Until(() => _told.SelectMany(n => n.ToRead).Any(r => r.ExternalId == ended));
        var page = Assert.IsType<ListOutcome.Page>(await _connector.ListAsync("Contact", [ended], null, CancellationToken.None));
        var edit = Assert.Single(page.Records).Observation;
        Assert.Equal((EditKind.MergedInto, lives), (edit.Kind, edit.Into!.Value.ExternalId));
    }

    [Fact]
    public async Task A_stream_goes_on_behind_its_cursor_and_tells_nothing_twice_or_never()
    {
        var id = Make("ada@example.com");
        var ended = await ListenAsync();
        Change(id, ("MailingCity", "1"));
        await Until(() => Records.Length == 1);
        var cursor = _told.Last().Cursor;
        Org.Faults.Add(new Fault { Kind = "streamDrop" });
        Change(id, ("MailingCity", "2"));
        Assert.Equal("service.unavailable", Assert.IsType<StreamEnd.Broken>(await ended).Code);
        Change(id, ("MailingCity", "3"));

        await ListenAsync(cursor);

        await Until(() => Records.Length == 3);
        Assert.Equal(["\"1\"", "\"2\"", "\"3\""], Records.Select(r => Assert.Single(r.Observation.Fields).Value.Json));
    }

    [Fact]
    public async Task More_is_told_only_when_what_was_told_is_taken()
    {
        var ids = Enumerable.Range(0, 250).Select(i => Make($"p{i}@example.com")).ToArray();
        var turn = new SemaphoreSlim(0);
        var taken = 0;
        await ListenAsync(take: async news =>
        {
            await turn.WaitAsync(_stop.Token);
            Interlocked.Add(ref taken, news.Records.Length);
        });
        foreach (var id in ids) Change(id, ("MailingCity", "Linz"));

        Assert.Equal(0, taken);
        while (Volatile.Read(ref taken) < ids.Length)
        {
            turn.Release();
            await Task.Delay(1);
        }

        Assert.Equal(ids.Length, taken);
    }

    [Fact]
    public async Task A_cursor_that_the_organisation_no_longer_knows_is_told_as_lost()
    {
        var id = Make("ada@example.com");
        await ListenAsync();
        Change(id, ("MailingCity", "1"));
        await Until(() => Records.Length == 1);
        Org.Happen(new Fault { Kind = "forgetEvents" });

        Assert.IsType<StreamEnd.CursorLost>(await await ListenAsync(_told.Last().Cursor));
        Assert.IsType<StreamEnd.CursorLost>(await await ListenAsync("no cursor"));
    }

    [Fact]
    public async Task A_certificate_that_is_not_the_pinned_one_is_not_trusted()
    {
        await _connector.DisposeAsync();
        _connector = Connect(pinned: false);

        Assert.Equal("certificate-not-trusted", Assert.IsType<StreamEnd.Refused>(await await ListenAsync()).Code);
    }

    [Fact]
    public async Task A_token_that_has_ended_is_replaced_for_the_next_stream()
    {
        var id = Make("ada@example.com");
        var ended = await ListenAsync();
        Org.Happen(new Fault { Kind = "endSessions" });
        Change(id, ("MailingCity", "1"));
        Assert.Equal("service.auth.error", Assert.IsType<StreamEnd.Broken>(await ended).Code);

        await ListenAsync();
        Change(id, ("MailingCity", "2"));

        await Until(() => Records.Any(r => r.Observation.Fields.Any(f => f.Value.Json == "\"2\"")));
    }

    [Fact]
    public async Task A_channel_that_is_not_there_is_told_to_a_person()
    {
        await _connector.DisposeAsync();
        _connector = Connect(channel: "/data/NobodyChangeEvent");

        Assert.Equal("topic.not.found", Assert.IsType<StreamEnd.Refused>(await await ListenAsync()).Code);
    }
}
