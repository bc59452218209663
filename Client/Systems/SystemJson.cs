using System.Text.Json;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Grains.Interfaces.Systems;

namespace OrleansCrm.Client.Systems;

/// <summary>Systems, guards and contested fields, as callers read them. Durations are in seconds.</summary>
static class SystemJson
{
    public static void Write(Utf8JsonWriter json, SystemView system)
    {
        json.WriteStartObject();
        json.WriteString("name"u8, system.Name);
        json.WriteString("connector"u8, system.Connector);
        json.WriteString("mode"u8, system.Mode);
        if (system.Binding is { } binding) json.WriteString("binding"u8, binding);
        json.WriteStartArray("objects"u8);
        foreach (var each in system.Objects) json.WriteStringValue(each);
        json.WriteEndArray();
        json.WriteNumber("lanes"u8, system.Lanes);
        json.WriteBoolean("paused"u8, system.IsPaused);
        if (system.Problem is { } problem) json.WriteString("problem"u8, problem);
        if (system.CircuitOpenUntil is { } until) json.WriteString("circuitOpenUntil"u8, until.UtcDateTime);
        json.WriteNumber("callsUnderWay"u8, system.Calls);

        json.WriteStartObject("lag"u8);
        json.WriteNumber("changes"u8, system.Lag.Unread + system.Lag.Links);
        json.WriteNumber("entriesUnread"u8, system.Lag.Unread);
        json.WriteNumber("linksDue"u8, system.Lag.Links);
        WriteSeconds(json, "seconds", system.Lag.Oldest);
        json.WriteEndObject();

        json.WriteStartObject("deliveries"u8);
        json.WriteNumber("due"u8, system.Counts.Due);
        json.WriteNumber("retrying"u8, system.Counts.Retrying);
        json.WriteNumber("waiting"u8, system.Counts.Waiting);
        json.WriteNumber("held"u8, system.Counts.Held);
        json.WriteNumber("parked"u8, system.Counts.Parked);
        json.WriteEndObject();

        json.WriteStartArray("waits"u8);
        foreach (var wait in system.Waits)
        {
            json.WriteStartObject();
            json.WriteString("priority"u8, wait.Priority);
            json.WriteString("state"u8, wait.State);
            if (wait.Reason is { } reason) json.WriteString("reason"u8, reason);
            json.WriteNumber("count"u8, wait.Count);
            json.WriteEndObject();
        }
        json.WriteEndArray();

        Write(json, system.Budget);
        json.WriteStartArray("guards"u8);
        foreach (var guard in system.Guards) Write(json, system.Name, guard, withSamples: false);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    static void Write(Utf8JsonWriter json, SystemBudget budget)
    {
        json.WriteStartObject("budget"u8);
        if (budget.PerSecond is { } rate) json.WriteNumber("perSecond"u8, rate);
        json.WriteNumber("burst"u8, budget.Burst);
        if (budget.Saved is { } saved) json.WriteNumber("availableNow"u8, Math.Max(0, Math.Floor(saved)));
        if (budget.PerDay is { } day)
        {
            json.WriteNumber("perDay"u8, day);
            json.WriteNumber("spentInDay"u8, budget.SpentInDay);
        }
        json.WriteNumber("floor"u8, budget.Floor);
        json.WriteNumber("concurrency"u8, budget.Concurrency);
        json.WriteNumber("batchSize"u8, budget.BatchSize);
        json.WriteStartArray("told"u8);
        foreach (var told in budget.Told)
        {
            json.WriteStartObject();
            json.WriteString("window"u8, told.Window);
            if (told.Max is { } max) json.WriteNumber("max"u8, max);
            json.WriteNumber("left"u8, told.Left);
            json.WriteString("asOf"u8, told.AsOf.UtcDateTime);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteNumber("callsDue"u8, budget.CallsDue);
        WriteSeconds(json, "forecastSeconds", budget.Forecast);
        if (budget.UsedUpAt is { } usedUp) json.WriteString("usedUpAt"u8, usedUp.UtcDateTime);
        json.WriteEndObject();
    }

    public static void Write(Utf8JsonWriter json, string system, GuardView guard, bool withSamples)
    {
        json.WriteStartObject();
        json.WriteString("guard"u8, $"{system}.{WordOf(guard.Kind)}");
        json.WriteString("system"u8, system);
        json.WriteString("kind"u8, WordOf(guard.Kind));
        json.WriteNumber("windowSeconds"u8, guard.Window.TotalSeconds);
        if (guard.Limit is { } limit) json.WriteNumber("limit"u8, limit);
        json.WriteNumber("used"u8, guard.Used);
        json.WriteString("state"u8, guard.IsHeld ? "holding" : "open");
        if (guard.HeldSince is { } since) json.WriteString("since"u8, since.UtcDateTime);
        json.WriteNumber("held"u8, guard.Held);
        if (guard.Granted > 0) json.WriteNumber("granted"u8, guard.Granted);
        if (withSamples && !guard.Samples.IsDefaultOrEmpty)
        {
            json.WriteStartArray("samples"u8);
            foreach (var sample in guard.Samples)
            {
                json.WriteStartObject();
                json.WriteString("customer"u8, sample.CustomerId);
                json.WriteString("link"u8, sample.LinkId);
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }
        json.WriteEndObject();
    }

    public static void Write(Utf8JsonWriter json, ContestedPage page, string? next)
    {
        json.WriteStartObject();
        json.WriteStartArray("contested"u8);
        foreach (var field in page.Fields)
        {
            json.WriteStartObject();
            json.WriteString("customer"u8, field.CustomerId);
            json.WriteString("link"u8, field.LinkId);
            json.WriteString("system"u8, field.System);
            json.WriteString("object"u8, field.Object);
            if (field.ExternalId is { } id) json.WriteString("externalId"u8, id);
            json.WriteString("field"u8, field.Field);
            WriteRaw(json, "golden", field.Golden);
            WriteRaw(json, "holds", field.Holds);
            json.WriteNumber("rounds"u8, field.Rounds);
            json.WriteString("advice"u8, field.Advice);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        if (next is not null) json.WriteString("next"u8, next);
        json.WriteEndObject();
    }

    public static void Write(Utf8JsonWriter json, string system, System.Collections.Immutable.ImmutableArray<FindingView> findings)
    {
        json.WriteStartObject();
        json.WriteString("system"u8, system);
        json.WriteString("worst"u8, findings.Any(f => f.Level == "wrong") ? "wrong" : findings.Any(f => f.Level == "doubtful") ? "doubtful" : "fine");
        json.WriteStartArray("findings"u8);
        foreach (var finding in findings) Write(json, finding);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    static void Write(Utf8JsonWriter json, FindingView finding)
    {
        json.WriteStartObject();
        json.WriteString("level"u8, finding.Level);
        json.WriteString("code"u8, finding.Code);
        if (finding.Object is { } about) json.WriteString("object"u8, about);
        if (finding.Field is { } field) json.WriteString("field"u8, field);
        json.WriteString("says"u8, finding.Says);
        if (finding.Fix.Length > 0) json.WriteString("fix"u8, finding.Fix);
        json.WriteEndObject();
    }

    public static void Write(Utf8JsonWriter json, SurveyView survey)
    {
        json.WriteStartObject();
        json.WriteString("system"u8, survey.System);
        WriteProblem(json, survey.Problem);
        json.WriteStartArray("objects"u8);
        foreach (var each in survey.Objects)
        {
            json.WriteStartObject();
            json.WriteString("object"u8, each.Object);
            json.WriteString("label"u8, each.Label);
            WriteProblem(json, each.Problem);
            json.WriteNumber("records"u8, each.Records);
            json.WriteBoolean("all"u8, each.IsAll);
            json.WriteStartArray("fields"u8);
            foreach (var field in each.Fields) Write(json, field, each.Records);
            json.WriteEndArray();
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteString("proposal"u8, survey.Proposal);
        json.WriteEndObject();
    }

    static void WriteProblem(Utf8JsonWriter json, FindingView? problem)
    {
        if (problem is null) return;
        json.WritePropertyName("problem"u8);
        Write(json, problem);
    }

    static void Write(Utf8JsonWriter json, SurveyedFieldView field, int records)
    {
        json.WriteStartObject();
        json.WriteString("name"u8, field.Name);
        json.WriteString("label"u8, field.Label);
        if (field.Type is { } type) json.WriteString("type"u8, type);
        json.WriteString("vendorType"u8, field.VendorType);
        json.WriteBoolean("custom"u8, field.IsCustom);
        if (field.IsRequired) json.WriteBoolean("required"u8, true);
        if (field.IsReadOnly) json.WriteBoolean("readOnly"u8, true);
        if (records > 0)
        {
            json.WriteNumber("filled"u8, field.Filled);
            json.WriteNumber("fillRate"u8, Math.Round((double)field.Filled / records, 4));
        }
        if (field.MappedTo is { } mapped) json.WriteString("mappedTo"u8, mapped);
        if (!field.Values.IsDefaultOrEmpty)
        {
            json.WriteStartObject("values"u8);
            foreach (var value in field.Values) json.WriteNumber(value.Value, value.Count);
            json.WriteEndObject();
        }
        json.WriteEndObject();
    }

    /// <summary>The kind's word in a guard's name.</summary>
    public static string WordOf(Guarded kind) => kind.ToString().ToLowerInvariant();

    /// <returns>Null: there is no such kind.</returns>
    public static Guarded? KindOf(string word) => word switch
    {
        "create" => Guarded.Create,
        "change" => Guarded.Change,
        "clear" => Guarded.Clear,
        "delete" => Guarded.Delete,
        "merge" => Guarded.Merge,
        _ => null,
    };

    static void WriteSeconds(Utf8JsonWriter json, string name, TimeSpan? time)
    {
        if (time is { } told) json.WriteNumber(name, Math.Round(told.TotalSeconds, 1));
        else json.WriteNull(name);
    }

    static void WriteRaw(Utf8JsonWriter json, string name, string? value)
    {
        if (value is null) return;
        json.WritePropertyName(name);
        json.WriteRawValue(value, skipInputValidation: true);
    }
}
