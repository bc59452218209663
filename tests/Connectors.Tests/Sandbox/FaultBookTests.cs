using CsCheck;
using OrleansCrm.Sandbox.Vendors;
using Xunit;

namespace OrleansCrm.Connectors.Tests.Sandbox;

public sealed class FaultBookTests
{
    static FaultBook Book(ulong seed = 1) => new(FaultKinds.General, new Chance(seed));

    static string[] Take(FaultBook book, FaultScope scope, Occasion occasion) => [.. book.Take(scope, occasion).Select(f => f.Kind)];

    [Fact]
    public void Counted_faults_line_up_and_lasting_ones_happen_beside_them()
    {
        var book = Book();
        book.Add(new Fault { Kind = "throttle", Count = 2 });
        book.Add(new Fault { Kind = "outage" });
        book.Add(new Fault { Kind = "latency", Count = 0, Milliseconds = 5 });

        var met = Enumerable.Range(0, 4).Select(_ => string.Join('+', Take(book, FaultScope.Request, new Occasion("create"))));

        Assert.Equal(["throttle+latency", "throttle+latency", "outage+latency", "latency"], met);
    }

    [Fact]
    public void A_fault_happens_only_where_it_says()
    {
        var book = Book();
        book.Add(new Fault { Kind = "reject", Operation = "update", Object = "contacts", Record = "7", Field = "city", Count = 0 });

        Assert.Empty(Take(book, FaultScope.Row, new Occasion("create", "contacts", "7", ["city"])));
        Assert.Empty(Take(book, FaultScope.Row, new Occasion("update", "companies", "7", ["city"])));
        Assert.Empty(Take(book, FaultScope.Row, new Occasion("update", "contacts", "8", ["city"])));
        Assert.Empty(Take(book, FaultScope.Row, new Occasion("update", "contacts", "7", ["phone"])));
        Assert.Empty(Take(book, FaultScope.Request, new Occasion("update", "contacts", "7", ["city"])));
        Assert.Equal(["reject"], Take(book, FaultScope.Row, new Occasion("update", "contacts", "7", ["city"])));
    }

    [Fact]
    public void Some_occasions_pass_first_and_a_fault_can_be_taken_away()
    {
        var book = Book();
        var id = book.Add(new Fault { Kind = "error", Skip = 1, Count = 0 });

        Assert.Empty(Take(book, FaultScope.Request, new Occasion("read")));
        Assert.Equal(["error"], Take(book, FaultScope.Request, new Occasion("read")));
        Assert.True(book.Remove(id));
        Assert.Empty(Take(book, FaultScope.Request, new Occasion("read")));
    }

    [Fact]
    public void The_same_seed_gives_the_same_faults_to_the_same_occasions() =>
        Gen.Select(Gen.ULong, Gen.Double[0.05, 0.95]).Sample((seed, chance) =>
        {
            bool[] Drawn()
            {
                var book = Book(seed);
                book.Add(new Fault { Kind = "error", Count = 0, Chance = chance });
                return [.. Enumerable.Range(0, 50).Select(_ => Take(book, FaultScope.Request, new Occasion("read")).Length > 0)];
            }

            Assert.Equal(Drawn(), Drawn());
        }, iter: 100);

    [Theory]
    [InlineData("nonsense", null)]
    [InlineData("reject", null)]
    [InlineData("refresh", null)]
    public void A_fault_that_says_nothing_is_refused(string kind, string? field) =>
        Assert.Throws<ArgumentException>(() => Book().Add(new Fault { Kind = kind, Field = field }));

    [Fact]
    public void Too_many_faults_are_refused()
    {
        var book = Book();
        for (var i = 0; i < FaultBook.Max; i++) book.Add(new Fault { Kind = "error" });

        Assert.Throws<ArgumentException>(() => book.Add(new Fault { Kind = "error" }));
    }

    [Fact]
    public void The_same_seed_makes_the_same_people_whatever_was_made_before() =>
        Gen.Select(Gen.ULong, Gen.Long[1, 1_000_000]).Sample((seed, number) =>
        {
            var people = new FictionalPeople(seed);
            people.Person((number % 17) + 1);

            Assert.Equal(new FictionalPeople(seed).Person(number), people.Person(number));
            Assert.EndsWith(people.Company(people.Person(number).Company).Domain, people.Person(number).Email, StringComparison.Ordinal);
        }, iter: 200);
}
