using System.Collections.Immutable;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Customers;

// References: where they lead, and what waits for the record that they lead to.
public sealed partial class CustomerDecision
{
    static readonly TimeSpan WaitMin = TimeSpan.FromMinutes(1);
    static readonly TimeSpan WaitMax = TimeSpan.FromDays(1);

    List<ReferralChange>? _referred;

    // Of the write or read at hand; null: it has no references.
    StoredReferences? _stored;

    /// <param name="Said">What references were as said, by field, where they lead to a customer.</param>
    /// <param name="Told">Where they lead, as the caller has found out.</param>
    sealed record StoredReferences(Dictionary<string, string> Said, ImmutableArray<Referral> Told);

    /// <summary>The edit with customers in the place of the records that it refers to, where they are known.</summary>
    Edit Led(Edit edit, ImmutableArray<Referral> told)
    {
        var fields = edit.Fields;
        for (var i = 0; i < fields.Length; i++)
        {
            if (_type.Field(fields[i].Field) is not { } field || !Referring.Refers(field)) continue;
            var said = fields[i].Value;
            var led = Lead(said, told);
            fields = fields.SetItem(i, new(fields[i].Field, led, Referring.ReportedOf(said, led)));
        }
        return fields == edit.Fields ? edit : edit with { Fields = fields };
    }

    // Of its own, so that only an edit with references pays for the closure.
    FieldValue Lead(FieldValue said, ImmutableArray<Referral> told) => Referring.Lead(said, reference => LeadsTo(reference, told));

    ImmutableArray<FieldStored> Led(ImmutableArray<FieldStored> stored, ImmutableArray<Referral> told)
    {
        _stored = null;
        if (stored.IsDefault) return stored;
        for (var i = 0; i < stored.Length; i++)
        {
            if (_type.Field(stored[i].Field) is not { } field || !Referring.Refers(field)) continue;
            var said = stored[i].Value;
            var led = Lead(said, told);
            _stored ??= new(new(StringComparer.Ordinal), told);
            if (Referring.ReportedOf(said, led) is not { } reported) continue;
            _stored.Said[stored[i].Field] = reported;
            stored = stored.SetItem(i, new(stored[i].Field, led));
        }
        return stored;
    }

    string? SaidIn(string field) => _stored?.Said.GetValueOrDefault(field);

    /// <summary>Where a reference leads; null: nobody knows.</summary>
    /// <remarks>What this customer has recorded goes before what a caller has found out, which may be old: one reference leads to one customer.</remarks>
    string? LeadsTo(string reference, ImmutableArray<Referral> told)
    {
        var customer = Recorded(reference);
        if (string.IsNullOrEmpty(customer) && !told.IsDefault)
        {
            foreach (var referral in told)
            {
                if (referral.Said != reference) continue;
                customer = referral.CustomerId;
                break;
            }
        }
        if (string.IsNullOrEmpty(customer)) return null;
        return Recorded(customer) is { Length: > 0 } survivor ? survivor : customer;
    }

    /// <summary>Where a reference leads as recorded, also since this decision began; empty: to nobody known; null: it has not been made yet.</summary>
    string? Recorded(string reference)
    {
        if (_referred is not null)
        {
            for (var i = _referred.Count - 1; i >= 0; i--)
            {
                if (_referred[i].Said == reference) return _referred[i].CustomerId ?? "";
            }
        }
        return _customer?.Referred.GetValueOrDefault(reference);
    }

    /// <summary>Records the references that fields of an edit make for the first time, or that lead to somebody for the first time.</summary>
    void KeepReferences(ImmutableArray<FieldEdit> fields, ImmutableArray<Referral> told)
    {
        foreach (var edited in fields)
        {
            if (_type.Field(edited.Field) is not { } field || !Referring.Refers(field)) continue;
            foreach (var reference in Referring.In(Referring.SaidOf(edited.Value, edited.Reported)))
            {
                var recorded = Recorded(reference);
                var leads = LeadsTo(reference, told);
                if (recorded is null || (recorded.Length == 0 && leads is not null)) Refer(reference, leads);
            }
        }
    }

    void Refer(string reference, string? customerId)
    {
        // Only what was said before has to be respelled.
        var fields = customerId is null || (_customer is null && _edits.Count < 2) ? [] : Referring.FieldsOf(_type);
        (_referred ??= []).Add(new(reference, customerId, fields));
        foreach (var field in fields) _touched.Add(field);
    }

    void Take(long ticket, CustomerCall.Refer refer)
    {
        foreach (var (reference, told) in refer.Referrals)
        {
            // Of two merges the second may have been told first.
            var customerId = told is not null && Recorded(told) is { Length: > 0 } survivor ? survivor : told;

            // Who held a record and is not known any more (erased) is still the one that was meant.
            if (_customer is null || string.IsNullOrEmpty(customerId)) continue;
            if (Canonicaliser.IsCustomerId(reference))
            {
                if (reference == customerId) continue;
                foreach (var (said, leads) in _customer.Referred)
                {
                    if (leads == reference && said != reference) Refer(said, customerId);
                }
                if (_customer.Referred.Any(r => r.Value == reference || r.Key == reference) && Recorded(reference) != customerId) Refer(reference, customerId);
            }
            else if (Recorded(reference) is { } recorded && recorded != customerId)
            {
                Refer(reference, customerId);
            }
        }
        _offers.Add((ticket, null!, ""));
    }

    void Take(long ticket, CustomerCall.Arrived arrived)
    {
        foreach (var link in _customer?.Links ?? [])
        {
            if (link.System != arrived.System) continue;
            foreach (var (field, trouble) in link.Troubles)
            {
                if (trouble.Kind == TroubleKind.Waiting && _customer!.Golden.Get(field) is { } golden && Referring.In(golden.Value).Contains(arrived.CustomerId)) _troubles.Add(new(link.Id, field, null));
            }
        }
        _offers.Add((ticket, null!, ""));
    }

    /// <summary>The field waits for the record that its value leads to; each time in vain, twice as long.</summary>
    TroubleChange Waiting(Link link, string field, long goldenVersion)
    {
        var before = link.Troubles.Get(field);
        var rounds = before is { Kind: TroubleKind.Waiting } && before.GoldenVersion == goldenVersion ? before.Rounds + 1 : 1;
        var first = _hub.System(link.System)?.ReferenceWait ?? SystemDefinition.ReferenceWaitDefault;
        // The first wait is the create's. From then on it is only for the case that nobody tells of the arrival, and each try costs two entries.
        var wait = rounds == 1 && first > TimeSpan.Zero ? first : TimeSpan.FromTicks(Math.Min(Math.Max(first.Ticks, WaitMin.Ticks) << Math.Min(rounds - 1, 11), WaitMax.Ticks));
        return new(link.Id, field, new(TroubleKind.Waiting, RefusalCode.UnresolvedReference, goldenVersion, rounds, before?.LastIntent ?? 0) { Until = _now + wait });
    }

    /// <summary>References that nothing makes any more, once there are many.</summary>
    ImmutableArray<ReferralChange> Unmade(Customer evidenced)
    {
        if (evidenced.Referred.Count <= Referring.KeptMax) return [];
        var made = Referring.MadeBy(evidenced.Links, _type);
        foreach (var field in Referring.FieldsOf(_type))
        {
            if (evidenced.Golden.Get(field) is { } golden) made.UnionWith(Referring.In(golden.Value));
            foreach (var link in evidenced.Links)
            {
                foreach (var write in link.Fields.Get(field)?.Writes ?? []) made.UnionWith(Referring.In(write.Value));
            }
        }
        return [.. evidenced.Referred.Keys.Where(r => !made.Contains(r)).Select(r => new ReferralChange(r, null, [], IsForgotten: true))];
    }
}
