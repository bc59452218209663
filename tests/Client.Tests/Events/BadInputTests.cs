using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using CsCheck;
using OrleansCrm.Client.Tests.Fakes;

namespace OrleansCrm.Client.Tests.Events;

public sealed class BadInputTests : IAsyncLifetime
{
    const string Canary = "canary-4711";
    Gateway _gateway = null!;

    public async ValueTask InitializeAsync() => _gateway = await Gateway.StartAsync();

    public ValueTask DisposeAsync() => _gateway.DisposeAsync();

    static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    static byte[] With(Action<JsonObject> change)
    {
        var e = Given.Event();
        e["data"]!["fields"]!["phone"] = Canary;
        change(e);
        return Bytes(e.ToJsonString());
    }

    static byte[] Replaced(string what, string by) => Bytes(Given.Line().Replace(what, by, StringComparison.Ordinal));

    public static readonly Dictionary<string, (byte[] Body, string Reason, string? Field)> Bad = new(StringComparer.Ordinal)
    {
        ["nothing"] = ([], "malformed-json", null),
        ["half a document"] = (Bytes(Given.Line()[..40]), "malformed-json", null),
        ["two documents"] = (Bytes(Given.Line() + Given.Line("e2")), "malformed-json", null),
        ["a comment"] = (Bytes(Given.Line() + "/* */"), "malformed-json", null),
        ["a trailing comma"] = (Replaced("}}}", "},}}"), "malformed-json", null),
        ["invalid UTF-8"] = ([.. Bytes("{\"id\":\"" + Canary), 0xC3, 0x28, .. Bytes("\"}")], "invalid-utf8", null),
        ["deep nesting"] = (Replaced("\"111\"", new string('[', 40) + new string(']', 40)), "too-deep", null),
        ["very deep nesting"] = (Bytes(new string('[', 100_000)), "too-deep", null),
        ["an array"] = (Bytes("[1]"), "not-a-cloudevent", null),
        ["a number"] = (Bytes("12"), "not-a-cloudevent", null),
        ["an empty object"] = (Bytes("{}"), "missing-attribute", "id"),
        ["no id"] = (With(e => e.Remove("id")), "missing-attribute", "id"),
        ["an empty id"] = (With(e => e["id"] = ""), "bad-attribute", "id"),
        ["a number for an id"] = (With(e => e["id"] = 5), "bad-attribute", "id"),
        ["a long id"] = (With(e => e["id"] = new string('x', 513)), "bad-attribute", "id"),
        ["a control character in the id"] = (With(e => e["id"] = "a\0b"), "bad-attribute", "id"),
        ["half a surrogate pair in the id"] = (Replaced("\"e1\"", "\"\\ud83d\""), "bad-attribute", "id"),
        ["no source"] = (With(e => e.Remove("source")), "missing-attribute", "source"),
        ["no subject"] = (With(e => e.Remove("subject")), "missing-attribute", "subject"),
        ["a subject without a slash"] = (With(e => e["subject"] = "contacts"), "bad-attribute", "subject"),
        ["a subject without an object"] = (With(e => e["subject"] = "/5"), "bad-attribute", "subject"),
        ["a subject without an id"] = (With(e => e["subject"] = "contacts/"), "bad-attribute", "subject"),
        ["a line break in the subject"] = (With(e => e["subject"] = "contacts/5\n6"), "bad-attribute", "subject"),
        ["no type"] = (With(e => e.Remove("type")), "missing-attribute", "type"),
        ["a foreign type"] = (With(e => e["type"] = "com.example.thing"), "unknown-type", "type"),
        ["an unknown happening"] = (With(e => e["type"] = "crm.person.exploded"), "unknown-type", "type"),
        ["no record type"] = (With(e => e["type"] = "crm.changed"), "unknown-type", "type"),
        ["a wrong version of CloudEvents"] = (With(e => e["specversion"] = "0.3"), "bad-attribute", "specversion"),
        ["a date for a time"] = (With(e => e["time"] = "2026-03-01"), "bad-attribute", "time"),
        ["a time without an offset"] = (With(e => e["time"] = "2026-03-01T12:00:00"), "bad-attribute", "time"),
        ["a month that is none"] = (With(e => e["time"] = "2026-13-01T12:00:00Z"), "bad-attribute", "time"),
        ["a time before time"] = (With(e => e["time"] = "0001-01-01T00:00:00+14:00"), "bad-attribute", "time"),
        ["a number for a time"] = (With(e => e["time"] = 1), "bad-attribute", "time"),
        ["data that is text"] = (With(e => e["data"] = Canary), "bad-attribute", "data"),
        ["data that is a list"] = (With(e => e["data"] = new JsonArray(Canary)), "bad-attribute", "data"),
        ["data in base64"] = (With(e =>
        {
            e.Remove("data");
            e["data_base64"] = "e30=";
        }), "bad-attribute", "data_base64"),
        ["data of another form"] = (With(e =>
        {
            e.Remove("data");
            e["datacontenttype"] = "text/xml";
            e["data"] = Canary;
        }), "bad-attribute", "datacontenttype"),
        ["no data"] = (With(e => e.Remove("data")), "missing-attribute", "data.fields"),
        ["no fields"] = (With(e => e["data"]!.AsObject().Remove("fields")), "missing-attribute", "data.fields"),
        ["fields that are text"] = (With(e => e["data"]!["fields"] = Canary), "bad-attribute", "data.fields"),
        ["fields that are a list"] = (With(e => e["data"]!["fields"] = new JsonArray(Canary)), "bad-attribute", "data.fields"),
        ["a field twice"] = (Replaced("\"phone\":\"111\"", $"\"phone\":\"{Canary}\",\"phone\":\"2\""), "duplicate-member", "data.fields"),
        ["a field twice, once in escapes"] = (Replaced("\"phone\":\"111\"", $"\"phone\":\"{Canary}\",\"\\u0070hone\":\"2\""), "duplicate-member", "data.fields"),
        ["a part of a field twice"] = (Replaced("\"phone\":\"111\"", "\"phone\":{\"a\":1,\"b\":{},\"a\":1}"), "duplicate-member", "data.fields"),
        ["an attribute twice"] = (Replaced("\"id\":\"e1\"", "\"id\":\"e1\",\"id\":\"e2\""), "duplicate-member", null),
        ["data twice"] = (Replaced("\"data\":", "\"data\":{},\"data\":"), "duplicate-member", null),
        ["an unknown member of data"] = (With(e => e["data"]!["phone"] = Canary), "unknown-member", "data"),
        ["fields beside data"] = (With(e => e["fields"] = new JsonObject { ["phone"] = Canary }), "unknown-member", null),
        ["a misspelt attribute"] = (With(e => e["externalId"] = Canary), "unknown-member", null),
        ["a text for a version"] = (With(e => e["data"]!["version"] = Canary), "bad-attribute", "data.version"),
        ["a negative version"] = (With(e => e["data"]!["version"] = -1), "bad-attribute", "data.version"),
        ["a fraction for a version"] = (With(e => e["data"]!["version"] = 1.5), "bad-attribute", "data.version"),
        ["a version beyond all numbers"] = (Replaced("\"fields\":", "\"version\":1e999,\"fields\":"), "bad-attribute", "data.version"),
        ["an unknown kind of actor"] = (With(e => e["data"]!["actor"] = new JsonObject { ["kind"] = Canary }), "bad-attribute", "data.actor.kind"),
        ["an actor that is a list"] = (With(e => e["data"]!["actor"] = new JsonArray(Canary)), "bad-attribute", "data.actor"),
        ["a change with since"] = (With(e => e["data"]!["since"] = "2026-01-01T00:00:00Z"), "bad-attribute", "data.since"),
        ["a change into something"] = (With(e => e["data"]!["into"] = "contacts/7"), "bad-attribute", "data.into"),
        ["a merge into nothing"] = (With(e => e["type"] = "crm.person.merged"), "missing-attribute", "data.into"),
        ["a batch that is a number"] = (With(e => e["data"]!["batch"] = 7), "bad-attribute", "data.batch"),
    };

    public static TheoryData<string> Names => [.. Bad.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Bad_input_is_a_problem_and_stores_nothing(string name)
    {
        var (body, reason, field) = Bad[name];

        var response = await _gateway.Http.SendAsync(Given.Post(Given.Structured, body));

        Assert.InRange((int)response.StatusCode, 400, 422);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType!.MediaType);
        var problem = await response.Json();
        Assert.Equal((reason, field), (problem.Text("reason"), problem.Text("field")));
        Assert.Equal((int)response.StatusCode, problem.GetProperty("status").GetInt32());
        NothingIsToldOrKept(await response.Content.ReadAsStringAsync());
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task A_bad_line_is_refused_and_the_stream_goes_on(string name)
    {
        var (body, reason, field) = Bad[name];
        if (body.Length == 0) return;       // an empty line is no line
        using var http = await RawHttp.StreamAsync(_gateway.EndPoint);

        await http.SendChunkAsync((byte[])[.. body, (byte)'\n']);
        await http.ReadHeadAsync();
        var text = (await http.ReadBodyLineAsync())!;
        NothingIsToldOrKept(text);
        await http.SendChunkAsync(Given.Line("good") + "\n");
        var good = Given.Parse((await http.ReadBodyLineAsync())!);

        var refused = Given.Parse(text);
        Assert.Equal((1, "refused"), (refused.GetProperty("line").GetInt32(), refused.Text("outcome")));
        Assert.Equal((reason, field), (refused.Text("reason"), refused.Text("field")));
        Assert.Equal((2, "good", "applied"), (good.GetProperty("line").GetInt32(), good.Text("id"), good.Text("outcome")));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task A_bad_event_of_a_batch_is_refused_alone_unless_the_array_itself_is_broken(string name)
    {
        var (body, reason, field) = Bad[name];

        var response = await _gateway.Http.SendAsync(Given.Post(Given.Batch, [(byte)'[', .. body, .. Bytes("," + Given.Line("good") + "]")]));

        if (reason == "malformed-json" || name == "very deep nesting")
        {
            Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
            NothingIsToldOrKept(await response.Content.ReadAsStringAsync());
            return;
        }
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        var answers = (await response.Json()).EnumerateArray().ToArray();
        Assert.Equal((reason, field), (answers[0].Text("reason"), answers[0].Text("field")));
        Assert.Equal("applied", answers[1].Text("outcome"));
        Assert.Equal(["good"], _gateway.Hub.Taken.Select(t => t.Id));
    }

    [Theory]
    [InlineData("ce-time", "yesterday", "time")]
    [InlineData("ce-type", "something", "type")]
    [InlineData("ce-subject", "contacts", "subject")]
    [InlineData("ce-subject", "contacts/%C3%28", "subject")]
    [InlineData("ce-specversion", "0.1", "specversion")]
    [InlineData("ce-UPPER_CASE", "x", "ce-")]
    public async Task A_bad_header_is_a_problem(string header, string value, string field)
    {
        var request = Given.Binary(Given.Event());
        request.Headers.Remove(header);
        request.Headers.TryAddWithoutValidation(header, value);

        var response = await _gateway.Http.SendAsync(request);

        Assert.Equal(HttpStatusCode.UnprocessableEntity, response.StatusCode);
        Assert.Equal(field, (await response.Json()).Text("field"));
        Assert.Empty(_gateway.Hub.Taken);
    }

    [Theory]
    [InlineData("{\"fields\":{\"phone\":\"canary-4711\"")]
    [InlineData("\"canary-4711\"")]
    [InlineData("{\"phone\":\"canary-4711\"}")]
    public async Task A_bad_body_beside_good_headers_is_a_problem(string body)
    {
        var request = Given.Binary(Given.Event());
        request.Content = new ByteArrayContent(Bytes(body));
        request.Content.Headers.ContentType = new("application/json");

        var response = await _gateway.Http.SendAsync(request);

        Assert.InRange((int)response.StatusCode, 400, 422);
        NothingIsToldOrKept(await response.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/json")]
    [InlineData("application/cloudevents+xml")]
    [InlineData("application/cloudevents+json; charset=utf-16")]
    public async Task Another_form_is_answered_415_with_the_forms_that_are_taken(string contentType)
    {
        using var content = new ByteArrayContent(Bytes(Given.Line()));
        content.Headers.TryAddWithoutValidation("Content-Type", contentType);

        var response = await _gateway.Http.PostAsync("/v1/events", content);

        Assert.Equal(HttpStatusCode.UnsupportedMediaType, response.StatusCode);
        Assert.Contains("application/x-ndjson", response.Headers.GetValues("Accept-Post").Single(), StringComparison.Ordinal);
        Assert.Equal("unsupported-media-type", (await response.Json()).Text("reason"));
    }

    [Fact]
    public async Task A_compressed_body_is_answered_415()
    {
        var request = Given.Post(Given.Structured, Given.Line());
        request.Content!.Headers.ContentEncoding.Add("gzip");

        Assert.Equal(HttpStatusCode.UnsupportedMediaType, (await _gateway.Http.SendAsync(request)).StatusCode);
    }

    [Theory]
    [InlineData(Given.Structured)]
    [InlineData(Given.Batch)]
    public async Task A_body_that_announces_100_MB_is_answered_413_before_it_is_sent(string contentType)
    {
        using var http = await RawHttp.ConnectAsync(_gateway.EndPoint);

        await http.SendAsync($"POST /v1/events HTTP/1.1\r\nHost: hub\r\nContent-Type: {contentType}\r\nContent-Length: 104857600\r\n\r\n{{");
        var (status, headers) = await http.ReadHeadAsync();

        Assert.Equal(413, status);
        Assert.Equal("application/problem+json", headers["Content-Type"]);
    }

    [Theory]
    [InlineData(Given.Structured)]
    [InlineData(Given.Batch)]
    public async Task A_client_that_sends_100_MB_all_the_same_gets_the_answer(string contentType)
    {
        var response = await _gateway.Http.SendAsync(Given.Post(contentType, new byte[100 << 20]));

        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, response.StatusCode);
    }

    [Theory]
    [InlineData(Given.Structured, 1)]
    [InlineData(Given.Batch, 8)]
    public async Task A_body_that_does_not_tell_its_length_is_read_no_further_than_the_bound(string contentType, int megabytes)
    {
        using var http = await RawHttp.ConnectAsync(_gateway.EndPoint);
        await http.SendAsync($"POST /v1/events HTTP/1.1\r\nHost: hub\r\nContent-Type: {contentType}\r\nTransfer-Encoding: chunked\r\n\r\n");

        var piece = Bytes(new string('[', 1 << 20));
        for (var i = 0; i < megabytes; i++) await http.SendChunkAsync(piece);
        await http.SendChunkAsync("[");
        var (status, _) = await http.ReadHeadAsync();

        Assert.Equal(413, status);
    }

    [Fact]
    public async Task A_line_of_100_MB_is_refused_without_being_kept_and_the_stream_goes_on()
    {
        using var http = await RawHttp.StreamAsync(_gateway.EndPoint);
        await http.SendChunkAsync(Given.Line("a") + "\n");
        await http.ReadHeadAsync();
        await http.ReadBodyLineAsync();

        var piece = Bytes(new string('x', 1 << 20));
        for (var i = 0; i < 100; i++) await http.SendChunkAsync(piece);
        await http.SendChunkAsync("\n" + Given.Line("b") + "\n");
        var answers = new[] { Given.Parse((await http.ReadBodyLineAsync())!), Given.Parse((await http.ReadBodyLineAsync())!) };

        Assert.Equal((2, "too-long"), (answers[0].GetProperty("line").GetInt32(), answers[0].Text("reason")));
        Assert.Equal((3, "b"), (answers[1].GetProperty("line").GetInt32(), answers[1].Text("id")));
    }

    [Fact]
    public async Task A_batch_of_too_many_events_is_refused_whole()
    {
        var response = await _gateway.Http.SendAsync(Given.Post(Given.Batch, $"[{string.Join(',', Enumerable.Repeat("1", 1_001))}]"));

        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, response.StatusCode);
        Assert.Equal("too-many-events", (await response.Json()).Text("reason"));
    }

    [Fact]
    public async Task An_event_of_a_batch_that_is_too_long_is_refused_alone()
    {
        var large = Given.Line("large").Replace("111", new string('x', 1 << 20), StringComparison.Ordinal);

        var response = await _gateway.Http.SendAsync(Given.Post(Given.Batch, $"[{large},{Given.Line("good")}]"));

        Assert.Equal(["too-long", null], (await response.Json()).EnumerateArray().Select(a => a.Text("reason")));
        Assert.Equal(["good"], _gateway.Hub.Taken.Select(t => t.Id));
    }

    [Fact]
    public async Task A_body_that_breaks_off_is_nobodys_fault_but_the_callers()
    {
        using (var http = await RawHttp.ConnectAsync(_gateway.EndPoint)) await http.SendAsync($"POST /v1/events HTTP/1.1\r\nHost: hub\r\nContent-Type: {Given.Structured}\r\nContent-Length: 500\r\n\r\n{{\"id\":");
        await _gateway.StopAsync();

        Assert.Empty(_gateway.Hub.Taken);

        // The server itself may warn that a connection was still closing when it was stopped.
        Assert.DoesNotContain(_gateway.Log, l => l.StartsWith("Error", StringComparison.Ordinal) || (l.StartsWith("Warning", StringComparison.Ordinal) && !l.StartsWith("Warning Microsoft.AspNetCore.Server.Kestrel Connection", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Ancient_and_future_times_are_for_intake_to_judge()
    {
        foreach (var time in (string[])["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
        {
            var response = await _gateway.Http.SendAsync(Given.Post(Given.Structured, With(e => e["time"] = time)));
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }
        Assert.Equal([1, 9999], _gateway.Hub.Taken.Select(t => t.Time!.Value.Year));
    }

    static readonly Gen<byte[]> Noise = Gen.OneOf(
        Gen.Byte.Array[0, 300],
        Gen.String[Gen.Char["{}[]\",:0123456789abcdefinoprstu\\ \u00e9\n"], 0, 200].Select(Encoding.UTF8.GetBytes),
        Gen.Select(Gen.Int[0, 150], Gen.Byte, (at, b) =>
        {
            var bytes = Bytes(Given.Line());
            bytes[at % bytes.Length] = b;
            return bytes;
        }),
        Gen.Int[0, 200].Select(length => Bytes(Given.Line())[..Math.Min(length, Given.Line().Length)]));

    [Fact]
    public void Whatever_bytes_come_the_answer_is_never_a_5xx() => Gen.Select(Noise, Gen.OneOf<string>(Given.Structured, Given.Batch, Given.Lines, "application/json")).Sample(
        (bytes, form) =>
        {
            var request = Given.Post(form, bytes);
            if (form == "application/json")
            {
                foreach (var (name, value) in (ReadOnlySpan<(string, string)>)[("specversion", "1.0"), ("id", "e1"), ("source", "hubspot"), ("type", "crm.person.changed"), ("subject", "contacts/1")]) request.Headers.TryAddWithoutValidation("ce-" + name, value);
            }
            using var response = _gateway.Http.Send(request);
            var text = new StreamReader(response.Content.ReadAsStream()).ReadToEnd();

            if ((int)response.StatusCode >= 500) return false;
            foreach (var line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries)) Given.Parse(line);
            return true;
        },
        iter: 2_000,
        threads: 2);

    void NothingIsToldOrKept(string answer)
    {
        Assert.Empty(_gateway.Hub.Taken);
        Assert.DoesNotContain(Canary, answer, StringComparison.Ordinal);
        Assert.DoesNotContain(_gateway.Log, l => l.Contains(Canary, StringComparison.Ordinal));
    }
}
