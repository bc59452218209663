using System.Globalization;

namespace OrleansCrm.Bench.Peers;

/// <summary>A person as a grain that keeps its state with Orleans' own storage.</summary>
[Alias("crm.bench.IPeerGrain")]
public interface IPeerGrain : IGrainWithIntegerKey
{
    [Alias("Fill")]
    Task Fill();

    [Alias("Edit")]
    Task Edit(string system, string phone, string title, DateTimeOffset at);
}

/// <summary>Each edit writes the state, and then a row into the outbox: two transactions, as the storage takes no part in ours.</summary>
sealed class PeerGrain([PersistentState("person", OrleansPeer.StorageName)] IPersistentState<PeerPerson> person, PeerOutbox outbox) : Grain, IPeerGrain
{
    public async Task Fill()
    {
        person.State = PeerPerson.Whole((int)this.GetPrimaryKeyLong());
        await person.WriteStateAsync();
    }

    public async Task Edit(string system, string phone, string title, DateTimeOffset at)
    {
        person.State.Say(system, "phone", phone, at);
        person.State.Say(system, "title", title, at);
        person.State.Revision++;
        await person.WriteStateAsync();
        await outbox.AddAsync(this.GetPrimaryKeyLong().ToString(CultureInfo.InvariantCulture), PeerOutbox.Change(system, phone, title, at));
    }
}
