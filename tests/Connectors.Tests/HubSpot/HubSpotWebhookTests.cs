using System.Text;
using CsCheck;
using OrleansCrm.Connectors.HubSpot;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Values;
using Xunit;

namespace OrleansCrm.Connectors.Tests.HubSpot;

/// <summary>What HubSpot's webhooks become, and who is believed to have sent them.</summary>
public sealed class HubSpotWebhookTests
{
    const string Secret = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy";
    const string Address = "https://www.example.com/webhook_uri";
    const string Creation = """[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM","changeFlag":"NEW","appId":54321}]""";
    const string Text = "{'example_field':'example_value'}";
    const string Foreign = """[{"eventId":7,"propertyName":"lastname","propertyValue":"Zoë Ørsted 李"}]""";
    const string Query = "https://hub.example.com/hooks/hubspot?src=hs%3Aapp%2Fv3&x=%28a%29&n=a%20b";
    const long At = 1_700_000_300_000;

    // A moment after the events below.
    static readonly DateTimeOffset Now = DateTimeOffset.FromUnixTimeMilliseconds(1_742_077_079_000);

    static readonly HubDefinition Hub = Given.Hub("""
        hub: test
        recordTypes:
          person:
            fields:
              email: email
              city: text
              born: date
              stage: { type: choice, choices: [lead, customer] }
              employer: { type: reference, to: organization }
          organization:
            fields: { name: text }
        systems:
          hubspot:
            connector: hubspot
            binding: "62515"
            hubActor: "9393362"
            actors: { "77": import }
            auth: { token: env:TOKEN }
            mappings:
              contacts:
                recordType: person
                fields:
                  email: email
                  city: { name: city, direction: both }
                  born: date_of_birth
                  stage: { name: lifecyclestage, values: { lead: lead, customer: customer } }
                  employer: associatedcompanyid
              companies:
                recordType: organization
                fields: { name: { name: name, direction: out } }
        """);

    static HubSpotNews? Read(string events) => new HubSpotWebhooks(Hub, Hub.System("hubspot")!).Read(Encoding.UTF8.GetBytes(events), Secret, Now);

    static HubSpotNews Told(params string[] events) => Read($"[{string.Join(',', events)}]")!;

    static string Event(string type, string more, long portal = 62_515) => $$"""{"eventId":1,"subscriptionId":2,"portalId":{{portal}},"appId":3,"occurredAt":1742077074000,"subscriptionType":"{{type}}","attemptNumber":0,{{more}}}""";

    static string Change(string property, string value, string by = "\"changeSource\":\"CRM_UI\",\"sourceId\":\"userId:28604240\"") => Event("contact.propertyChange", $"\"objectId\":106314056576,\"propertyName\":\"{property}\",\"propertyValue\":\"{value}\",{by}");

    static RecordRead Contact(string id) => new("contacts", id, null);

    [Theory]
    [InlineData(Address, Text, 1_693_657_560_000, "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y=")]
    [InlineData(Address, Text, At, "RnbPH7+UMKVkbV32P8bz450N4M56aPmcru1+D3kSDtw=")]
    [InlineData(Address, Creation, At, "smW6rgegs09CsNkBMkt7S2A8yJh/NGA8hRa/1lTI9wc=")]
    [InlineData(Address, Foreign, At, "gAhuptxmoO31Qe/c9xcwaImuauZXnX4iIEI3HjkqaiU=")]
    [InlineData(Query, Creation, At, "iXg1uayIervf+RST+hW2nOXC9/BVNR3ktT9CO5LHAhw=")]
    public void A_signature_of_version_3_is_believed_for_five_minutes_each_way(string address, string body, long at, string signature)
    {
        var request = new HubSpotRequest("POST", address, Encoding.UTF8.GetBytes(body), signature, at.ToString(System.Globalization.CultureInfo.InvariantCulture), null, null);
        bool Believed(HubSpotRequest asked, double minutes = 0) => HubSpotSignature.IsGenuine(asked, Secret, DateTimeOffset.FromUnixTimeMilliseconds(at).AddMinutes(minutes));

        Assert.True(Believed(request) && Believed(request, 5) && Believed(request, -5));
        Assert.False(Believed(request, 5.01) || Believed(request, -5.01));
        Assert.False(Believed(request with { Method = "GET" }) || Believed(request with { Address = address + "/" }) || Believed(request with { Timestamp = null }) || Believed(request with { Signature3 = "" }));
        Assert.False(HubSpotSignature.IsGenuine(request, "another", DateTimeOffset.FromUnixTimeMilliseconds(at)));
        Gen.Int[0, request.Body.Length - 1].Sample(i =>
        {
            var bytes = request.Body.ToArray();
            bytes[i] ^= 1;
            return !Believed(request with { Body = bytes });
        }, iter: 100);
    }

    [Theory]
    [InlineData(Creation, "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de")]
    [InlineData(Text, "69fc6631a867edd4f9e9e627fc5c1148e3fbdd8b21837b6d2b8901c1fa57f750")]
    [InlineData(Foreign, "c39708ab54fa6713fb90c1ff20aa9eaa6887ba0e36acfd388548dd4f685a417b")]
    public void A_signature_of_version_1_is_believed_where_there_is_none_of_version_3(string body, string signature)
    {
        var request = new HubSpotRequest("POST", Address, Encoding.UTF8.GetBytes(body), null, null, signature, "v1");

        Assert.True(HubSpotSignature.IsGenuine(request, Secret, DateTimeOffset.UnixEpoch));
        Assert.False(HubSpotSignature.IsGenuine(request, "another", DateTimeOffset.UnixEpoch));
        Assert.False(HubSpotSignature.IsGenuine(request with { Version = "v2" }, Secret, DateTimeOffset.UnixEpoch));
        Assert.False(HubSpotSignature.IsGenuine(request with { Signature3 = "AAAA", Timestamp = "0" }, Secret, DateTimeOffset.UnixEpoch));
    }

    [Fact]
    public void An_address_that_was_signed_without_undoing_its_escapes_is_not_believed() =>
        Assert.False(HubSpotSignature.IsGenuine(new("POST", Query, Encoding.UTF8.GetBytes(Creation), "tco4fUb/PrFXsgfmwt3Dp3ELNilA79iD+AMDNlii2bM=", "1700000300000", null, null), Secret, DateTimeOffset.FromUnixTimeMilliseconds(At)));

    [Fact]
    public void A_changed_property_is_a_change_with_its_time_and_who_made_it()
    {
        var edit = Assert.Single(Told(Change("lifecyclestage", "lead")).Edits);

        Assert.Equal((EditKind.Change, "person", new SourceRecord("hubspot", "contacts", "106314056576")), (edit.Kind, edit.RecordType, edit.Source));
        Assert.Equal(DateTimeOffset.FromUnixTimeMilliseconds(1_742_077_074_000), edit.Time);
        Assert.Equal(new Actor(ActorKind.User, "28604240"), edit.Actor);
        Assert.Equal(("stage", FieldValue.Text("lead")), (Assert.Single(edit.Fields).Field, edit.Fields[0].Value));
    }

    [Theory]
    [InlineData("\"changeSource\":\"INTEGRATION\",\"sourceId\":\"9393362\"", ActorKind.Hub)]
    [InlineData("\"changeSource\":\"INTEGRATION\",\"sourceId\":\"9393361\"", ActorKind.Integration)]
    [InlineData("\"changeSource\":\"CRM_UI\",\"sourceId\":\"9393362\"", ActorKind.User)]
    [InlineData("\"changeSource\":\"CRM_UI\",\"sourceId\":\"userId:77\"", ActorKind.Import)]
    [InlineData("\"changeSource\":\"IMPORT\"", ActorKind.Import)]
    [InlineData("\"changeSource\":\"AUTOMATION_PLATFORM\"", ActorKind.Automation)]
    [InlineData("\"changeSource\":\"SOMETHING_NEW\",\"sourceId\":\"1\"", ActorKind.Unknown)]
    public void Who_acted_is_told_as_far_as_HubSpot_tells(string by, ActorKind kind) => Assert.Equal(kind, Assert.Single(Told(Change("city", "Graz", by)).Edits).Actor.Kind);

    [Fact]
    public void An_empty_value_clears() => Assert.True(Assert.Single(Assert.Single(Told(Change("city", "")).Edits).Fields).Value.IsCleared);

    [Fact]
    public void A_change_told_again_by_another_subscription_and_in_another_order_is_the_same_edit()
    {
        var once = Told(Change("city", "Graz"), Change("email", "a@example.com"));
        var again = Told(Change("email", "a@example.com"), Change("city", "Graz"), Change("city", "Graz").Replace("\"subscriptionId\":2", "\"subscriptionId\":4,\"eventType\":\"x\"", StringComparison.Ordinal).Replace("\"attemptNumber\":0", "\"attemptNumber\":3", StringComparison.Ordinal));

        Assert.Equal(2, again.Edits.Length);
        Assert.Equal(once.Edits.Select(e => e.Id).Order(StringComparer.Ordinal), again.Edits.Select(e => e.Id).Order(StringComparer.Ordinal));
        Assert.NotEqual(once.Edits[0].Id, Assert.Single(Told(Change("city", "Linz")).Edits).Id);
        Assert.DoesNotContain("Graz", string.Concat(again.Edits.Select(e => e.Id)), StringComparison.Ordinal);
    }

    [Fact]
    public void What_an_event_does_not_say_for_certain_is_read()
    {
        var news = Told(
            Event("contact.creation", "\"objectId\":1,\"changeSource\":\"CRM_UI\""),
            Event("contact.propertyChange", "\"objectId\":2,\"propertyName\":\"city\",\"propertyValue\":\"REDACTED\",\"isSensitive\":true"),
            Event("contact.propertyChange", "\"objectId\":3,\"propertyName\":\"date_of_birth\",\"propertyValue\":\"1564113600000\""),
            Event("contact.associationChange", "\"associationType\":\"COMPANY_TO_CONTACT\",\"fromObjectId\":9,\"toObjectId\":4,\"associationRemoved\":false,\"isPrimaryAssociation\":true"),
            Event("contact.propertyChange", "\"objectId\":2,\"propertyName\":\"city\",\"propertyValue\":\"REDACTED\",\"isSensitive\":true"));

        Assert.Empty(news.Edits);
        Assert.Equal([Contact("1"), Contact("2"), Contact("3"), Contact("4")], news.ToRead);
    }

    [Fact]
    public void A_record_that_the_hub_created_is_not_read_again()
    {
        var news = Told(Event("contact.creation", "\"objectId\":1,\"changeSource\":\"INTEGRATION\",\"sourceId\":\"9393362\""));

        Assert.Empty(news.Edits);
        Assert.Empty(news.ToRead);
        Assert.Equal(0, news.PassedOver);
    }

    [Fact]
    public void Deletions_and_restores_are_edits_of_their_own_kind()
    {
        var news = Told(Event("contact.privacyDeletion", "\"objectId\":1"), Event("contact.deletion", "\"objectId\":1,\"changeFlag\":\"DELETED\""), Event("object.restore", "\"objectTypeId\":\"0-1\",\"objectId\":2"));

        Assert.Equal([(EditKind.Deleted, "1"), (EditKind.Restored, "2")], news.Edits.Select(e => (e.Kind, e.Source.ExternalId)));
        Assert.Equal([Contact("2")], news.ToRead);
    }

    [Theory]
    [InlineData("\"newObjectId\":30,", "30", "20 10")]
    [InlineData("", "10", "20")]
    [InlineData("\"newObjectId\":10,", "10", "20")]
    public void Merged_records_end_in_the_one_that_lives_whichever_that_is(string more, string lives, string ended)
    {
        var news = Told(Event("contact.merge", $"{more}\"objectId\":10,\"primaryObjectId\":10,\"mergedObjectIds\":[20],\"numberOfPropertiesMoved\":3"));

        Assert.Equal(ended.Split(' '), news.Edits.Select(e => e.Source.ExternalId));
        Assert.All(news.Edits, e => Assert.Equal((EditKind.MergedInto, new SourceRecord("hubspot", "contacts", lives)), (e.Kind, e.Into!.Value)));
        Assert.Equal([Contact(lives)], news.ToRead);
    }

    [Fact]
    public void What_concerns_another_account_or_nothing_mapped_is_counted_and_passed_over()
    {
        var news = Told(Event("contact.creation", "\"objectId\":1", portal: 1), Event("contact.creation", "\"objectId\":1", portal: 62_516), Event("deal.creation", "\"objectId\":1"), Event("contact.unheardOf", "\"objectId\":1"), Change("unmapped", "x"), Event("company.propertyChange", "\"objectId\":1,\"propertyName\":\"name\",\"propertyValue\":\"x\""), "7", "{\"portalId\":62515}");

        Assert.Equal((0, 0, 2, 6), (news.Edits.Length, news.ToRead.Length, news.Elsewhere, news.PassedOver));
    }

    [Fact]
    public void A_value_that_cannot_be_taken_is_told_and_is_in_no_edit()
    {
        var news = Told(Change("lifecyclestage", "nonsense"), Change("city", "Graz"));

        Assert.Single(news.Problems);
        Assert.Equal([Contact("106314056576")], news.ToRead);
        Assert.Equal("city", Assert.Single(Assert.Single(news.Edits).Fields).Field);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("[")]
    [InlineData("\"text\"")]
    public void What_is_no_list_of_events_is_refused(string body) => Assert.Null(Read(body));

    [Fact]
    public void An_event_that_was_tried_before_or_comes_late_is_taken_and_its_record_is_read_too()
    {
        var fresh = Told(Change("city", "Graz"));
        var again = Told(Change("city", "Graz").Replace("\"attemptNumber\":0", "\"attemptNumber\":3", StringComparison.Ordinal));
        var late = new HubSpotWebhooks(Hub, Hub.System("hubspot")!).Read(Encoding.UTF8.GetBytes($"[{Change("city", "Graz")}]"), Secret, Now.AddMinutes(2))!;

        Assert.Empty(fresh.ToRead);
        Assert.Equal([Contact("106314056576")], again.ToRead);
        Assert.Equal([Contact("106314056576")], late.ToRead);
        Assert.Equal(Assert.Single(fresh.Edits).Id, Assert.Single(again.Edits).Id);
    }

    [Fact]
    public void Of_two_values_of_one_moment_nobody_knows_which_is_the_later_one_so_the_record_is_read()
    {
        var news = Told(Change("city", "Graz"), Change("city", "Linz"));

        Assert.Equal([Contact("106314056576")], news.ToRead);
    }

    [Fact]
    public void Who_does_not_know_the_secret_cannot_tell_a_value_by_the_id_of_its_edit()
    {
        var body = Encoding.UTF8.GetBytes($"[{Change("city", "Graz")}]");
        var webhooks = new HubSpotWebhooks(Hub, Hub.System("hubspot")!);

        var ids = new[] { Secret, Secret, "another secret" }.Select(s => Assert.Single(webhooks.Read(body, s, Now)!.Edits).Id).ToArray();

        Assert.Equal(ids[0], ids[1]);
        Assert.NotEqual(ids[0], ids[2]);
    }

    [Fact]
    public void More_events_than_HubSpot_sends_are_refused() => Assert.Null(Read($"[{string.Join(',', Enumerable.Repeat("{}", HubSpotWebhooks.EventsMax + 1))}]"));

    [Fact]
    public void No_event_whatever_its_members_hold_breaks_the_reading()
    {
        string[] values = ["null", "true", "-1", "1e400", "\"\"", "\"x\"", "[]", "{}", "[null]", "99999999999999999999"];
        string[] kinds = ["contact.propertyChange", "contact.merge", "contact.deletion", "object.creation", "contact.associationChange", "contact.restore"];
        string[] names = ["objectId", "occurredAt", "propertyName", "propertyValue", "sourceId", "changeSource", "isSensitive", "primaryObjectId", "mergedObjectIds", "newObjectId", "objectTypeId", "associationType", "fromObjectId", "toObjectId"];
        Gen.Select(Of(kinds), Of(names).Array[0, 8], Of(values).Array[8]).Sample((kind, members, held) =>
            Read($"[{{\"portalId\":62515,\"objectId\":5,\"propertyName\":\"city\",\"subscriptionType\":\"{kind}\"{string.Concat(members.Select((m, i) => $",\"{m}\":{held[i]}"))}}}]") is not null, iter: 2_000);
    }

    static Gen<string> Of(string[] all) => Gen.Int[0, all.Length - 1].Select(i => all[i]);
}
