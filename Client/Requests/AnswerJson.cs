using System.Text.Json;
using OrleansCrm.Client.Events;
using OrleansCrm.Grains.Interfaces.Intake;

namespace OrleansCrm.Client.Requests;

/// <summary>The answer to one event, as callers read it.</summary>
static class AnswerJson
{
    public static string WordOf(EventOutcome outcome) => outcome switch
    {
        EventOutcome.Applied => "applied",
        EventOutcome.Unchanged => "unchanged",
        EventOutcome.Refused => "refused",
        EventOutcome.Parked => "parked",
        _ => "try-again",
    };

    public static EventAnswer AnswerOf(EventRefusal refusal, string? id) => new(id ?? "", EventOutcome.Refused, null, 0, [], refusal.Code, refusal.Field, refusal.Advice);

    /// <summary>Without the braces, so that a line number or a problem's members can stand beside.</summary>
    public static void WriteMembers(Utf8JsonWriter json, EventAnswer answer)
    {
        if (answer.Id.Length > 0) json.WriteString("id"u8, answer.Id);
        json.WriteString("outcome"u8, WordOf(answer.Outcome));
        WriteWhere(json, answer);
        if (answer.Reason is { } reason) json.WriteString("reason"u8, reason);
        if (answer.Field is { } field) json.WriteString("field"u8, field);
        if (answer.Advice is { } advice) json.WriteString("advice"u8, advice);
    }

    /// <summary>Customer, revision and fields: what a problem document has no member for.</summary>
    public static void WriteWhere(Utf8JsonWriter json, EventAnswer answer)
    {
        if (answer.CustomerId is { } customer)
        {
            json.WriteString("customer"u8, customer);
            json.WriteNumber("revision"u8, answer.Revision);
        }
        if (answer.Fields.IsDefaultOrEmpty) return;

        var overruled = 0;
        json.WriteStartArray("golden"u8);
        foreach (var field in answer.Fields)
        {
            if (field.OverruledBy is null) json.WriteStringValue(field.Field);
            else overruled++;
        }
        json.WriteEndArray();
        if (overruled == 0) return;
        json.WriteStartObject("overruled"u8);
        foreach (var field in answer.Fields)
        {
            if (field.OverruledBy is { } by) json.WriteString(field.Field, by);
        }
        json.WriteEndObject();
    }
}
