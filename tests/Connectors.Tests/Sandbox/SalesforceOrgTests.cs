using System.Text.Json;
using CsCheck;
using OrleansCrm.Sandbox.Salesforce;
using OrleansCrm.Sandbox.Salesforce.Records;
using OrleansCrm.Sandbox.Salesforce.Soql;
using OrleansCrm.Sandbox.Vendors;
using Xunit;

namespace OrleansCrm.Connectors.Tests.Sandbox;

/// <summary>The simulated organisation without HTTP: ids, queries, transactions, what is told of changes, files.</summary>
public sealed class SalesforceOrgTests
{
    SetTime Time { get; } = new(Given.Noon);

    SalesforceOrg Org(int events = 10_000) => new(new OrgOptions { Time = Time, EventsMax = events });

    static Caller Api(SalesforceOrg org) => new(org.Users.Integration) { Client = "hub" };

    static RowResult Create(SalesforceOrg org, string @object, params (string Name, object? Value)[] fields) =>
        org.Do(Api(org), t => t.Create(org.SpecOf(@object), [.. fields.Select(f => new KeyValuePair<string, object?>(f.Name, f.Value))]));

    string[] Query(SalesforceOrg org, string text, bool deleted = false) =>
        org.Read(_ => new SoqlRunner(org, Api(org), deleted).Run(SoqlParser.Parse(text, Time.Now)).Rows.Select(r => r.Id).ToArray());

    [Theory]
    [InlineData("0015f00002J9YYE", "AA3")]
    [InlineData("006SM0000001Tb3", "YAE")]
    [InlineData("001D000000IRFma", "IAH")]
    [InlineData("000000000000000", "AAA")]
    public void An_ids_suffix_tells_the_case_of_its_letters(string id, string suffix)
    {
        Assert.Equal(suffix, RecordId.Suffix(id));
        Assert.True(RecordId.TryParse(id, out var whole));
        Assert.Equal(id + suffix, whole);
        Assert.False(RecordId.TryParse(id + (suffix == "AAB" ? "AAC" : "AAB"), out _));
    }

    [Fact]
    public void A_query_finds_what_a_look_at_every_record_finds()
    {
        var org = Org();
        string?[] cities = ["Graz", "graz", "Linz", "O'Hara", "100%", null];
        for (var i = 0; i < 120; i++)
        {
            Time.Now += TimeSpan.FromMilliseconds(400);
            var account = i % 10 == 0 ? Create(org, "Account", ("Name", "A" + i), ("NumberOfEmployees", (decimal)i)).Id : null;
            Create(org, "Contact", ("LastName", "L" + (i % 7)), ("MailingCity", cities[i % cities.Length]), ("Score__c", i % 5 == 0 ? null : (decimal)(i % 11)), ("DoNotCall", i % 3 == 0), ("Hub_Key__c", "k" + i), ("AccountId", account));
        }
        var rows = org.Read(o => o.Table("Contact")!.Rows.ToArray());
        var spec = org.SpecOf("Contact");
        object? Of(Row row, string field) => row.Get(spec, spec.Slot(field));
        var middle = Given.Noon.AddSeconds(20);
        var atoms = new (string Text, Func<Row, bool> Holds)[]
        {
            ("MailingCity = 'GRAZ'", r => "graz".Equals(Of(r, "MailingCity") as string, StringComparison.OrdinalIgnoreCase)),
            ("MailingCity != 'Linz'", r => (string?)Of(r, "MailingCity") != "Linz"),
            ("MailingCity = null", r => Of(r, "MailingCity") is null),
            ("MailingCity = 'O\\'Hara'", r => (string?)Of(r, "MailingCity") == "O'Hara"),
            ("MailingCity LIKE '%r_z'", r => ((string?)Of(r, "MailingCity"))?.EndsWith("raz", StringComparison.OrdinalIgnoreCase) == true),
            ("Score__c > 4", r => Of(r, "Score__c") is decimal n && n > 4),
            ("Score__c <= 4", r => Of(r, "Score__c") is decimal n && n <= 4),
            ("Score__c IN (1, 2, 3)", r => Of(r, "Score__c") is decimal n && n is 1 or 2 or 3),
            ("LastName NOT IN ('L1', 'L2')", r => (string?)Of(r, "LastName") is not ("L1" or "L2")),
            ("DoNotCall = true", r => Of(r, "DoNotCall") is true),
            ("Hub_Key__c IN ('k1', 'k2', 'K3', 'k50', 'k51', 'k99')", r => (string)Of(r, "Hub_Key__c")! is "k1" or "k2" or "k50" or "k51" or "k99"),
            ("Hub_Key__c = 'k7'", r => (string)Of(r, "Hub_Key__c")! == "k7"),
            ("Account.NumberOfEmployees >= 50", r => Of(r, "AccountId") is string a && org.Find(a) is { } row && row[org.SpecOf("Account").Slot("NumberOfEmployees")] is decimal n && n >= 50),
            ($"SystemModstamp >= {middle:yyyy-MM-ddTHH:mm:ssZ}", r => r.SystemModstamp >= middle),
            ($"SystemModstamp < {middle:yyyy-MM-ddTHH:mm:ssZ}", r => r.SystemModstamp < middle),
        };
        var condition = Gen.Recursive<(string Text, Func<Row, bool> Holds)>((depth, inner) => depth >= 3
            ? Gen.Int[0, atoms.Length - 1].Select(i => atoms[i])
            : Gen.Frequency(
                (3, Gen.Int[0, atoms.Length - 1].Select(i => atoms[i])),
                (1, inner.Array[2, 3].Select(p => ("(" + string.Join(" AND ", p.Select(x => x.Text)) + ")", (Func<Row, bool>)(r => p.All(x => x.Holds(r)))))),
                (1, inner.Array[2, 3].Select(p => ("(" + string.Join(" OR ", p.Select(x => x.Text)) + ")", (Func<Row, bool>)(r => p.Any(x => x.Holds(r)))))),
                (1, inner.Select(p => ("(NOT " + p.Text + ")", (Func<Row, bool>)(r => !p.Holds(r)))))));

        condition.Select(Gen.Bool, Gen.Int[1, 150]).Sample((c, stamp, limit) =>
        {
            var found = Query(org, $"SELECT Id FROM Contact WHERE {c.Text} ORDER BY {(stamp ? "SystemModstamp, " : "")}Id LIMIT {limit}");
            var expected = rows.Where(c.Holds).OrderBy(r => stamp ? r.SystemModstamp : default).ThenBy(r => r.Id, StringComparer.Ordinal).Take(limit).Select(r => r.Id);
            Assert.Equal(expected, found);
        }, iter: 400, threads: 1);
    }

    [Theory]
    [InlineData("SELECT Id FROM Contact WHERE Id = '003' AND Name = 'x' OR Name = 'y'", "MALFORMED_QUERY")]
    [InlineData("SELECT Id FROM Contact WHERE", "MALFORMED_QUERY")]
    [InlineData("SELECT Id, FROM Contact", "MALFORMED_QUERY")]
    [InlineData("SELECT Id FROM Contact WHERE Name = 'x", "MALFORMED_QUERY")]
    [InlineData("SELECT Id FROM Contact; DROP TABLE x", "MALFORMED_QUERY")]
    [InlineData("SELECT Nonsense FROM Contact", "INVALID_FIELD")]
    [InlineData("SELECT Id FROM Nonsense", "INVALID_TYPE")]
    [InlineData("SELECT Id FROM Contact WHERE SystemModstamp > '2024-01-01T00:00:00Z'", "INVALID_FIELD")]
    [InlineData("SELECT Id FROM Contact WHERE Id = 'nonsense'", "INVALID_QUERY_FILTER_OPERATOR")]
    [InlineData("SELECT Id FROM Contact OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE")]
    [InlineData("SELECT Id, COUNT(Id) FROM Contact", "MALFORMED_QUERY")]
    public void What_is_no_query_is_refused_in_the_vendors_words(string text, string code)
    {
        Assert.Equal(code, Assert.Throws<SoqlException>(() => Query(Org(), text)).Error.Code);
    }

    [Fact]
    public void Whatever_is_asked_is_answered_or_refused_as_a_query()
    {
        var org = Org();
        for (var i = 0; i < 20; i++) Create(org, "Contact", ("LastName", "L" + i), ("MailingCity", i % 3 == 0 ? null : "Graz"));
        string[] words =
        [
            "SELECT", "FROM", "WHERE", "AND", "OR", "NOT", "IN", "LIKE", "ORDER BY", "GROUP BY", "LIMIT", "OFFSET", "Contact", "Account", "Id", "Name", "LastName", "Account.Name", "Owner.Type", "COUNT()", "COUNT(Id)", "MAX(Score__c)", "FIELDS(ALL)",
            "(", ")", ",", "=", "!=", "<", ">=", "'x'", "'", "\\", "null", "true", "1", "-2.5", "2024-01-01", "2024-01-01T00:00:00Z", "TODAY", "LAST_N_DAYS:3", "MailingAddress", "SystemModstamp", "DESC", "NULLS LAST", "ALL ROWS", "\u0000", "(SELECT Id FROM Contacts)",
        ];
        string[] whole = ["SELECT Id FROM Contact WHERE {0}", "SELECT Id, {0} FROM Contact", "SELECT Id FROM Contact ORDER BY {0}", "SELECT Id FROM Contact {0}", "{0}", "SELECT Id FROM Contact WHERE LastName = {0} LIMIT 3"];

        Gen.Int[0, words.Length - 1].Array[0, 8].Select(Gen.Int[0, whole.Length - 1]).Sample((chosen, form) =>
        {
            var text = whole[form].Replace("{0}", string.Join(' ', chosen.Select(c => words[c])), StringComparison.Ordinal);
            try
            {
                Query(org, text);
            }
            catch (SoqlException exception)
            {
                Assert.Matches("^[A-Z_]+$", exception.Error.Code);
            }
        }, iter: 5_000, threads: 1);
    }

    [Fact]
    public void A_transaction_that_is_taken_back_leaves_nothing_behind()
    {
        Gen.Int[0, 3].Array[1, 12].Select(Gen.Int[0, 1_000]).Sample((acts, seed) =>
        {
            var org = Org();
            var account = Create(org, "Account", ("Name", "Acme")).Id!;
            var contacts = Enumerable.Range(0, 4).Select(i => Create(org, "Contact", ("LastName", "L" + i), ("AccountId", account), ("Hub_Key__c", "k" + i)).Id!).ToArray();
            var before = State(org);
            var (last, count) = (org.Changes.Last, org.Changes.Count);

            org.Do(Api(org), t =>
            {
                var mark = t.Mark();
                for (var i = 0; i < acts.Length; i++)
                {
                    var id = contacts[(seed + i) % contacts.Length];
                    _ = acts[i] switch
                    {
                        0 => t.Create(org.SpecOf("Contact"), [new("LastName", "New"), new("Hub_Key__c", "n" + i)]),
                        1 => t.Update(id, [new("LastName", "Changed" + i), new("Hub_Key__c", "c" + i)]),
                        2 => t.Delete(id),
                        _ => t.Delete(account),
                    };
                }
                t.RollBack(mark);
                return 0;
            });

            Assert.Equal(before, State(org));
            Assert.Equal((last, count), (org.Changes.Last, org.Changes.Count));
            Assert.Equal([contacts[2]], Query(org, "SELECT Id FROM Contact WHERE Hub_Key__c = 'k2'"));
        }, iter: 100, threads: 1);
    }

    static string State(SalesforceOrg org) => org.Read(o => string.Join('\n', o.Tables.SelectMany(t => t.Rows.OrderBy(r => r.Id, StringComparer.Ordinal).Select(r => string.Join('|', Enumerable.Range(0, t.Spec.Fields.Length).Select(i => Values.Say(r[i])))))));

    [Fact]
    public void An_account_takes_its_contacts_along_in_one_transaction()
    {
        var org = Org();
        var account = Create(org, "Account", ("Name", "Acme")).Id!;
        var contact = Create(org, "Contact", ("LastName", "L"), ("AccountId", account)).Id!;
        var at = org.Changes.Last;

        org.Do(Api(org), t => t.Delete(account));

        var told = org.Changes.After(at, null, 10).Events;
        Assert.Equal(["Account", "Contact"], told.Select(e => e.Entity));
        Assert.Single(told.Select(e => e.Commit.TransactionKey).Distinct());
        Assert.Equal([1, 2], told.Select(e => e.Sequence));
        Assert.Empty(Query(org, "SELECT Id FROM Contact"));
        Assert.Equal([contact], Query(org, "SELECT Id FROM Contact", deleted: true));
    }

    [Fact]
    public void A_conversion_is_told_in_the_vendors_order()
    {
        var org = Org();
        var lead = Create(org, "Lead", ("LastName", "L"), ("Company", "C")).Id!;
        var at = org.Changes.Last;

        Assert.True(org.Do(Api(org), t => t.Convert(lead, null, null, "Deal")).Success);

        // The opportunity counts in the sequence, and is not told: nobody selected it.
        Assert.Equal([("Account", "CREATE", 1), ("Contact", "CREATE", 2), ("Lead", "UPDATE", 4)], org.Changes.After(at, null, 10).Events.Select(e => (e.Entity, e.Kind, e.Sequence)));
    }

    [Fact]
    public void More_changes_than_a_transaction_may_tell_end_in_an_overflow()
    {
        var org = Org(events: 300_000);
        var ids = new List<string>();
        for (var i = 0; i < 4_000; i++) ids.Add(Create(org, "Contact", ("LastName", "L" + i)).Id!);
        var at = org.Changes.Last;

        // Each tells some 38 fields.
        org.Do(Api(org), t =>
        {
            for (var i = 0; i < ids.Count; i++)
            {
                t.Update(ids[i], [.. Everything(i)]);
            }
            return 0;
        });

        var told = org.Changes.After(at, null, 10_000).Events;
        var overflow = told[^1];
        Assert.Equal(("GAP_OVERFLOW", RecordId.Nobody), (overflow.Kind, overflow.RecordIds[0]));
        Assert.True(told.Count < ids.Count);

        static IEnumerable<KeyValuePair<string, object?>> Everything(int i)
        {
            string[] texts =
            [
                "LastName", "FirstName", "Salutation", "MailingStreet", "MailingCity", "MailingState", "MailingPostalCode", "MailingCountry", "OtherStreet", "OtherCity", "OtherState", "OtherPostalCode", "OtherCountry", "Phone", "Fax", "MobilePhone",
                "HomePhone", "OtherPhone", "AssistantPhone", "Title", "Department", "AssistantName", "LeadSource", "Description", "EmailBouncedReason", "Legacy_Id__c", "Languages__c", "Hub_Key__c",
            ];
            foreach (var name in texts) yield return new(name, "x" + i);
            foreach (var name in new[] { "HasOptedOutOfEmail", "HasOptedOutOfFax", "DoNotCall" }) yield return new(name, true);
            foreach (var (name, value) in new (string, object)[] { ("Email", $"x{i}@example.com"), ("Birthdate", "2000-01-01"), ("Score__c", 1m), ("Level__c", "Primary"), ("EmailBouncedDate", "2024-01-01T00:00:00Z") }) yield return new(name, value);
        }
    }

    [Fact]
    public void Bits_of_a_record_within_the_record_stand_apart()
    {
        var org = Org();
        var id = Create(org, "Contact", ("LastName", "L")).Id!;
        var at = org.Changes.Last;
        org.Do(Api(org), t => t.Update(id, [new("FirstName", "F"), new("MailingCity", "Graz")]));

        var change = Assert.Single(org.Changes.After(at, null, 10).Events);
        var bits = change.Schema.Bitmap(change.Changed.Contains);

        using var schema = JsonDocument.Parse(change.Schema.Json);
        string[] names = [.. schema.RootElement.GetProperty("fields").EnumerateArray().Select(f => f.GetProperty("name").GetString()!)];
        Assert.Equal(0, bits[0].Length % 2);
        Assert.Equal(["LastModifiedDate"], Names(Convert.FromHexString(bits[0][2..]), names));

        // FirstName is the second part of a name, City the second of an address.
        Assert.Equal([$"{Array.IndexOf(names, "Name")}-0x02", $"{Array.IndexOf(names, "MailingAddress")}-0x02"], bits.Skip(1));

        static IEnumerable<string> Names(byte[] number, string[] names) => names.Where((_, i) => i / 8 < number.Length && (number[^((i / 8) + 1)] & (1 << (i % 8))) != 0);
    }

    [Fact]
    public void Events_are_kept_for_seventy_two_hours_and_no_longer()
    {
        var org = Org();
        Create(org, "Contact", ("LastName", "Old"));
        var old = org.Changes.Last;
        Time.Now += TimeSpan.FromHours(70);
        Create(org, "Contact", ("LastName", "Middle"));
        Assert.Equal(2, org.Changes.After(org.Changes.First, null, 10).Events.Count);

        Time.Now += TimeSpan.FromHours(3);
        Create(org, "Contact", ("LastName", "New"));

        Assert.True(org.Changes.Knows(old));
        Assert.Equal(2, org.Changes.After(old, null, 10).Events.Count);
        Assert.False(org.Changes.Knows(old - 1));
    }

    [Fact]
    public void What_was_deleted_leaves_the_recycle_bin_after_fifteen_days()
    {
        var org = Org();
        var id = Create(org, "Contact", ("LastName", "L")).Id!;
        org.Do(Api(org), t => t.Delete(id));
        Time.Now += TimeSpan.FromDays(14);
        Assert.Equal(0, org.PurgeOld());

        Time.Now += TimeSpan.FromDays(2);

        Assert.Equal(1, org.PurgeOld());
        Assert.Empty(Query(org, "SELECT Id FROM Contact", deleted: true));
    }

    [Fact]
    public void An_automation_that_runs_later_does_so_in_a_transaction_of_its_own()
    {
        var org = Org();
        org.Set([new Flow("Fights", "Contact", "MailingCity = 'Graz'", new Dictionary<string, JsonElement> { ["MailingCity"] = JsonElement.Parse("\"Linz\"") }) { LaterMilliseconds = 500 }]);
        var id = Create(org, "Contact", ("LastName", "L"), ("MailingCity", "Graz")).Id!;
        var at = org.Changes.Last;

        org.RunDue();
        Assert.Empty(org.Changes.After(at, null, 10).Events);
        Time.Now += TimeSpan.FromSeconds(1);
        org.RunDue();

        var told = Assert.Single(org.Changes.After(at, null, 10).Events);
        Assert.Equal((id, "", org.Users.Automation), (told.RecordIds[0], told.Commit.Origin, told.Commit.UserId));
        Assert.Single(Query(org, "SELECT Id FROM Contact WHERE MailingCity = 'Linz'"));
    }

    [Fact]
    public void An_automation_within_the_save_carries_the_mark_of_who_saved()
    {
        var org = Org();
        org.Set([new Flow("Shout", "Contact", null, new Dictionary<string, JsonElement> { ["Department"] = JsonElement.Parse("\"{!upper MailingCity}\"") })]);
        var at = org.Changes.Last;
        Create(org, "Contact", ("LastName", "L"), ("MailingCity", "Graz"));

        var told = Assert.Single(org.Changes.After(at, null, 10).Events);

        Assert.Equal("GRAZ", told.Row![org.SpecOf("Contact").Slot("Department")]);
        Assert.Equal(("com/salesforce/api/rest/62.0;client=hub", org.Users.Integration), (told.Commit.Origin, told.Commit.UserId));
    }

    [Fact]
    public async Task What_an_organisation_holds_survives_in_its_file()
    {
        var folder = Directory.CreateTempSubdirectory("salesforce").FullName;
        try
        {
            string state, orgId;
            long last;
            await using (var first = await SalesforceSandbox.OpenAsync(new VendorOptions { Folder = folder, Records = 25, Seed = 3 }, CancellationToken.None))
            {
                first.Organisations[0].Happen(new Fault { Kind = "fieldAdded", Object = "Contact", Field = "Tier__c" });
                var id = first.Organisations[0].Find("Contact", null, 0, 1).Records[0].Id;
                first.Organisations[0].Update("Contact", id, new Dictionary<string, string?> { ["Tier__c"] = "gold", ["Birthdate"] = "1999-12-31", ["Score__c"] = "1.25" }, Editor.Someone);
                first.Organisations[0].Delete("Contact", first.Organisations[0].Find("Contact", null, 5, 1).Records[0].Id, Editor.Someone);
                (state, orgId, last) = (State(first.Org), first.Org.OrgId, first.Org.Changes.Last);
            }

            await using var second = await SalesforceSandbox.OpenAsync(new VendorOptions { Folder = folder, Records = 25, Seed = 4 }, CancellationToken.None);

            Assert.Equal((state, orgId), (State(second.Org), second.Org.OrgId));
            Assert.False(second.Org.Changes.Knows(last));
            Assert.Equal(24, second.Organisations[0].Find("Contact", null, 0, 0).Total);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task Organisations_beside_each_other_share_nothing()
    {
        await using var sandbox = await SalesforceSandbox.OpenAsync(new VendorOptions { Organisations = 2, Records = 3 }, CancellationToken.None);
        using var client = new HttpClient { BaseAddress = sandbox.Address };
        async Task<(string Org, string Token)> Sign(string id)
        {
            var answer = await client.PostAsync(new Uri("/services/oauth2/token", UriKind.Relative), new FormUrlEncodedContent([new("grant_type", "client_credentials"), new("client_id", id), new("client_secret", id)]));
            var body = JsonElement.Parse(await answer.Content.ReadAsByteArrayAsync());
            return (body.GetProperty("id").GetString()!.Split('/')[^2], body.GetProperty("access_token").GetString()!);
        }
        var (first, second) = (await Sign("sandbox"), await Sign("sandbox-2"));

        Assert.Equal(sandbox.Organisations.Select(o => o.Id), [first.Org, second.Org]);
        Assert.NotEqual(first.Org, second.Org);
        Assert.Empty(sandbox.Organisations[0].Find("Contact", null, 0, 9).Records.Select(r => r.Id).Intersect(sandbox.Organisations[1].Find("Contact", null, 0, 9).Records.Select(r => r.Id)));
    }

    [Fact]
    public void A_refresh_gives_every_record_another_id_and_keeps_what_hangs_together()
    {
        var org = Org();
        var account = Create(org, "Account", ("Name", "Acme")).Id!;
        var contact = Create(org, "Contact", ("LastName", "L"), ("AccountId", account), ("Hub_Key__c", "k")).Id!;

        org.Refresh();

        var now = Assert.Single(Query(org, "SELECT Id FROM Contact WHERE Hub_Key__c = 'k' AND Account.Name = 'Acme'"));
        Assert.NotEqual(contact, now);
        Assert.Empty(Query(org, $"SELECT Id FROM Contact WHERE Id = '{contact}'"));
    }

    [Fact]
    public void A_new_lead_goes_to_whom_the_active_rule_names_unless_the_call_says_otherwise()
    {
        var org = Org();
        org.LeadAssignee = org.Users.LeadQueue;
        string Owner(Caller caller) => org.Do(caller, t => (string)org.Find(t.Create(org.SpecOf("Lead"), [new("LastName", "L"), new("Company", "C"), new("OwnerId", org.Users.Sales1)]).Id!)![org.SpecOf("Lead").OwnerId]!);

        Assert.Equal(org.Users.LeadQueue, Owner(Api(org)));
        Assert.Equal(org.Users.Sales1, Owner(Api(org) with { AutoAssign = false }));
    }
}
