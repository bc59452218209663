using OrleansCrm.Cells.Arena;

namespace OrleansCrm.Cells.Load;

/// <summary>People in the CRMs who edit records that are there, whatever the hub is doing.</summary>
/// <param name="rest">The mean time between two rounds of five edits in each CRM.</param>
sealed class People(IReadOnlyList<Crm> crms, int seed, TimeSpan rest)
{
    int _edits;

    public int Edits => _edits;

    public async Task RunAsync(CancellationToken stop)
    {
        var chance = new Random(seed);
        while (!stop.IsCancellationRequested)
        {
            try
            {
                foreach (var crm in crms)
                {
                    var records = (await crm.RecordsAsync()).Keys.ToArray();
                    for (var i = 0; i < 5 && records.Length > 0 && !stop.IsCancellationRequested; i++)
                    {
                        await crm.EditAsync(records[chance.Next(records.Length)], chance.Next(2) == 0
                            ? new { phone = $"+43 1 {chance.Next(100_000, 999_999)}" }
                            : new { family = $"Name {chance.Next(1_000)}" });
                        _edits++;
                    }
                }
                await Task.Delay(rest * (0.5 + chance.NextDouble()), stop);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }
}
