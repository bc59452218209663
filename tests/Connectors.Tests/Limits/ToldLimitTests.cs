using System.Net.Http.Json;
using OrleansCrm.Connectors.Salesforce;
using OrleansCrm.Connectors.Tests.HubSpot;
using OrleansCrm.Connectors.Tests.Salesforce;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Sandbox.HubSpot;
using OrleansCrm.Sandbox.Vendors;
using Xunit;

namespace OrleansCrm.Connectors.Tests.Limits;

/// <summary>A budget that hears what the vendors' answers tell, before sandboxes whose limits are on.</summary>
public sealed class ToldLimitTests
{
    static readonly BudgetDefinition Definition = new() { Burst = 1_000, Floor = 0.2 };

    [Fact]
    public async Task Of_salesforces_day_a_fifth_is_left_for_others_though_they_spend_of_it_too()
    {
        var time = new SetTime(DateTimeOffset.UtcNow);
        await using var rig = await SalesforceRig.StartAsync(time: time);
        await LimitAsync(rig, 60);
        var id = rig.Make("ada@example.com");
        await using var others = new SalesforceConnector(rig.Hub, rig.Hub.System("crm")!, rig.Secrets, time);

        // Every other call is somebody else's, who knows nothing of a budget.
        var budget = Budget.Full(Definition, time.Now);
        for (var i = 0; i < 100; i++)
        {
            time.Now += TimeSpan.FromMilliseconds(100);
            if (!budget.Allows(Definition, DeliveryPriority.Live, time.Now)) break;
            budget = budget.Taken(Definition, time.Now);
            Assert.IsType<WriteOutcome.Done>(Assert.Single(await rig.Connector.WriteAsync(Update("Contact", id, i), CancellationToken.None)));
            budget = Heard(budget, rig.Connector, time.Now);
            Assert.IsType<ReadOutcome.Found>(await others.ReadAsync(new RecordRead("Contact", id, null), CancellationToken.None));
        }

        Assert.Equal(12, ((ITellsAllowance)rig.Connector).Allowances.Single().Left, 1.0);
        Assert.DoesNotContain(rig.Organisation.Requests.Find(static _ => true, 1_000), r => r.Status == 403);
        Assert.Equal(time.Now + Budget.AskAgain, budget.NextAt(Definition, DeliveryPriority.Live, time.Now), TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task A_day_that_salesforce_calls_used_up_is_used_up_for_the_budget_too()
    {
        var time = new SetTime(DateTimeOffset.UtcNow);
        await using var rig = await SalesforceRig.StartAsync(time: time);
        await LimitAsync(rig, 5);
        var id = rig.Make("ada@example.com");
        for (var i = 0; i < 5; i++) await rig.Connector.ReadAsync(new RecordRead("Contact", id, null), CancellationToken.None);

        // The one that is refused carries no usage: what is told then is told by the refusal.
        time.Now += TimeSpan.FromMinutes(20);
        var refused = Assert.IsType<WriteOutcome.Throttled>(Assert.Single(await rig.Connector.WriteAsync(Update("Contact", id, 1), CancellationToken.None)));

        Assert.Equal("REQUEST_LIMIT_EXCEEDED", refused.Code);
        var told = ((ITellsAllowance)rig.Connector).Allowances.Single();
        Assert.Equal((5L, 0L, time.Now), (told.Max!.Value, told.Left, told.AsOf));
        Assert.False(Heard(Budget.Full(Definition, time.Now), rig.Connector, time.Now).Allows(Definition, DeliveryPriority.People, time.Now));
    }

    [Fact]
    public async Task Hubspot_refuses_nobody_who_heeds_what_it_tells_of_ten_seconds()
    {
        var time = new SetTime(DateTimeOffset.UtcNow);
        await using var rig = await HubSpotRig.StartAsync(options: new HubSpotOptions { PrivateBurst = 40, Shared = new VendorOptions { Limits = true, Time = time } }, time: time);
        var id = rig.Make("ada@example.com");
        var (budget, begun, written) = (Budget.Full(Definition, time.Now), time.Now, 0);
        var first = (await rig.Connector.ReadAsync(new RecordRead("contacts", id, null), CancellationToken.None)) is ReadOutcome.Found;
        budget = Heard(budget, rig.Connector, time.Now);

        while (time.Now < begun.AddSeconds(60))
        {
            if (!budget.Allows(Definition, DeliveryPriority.Live, time.Now))
            {
                time.Now = budget.NextAt(Definition, DeliveryPriority.Live, time.Now).AddTicks(1);
                continue;
            }
            budget = budget.Taken(Definition, time.Now);
            Assert.IsType<ReadOutcome.Found>(await rig.Connector.ReadAsync(new RecordRead("contacts", id, null), CancellationToken.None));
            budget = Heard(budget, rig.Connector, time.Now);
            time.Now += TimeSpan.FromMilliseconds(20);
            written++;
        }

        Assert.True(first);
        Assert.DoesNotContain(rig.Portal.Requests.Find(static _ => true, 10_000), r => r.Status == 429);

        // Of 40 in ten seconds a fifth is left: 32, for a minute.
        Assert.InRange(written, 6 * 32 * 8 / 10, 6 * 36);
    }

    [Fact]
    public async Task Of_hubspots_day_a_fifth_is_left_for_others()
    {
        var time = new SetTime(new DateTimeOffset(DateTimeOffset.UtcNow.Date, TimeSpan.Zero).AddHours(12));
        await using var rig = await HubSpotRig.StartAsync(options: new HubSpotOptions { PerDay = 50, Shared = new VendorOptions { Limits = true, Time = time } }, time: time);
        var id = rig.Make("ada@example.com");
        var budget = Budget.Full(Definition, time.Now);

        for (var i = 0; i < 100 && budget.Allows(Definition, DeliveryPriority.Live, time.Now); i++)
        {
            budget = budget.Taken(Definition, time.Now);
            Assert.IsType<WriteOutcome.Done>(Assert.Single(await rig.Connector.WriteAsync(Update("contacts", id, i), CancellationToken.None)));
            time.Now += TimeSpan.FromSeconds(1);
            budget = Heard(budget, rig.Connector, time.Now);
        }

        Assert.InRange(((ITellsAllowance)rig.Connector).Allowances.Single(a => a.Window == "day").Left, 8, 11);
        Assert.False(budget.Allows(Definition, DeliveryPriority.Live, time.Now));
        Assert.True(budget.UsedUpAt(Definition, time.Now) <= time.Now);
    }

    static RecordCall Update(string @object, string id, int number) => new(WriteKind.Update, [Given.Write(WriteKind.Update, id, null, Given.Text("city", $"Graz {number}")) with { Object = @object }]);

    static Budget Heard(Budget budget, IRecordConnector connector, DateTimeOffset now)
    {
        foreach (var told in ((ITellsAllowance)connector).Allowances) budget = budget.Heard(Definition, told, 0, 1, now);
        return budget;
    }

    static async Task LimitAsync(SalesforceRig rig, int calls)
    {
        using var client = new HttpClient { BaseAddress = rig.Sandbox.Address };
        using var answer = await client.PutAsJsonAsync("/_control/salesforce/settings", new { dailyApiRequests = calls });
        answer.EnsureSuccessStatusCode();
    }
}
