namespace OrleansCrm.Silo.Demo;

/// <summary>What to try: every command is complete and works as it is printed.</summary>
static class DemoGuide
{
    public static void Write(TextWriter to, Uri hub, IReadOnlyList<DemoSystem> systems, DemoStock stock)
    {
        var address = hub.GetLeftPart(UriPartial.Authority);
        to.WriteLine("What to try, in another terminal:");
        if (stock.Example is { } example) Write(to, address, systems, example);
        Say("every change of the hub, from the first one on, then live (Ctrl+C ends it)", $"curl -sN '{address}/v1/changes?follow=true'");
        foreach (var system in systems)
        {
            Say($"the page of {system.Kind.Title}, in a browser: {system.Address}/_control/ (records, faults, requests); what was changed there by whom", $"curl -s '{system.Address}/_control/writes?limit=5'");
        }
        Say("whether the hub can work, and what it counts", $"curl -s {address}/health/ready", $"curl -s {address}/metrics");

        void Say(string what, params string[] commands) => DemoGuide.Say(to, what, commands);
    }

    static void Write(TextWriter to, string hub, IReadOnlyList<DemoSystem> systems, DemoCustomer example)
    {
        var customer = $"{hub}/v1/customers/{example.Id}";
        var of = systems.Select(s => example.Records.FirstOrDefault(r => r.System == s)).OfType<LoadedRecord>().ToArray();
        var first = of[0];
        Say("one customer, golden, with its records in all systems", $"curl -s {customer}");
        Say($"the same, by its record in {of[^1].System.Kind.Title}", $"curl -s {hub}/v1/customers/by-source/{of[^1].System.Kind.Name}/{of[^1].System.Kind.Object}/{of[^1].Id}");
        foreach (var field in example.Conflicts.Keys.Take(2)) Say($"why its {field} is what it is: its systems contradict each other", $"curl -s {customer}/explain/{field}");
        Say("its history, entry by entry", $"curl -s '{customer}/history?max=20'");

        Say(
            $"an edit of your own, as somebody in sales would make it on the page {first.System.PageOf(first.Id)} …",
            $"curl -s -X PATCH {first.System.RecordOf(first.Id)} -H 'X-User: me' -H 'Content-Type: application/json' -d '{{\"{first.System.Kind.Fields.Phone}\":\"020 7946 0123\"}}'");
        Say("… and a moment later all systems have it", [.. of.Select(r => $"curl -s {r.System.RecordOf(r.Id)}")]);

        // The address by which the web site's form meets the same customer.
        if (example.Records.Select(r => r.Record.Email).FirstOrDefault(e => e.Length > 0) is { } email)
        {
            Say(
                "a system that only reports: a form of the web site tells the city",
                $"curl -s {hub}/v1/events -H 'Content-Type: application/cloudevents+json' -d '{{\"specversion\":\"1.0\",\"id\":\"my-edit-1\",\"source\":\"website\",\"type\":\"crm.person.changed\",\"subject\":\"forms/1\",\"data\":{{\"fields\":{{\"email\":\"{email}\",\"city\":\"Plymouth\"}},\"actor\":\"user:me\"}}}}'");
        }
        if (of.FirstOrDefault(r => r.System.Kind.Name == "hubspot") is { } marketing)
        {
            Say(
                "somebody in marketing changes a name, which is not marketing's to say: look at the record again, and it is golden",
                $"curl -s -X PATCH {marketing.System.RecordOf(marketing.Id)} -H 'X-User: me' -H 'Content-Type: application/json' -d '{{\"{marketing.System.Kind.Fields.Last}\":\"Somebody Else\"}}'",
                $"curl -s {marketing.System.RecordOf(marketing.Id)}",
                $"curl -s {customer}/explain/lastName");
        }

        void Say(string what, params string[] commands) => DemoGuide.Say(to, what, commands);
    }

    static void Say(TextWriter to, string what, params string[] commands)
    {
        to.WriteLine();
        to.WriteLine($"  # {what}");
        foreach (var command in commands) to.WriteLine("  " + command);
    }
}
