using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions.Reading;
using OrleansCrm.Grains.Interfaces.Intake;
using OrleansCrm.Grains.Tests.Outgoing;
using Xunit;

namespace OrleansCrm.Grains.Tests.Delivery;

/// <summary>Persons refer to organizations, in a system by its own ids; each other system is told its own.</summary>
public sealed class ReferenceTests
{
    const string Definition =
        """
        hub: small
        recordTypes:
          organization:
            identity: [name]
            defaults: { data: none, owners: [crm, desk] }
            fields: { name: text }
          person:
            identity: [email]
            defaults: { data: personal, purpose: Serve customers, owners: [crm, desk] }
            fields:
              email: email
              phone: text
              company: { type: reference, to: organization }
        systems:
          crm:
            connector: rest
            mappings:
              Account:
                recordType: organization
                create: never
                fields: { name: Name }
              Contact:
                recordType: person
                create: never
                fields: { email: Email, phone: Phone, company: AccountId }
          desk:
            connector: rest
            mode: live
            maxCallTime: 2s
            referenceWait: 5m
            retryPolicy: { maxRetries: 8, backoff: constant, delay: 100ms }
            mappings:
              companies:
                recordType: organization
                fields: { name: name }
              contacts:
                recordType: person
                fields: { email: email, phone: phone, company: company }
        """;

    [Fact]
    public async Task A_reference_that_comes_before_its_record_leads_there_when_the_record_comes()
    {
        await using var hub = await StartAsync();
        var person = await TakeAsync(hub, Contact("ann", "001"));
        Assert.Equal("crm/Account/001", await CompanyOf(hub, person));

        var organization = await TakeAsync(hub, Account("001", "Acme"));

        await OutgoingHub.Eventually(async () => await CompanyOf(hub, person) == organization, "the reference leads to the organization");
        await OutgoingHub.Eventually(() => Written(hub, person) == hub.Desk.CallLog.Select(c => c.References.GetValueOrDefault(organization)).LastOrDefault(r => r is not null) && Written(hub, person) is not null, "the desk is told its own id of the organization");
        Assert.StartsWith("r", Written(hub, person), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_reference_to_a_record_that_is_there_leads_to_its_customer_at_once()
    {
        await using var hub = await StartAsync();
        var organization = await TakeAsync(hub, Account("001", "Acme"));

        var person = await TakeAsync(hub, Contact("ann", "001"));

        Assert.Equal(organization, await CompanyOf(hub, person));
        Assert.Equal(1, (await hub.Cluster.Customer(person).Read())!.Fields.Single(f => f.Field == "company").Version);
    }

    [Fact]
    public async Task A_batch_that_brings_persons_and_their_organizations_comes_to_rest_with_all_references()
    {
        await using var hub = await StartAsync();
        IncomingEvent[] events = [.. Enumerable.Range(1, 60).Select(i => Contact($"p{i}", $"00{i % 6}")), .. Enumerable.Range(0, 6).Select(i => Account($"00{i}", $"Org {i}"))];

        var answers = await hub.Cluster.Take(events);

        var organizations = answers.Skip(60).Select(a => a.CustomerId!).ToArray();
        for (var i = 1; i <= 60; i++)
        {
            var (person, organization) = (answers[i - 1].CustomerId!, organizations[i % 6]);
            await OutgoingHub.Eventually(async () => await CompanyOf(hub, person) == organization, $"person {i} refers to organization {i % 6}");
        }
        await OutgoingHub.Eventually(() => hub.Desk.Count == 66 && hub.Desk.Values("company").Count(organizations.Contains) == 60, "the desk has all of it", seconds: 60);
    }

    [Fact]
    public async Task The_one_that_is_referred_to_is_created_first()
    {
        await using var hub = await StartAsync(Definition.Replace("fields: { name: name }", "requiredToCreate: [segment]\n        fields: { name: name, segment: segment }", StringComparison.Ordinal)
            .Replace("fields: { name: text }", "fields: { name: text, segment: text }", StringComparison.Ordinal)
            .Replace("fields: { name: Name }", "fields: { name: Name, segment: Segment }", StringComparison.Ordinal));
        var organization = await TakeAsync(hub, Account("001", "Acme"));
        var person = await TakeAsync(hub, Contact("ann", "001"));
        await OutgoingHub.Eventually(async () => (await hub.Cluster.Customer(person).Read())!.Links.Any(l => l.Troubles.Any(t => t.Kind == "waiting")), "the contact waits");
        Assert.Equal(0, hub.Desk.Count);

        await TakeAsync(hub, Given.Event("crm", "Account", "segment", "001", """{"Segment":"big"}""", 1));

        await OutgoingHub.Eventually(() => hub.Desk.Count == 2, "both are there");
        Assert.Equal([organization, person], hub.Desk.Log.Select(w => w.CustomerId));
        Assert.Contains(hub.Desk.Log.Last().Fields, f => f.Field == "company");
    }

    [Fact]
    public async Task Who_waits_longer_than_its_while_is_created_without_the_reference()
    {
        await using var hub = await StartAsync(Definition.Replace("referenceWait: 5m", "referenceWait: 0s", StringComparison.Ordinal).Replace("companies:", "companies:\n        create: never", StringComparison.Ordinal));
        await TakeAsync(hub, Account("001", "Acme"));

        await TakeAsync(hub, Contact("ann", "001"));

        await OutgoingHub.Eventually(() => hub.Desk.Count == 1, "the contact is there");
        Assert.DoesNotContain(hub.Desk.Log, w => w.Fields.Any(f => f.Field == "company"));
    }

    [Fact]
    public async Task References_follow_a_merge_and_an_unmerge()
    {
        await using var hub = await StartAsync();
        var survivor = await TakeAsync(hub, Account("001", "Acme"));
        var loser = await TakeAsync(hub, Account("002", "Acme Inc."));
        var person = await TakeAsync(hub, Contact("ann", "002"));
        await OutgoingHub.Eventually(() => hub.Desk.Count == 3 && hub.Desk.Values("company").Contains(loser), "all are at the desk");
        await hub.DeskIsQuiet();
        var writes = hub.Desk.Log.Count;

        await MergeAsync(hub, survivor, loser);

        await OutgoingHub.Eventually(async () => await CompanyOf(hub, person) == survivor, "the reference leads to the survivor");
        await hub.DeskIsQuiet();
        Assert.DoesNotContain(hub.Desk.Log.Skip(writes), w => w.Fields.Any(f => f.Field == "company"));

        var apart = await UnmergeAsync(hub, survivor, "002");

        await OutgoingHub.Eventually(async () => await CompanyOf(hub, person) == apart, "and with its record again");
    }

    [Fact]
    public async Task What_the_desk_says_of_what_we_wrote_is_no_edit()
    {
        await using var hub = await StartAsync();
        var organization = await TakeAsync(hub, Account("001", "Acme"));
        var person = await TakeAsync(hub, Contact("ann", "001"));
        await OutgoingHub.Eventually(() => Written(hub, person) is not null, "it is written");
        await hub.DeskIsQuiet();
        var contact = (await hub.Cluster.Customer(person).Read())!.Links.Single(l => l.System == "desk").ExternalId!;

        await hub.Cluster.Take(Given.Event("desk", "contacts", "echo", contact, $$"""{"company":"{{Written(hub, person)}}"}""", 1));

        var explained = (await hub.Cluster.Customer(person).Explain("company"))!;
        Assert.Equal(("\"" + organization + "\"", "crm"), (explained.Golden!.Value, explained.Golden.System));
        Assert.DoesNotContain(explained.Claims, c => c.System == "desk" && c.Standing != "echo");
    }

    [Fact]
    public async Task A_system_that_answers_with_its_own_ids_has_said_nothing_but_what_it_was_told()
    {
        await using var hub = await StartAsync();
        hub.Desk.Stored = (call, write) =>
            [.. write.Fields.Select(f => new Domain.Delivery.FieldStored(f.Field, f.Field == "company" ? Domain.Values.FieldValue.Text($"desk/companies/{call.References[f.Value.AsText()]}") : f.Value))];
        var organization = await TakeAsync(hub, Account("001", "Acme"));

        var person = await TakeAsync(hub, Contact("ann", "001"));

        await OutgoingHub.Eventually(() => Written(hub, person) is not null, "it is written");
        await hub.DeskIsQuiet();
        var explained = (await hub.Cluster.Customer(person).Explain("company"))!;
        Assert.Equal("\"" + organization + "\"", explained.Golden!.Value);
        Assert.DoesNotContain(explained.Claims, c => c.System == "desk");
    }

    [Fact]
    public async Task A_system_that_puts_another_one_in_its_place_has_made_an_edit_of_it()
    {
        await using var hub = await StartAsync();
        var other = await TakeAsync(hub, Account("009", "Other"));
        await OutgoingHub.Eventually(() => hub.Desk.Count == 1, "the other is there");
        await hub.DeskIsQuiet();
        hub.Desk.Stored = (_, write) => [.. write.Fields.Where(f => f.Field == "company").Select(f => new Domain.Delivery.FieldStored(f.Field, Domain.Values.FieldValue.Text("desk/companies/r1")))];
        await TakeAsync(hub, Account("001", "Acme"));

        var person = await TakeAsync(hub, Contact("ann", "001"));

        await OutgoingHub.Eventually(async () => (await hub.Cluster.Customer(person).Explain("company"))!.Claims.Any(c => c.System == "desk" && c.Value == "\"" + other + "\""), "the desk claims the other");
    }

    static async Task<OutgoingHub> StartAsync(string definition = Definition)
    {
        Assert.Empty(HubDefinitionReader.Read(definition).Errors.Select(e => e.ToString()));
        return await OutgoingHub.StartAsync(definition);
    }

    static IncomingEvent Account(string id, string name) => Given.Event("crm", "Account", "a" + id, id, $$"""{"Name":"{{name}}"}""");

    static IncomingEvent Contact(string name, string account) => Given.Event("crm", "Contact", "c" + name, name, $$"""{"Email":"{{name}}@example.com","AccountId":"{{account}}"}""");

    static async Task<string> TakeAsync(OutgoingHub hub, IncomingEvent incoming)
    {
        var answer = (await hub.Cluster.Take(incoming))[0];
        Assert.Equal(EventOutcome.Applied, answer.Outcome);
        return answer.CustomerId!;
    }

    static async Task<string?> CompanyOf(OutgoingHub hub, string person) =>
        (await hub.Cluster.Customer(person).Read())!.Fields.FirstOrDefault(f => f.Field == "company")?.Value.Trim('"');

    // The id that the desk was told.
    static string? Written(OutgoingHub hub, string person)
    {
        foreach (var call in hub.Desk.CallLog.Reverse())
        {
            foreach (var write in call.Writes.Where(w => w.CustomerId == person))
            {
                if (write.Fields.FirstOrDefault(f => f.Field == "company") is { Field: not null } field && call.References.TryGetValue(field.Value.AsText(), out var id)) return id;
            }
        }
        return null;
    }

    static async Task MergeAsync(OutgoingHub hub, string survivor, string loser) =>
        await RearrangeAsync(hub, async definition => Merging.Merge(await LoadAsync(hub, survivor), await LoadAsync(hub, loser), definition, await hub.Cluster.Store.ReadClockAsync(CancellationToken.None)));

    static async Task<string> UnmergeAsync(OutgoingHub hub, string customer, string account)
    {
        await RearrangeAsync(hub, async definition =>
        {
            var merged = await LoadAsync(hub, customer);
            return Merging.Unmerge(merged, [merged.LinkOf("crm", "Account", account)!.Id], "cus_apart", definition, await hub.Cluster.Store.ReadClockAsync(CancellationToken.None));
        });
        return "cus_apart";
    }

    static async Task<Customer> LoadAsync(OutgoingHub hub, string id) => (await hub.Cluster.Store.LoadAsync([id], CancellationToken.None))[0].Fold()!;

    // As an orchestrator does: decided on what is stored, and tried again where somebody wrote in between.
    static async Task RearrangeAsync(OutgoingHub hub, Func<Domain.Definitions.HubDefinition, Task<Rearrangement>> decide)
    {
        var definition = hub.Cluster.ServiceOf<Definitions.HubDefinitions>(0).Current;
        for (var tries = 0; tries < 50; tries++)
        {
            var commit = (await decide(definition)).Commit;
            var partitions = commit.Appends.Select(a => Partitions.Of(a.CustomerId, hub.Cluster.Store.Hub.Partitions)).Distinct().ToArray();
            var tails = await hub.Cluster.Store.ReadTailsAsync([.. partitions], CancellationToken.None);
            if (await hub.Cluster.Store.AppendAsync(new(tails, [commit]), CancellationToken.None) is AppendAnswer.Decided { Commits: [CommitAnswer.Committed] }) return;
        }
        Assert.Fail("The commit never landed.");
    }
}
