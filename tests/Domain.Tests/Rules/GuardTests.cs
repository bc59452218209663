using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using Xunit;

namespace OrleansCrm.Domain.Tests.Rules;

/// <summary>Rule 14: a blast has a radius.</summary>
public sealed class GuardTests
{
    const int Longest = 160;
    static readonly Guarded[] Kinds = [Guarded.Create, Guarded.Change, Guarded.Clear, Guarded.Delete];

    [Fact]
    public void Rule_14_no_more_of_a_kind_starts_in_any_window_than_the_guard_and_the_persons_allow() => Cases.Play(Cases.Some, Longest, Play);

    static void Play(Tape tape)
    {
        var definition = new GuardDefinition { Window = TimeSpan.FromMinutes(10), Creates = tape.Next(4), Changes = 3, Clears = tape.Next(3), Deletes = 1 };
        var guard = Guard.Fresh;
        var now = RuleHub.Noon;
        var started = new List<(DateTimeOffset At, Guarded Kind)>();
        // A person's word lets so many more through, or begins a new window.
        var granted = new Dictionary<Guarded, int>();
        var opened = new Dictionary<Guarded, DateTimeOffset>();
        while (!tape.IsAtEnd)
        {
            now = now.AddSeconds(tape.Next(120));
            var kind = tape.Pick(Kinds);
            switch (tape.Next(12))
            {
                case 10 when guard.Held.HasFlag(kind):
                    guard = guard.Release(kind, 2);
                    granted[kind] = granted.GetValueOrDefault(kind) + 2;
                    break;
                case 11 when guard.Held.HasFlag(kind):
                    guard = guard.Release(kind);
                    opened[kind] = now;
                    granted.Remove(kind);
                    break;
                default:
                    if (!((Guarded)guard.Allowed(definition, now)).HasFlag(kind))
                    {
                        guard = guard.TurnBack(definition, now, kind);
                        break;
                    }
                    guard = guard.Record(definition, now, kind);
                    started.Add((now, kind));
                    break;
            }
            foreach (var each in Kinds)
            {
                var from = opened.TryGetValue(each, out var fresh) && fresh > now - definition.Window ? fresh : now - definition.Window;
                var inWindow = started.Count(s => s.Kind == each && s.At > from && s.At <= now);
                var limit = Guard.Limit(definition, each)!.Value + granted.GetValueOrDefault(each);
                if (inWindow > limit) Assert.Fail($"{inWindow} {each} have started within {definition.Window}, {limit} were allowed.");
            }
        }
    }
}
