using System.Globalization;
using OrleansCrm.Sandbox.Salesforce.Records;
using OrleansCrm.Sandbox.Salesforce.Schema;

namespace OrleansCrm.Sandbox.Salesforce.Api;

/// <summary>Which records were written, and which deleted, within a span of time.</summary>
/// <seealso href="https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_getupdated.htm"/>
sealed class ReplicationApi(SalesforceOrg org)
{
    const int IdsMax = 600_000;

    public ApiAnswer Updated(ApiCall call, ObjectSpec spec)
    {
        if (Span(call, TimeSpan.FromDays(30)) is not ({ } from, { } until)) return BadSpan();
        if (from >= until) return BadSpan();
        var ids = org.Updated(spec.Name, from, until);
        if (ids.Count > IdsMax) return ApiAnswer.Of(new SalesforceError("EXCEEDED_ID_LIMIT", "exceeded_id_limit: too many ids"));
        call.Rows += ids.Count;
        return ApiAnswer.Json(200, json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("ids");
            foreach (var id in ids) json.WriteStringValue(id);
            json.WriteEndArray();
            json.WriteString("latestDateCovered", Values.Say(Covered(until)));
            json.WriteEndObject();
        });
    }

    public ApiAnswer Deleted(ApiCall call, ObjectSpec spec)
    {
        // Looking 15 days back; the two ends more than a minute apart.
        if (Span(call, TimeSpan.FromDays(15)) is not ({ } from, { } until)) return BadSpan();
        if (until - from <= TimeSpan.FromMinutes(1) || from < Minute(org.EarliestDeletion)) return BadSpan();
        var found = org.Deleted(spec.Name, from, until);
        if (found.Count > IdsMax) return ApiAnswer.Of(new SalesforceError("EXCEEDED_ID_LIMIT", "exceeded_id_limit: too many ids"));
        call.Rows += found.Count;
        return ApiAnswer.Json(200, json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("deletedRecords");
            foreach (var (at, id) in found)
            {
                json.WriteStartObject();
                json.WriteString("id", id);
                json.WriteString("deletedDate", Values.Say(at));
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteString("earliestDateAvailable", Values.Say(org.EarliestDeletion));
            json.WriteString("latestDateCovered", Values.Say(Covered(until)));
            json.WriteEndObject();
        });
    }

    // What long transactions may still bring is not covered.
    DateTimeOffset Covered(DateTimeOffset until)
    {
        var now = Minute(org.Time.GetUtcNow() - org.StampBehind);
        return until < now ? until : now;
    }

    (DateTimeOffset? From, DateTimeOffset? Until) Span(ApiCall call, TimeSpan back)
    {
        // A plus that was not encoded arrives as a blank.
        if (!TryTime(call.Query("start"), out var from) || !TryTime(call.Query("end"), out var until)) return (null, null);
        from = Minute(from);
        return from < Minute(org.Time.GetUtcNow() - back) ? (null, null) : (from, Minute(until));
    }

    static bool TryTime(string? text, out DateTimeOffset time)
    {
        time = default;
        return text is not null && DateTimeOffset.TryParse(text.Replace(' ', '+'), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out time);
    }

    static DateTimeOffset Minute(DateTimeOffset time) => new(time.UtcTicks - (time.UtcTicks % TimeSpan.TicksPerMinute), TimeSpan.Zero);

    static ApiAnswer BadSpan() => ApiAnswer.Of(new SalesforceError("INVALID_REPLICATION_DATE", "The start date must precede the end date and lie within the time that is kept."));
}
