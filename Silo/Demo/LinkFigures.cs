using System.Collections.Concurrent;
using OrleansCrm.Grains.Interfaces.Customers;

namespace OrleansCrm.Silo.Demo;

/// <summary>How the records of one system stand.</summary>
/// <param name="InSync">They hold the golden values.</param>
/// <param name="Waiting">Not made yet: the system requires a field that nobody has said.</param>
/// <param name="Parked">For a person.</param>
sealed record LinkFigures(int InSync, int Waiting, int Parked, int OnTheWay)
{
    /// <returns>By system.</returns>
    public static async Task<IReadOnlyDictionary<string, LinkFigures>> TakeAsync(IGrainFactory grains, DemoStock stock, CancellationToken stopping)
    {
        var figures = new ConcurrentDictionary<string, LinkFigures>(StringComparer.Ordinal);
        await Parallel.ForEachAsync(stock.Customers, DemoStock.Together(stopping), async (customer, _) =>
        {
            if (await grains.GetGrain<ICustomerGrain>(customer.Id).Read() is not { } view) return;
            foreach (var link in view.Links.Where(l => l.State != "out-of-scope"))
            {
                var one = (link.Delivery, link.State) switch
                {
                    ("in-sync", _) => new LinkFigures(1, 0, 0, 0),
                    ("parked", _) => new LinkFigures(0, 0, 1, 0),
                    ("due", "wanted") => new LinkFigures(0, 1, 0, 0),
                    _ => new LinkFigures(0, 0, 0, 1),
                };
                figures.AddOrUpdate(link.System, one, (_, all) => all + one);
            }
        });
        return figures;
    }

    public static LinkFigures operator +(LinkFigures one, LinkFigures other) =>
        new(one.InSync + other.InSync, one.Waiting + other.Waiting, one.Parked + other.Parked, one.OnTheWay + other.OnTheWay);
}
