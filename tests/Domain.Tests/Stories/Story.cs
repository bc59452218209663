using System.Collections.Immutable;
using System.Globalization;
using System.Text.RegularExpressions;
using OrleansCrm.Domain.Claims;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Tests.Rules;

namespace OrleansCrm.Domain.Tests.Stories;

/// <summary>A story as text, told to customers line by line. The language is described in <c>Stories/README.md</c>.</summary>
sealed partial class Story(string file, PlantedFault planted)
{
    static readonly DateTimeOffset Day = new(2026, 6, 1, 0, 0, 0, TimeSpan.Zero);

    readonly StoryHub _definition = new(planted);
    readonly Dictionary<string, Customer> _customers = new(StringComparer.Ordinal);
    readonly Dictionary<string, List<JournalEntry>> _journal = new(StringComparer.Ordinal);
    readonly Dictionary<string, RecordWrite> _calls = new(StringComparer.Ordinal);
    readonly Dictionary<string, string> _known = new(StringComparer.Ordinal);
    HeldElsewhere _held = HeldElsewhere.Nothing;
    DateTimeOffset _now = Day;
    string _id = "cus_1";
    bool _told;
    int _edits;

    HubDefinition Hub => _definition.Hub;

    Customer? Customer => _customers.GetValueOrDefault(_id);

    public static void Tell(string file, IEnumerable<string> lines, PlantedFault planted = PlantedFault.None)
    {
        var story = new Story(file, planted);
        var number = 0;
        foreach (var line in lines)
        {
            number++;
            var text = line.Split(" # ", 2)[0].Trim();
            if (text.Length == 0 || text.StartsWith('#')) continue;
            story.Tell(number, text);
        }
    }

    void Tell(int number, string line)
    {
        var parts = line.Split("=>", 2, StringSplitOptions.TrimEntries);
        string actual;
        try
        {
            actual = Act(parts[0]);
        }
        catch (Exception e) when (e is not StoryException)
        {
            throw new StoryException($"{file}:{number}: {line}\n  {e.Message}", e);
        }
        if (parts.Length == 1) return;
        var told = actual.Split("; ").ToHashSet(StringComparer.Ordinal);
        if (parts[1] == actual || (parts[1].Length > 0 && parts[1].Split("; ").All(told.Contains))) return;
        throw new StoryException($"{file}:{number}: {line}\n  expected: {parts[1]}\n  actual:   {actual}\n{CustomerText.Of(Customer)}");
    }

    string Act(string line)
    {
        if (!Clock().IsMatch(line)) return _definition.TryDefine(line, changedAt: null) ? "" : Read(line);

        var words = line.Split(' ', 2, StringSplitOptions.TrimEntries);
        _now = Time(words[0]);
        var rest = words[1];
        if (_definition.TryDefine(rest, _told ? _now : null)) return "";
        var hub = Hub;
        if (rest.StartsWith("old silo:", StringComparison.Ordinal))
        {
            hub = _definition.Old ?? throw new FormatException("The definition has not changed yet.");
            rest = rest["old silo:".Length..].Trim();
        }
        _told = true;
        return Do(rest, hub);
    }

    // ---- What happens ----

    string Do(string line, HubDefinition hub)
    {
        var words = Words(line);
        switch (words[0])
        {
            case "restart": return Restart();
            case "customer": return Choose(words[1]);
            case "merge": return Merge(words[1], words[3]);
            case "unmerge": return Unmerge(words[1], words[3]);
            case "held":
                _held = _held.With(words[1] == "record" ? HeldElsewhere.RecordKey(Record(words[2])) : words[1], words[^1]);
                return "";
            case "freed":
                _held = HeldElsewhere.Nothing;
                return "";
            case "known":
                _known[words[1]] = words[^1];
                return "";
            case "refer": return Outcome(Decide(new CustomerCall.Refer([new(words[1], words[^1])]), hub));
            case "arrived": return Outcome(Decide(new CustomerCall.Arrived(words[1], words[^1]), hub));
            case "reresolve": return Outcome(Decide(new CustomerCall.Reresolve(), hub));
            case "claims": return Outcome(Decide(new CustomerCall.ClaimKey(words[1]), hub));
            case "release": return Outcome(Decide(new CustomerCall.Release(LinkOf(words[1]).Id, words.Count > 2 ? words[2] : ""), hub));
            case "undo": return Outcome(Decide(new CustomerCall.Undo([new(LinkOf(words[1]).Id, [.. words.Skip(2)])]), hub));
            case "begin": return Begin(words[1], words.Count > 3 && words[2] == "allowing" ? Allowed(words[3]) : Operations.All, hub);
            case "end": return End(words[1], words.Skip(2).ToList(), hub);
            case "look": return Look(words[1], words.Skip(2).ToList(), hub);
            default: return Outcome(Decide(new CustomerCall.Offer(Edit(words), _now, Adopt: true, Referrals: Found), hub));
        }
    }

    // What a look-up would find.
    ImmutableArray<Referral> Found => [.. _known.Select(k => new Referral(k.Key, k.Value))];

    Edit Edit(List<string> words)
    {
        var source = Record(words[0]);
        var options = Options(words.Skip(2), out var rest);
        var kind = words[1] switch
        {
            "sets" => EditKind.Change,
            "shows" => EditKind.Observation,
            "deletes" => EditKind.Deleted,
            "restores" => EditKind.Restored,
            "merges" => EditKind.MergedInto,
            "converts" => EditKind.Converted,
            _ => throw new FormatException($"Nobody {words[1]} anything here."),
        };
        var time = options.GetValueOrDefault("at") switch { null => _now, "none" => (DateTimeOffset?)null, var at => Time(at) };
        return new Edit
        {
            Id = options.GetValueOrDefault("id") ?? $"e{++_edits}",
            Kind = kind,
            Source = source,
            RecordType = StoryHub.RecordType,
            Time = time,
            Since = options.GetValueOrDefault("since") is { } since ? Time(since) : null,
            Version = options.GetValueOrDefault("v") is { } version ? long.Parse(version, CultureInfo.InvariantCulture) : null,
            Actor = options.GetValueOrDefault("by") is { } by ? new Actor(Enum.Parse<ActorKind>(by, ignoreCase: true)) : default,
            Fields = kind is EditKind.Change or EditKind.Observation ? [.. rest.Select(Field)] : [],
            Into = kind is EditKind.MergedInto or EditKind.Converted ? Record($"{source.System}/{rest[^1]}") : null,
            CreationKey = options.GetValueOrDefault("key") is { } key ? (key == "ours" ? LinkOf(source.System).Id : key) : null,
            Judged = options.ContainsKey("judging") ? Judge() : [],
        };
    }

    // A steward's decision judges every claim that there is.
    ImmutableArray<JudgedClaim> Judge()
    {
        var judged = ImmutableArray.CreateBuilder<JudgedClaim>();
        foreach (var link in Customer!.Links)
        {
            foreach (var (field, evidence) in link.Fields)
            {
                if (evidence.ClaimOf(RulesOf(link, field)) is { } claim) judged.Add(new(link.Id, field, claim.Stamp));
            }
        }
        return judged.ToImmutable();
    }

    FieldEdit Field(string word)
    {
        var at = word.IndexOf('=', StringComparison.Ordinal);
        return at > 0 ? new(word[..at], _definition.Value(word[..at], word[(at + 1)..])) : throw new FormatException($"Not a field and its value: {word}");
    }

    string Begin(string system, Operations allowed, HubDefinition hub)
    {
        var answer = Decide(new CustomerCall.Begin(LinkOf(system).Id, allowed), hub);
        if (answer is BeginAnswer.Write write) _calls[system] = write.Call;
        return Text(answer);
    }

    string End(string system, List<string> words, HubDefinition hub)
    {
        var call = _calls[system];
        var options = Options(words.Skip(1), out var rest);
        WriteOutcome outcome = words[0] switch
        {
            "done" => new WriteOutcome.Done(options.GetValueOrDefault("id"), Stored(rest), options.TryGetValue("v", out var v) ? long.Parse(v, CultureInfo.InvariantCulture) : null, options.TryGetValue("at", out var at) ? Time(at) : null, Found),
            "refused" => new WriteOutcome.Rejected([.. rest.SkipLast(1)], rest[^1]),
            "ambiguous" => new WriteOutcome.Ambiguous("timeout"),
            "throttled" => new WriteOutcome.Throttled(_now.AddMinutes(1), "throttled"),
            "transient" => new WriteOutcome.Transient("unavailable"),
            "gone" => new WriteOutcome.Gone("gone"),
            "conflict" => new WriteOutcome.Conflict(rest[0], rest.Contains("ours")),
            _ => throw new FormatException($"No such end of a call: {words[0]}"),
        };
        return Text(Decide(new CustomerCall.End(call.LinkId, call.LinkEpoch, call.IntentId, outcome), hub));
    }

    string Look(string system, List<string> words, HubDefinition hub)
    {
        var link = LinkOf(system);
        var options = Options(words.Skip(1), out var rest);
        ReadOutcome outcome = words[0] switch
        {
            "finds" => new ReadOutcome.Found(options.GetValueOrDefault("id") ?? link.ExternalId ?? "1", Stored(rest), options.TryGetValue("v", out var v) ? long.Parse(v, CultureInfo.InvariantCulture) : null, _now, Found),
            "misses" => new ReadOutcome.Missing(_now),
            "fails" => new ReadOutcome.Failed("unavailable", null),
            _ => throw new FormatException($"No such end of a read: {words[0]}"),
        };
        return Text(Decide(new CustomerCall.Seen(link.Id, link.Epoch, outcome), hub));
    }

    ImmutableArray<FieldStored> Stored(IEnumerable<string> words) => [.. words.Where(w => w.Contains('=', StringComparison.Ordinal)).Select(Field).Select(f => new FieldStored(f.Field, f.Value))];

    static Operations Allowed(string text) => text.Split(',').Select(o => Enum.Parse<Operations>(o, ignoreCase: true)).Aggregate(Operations.None, (all, o) => all | o);

    CustomerAnswer Decide(CustomerCall call, HubDefinition hub)
    {
        var before = Customer;
        var decision = CustomerDecision.Decide(_id, before, [new Asked(1, call)], hub, _now, _held);
        if (decision.Entry is { } entry) Commit(before, entry, decision.Next!);
        return decision.Answers.Single().Answer;
    }

    void Commit(Customer? before, JournalEntry entry, Customer next)
    {
        if (entry.Revision != (before?.Revision ?? 0) + 1) throw new StoryException($"{file}: revision {entry.Revision} follows {before?.Revision ?? 0}");
        if (!_journal.TryGetValue(next.Id, out var journal)) _journal[next.Id] = journal = [];
        journal.Add(entry);
        _customers[next.Id] = next;
        Refold(next.Id);
    }

    /// <summary>All that is remembered is thrown away and folded from the entries again.</summary>
    string Restart()
    {
        foreach (var id in _customers.Keys.ToList()) _customers[id] = Refold(id);
        return "";
    }

    Customer Refold(string id)
    {
        var folded = CustomerFold.Apply(null, _journal[id])!;
        var (known, again) = (CustomerText.Of(_customers[id]), CustomerText.Of(folded));
        return known == again ? folded : throw new StoryException($"{file}: {id} is not the fold of its entries.\n--- known\n{known}\n--- folded\n{again}");
    }

    string Choose(string name)
    {
        _id = "cus_" + name;
        return "";
    }

    string Merge(string loser, string survivor)
    {
        var (a, b) = (_customers["cus_" + survivor], _customers["cus_" + loser]);
        return Rearrange(Merging.Merge(a, b, Hub, _now, _held), a, b);
    }

    // The links of a system leave as a new customer.
    string Unmerge(string systems, string name)
    {
        var customer = Customer!;
        var links = systems.Split(',').Select(s => LinkOf(s).Id).ToImmutableArray();
        return Rearrange(Merging.Unmerge(customer, links, "cus_" + name, Hub, _now, _held), customer, null);
    }

    string Rearrange(Rearrangement rearranged, Customer remaining, Customer? other)
    {
        rearranged.Commit.EnsureWellFormed();
        Commit(remaining, rearranged.Commit.Appends[0].Entries.Single(), rearranged.Remaining);
        Commit(other, rearranged.Commit.Appends[1].Entries.Single(), rearranged.Other);
        return "";
    }

    // ---- What is asked ----

    string Read(string line)
    {
        var words = Words(line);
        switch (words[0])
        {
            case "customer": return Choose(words[1]);
            case "golden": return GoldenOf(words[1]);
            case "claim": return ClaimOf(LinkOf(words[1]), words[2]);
            case "claims": return string.Join(", ", LinkOf(words[1]).Fields.Get(words[2])?.ClaimsOf(RulesOf(LinkOf(words[1]), words[2])).Select(Text) ?? []);
            case "known": return KnownOf(LinkOf(words[1]), words[2]);
            case "plan": return PlanOf(LinkOf(words[1]));
            case "link": return LinkOf(words[1]).State.ToString().ToLowerInvariant();
            case "links": return string.Join(", ", Customer!.Links.Select(l => $"{l.System}/{l.ExternalId ?? "-"} {l.State.ToString().ToLowerInvariant()}"));
            case "due": return Customer is { } c ? string.Join(", ", CustomerDecision.DueOf(c, Hub, _now).Select(d => d.System)) : "";
            case "status": return Customer is { } customer ? customer.Status.ToString().ToLowerInvariant() + (customer.PendingDeletion is null ? "" : ", deletion pending") : "none";
            case "keys": return string.Join(", ", Customer!.Keys);
            case "references": return string.Join(", ", Customer!.Referred.Select(r => $"{r.Key} to {(r.Value.Length == 0 ? "nobody" : r.Value)}"));
            case "withheld": return string.Join(", ", Customer!.Withheld.Select(w => $"{w.Key} by {w.HolderId}"));
            case "revision": return (Customer?.Revision ?? 0).ToString(CultureInfo.InvariantCulture);
            case "version": return (Customer!.Golden.Get(words[1])?.Version ?? 0).ToString(CultureInfo.InvariantCulture);
            case "trouble": return TroubleOf(LinkOf(words[1]), words.Count > 2 ? words[2] : null);
            default: throw new FormatException($"Nobody knows '{words[0]}'.");
        }
    }

    string GoldenOf(string field)
    {
        if (Customer?.Golden.Get(field) is not { } golden) return "undetermined";
        var by = Customer.Link(golden.LinkId);
        var record = by is null ? "nobody" : by.ExternalId is null or "1" ? by.System : $"{by.System}/{by.ExternalId}";
        var parts = $"{StoryHub.Text(golden.Value)} by {record}; {StoryHub.Text(golden.Value)}; rule {golden.Rule}; {Text(golden.Stamp)}; version {golden.Version}";
        return golden.InConflict ? parts + "; in conflict" : parts;
    }

    string ClaimOf(Link link, string field) => link.Fields.Get(field)?.ClaimOf(RulesOf(link, field)) is { } claim ? Text(claim) : "none";

    static string Text(Claim claim) => $"{StoryHub.Text(claim.Value)} {Text(claim.Stamp)}";

    static string Text(Stamp stamp)
    {
        if (stamp.IsInitial) return "initial";
        return (stamp.IsGuess ? "after " : "at ") + Text(stamp.Time);
    }

    static string Text(DateTimeOffset time)
    {
        var day = (int)Math.Floor((time - Day).TotalDays);
        var clock = (time - Day - TimeSpan.FromDays(day)).ToString(time.Second == 0 ? @"h\:mm" : @"h\:mm\:ss", CultureInfo.InvariantCulture);
        return day == 0 ? clock : $"{day}d{clock}";
    }

    string KnownOf(Link link, string field)
    {
        var known = link.Fields.Get(field)?.KnownOf(RulesOf(link, field)) ?? Known.Nothing;
        return (known.Value is { } value ? StoryHub.Text(value) : "nothing") + (known.IsCertain ? "" : " in doubt");
    }

    string PlanOf(Link link) => Planner.Plan(Customer!, link, Hub, _now) switch
    {
        LinkPlan.Write write => Text(write.Kind, write.Fields),
        LinkPlan.Wait wait => "wait " + wait.Reason,
        LinkPlan.Park park => "park " + park.Reason,
        LinkPlan.ReadFirst read => $"read first; not before {Text(read.NotBefore)}",
        _ => "nothing",
    };

    static string TroubleOf(Link link, string? field) => field is null
        ? link.Trouble?.Code ?? "none"
        : link.Troubles.Get(field) is { } trouble ? $"{trouble.Kind.ToString().ToLowerInvariant()}; {trouble.Code}; rounds {trouble.Rounds}" : "none";

    static string Text(WriteKind kind, ImmutableArray<FieldWrite> fields) =>
        (kind == WriteKind.Update ? "write" : kind.ToString().ToLowerInvariant()) + string.Concat(fields.OrderBy(f => f.Field, StringComparer.Ordinal).Select(f => $" {f.Field}={StoryHub.Text(f.Value)}"));

    static string Outcome(CustomerAnswer answer) => Text(answer);

    static string Text(CustomerAnswer answer) => answer switch
    {
        OfferAnswer { Outcome: EditOutcome.Refused } refused => $"refused {refused.Reason}",
        OfferAnswer offer => offer.Outcome.ToString().ToLowerInvariant() + string.Concat(offer.Fields.Where(f => f.OverruledBy is not null).Select(f => $"; {f.Field} overruled by {f.OverruledBy}")),
        BeginAnswer.Write write => Text(write.Call.Kind, write.Call.Fields),
        BeginAnswer.Nothing => "nothing",
        BeginAnswer.ReadFirst read => $"read first; not before {Text(read.NotBefore)}",
        BeginAnswer.Wait wait => "wait " + wait.Reason,
        BeginAnswer.Park park => "park " + park.Reason,
        EndAnswer.Settled settled => settled.MoreToWrite ? "settled; more" : "settled",
        EndAnswer.Retry retry => "retry " + retry.Code,
        EndAnswer.ReadBack => "read back",
        EndAnswer.Parked parked => $"parked {parked.Code} {string.Join(' ', parked.Fields)}".TrimEnd() + (parked.MoreToWrite ? "; more" : ""),
        CustomerAnswer.NotMine notMine => notMine.MovedTo is null ? "not mine" : $"not mine; moved to {notMine.MovedTo}",
        CustomerAnswer.TryAgain again => "try again " + again.Reason,
        _ => answer.GetType().Name,
    };

    // ---- Words ----

    FieldRules RulesOf(Link link, string field) => Hub.Rules.Of(StoryHub.RecordType, link.System, link.Object).Field(field) ?? throw new FormatException($"No such field: {field}");

    // A record told by its system alone is number 1, or the system's only link.
    Link LinkOf(string name)
    {
        var parts = name.Split('/');
        var links = Customer?.Links.Where(l => l.System == parts[0]).ToList() ?? [];
        var found = parts.Length > 1 ? links.Where(l => l.ExternalId == parts[^1] && (parts.Length < 3 || l.Object == parts[1])).ToList() : links;
        return found.Count == 1 ? found[0] : found.FirstOrDefault(l => l.ExternalId == "1") ?? throw new FormatException($"{found.Count} links are called {name}.");
    }

    static SourceRecord Record(string name)
    {
        var parts = name.Split('/');
        return parts.Length == 3 ? new(parts[0], parts[1], parts[2]) : new(parts[0], StoryHub.Object, parts.Length > 1 ? parts[1] : "1");
    }

    static readonly string[] OptionNames = ["at", "since", "v", "by", "id", "key"];

    static Dictionary<string, string> Options(IEnumerable<string> words, out List<string> rest)
    {
        var options = new Dictionary<string, string>(StringComparer.Ordinal);
        rest = [];
        string? name = null;
        foreach (var word in words)
        {
            if (name is not null)
            {
                options[name] = word;
                name = null;
            }
            else if (OptionNames.Contains(word)) name = word;
            else if (word == "judging") options[word] = "";
            else rest.Add(word);
        }
        return name is null ? options : throw new FormatException($"'{name}' of what?");
    }

    static List<string> Words(string line) => [.. Word().Matches(line).Select(m => m.Value)];

    static DateTimeOffset Time(string text)
    {
        var match = Clock().Match(text);
        if (!match.Success) throw new FormatException($"Not a time: {text}");
        int Number(string group) => match.Groups[group].Success ? int.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture) : 0;
        return Day.AddDays(Number("day")).AddHours(Number("hour")).AddMinutes(Number("minute")).AddSeconds(Number("second"));
    }

    [GeneratedRegex(@"^((?<day>-?\d+)d)?(?<hour>\d+):(?<minute>\d\d)(:(?<second>\d\d))?(?=\s|$)")]
    private static partial Regex Clock();

    [GeneratedRegex(@"([^\s""\[]|""[^""]*""|\[[^\]]*\])+")]
    private static partial Regex Word();
}

/// <summary>A line of a story did not come true.</summary>
sealed class StoryException(string message, Exception? inner = null) : Exception(message, inner);
