using System.Globalization;
using System.Text;
using OrleansCrm.Domain.Definitions.Reading;
using Xunit;

namespace OrleansCrm.Domain.Tests.Definitions;

/// <summary>Each mistake has a place (marked § in the example), a path, a problem and a fix.</summary>
public sealed class DefinitionErrorTests
{
    [Theory]
    [InlineData("§hubb: acme", "hubb", "Unknown key 'hubb' in a hub definition.", "Did you mean 'hub'?")]
    [InlineData("recordTypes: { person: { §field: {} } }", "recordTypes.person.field", "Unknown key 'field' in a record type.", "Did you mean 'fields'?")]
    [InlineData("hub: a\n§hub: b", "hub", "'hub' is there twice; the first is in line 1.", "Keep one")]
    [InlineData("recordTypes:\n  §person: {}\n  §person: {}", "recordTypes.person", "'person' is there twice; the first is in line 2.", "Keep one")]
    [InlineData("§{ recordTypes: {} }", "", "The key 'hub' is missing in this hub definition.", "Add 'hub: acme'")]
    [InlineData("hub: §[a]", "hub", "Expected a name of letters", "Write a name")]
    [InlineData("hub:§", "hub", "found nothing", "remove the key")]
    [InlineData("hub: §a b", "hub", "'a b' is not a name", "letters, digits and hyphens")]
    [InlineData("contestedAfter: §21", "contestedAfter", "21 is out of range.", "1 to 20")]
    [InlineData("contestedAfter: §three", "contestedAfter", "Expected a whole number, 1 to 20", "Write a whole number")]
    [InlineData("futureTolerance: §2y", "futureTolerance", "'2y' is no duration.", "15m")]
    [InlineData("futureTolerance: §P1M", "futureTolerance", "'P1M' is no duration.", "months and years have no fixed length")]
    [InlineData("futureTolerance: §2d", "futureTolerance", "'2d' is out of range.", "0s to 1d")]
    [InlineData("defaultCountry: §at", "defaultCountry", "'at' is not an ISO 3166", "two capital letters")]
    [InlineData("recordTypes: §person", "recordTypes", "Expected names with values", "indented")]
    [InlineData("recordTypes: { §Person: {} }", "recordTypes.Person", "'Person' cannot be a name here.", "a small letter")]
    [InlineData("§<<: { hub: a }", "", "Merging with '<<' is not supported.", "*alias")]
    public void The_shape_of_the_file_is_checked(string yaml, string path, string problem, string fix) => AssertTold(yaml, path, problem, fix);

    [Theory]
    [InlineData("a: §string", "fields.a", "'string' is not known here.", "Did you mean 'text'?")]
    [InlineData("a: §date-time", "fields.a", "'date-time' is not known here.", "Did you mean 'dateTime'?")]
    [InlineData("a: { type: text, choices: §[x] }", "fields.a.choices", "'choices' means nothing for a field of type text.", "make the field a choice")]
    [InlineData("a: { type: choice, choices: [x, §x] }", "fields.a.choices[1]", "'x' is there twice.", "Keep one")]
    [InlineData("a: { type: text, maxLength: §5000 }", "fields.a.maxLength", "Only a longText holds more", "longText")]
    [InlineData("a: { type: money, scale: §29 }", "fields.a.scale", "29 is out of range.", "0 to 28")]
    [InlineData("a: §{ type: reference }", "fields.a", "A reference must say what it may point to.", "person")]
    [InlineData("a: { type: reference, to: §persn }", "fields.a.to", "There is no record type 'persn'.", "Did you mean 'person'?")]
    [InlineData("a: { type: text, data: §personal }", "fields.a.data", "is personal and has no purpose", "purpose:")]
    [InlineData("a: { type: text, purpose: §Care }", "fields.a.purpose", "the data is not personal", "data: personal")]
    [InlineData("§in: text", "fields.in", "'in' is a word of conditions.", "another name")]
    [InlineData("a: { type: text, was: §b }\nb: text", "fields.a.was", "'b' names something else in line 6.", "remove it here")]
    [InlineData("a: { type: text, policy: §newest }", "fields.a.policy", "'newest' is not known here.", "Did you mean 'latest'?")]
    [InlineData("a: { type: text, policy: [§hubspt] }", "fields.a.policy[0]", "There is no system 'hubspt'.", "Did you mean 'hubspot'?")]
    [InlineData("a: { type: text, policy: [crm, §crm] }", "fields.a.policy[1]", "'crm' is an owner already", "when:")]
    [InlineData("a: { type: text, policy: §owners }", "fields.a.policy", "no owner is named", "owners:")]
    [InlineData("a: { type: text, policy: §highest }", "fields.a.policy", "The strategy highest does not fit a field of type text.", "latest")]
    [InlineData("a: { type: consent, policy: §latest }", "fields.a.policy", "The strategy latest does not fit a field of type consent.", "restrictive")]
    [InlineData("a: { type: text, policy: §restrictive }", "fields.a.policy", "The strategy restrictive does not fit", "latest")]
    [InlineData("a: { type: text, policy: { strategy: latest, order: §[x] } }", "fields.a.policy.order", "'order' means nothing to the strategy latest.", "strategy: forward")]
    [InlineData("a: { type: choice, policy: §forward }", "fields.a.policy", "A forward field needs an order", "choices:")]
    [InlineData("a: { type: choice, choices: [x, y], policy: { strategy: forward, order: §[x] } }", "fields.a.policy.order", "The choice 'y' is not in the order.", "every choice once")]
    [InlineData("a: { type: choice, choices: [x, y], policy: { strategy: forward, resets: [§z] } }", "fields.a.policy.resets[0]", "'z' is no value of field 'a' (choice).", "Choices: x, y.")]
    [InlineData("a: { type: number, policy: { strategy: latest, ignoreValues: [0, §none] } }", "fields.a.policy.ignoreValues[1]", "'none' is no value of field 'a' (number).", "a number")]
    [InlineData("a: { type: address, policy: { strategy: latest, ignoreValues: §[x] } }", "fields.a.policy.ignoreValues", "has no single value to ignore", "Remove")]
    [InlineData("a: { type: text, policy: { strategy: latest, yieldsAfter: §1d } }", "fields.a.policy.yieldsAfter", "Only an owner's claim can yield", "owners:")]
    [InlineData("a: { type: consent, policy: { optInFrom: [§mail] } }", "fields.a.policy.optInFrom[0]", "There is no system 'mail'.", "Systems: ")]
    [InlineData("a: { type: consent, policy: { evidence: §sorce } }", "fields.a.policy.evidence", "'a' has no part 'sorce'.", "Did you mean 'source'?")]
    [InlineData("a: { type: text, policy: { ignoreActors: [user], demoteActors: [§user] } }", "fields.a.policy.demoteActors[0]", "user is ignored, so it cannot be demoted.", "Keep one")]
    [InlineData("a: { type: text, policy: { strategy: review, fallback: §review } }", "fields.a.policy.fallback", "'review' is not known here.", "latest")]
    public void Fields_and_policies_are_checked(string field, string path, string problem, string fix) =>
        AssertTold(Hub(fields: field), "recordTypes.person." + path, problem, fix);

    [Theory]
    [InlineData("§contry = AT", "Record type 'person' has no field 'contry'.", "Did you mean 'country'?")]
    [InlineData("country = §XX", "'XX' is no value of field 'country' (choice).", "Choices: AT, CH.")]
    [InlineData("not (country in [AT, §XX])", "'XX' is no value of field 'country' (choice).", "Choices: AT, CH.")]
    [InlineData("country in §AT", "Expected '[', found 'AT'.", "segment in [a, b]")]
    [InlineData("country §AT", "Expected 'and', 'or' or the end, found 'AT'.", "country = AT")]
    [InlineData("(country = AT§", "Expected ')', found the end.", "Write for example")]
    [InlineData("country =§", "Expected a value, found the end.", "Write for example")]
    [InlineData("country = AT and §and vip", "Expected the name of a field, found 'and'.", "Write for example")]
    [InlineData("country = 'AT§", "A quote is not closed.", "Write for example")]
    [InlineData("filled(§)", "Expected the name of a field, found ')'.", "Write for example")]
    [InlineData("§country", "'country' is no yes-or-no field", "country = value")]
    [InlineData("§country has AT", "'country' has no members.", "country = value")]
    [InlineData("§home = x", "'home' is a group of fields.", "home.street, home.city")]
    [InlineData("§note = x", "'note' is kept per link", "scope customer")]
    [InlineData("vip = §yes", "'yes' is no value of field 'vip' (boolean).", "true or false")]
    public void Conditions_are_checked_to_the_character(string condition, string problem, string fix)
    {
        const string others = "country: { type: choice, choices: [AT, CH] }\nvip: boolean\nhome: address\nnote: { type: text, scope: link }\n";
        AssertTold(Hub(fields: others + "a: { type: text, policy: { owners: [ { system: crm, when: \"" + condition + "\" } ] } }"), "recordTypes.person.fields.a.policy.owners[0].when", problem, fix);
        AssertTold(Hub(fields: others, mapping: "  scope: " + condition, fieldMapping: "vip: Vip"), "systems.crm.mappings.Contact.scope", problem, fix);
    }

    [Theory]
    [InlineData("a: { type: boolean, policy: { owners: { system: crm, when: §b } } }\nb: { type: boolean, policy: { owners: { system: crm, when: c } } }\nc: { type: boolean, policy: { owners: { system: crm, when: a } } }", "a -> b -> c -> a")]
    [InlineData("a: { type: boolean, policy: { owners: { system: crm, when: §a } } }", "a -> a")]
    [InlineData("a: { type: address, policy: { owners: { system: crm, when: §a.city = x } } }", "a -> a")]
    [InlineData("x: { type: text, policy: { owners: { system: crm, when: a } } }\na: { type: boolean, policy: { owners: { system: crm, when: §b } } }\nb: { type: boolean, policy: { owners: { system: crm, when: a } } }", "a -> b -> a")]
    public void Conditions_that_form_a_cycle_are_told_once_each(string fields, string cycle)
    {
        var (yaml, line, column) = Place(Hub(fields: fields));

        var error = Assert.Single(HubDefinitionReader.Read(yaml).Errors);

        Assert.Equal((line, column), (error.Line, error.Column));
        Assert.Contains($"cycle: {cycle}.", error.Problem);
        Assert.Contains("no condition decides", error.Fix);
    }

    [Theory]
    [InlineData("groups: { g: §[a] }", "groups.g", "The list has 1 entries.", "2 to 32")]
    [InlineData("groups: { g: [a, §d] }", "groups.g[1]", "There is no field 'd'.", "Fields: a, b, home, note.")]
    [InlineData("groups: { g: [a, §home] }", "groups.g[1]", "'home' is a group by itself (address).", "not nested")]
    [InlineData("groups: { g: [a, §note] }", "groups.g[1]", "'note' has another scope than 'a'.", "same scope")]
    [InlineData("groups: { g: [a, §a] }", "groups.g[1]", "'a' is in the group twice.", "Keep one")]
    [InlineData("groups: { §a: [a, b] }", "groups.a", "'a' is a field already.", "another name")]
    [InlineData("groups: { g: [a, b], h: [§a, b] }", "groups.h[0]", "'a' is in group 'g' already.", "one group")]
    [InlineData("groups: { g: { fields: [a, b], policy: §highest } }", "groups.g.policy", "The strategy highest does not fit a group.", "latest")]
    [InlineData("identity: [§mail]", "identity[0]", "has no field 'mail'", "Fields: ")]
    [InlineData("identity: [§note]", "identity[0]", "'note' is kept per link", "scope customer")]
    [InlineData("existence: { deleteBy: [§crn] }", "existence.deleteBy[0]", "There is no system 'crn'.", "Did you mean 'crm'?")]
    [InlineData("existence: { grace: §31d }", "existence.grace", "'31d' is out of range.", "0s to 30d")]
    [InlineData("defaults: { owners: [ { system: crm, when: §a = x } ] }", "defaults.owners[0].when", "Default owners cannot have conditions", "policies of the fields")]
    public void Record_types_are_checked(string extra, string path, string problem, string fix) =>
        AssertTold(Hub(fields: "a: text\nb: text\nhome: address\nnote: { type: text, scope: link }", type: extra), "recordTypes.person." + path, problem, fix);

    [Theory]
    [InlineData("mode: §dry-run", "mode", "'dry-run' is not known here.", "Did you mean 'shadow'?")]
    [InlineData("retryPolicy: { maxRetries: §101 }", "retryPolicy.maxRetries", "101 is out of range.", "0 to 100")]
    [InlineData("retryPolicy: { §maxRetrys: 5 }", "retryPolicy.maxRetrys", "Unknown key 'maxRetrys' in a retry policy.", "Did you mean 'maxRetries'?")]
    [InlineData("retryPolicy: { delay: 1m, maxDelay: §1s }", "retryPolicy.maxDelay", "maxDelay (1s) is shorter than delay (1m).", "Raise maxDelay")]
    [InlineData("lanes: §65", "lanes", "65 is out of range.", "1 to 64")]
    [InlineData("lanes: §4\nguard: { deletes: 3 }", "lanes", "guard.deletes (3) cannot be shared among 4 lanes.", "Raise guard.deletes to 4, or declare at most 3 lanes.")]
    [InlineData("budget: { concurrency: 2 }\nlanes: §3", "lanes", "budget.concurrency (2) cannot be shared among 3 lanes.", "at most 2 lanes")]
    [InlineData("guard: { creates: §-1 }", "guard.creates", "-1 is out of range.", "0 to 100000000")]
    [InlineData("budget: { floor: §1 }", "budget.floor", "1 is out of range.", "0 to 0.95")]
    [InlineData("budget: { perSecond: §NaN }", "budget.perSecond", "Expected a number", "Write a number")]
    [InlineData("clockTolerance: §2h", "clockTolerance", "'2h' is out of range.", "0s to 1h")]
    [InlineData("actors: { u1: §robot }", "actors.u1", "'robot' is not known here.", "automation")]
    [InlineData("actors: { u1: §hub }", "actors.u1", "'hub' is not known here.", "integration")]
    [InlineData("hubActor: u1\nactors: { §u1: user }", "actors.u1", "This is the hub's own user (hubActor).", "Remove it")]
    [InlineData("was: §hubspot", "was", "'hubspot' names something else in line", "rename the other")]
    [InlineData("settings: { a: §[1, 2] }", "settings.a", "Expected a single value, found a list.", "one text")]
    [InlineData("settings: { auth: { user: u } }\nauth: { user: §v }", "auth.user", "'auth.user' stands under 'settings' too.", "Keep one")]
    public void Systems_are_checked(string extra, string path, string problem, string fix) => AssertTold(Hub(system: extra), "systems.crm." + path, problem, fix);

    [Theory]
    [InlineData("token: §abc", "token", "env:TOKEN")]
    [InlineData("password: §hunter2hunter2", "password", "env:PASSWORD")]
    [InlineData("clientSecret: §s3cr3t-value", "clientSecret", "env:CLIENT_SECRET")]
    [InlineData("apiKey: §12345678", "apiKey", "env:API_KEY")]
    [InlineData("api-key: §12345678", "api-key", "env:API_KEY")]
    [InlineData("webhook: { signingSecret: §abcdefgh }", "webhook.signingSecret", "file:/run/secrets/signingSecret")]
    [InlineData("refreshToken: §env:not a name", "refreshToken", "env:REFRESH_TOKEN")]
    [InlineData("header: §eyJhbGciOiJIUzI1NiJ9.e30.x", "header", "env:HEADER")]
    [InlineData("instance: §pat-na1-01234567", "instance", "env:INSTANCE")]
    [InlineData("proxy: §http://me:pass@proxy.example", "proxy", "env:PROXY")]
    [InlineData("database: §Host=x;Password=y", "database", "env:DATABASE")]
    public void A_secret_as_a_value_is_an_error_that_does_not_repeat_it(string setting, string path, string fix)
    {
        foreach (var key in new[] { "auth", "settings" })
        {
            var (yaml, line, column) = Place(Hub(system: $"{key}: {{ {setting} }}"));
            var secret = setting[(setting.IndexOf('§', StringComparison.Ordinal) + 1)..].TrimEnd('}', ' ');

            var error = Assert.Single(HubDefinitionReader.Read(yaml).Errors);

            Assert.Equal((line, column, $"systems.crm.{key}.{path}"), (error.Line, error.Column, error.Path));
            Assert.Contains(fix, error.Fix);
            Assert.DoesNotContain(secret, error.ToString());
        }
    }

    [Theory]
    [InlineData("token: env:HUBSPOT_TOKEN")]
    [InlineData("clientSecret: file:/run/secrets/crm")]
    [InlineData("tokenUrl: https://login.example/token")]
    [InlineData("accessKeyId: plain")]
    [InlineData("clientId: plain")]
    public void References_and_what_only_speaks_about_secrets_are_accepted(string setting) =>
        Assert.Empty(HubDefinitionReader.Read(Hub(system: $"auth: {{ {setting} }}")).Errors);

    [Theory]
    [InlineData("", "§x: X", "fields.x", "Record type 'person' has no field 'x'.", "Fields: ")]
    [InlineData("", "§home: X", "fields.home", "'home' is a group of fields.", "home.street")]
    [InlineData("", "a: X\nb: §X", "fields.b", "'X' is written by a too.", "direction: in")]
    [InlineData("  constants: { §X: 1 }", "a: X", "constants.X", "'X' is written by a too.", "direction: in")]
    [InlineData("  joins: { X: [a, §q] }", "a: Y", "joins.X[1]", "has no field 'q'", "Fields: ")]
    [InlineData("  requiredToCreate: [§b]", "a: X", "requiredToCreate[0]", "'b' is required, but never written", "direction out")]
    [InlineData("  create: §always", "a: X", "create", "'always' is not known here.", "inScope")]
    [InlineData("", "a: { name: X, crosswalk: §owner }", "fields.a.crosswalk", "There is no crosswalk 'owner'.", "Did you mean 'owners'?")]
    [InlineData("", "a: { name: X, values: { k: v }, crosswalk: §owners }", "fields.a.crosswalk", "Values are mapped twice", "Keep one")]
    [InlineData("", "a: { name: X, dateFormat: §yyyy }", "fields.a.dateFormat", "'a' is no date.", "Remove")]
    [InlineData("", "d: { name: X, dateFormat: §'%' }", "fields.d.dateFormat", "is no date format", "dd.MM.yyyy")]
    [InlineData("", "a: { name: X, split: { at: ' ' }, direction: §both }", "fields.a.direction", "A piece of a text cannot be written", "joins:")]
    [InlineData("", "vip: { name: X, values: { J: §ja } }", "fields.vip.values.J", "'ja' is no value of field 'vip' (boolean).", "true or false")]
    [InlineData("", "a: §{ direction: in }", "fields.a", "The key 'name' is missing in this field mapping.", "Add 'name: MobilePhone'")]
    public void Mappings_are_checked(string extra, string mapped, string path, string problem, string fix) =>
        AssertTold(Hub(fields: "a: text\nb: text\nd: date\nvip: boolean\nhome: address", mapping: extra, fieldMapping: mapped), "systems.crm.mappings.Contact." + path, problem, fix);

    [Fact]
    public void Crosswalks_are_checked()
    {
        AssertTold(Hub(rest: "  more: { rows: { anna: { §hubspt: 1 } } }"), "crosswalks.more.rows.anna.hubspt", "There is no system 'hubspt'.", "Did you mean 'hubspot'?");
        AssertTold(Hub(rest: "  more: { rows: { anna: { crm: 1 }, ben: { crm: [2, §1] } } }"), "crosswalks.more.rows.ben.crm[1]", "This value of 'crm' is 'anna' already.", "one thing only");
        AssertTold("hub: a\nrecordTypes: { p: { fields: { a: text } } }\nsystems: { §steward: { connector: x } }", "systems.steward", "'steward' is the name of the hub's own people.", "another name");
    }

    [Fact]
    public void Everything_that_is_wrong_is_told_at_once_in_file_order()
    {
        var errors = HubDefinitionReader.Read("""
            hub: my hub
            contestedAfter: 0
            recordTypes:
              person:
                fields:
                  email: { type: mail, policy: [salesforce] }
                  phone: { type: phone, polcy: latest }
            systems:
              hubspot:
                connector: hubspot
                auth: { token: abc }
                retryPolicy: { maxRetries: many }
            """).Errors;

        Assert.Equal([1, 2, 6, 7, 11, 12], errors.Select(e => e.Line).Distinct());
        Assert.All(errors, e => Assert.True(e.Column >= 1 && e.Problem.Length > 0 && e.Fix.Length > 0));
    }

    [Theory]
    [InlineData("", "The file is empty.")]
    [InlineData("# nothing\n", "The file is empty.")]
    [InlineData("hub: [a", "This is not valid YAML")]
    [InlineData("hub: a\n\tb: c", "This is not valid YAML")]
    [InlineData("hub: a\n---\nhub: b", "The file holds a second document.")]
    [InlineData("hub: !secret a", "Tags (words that begin with '!') have no meaning here.")]
    [InlineData("hub: *a", "The alias names an anchor that is not")]
    [InlineData("hub: &a [*a]", "The alias names an anchor that is not")]
    [InlineData("hub: \"a\\0b\"", "a character that no system can store")]
    public void What_is_no_single_plain_document_is_refused(string yaml, string problem)
    {
        var result = HubDefinitionReader.Read(yaml);

        Assert.Null(result.Definition);
        Assert.Contains(problem, result.Errors[0].Problem);
    }

    [Fact]
    public void Size_depth_count_and_aliases_are_bounded()
    {
        var laughs = new StringBuilder("hub: a\nx-0: &a0 [l, o, l]\n");
        for (var i = 1; i < 12; i++) laughs.Append(CultureInfo.InvariantCulture, $"x-{i}: &a{i} [{string.Join(", ", Enumerable.Repeat($"*a{i - 1}", 9))}]\n");

        Assert.Contains("aliases written out", Assert.Single(HubDefinitionReader.Read(laughs.ToString()).Errors).Problem);
        Assert.Contains("nested deeper", Assert.Single(HubDefinitionReader.Read("hub: " + new string('[', 20_000)).Errors).Problem);
        Assert.Contains("nested deeper", Assert.Single(HubDefinitionReader.Read(string.Concat(Enumerable.Range(0, 200).Select(i => new string(' ', i) + "a:\n"))).Errors).Problem);
        Assert.Contains("1,048,576 are allowed", Assert.Single(HubDefinitionReader.Read(new string('#', HubDefinitionReader.CharactersMax + 1)).Errors).Problem);
        Assert.Contains("more than 100,000 values", Assert.Single(HubDefinitionReader.Read("x-a: [" + string.Concat(Enumerable.Repeat("1,", 100_001)) + "]")
            .Errors).Problem);
        Assert.Equal(HubDefinitionReader.ErrorsMax, HubDefinitionReader.Read(string.Concat(Enumerable.Range(0, 5_000).Select(i => $"k{i}: 1\n"))).Errors.Length);
    }

    [Fact]
    public void An_anchored_value_may_be_used_again()
    {
        var definition = HubDefinitionReader.Read("""
            hub: a
            x-retry: &retry { maxRetries: 7 }
            recordTypes: { person: { fields: { email: email } } }
            systems:
              one: { connector: rest, retryPolicy: *retry }
              two: { connector: rest, retryPolicy: *retry }
            """).Definition!;

        Assert.All(definition.Systems, s => Assert.Equal(7, s.Retry.MaxRetries));
    }

    static void AssertTold(string marked, string path, string problem, string fix)
    {
        var (yaml, line, column) = Place(marked);

        var result = HubDefinitionReader.Read(yaml);

        Assert.Null(result.Definition);
        var told = string.Join('\n', result.Errors);
        var error = result.Errors.FirstOrDefault(e => e.Problem.Contains(problem, StringComparison.Ordinal) && e.Line == line && e.Column == column);
        Assert.True(error is not null, $"Not told at {line}:{column}: {problem}\n{told}");
        Assert.Equal(path, error.Path);
        Assert.True(error.Fix.Contains(fix, StringComparison.Ordinal), told);
    }

    // The last § marks the place: an example may show the first of two as well.
    static (string Yaml, int Line, int Column) Place(string marked)
    {
        var at = marked.LastIndexOf('§');
        var before = marked[..at].Replace("§", "", StringComparison.Ordinal);
        return (marked.Replace("§", "", StringComparison.Ordinal), before.Count(c => c == '\n') + 1, before.Length - (before.LastIndexOf('\n') + 1) + 1);
    }

    static string Hub(string fields = "a: text", string type = "", string system = "", string mapping = "", string fieldMapping = "", string rest = "")
    {
        var mappings = fieldMapping.Length == 0 ? "" : $"    mappings:\n      Contact:\n        recordType: person\n{Indent(mapping, 6)}        fields:\n{Indent(fieldMapping, 10)}";
        return $"hub: test\nrecordTypes:\n  person:\n    fields:\n{Indent(fields, 6)}{Indent(type, 4)}"
            + $"systems:\n  crm:\n    connector: erp\n{Indent(system, 4)}{mappings}  hubspot:\n    connector: hubspot\n    was: other\n"
            + $"crosswalks:\n  owners: {{ rows: {{ anna: {{ crm: 7 }} }} }}\n{rest}";
    }

    static string Indent(string text, int by) =>
        text.Length == 0 ? "" : string.Concat(text.TrimEnd('\n').Split('\n').Select(l => new string(' ', by) + l + "\n"));
}
