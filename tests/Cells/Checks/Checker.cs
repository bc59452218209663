using System.Text.Json;
using OrleansCrm.Cells.Arena;
using OrleansCrm.Cells.Load;

namespace OrleansCrm.Cells.Checks;

/// <summary>Whether the rules held, by the hub's HTTP and the systems' own logs alone.</summary>
sealed class Checker(Silo hub, IReadOnlyList<Crm> crms, Traffic traffic)
{
    const int ViolationsMax = 20;

    static readonly (string Field, string Name)[] Shared = [("email", "mail"), ("lastName", "family"), ("phone", "phone"), ("city", "city"), ("segment", "segment")];

    readonly List<string> _violations = [];

    public IReadOnlyList<string> Violations => _violations;

    /// <param name="definition">The version of the definition that all customers must be at in the end.</param>
    public async Task CheckAsync(int definition)
    {
        var journal = await Journal.ReadAsync(hub.Http);
        foreach (var fault in traffic.Faults) Violate(fault);
        Definitions(journal, definition);
        Acknowledged(journal);
        Dense(journal);
        var customers = await CustomersAsync(journal);
        StateIsFold(journal, customers);
        LastWordHolds(customers);
        foreach (var crm in crms) await AtGoldenAsync(crm, customers);
        foreach (var crm in crms) NoDuplicates(crm);
    }

    /// <summary>Waits until nothing is written anywhere for a while, then sees that it stays so.</summary>
    /// <returns>How long it took to come to rest; null: it did not within the bound, which is a violation.</returns>
    public async Task<TimeSpan?> RestAsync(TimeSpan within, TimeSpan quiet)
    {
        var started = DateTimeOffset.UtcNow;
        var changes = -1;
        var since = started;
        while (DateTimeOffset.UtcNow - started < within)
        {
            var now = crms.Sum(c => c.Changes().Count);
            var waiting = 0L;
            foreach (var crm in crms) waiting += await crm.ReportsWaitingAsync();
            if (now != changes || waiting > 0) (changes, since) = (now, DateTimeOffset.UtcNow);
            if (DateTimeOffset.UtcNow - since > TimeSpan.FromSeconds(10) && await AllInSyncAsync())
            {
                // Asking everybody takes its time: what was written meanwhile is why all are in sync now.
                if (crms.Sum(c => c.Changes().Count) != changes) continue;
                var rested = since - started;
                await Task.Delay(quiet);
                var after = crms.Sum(c => c.Changes().Count);
                if (after != changes) Violate($"rule 7: {after - changes} writes in a quiet time of {quiet.TotalSeconds:0} s");
                return rested;
            }
            await Task.Delay(500);
        }
        Violate($"rule 6: not at rest {within.TotalSeconds:0} s after the last edit");
        return null;
    }

    async Task<bool> AllInSyncAsync()
    {
        try
        {
            var journal = await Journal.ReadAsync(hub.Http);
            foreach (var (_, customer) in await CustomersAsync(journal))
            {
                foreach (var link in customer.GetProperty("links").EnumerateArray())
                {
                    if (link.GetProperty("delivery").GetString() is not ("in-sync" or "parked")) return false;
                }
            }
            return true;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    void Acknowledged(Journal journal)
    {
        foreach (var edit in traffic.Sent)
        {
            var count = journal.CountOf(edit.System, edit.Id);
            if (count > 1) Violate($"rule 2: edit {edit.Id} of {edit.Subject} stands {count} times in the journal");
            if (edit.Outcome == "applied" && count == 0) Violate($"rule 1: edit {edit.Id} of {edit.Subject} was answered applied at {edit.Customer}#{edit.Revision} and is not in the journal");
        }
    }

    // Whoever still had an older definition after a newer one was applied would give a field its former value back.
    void Definitions(Journal journal, int newest)
    {
        foreach (var (customer, versions) in journal.Definitions)
        {
            if (versions[^1] != newest) Violate($"{customer} was last decided under version {versions[^1]} of the definition, not {newest}");
            for (var i = 1; i < versions.Count; i++)
            {
                if (versions[i] < versions[i - 1]) Violate($"{customer} was decided under version {versions[i]} of the definition at revision {i + 1}, after version {versions[i - 1]}");
            }
        }
        foreach (var (customer, revision, system) in journal.Setters.Where(s => s.Definition > 1 && s.Field == CellDefinition.Moved && s.System != CellDefinition.Owner).Select(s => (s.Customer, s.Revision, s.System)))
        {
            Violate($"rule 8: {CellDefinition.Moved} of {customer} became {system}'s again at revision {revision}, under a definition that gives it to {CellDefinition.Owner}");
        }
    }

    void Dense(Journal journal)
    {
        foreach (var (customer, revisions) in journal.Revisions)
        {
            for (var i = 0; i < revisions.Count; i++)
            {
                if (revisions[i] == i + 1) continue;
                Violate($"rule 3: {customer} has revision {revisions[i]} at place {i + 1} of the feed");
                break;
            }
        }
    }

    async Task<Dictionary<string, JsonElement>> CustomersAsync(Journal journal)
    {
        var customers = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        foreach (var id in journal.Revisions.Keys)
        {
            using var answer = await hub.Http.GetAsync($"/v1/customers/{id}");
            answer.EnsureSuccessStatusCode();
            customers[id] = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
        }
        return customers;
    }

    void StateIsFold(Journal journal, Dictionary<string, JsonElement> customers)
    {
        foreach (var (id, customer) in customers)
        {
            var revision = customer.GetProperty("revision").GetInt64();
            if (revision != journal.Revisions[id][^1]) Violate($"rule 3: {id} is at revision {revision}, its last entry is {journal.Revisions[id][^1]}");
            var folded = journal.GoldenOf(id);
            var held = customer.GetProperty("fields").EnumerateObject().ToDictionary(f => f.Name, f => f.Value.GetProperty("value").GetRawText(), StringComparer.Ordinal);
            foreach (var name in folded.Keys.Union(held.Keys, StringComparer.Ordinal))
            {
                if (folded.GetValueOrDefault(name) != held.GetValueOrDefault(name)) Violate($"rule 3: field {name} of {id} is not what the change feed amounts to");
            }
        }
    }

    // The shop alone owns the city: its last word, by its own times, must hold, whatever failed in between.
    void LastWordHolds(Dictionary<string, JsonElement> customers)
    {
        var byMail = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        foreach (var customer in customers.Values)
        {
            if (customer.GetProperty("status").GetString() != "living" || !customer.GetProperty("fields").TryGetProperty("email", out var email)) continue;
            if (!byMail.TryAdd(email.GetProperty("value").GetString()!, customer)) Violate($"rule 4: two living customers hold one identity key: {customer.GetProperty("id").GetString()}");
        }
        foreach (var subject in traffic.Sent.Where(e => e.Fields.ContainsKey("city")).GroupBy(e => e.Subject, StringComparer.Ordinal))
        {
            var last = subject.MaxBy(e => e.At)!;
            if (!byMail.TryGetValue(last.Fields["mail"], out var customer))
            {
                Violate($"rule 1: no customer has the address of {subject.Key}");
                continue;
            }
            var city = customer.GetProperty("fields").TryGetProperty("city", out var golden) ? golden.GetProperty("value").GetString() : null;
            if (city != last.Fields["city"]) Violate($"rule 8: the city of {customer.GetProperty("id").GetString()} is not the shop's last word, edit {last.Id}");
        }
    }

    async Task AtGoldenAsync(Crm crm, Dictionary<string, JsonElement> customers)
    {
        var records = await crm.RecordsAsync();
        var linked = 0;
        foreach (var (id, customer) in customers)
        {
            foreach (var link in customer.GetProperty("links").EnumerateArray())
            {
                if (link.GetProperty("system").GetString() != crm.Name || link.GetProperty("state").GetString() != "linked") continue;
                linked++;
                var external = link.GetProperty("externalId").GetString()!;
                if (!records.TryGetValue(external, out var record))
                {
                    Violate($"rule 6: {id} is linked to {crm.Name}/{external}, which is not there");
                    continue;
                }
                foreach (var (field, name) in Shared)
                {
                    var golden = customer.GetProperty("fields").TryGetProperty(field, out var value) ? value.GetProperty("value").GetString() : null;
                    var held = record.TryGetProperty(name, out var there) && there.ValueKind == JsonValueKind.String ? there.GetString() : null;
                    if (golden is not null && golden != held) Violate($"rule 6: {field} of {id} in {crm.Name}/{external} is not golden ({link.GetProperty("delivery").GetString()})");
                }
            }
        }
        if (linked < customers.Values.Count(c => c.GetProperty("status").GetString() == "living")) Violate($"rule 6: {crm.Name} has {linked} linked records for {customers.Count} customers");
        if (records.Count != linked) Violate($"rule 9: {crm.Name} has {records.Count} records, {linked} of them are linked");
    }

    void NoDuplicates(Crm crm)
    {
        foreach (var twice in crm.Changes().Where(c => c.GetProperty("kind").GetString() == "created" && c.GetProperty("fields").TryGetProperty("hubKey", out _))
            .GroupBy(c => c.GetProperty("fields").GetProperty("hubKey").GetString(), StringComparer.Ordinal).Where(g => g.Count() > 1))
        {
            Violate($"rule 9: {crm.Name} was asked to make {twice.Count()} records for one creation key");
        }
    }

    void Violate(string what)
    {
        if (_violations.Count < ViolationsMax) _violations.Add(what);
    }
}
