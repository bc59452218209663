using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Values;
using Xunit;

namespace OrleansCrm.Connectors.Tests;

/// <summary>What the system behind a connector can be made to do.</summary>
public enum Trouble
{
    /// <summary>The connection breaks before the system has done anything.</summary>
    CutBefore,

    /// <summary>The system does what was asked, and the connection breaks before it says so.</summary>
    CutAfter,

    /// <summary>The system does what was asked and answers that it failed.</summary>
    FailedAfter,

    /// <summary>The system fails and does nothing.</summary>
    Failed,

    /// <summary>The system does what was asked, and answers later than anybody waits.</summary>
    TooLate,

    /// <summary>Too many requests: wait 7 seconds.</summary>
    Throttled,

    /// <summary>The value of <c>city</c> is refused.</summary>
    CityRefused,

    /// <summary>The value of <c>city</c> becomes VIENNA.</summary>
    CityRewritten,

    /// <summary>The value of <c>city</c> stays as it was.</summary>
    CityIgnored,
}

/// <summary>A connector, and the system behind it as a test sees it.</summary>
public abstract class ConnectorRig : IAsyncDisposable
{
    public abstract IRecordConnector Connector { get; }

    /// <summary>The object's name there.</summary>
    public virtual string Object => "customers";

    /// <summary>How exactly the system tells times.</summary>
    public virtual TimeSpan Grain => TimeSpan.FromMilliseconds(1);

    /// <summary>The next request that this can happen to meets it.</summary>
    public abstract void Next(Trouble trouble);

    /// <summary>Living records there.</summary>
    public abstract int Count { get; }

    /// <summary>The text in a record's field; null: none.</summary>
    public abstract string? Held(string externalId, string field);

    /// <summary>A person makes a record there.</summary>
    public abstract string Make(string email, string? city = null);

    /// <summary>A person changes a record there.</summary>
    public abstract void Edit(string externalId, string city);

    /// <summary>A person deletes a record there.</summary>
    public abstract void Remove(string externalId);

    /// <summary>From here on nobody listens there.</summary>
    public abstract Task StopAsync();

    public abstract ValueTask DisposeAsync();
}

/// <summary>What every record connector promises. One object with the fields email, lastName and city; the creation key of a create is unique there.</summary>
public abstract class ConnectorContract : IAsyncLifetime
{
    static readonly (string, FieldValue) Ada = Given.Text("email", "ada@example.com");

    protected ConnectorRig Rig { get; private set; } = null!;

    protected abstract Task<ConnectorRig> StartAsync();

    public async ValueTask InitializeAsync() => Rig = await StartAsync();

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await Rig.DisposeAsync();
    }

    IRecordConnector Connector => Rig.Connector;

    async Task<WriteOutcome> Write(RecordWrite write) => Assert.Single(await Connector.WriteAsync(new RecordCall(write.Kind, [Here(write)]), CancellationToken.None));

    RecordWrite Here(RecordWrite write) => write with { Object = Rig.Object };

    Task<WriteOutcome> Create(string key, params (string, FieldValue)[] fields) => Write(Given.Write(WriteKind.Create, null, key, fields));

    Task<WriteOutcome> Update(string id, params (string, FieldValue)[] fields) => Write(Given.Write(WriteKind.Update, id, null, fields));

    Task<ReadOutcome> Find(string key) => Connector.ReadAsync(new RecordRead(Rig.Object, null, key), CancellationToken.None);

    [Fact]
    public async Task A_create_makes_one_record_and_tells_its_id_and_what_it_holds()
    {
        var done = Assert.IsType<WriteOutcome.Done>(await Create("k.1", Ada, Given.Text("city", "Graz")));

        Assert.Equal(1, Rig.Count);
        Assert.Equal("Graz", Rig.Held(done.ExternalId!, "city"));
        Assert.Contains(new FieldStored("email", FieldValue.Text("ada@example.com")), done.Stored);
        Assert.NotNull(done.At);
    }

    [Fact]
    public async Task An_update_changes_the_fields_given_and_no_other_and_clearing_clears()
    {
        var id = Rig.Make("ada@example.com", "Graz");
        Rig.Edit(id, "Linz");

        var done = Assert.IsType<WriteOutcome.Done>(await Update(id, Given.Text("lastName", "Lovelace"), Given.Cleared("city")));

        Assert.Null(done.ExternalId);
        Assert.Equal(("ada@example.com", "Lovelace", null), (Rig.Held(id, "email"), Rig.Held(id, "lastName"), Rig.Held(id, "city")));
    }

    [Fact]
    public async Task A_deleted_record_is_gone_for_every_further_write()
    {
        var id = Rig.Make("ada@example.com");

        Assert.IsType<WriteOutcome.Done>(await Write(Given.Write(WriteKind.Delete, id, null)));
        Assert.Equal(0, Rig.Count);
        Assert.IsType<WriteOutcome.Gone>(await Write(Given.Write(WriteKind.Delete, id, null)));
        Assert.IsType<WriteOutcome.Gone>(await Update(id, Given.Text("city", "Graz")));
    }

    [Theory]
    [InlineData(Trouble.CutAfter, 1)]
    [InlineData(Trouble.FailedAfter, 1)]
    [InlineData(Trouble.TooLate, 1)]
    [InlineData(Trouble.CutBefore, 0)]
    [InlineData(Trouble.Failed, 0)]
    public async Task A_create_whose_end_nobody_knows_is_ambiguous_and_is_not_made_twice(Trouble trouble, int made)
    {
        Rig.Next(trouble);

        Assert.IsType<WriteOutcome.Ambiguous>(await Create("k.1", Ada));

        Assert.Equal(made, Rig.Count);
        if (made == 0) Assert.IsType<ReadOutcome.Missing>(await Find("k.1"));
        else Assert.Equal("ada@example.com", Rig.Held(Assert.IsType<ReadOutcome.Found>(await Find("k.1")).ExternalId, "email"));
    }

    [Fact]
    public async Task A_create_repeated_under_its_key_meets_its_own_record()
    {
        Rig.Next(Trouble.CutAfter);
        await Create("k.1", Ada);

        var again = Assert.IsType<WriteOutcome.Conflict>(await Create("k.1", Ada, Given.Text("city", "Graz")));

        Assert.True(again.CarriesOurKey);
        Assert.Equal(1, Rig.Count);
        Assert.Equal(again.ExistingId, Assert.IsType<ReadOutcome.Found>(await Find("k.1")).ExternalId);
    }

    [Fact]
    public async Task A_create_that_meets_the_record_of_somebody_else_tells_which()
    {
        var theirs = Rig.Make("ada@example.com");

        Assert.Equal(new WriteOutcome.Conflict(theirs, CarriesOurKey: false), await Create("k.1", Ada));
    }

    [Theory]
    [InlineData(Trouble.CutAfter)]
    [InlineData(Trouble.FailedAfter)]
    [InlineData(Trouble.TooLate)]
    [InlineData(Trouble.Failed)]
    public async Task An_update_whose_end_nobody_knows_is_ambiguous(Trouble trouble)
    {
        var id = Rig.Make("ada@example.com");
        Rig.Next(trouble);

        Assert.IsType<WriteOutcome.Ambiguous>(await Update(id, Given.Text("city", "Graz")));
    }

    [Fact]
    public async Task Being_throttled_tells_until_when_and_nothing_is_done()
    {
        var before = DateTimeOffset.UtcNow;
        Rig.Next(Trouble.Throttled);

        var throttled = Assert.IsType<WriteOutcome.Throttled>(await Create("k.1", Ada));

        Assert.InRange(throttled.Until, before.AddSeconds(6), before.AddSeconds(30));
        Assert.Equal(0, Rig.Count);
    }

    [Fact]
    public async Task A_refused_field_is_named_in_the_hubs_words()
    {
        var id = Rig.Make("ada@example.com");
        Rig.Next(Trouble.CityRefused);

        var rejected = Assert.IsType<WriteOutcome.Rejected>(await Update(id, Given.Text("lastName", "Lovelace"), Given.Text("city", "Graz")));

        Assert.Equal(["city"], rejected.Fields);
        Assert.NotEmpty(rejected.Code);
    }

    [Fact]
    public async Task What_the_system_makes_of_a_value_is_told()
    {
        var id = Rig.Make("ada@example.com", "Linz");
        Rig.Next(Trouble.CityRewritten);
        var rewritten = Assert.IsType<WriteOutcome.Done>(await Update(id, Given.Text("city", "Vienna")));
        Rig.Next(Trouble.CityIgnored);
        var ignored = Assert.IsType<WriteOutcome.Done>(await Update(id, Given.Text("city", "Graz")));

        Assert.Contains(new FieldStored("city", FieldValue.Text("VIENNA")), rewritten.Stored);
        Assert.Contains(new FieldStored("city", FieldValue.Text("VIENNA")), ignored.Stored);
    }

    [Fact]
    public async Task A_bad_record_spoils_no_other_of_its_call()
    {
        var good = Rig.Make("ada@example.com");
        var bad = Rig.Make("bob@example.com");
        var gone = Rig.Make("eve@example.com");
        Rig.Remove(gone);
        Rig.Next(Trouble.CityRefused);

        var outcomes = await Connector.WriteAsync(
            new RecordCall(WriteKind.Update, [
                Here(Given.Write(WriteKind.Update, good, null, Given.Text("lastName", "A"))),
                Here(Given.Write(WriteKind.Update, bad, null, Given.Text("city", "Graz"))),
                Here(Given.Write(WriteKind.Update, gone, null, Given.Text("lastName", "E")))]),
            CancellationToken.None);

        Assert.Equal([typeof(WriteOutcome.Done), typeof(WriteOutcome.Rejected), typeof(WriteOutcome.Gone)], outcomes.Select(o => o.GetType()));
        Assert.Equal("A", Rig.Held(good, "lastName"));
    }

    [Fact]
    public async Task A_write_whose_time_has_passed_is_not_sent()
    {
        var late = Given.Write(WriteKind.Create, null, "k.1", Ada) with { StartBefore = DateTimeOffset.UtcNow.AddSeconds(-1) };

        Assert.Equal(new WriteOutcome.Transient(DeliveryMachine.NotStartedCode), await Write(late));
        Assert.Equal(0, Rig.Count);
    }

    [Fact]
    public async Task A_call_cancelled_before_it_began_sends_nothing()
    {
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();

        var outcomes = await Connector.WriteAsync(new RecordCall(WriteKind.Create, [Here(Given.Write(WriteKind.Create, null, "k.1", Ada))]), cancelled.Token);

        Assert.Equal([new WriteOutcome.Transient(DeliveryMachine.NotStartedCode)], outcomes);
        Assert.Equal(0, Rig.Count);
    }

    [Fact]
    public async Task Where_nobody_listens_nothing_was_done()
    {
        await Rig.StopAsync();

        Assert.IsType<WriteOutcome.Transient>(await Create("k.1", Ada));
        Assert.IsType<ReadOutcome.Failed>(await Find("k.1"));
        Assert.IsType<ListOutcome.Failed>(await Connector.ListAsync(new RecordList(Rig.Object), CancellationToken.None));
    }

    [Fact]
    public async Task A_record_is_read_by_its_id_and_one_that_is_not_there_is_missing()
    {
        var id = Rig.Make("ada@example.com", "Graz");
        var gone = Rig.Make("bob@example.com");
        Rig.Remove(gone);

        var found = Assert.IsType<ReadOutcome.Found>(await Connector.ReadAsync(new RecordRead(Rig.Object, id, null), CancellationToken.None));

        Assert.Contains(new FieldStored("city", FieldValue.Text("Graz")), found.Fields);
        Assert.IsType<ReadOutcome.Missing>(await Connector.ReadAsync(new RecordRead(Rig.Object, gone, null), CancellationToken.None));
        Assert.IsType<ReadOutcome.Missing>(await Connector.ReadAsync(new RecordRead(Rig.Object, "nobody", null), CancellationToken.None));
        Assert.IsType<ReadOutcome.Missing>(await Find("k.none"));
    }

    [Fact]
    public async Task A_listing_meets_every_record_once_and_the_same_record_is_the_same_edit()
    {
        var made = Enumerable.Range(0, 25).Select(i => Rig.Make($"p{i}@example.com", "Graz")).ToArray();

        var first = await ListAll();
        var second = await ListAll();

        Assert.Equal(made.Order(StringComparer.Ordinal), first.Select(r => r.Observation.Source.ExternalId).Order(StringComparer.Ordinal));
        Assert.All(first, r => Assert.Equal(EditKind.Observation, r.Observation.Kind));
        Assert.Equal(first.Select(r => (r.Observation.Id, r.Observation.Time)).Order(), second.Select(r => (r.Observation.Id, r.Observation.Time)).Order());
    }

    [Fact]
    public async Task A_listing_since_a_time_tells_what_was_modified_and_deleted_since()
    {
        var untouched = Rig.Make("old@example.com");
        var edited = Rig.Make("ada@example.com", "Graz");
        var removed = Rig.Make("bob@example.com");
        var since = (await ListAll()).Max(r => r.Observation.Time)!.Value.AddTicks(10);
        await Task.Yield();
        while (DateTimeOffset.UtcNow < since + Rig.Grain + TimeSpan.FromMilliseconds(1)) await Task.Yield();
        Rig.Edit(edited, "Linz");
        Rig.Remove(removed);

        var listed = await ListAll(since + Rig.Grain, before: since);

        Assert.DoesNotContain(listed, r => r.Observation.Source.ExternalId == untouched);
        var edit = listed.Single(r => r.Observation.Source.ExternalId == edited).Observation;
        Assert.Contains(edit.Fields, f => f.Field == "city" && f.Value == FieldValue.Text("Linz"));
        Assert.Equal(since, edit.Since);
        Assert.Equal(EditKind.Deleted, listed.Single(r => r.Observation.Source.ExternalId == removed).Observation.Kind);
    }

    [Fact]
    public async Task Records_named_are_told_as_a_listing_tells_them_and_who_is_not_there_is_left_out()
    {
        var ada = Rig.Make("ada@example.com", "Graz");
        var bob = Rig.Make("bob@example.com");
        Rig.Make("eve@example.com");

        var page = Assert.IsType<ListOutcome.Page>(await Connector.ListAsync(Rig.Object, [ada, "404404404404404", bob, ada], null, CancellationToken.None));

        var listed = await ListAll();
        Assert.Null(page.Next);
        Assert.Equal(new[] { ada, bob }.Order(StringComparer.Ordinal), page.Records.Select(r => r.Observation.Source.ExternalId).Distinct().Order(StringComparer.Ordinal));
        Assert.All(page.Records, r => Assert.Contains(listed, l => l.Observation.Id == r.Observation.Id));
    }

    async Task<List<ListedRecord>> ListAll(DateTimeOffset? since = null, DateTimeOffset? before = null)
    {
        var all = new List<ListedRecord>();
        var list = new RecordList(Rig.Object, null, since, before);
        for (var pages = 0; pages < 100; pages++)
        {
            var page = Assert.IsType<ListOutcome.Page>(await Connector.ListAsync(list, CancellationToken.None));
            all.AddRange(page.Records);
            if (page.Next is null) return all;
            list = list with { Page = page.Next };
        }
        throw new InvalidOperationException("The listing does not end.");
    }
}
