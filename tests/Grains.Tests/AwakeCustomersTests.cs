using OrleansCrm.Grains.Customers;
using Xunit;

namespace OrleansCrm.Grains.Tests;

public sealed class AwakeCustomersTests
{
    [Theory]
    [InlineData(new[] { 10, 20, 30 }, 100, 3)]
    [InlineData(new[] { 10, 20, 30 }, 60, 3)]
    [InlineData(new[] { 10, 20, 30 }, 59, 2)]
    [InlineData(new[] { 10, 20, 30 }, 29, 1)]
    [InlineData(new[] { 10, 20, 30 }, 5, 1)]
    public void Those_used_last_stay_awake_as_far_as_there_is_room(int[] awakeBySweep, int room, int sweepsKept) =>
        Assert.Equal(sweepsKept, LocalCustomers.SweepsKept(awakeBySweep, room));
}
