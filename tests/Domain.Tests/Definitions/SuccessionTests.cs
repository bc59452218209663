using OrleansCrm.Domain.Definitions;
using Xunit;

namespace OrleansCrm.Domain.Tests.Definitions;

public sealed class SuccessionTests
{
    static readonly DateTimeOffset Monday = new(2026, 3, 2, 9, 0, 0, TimeSpan.Zero);

    static HubDefinition Hub(params FieldPolicy[] policies) => new(
        [new("person", [.. policies.Select((p, i) => new FieldDefinition { Name = "f" + i, Type = FieldType.Text, Policy = p })])], []);

    static FieldPolicy Owned(params string[] systems) => new() { Strategy = Strategy.Owners, Tiers = [.. systems.Select(s => new OwnerTier([new Owner(s)]))] };

    [Fact]
    public void The_first_version_is_one_and_its_policies_are_as_old_as_the_hub()
    {
        var first = Hub(Owned("a")).After(null, Monday);

        Assert.Equal(1, first.Version);
        Assert.Equal(0, first.RecordTypes[0].Fields[0].Policy.SinceVersion);
    }

    [Fact]
    public void Only_a_policy_that_differs_is_new()
    {
        var first = Hub(Owned("a", "b"), Owned("a")).After(null, Monday);

        var second = Hub(Owned("a", "b"), Owned("b")).After(first, Monday.AddDays(1));

        Assert.Equal(2, second.Version);
        Assert.Equal(0, second.RecordTypes[0].Fields[0].Policy.SinceVersion);
        Assert.Equal(2, second.RecordTypes[0].Fields[1].Policy.SinceVersion);
        Assert.Equal(Monday.AddDays(1), second.RecordTypes[0].Fields[1].Policy.SinceTime);
    }

    [Fact]
    public void A_policy_keeps_its_age_through_later_versions_that_leave_it_alone()
    {
        var first = Hub(Owned("a")).After(null, Monday);
        var second = Hub(Owned("b")).After(first, Monday.AddDays(1));

        var third = Hub(Owned("b")).After(second, Monday.AddDays(2));

        Assert.Equal(2, third.RecordTypes[0].Fields[0].Policy.SinceVersion);
    }
}
