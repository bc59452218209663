using System.Globalization;
using System.Text;
using OrleansCrm.Domain.Journal;

namespace OrleansCrm.Bench;

/// <summary>Runs every benchmark's body a few times and checks what does not depend on the machine: sizes and allocations.</summary>
static class Smoke
{
    const int SnapshotBytesMax = 4096;
    const int EntryBytesMax = 500;
    const int DecideBytesMax = 8192;
    const int Rounds = 200;

    /// <returns>True: all within their bounds.</returns>
    public static bool Run(TextWriter output, bool texts)
    {
        var model = new ModelBenchmarks();
        var snapshot = CustomerJson.Write(Person.Customer);
        var entry = EntryJson.Write(Person.Decide(Person.Customer, Person.EditOfTwoFields(), Person.Noon.AddSeconds(1)).Entry!);
        if (texts)
        {
            output.WriteLine(Encoding.UTF8.GetString(snapshot));
            output.WriteLine(Encoding.UTF8.GetString(entry));
        }
        var good = Check(output, "snapshot", snapshot.Length, SnapshotBytesMax, "bytes");
        good &= Check(output, "entry of an edit of two fields", entry.Length, EntryBytesMax, "bytes");
        good &= Check(output, "deciding an edit of two fields", Allocated(() => model.DecideEdit()), DecideBytesMax, "bytes allocated");
        output.WriteLine(Line("fold of 16 entries", Allocated(() => model.FoldSixteen()), "bytes allocated"));
        output.WriteLine(Line("begin and end of a write", Allocated(() => model.BeginAndEnd()), "bytes allocated"));
        output.WriteLine(Line("entry written", Allocated(() => model.WriteEntry()), "bytes allocated"));
        output.WriteLine(Line("entry read", Allocated(() => model.ReadEntry()), "bytes allocated"));
        output.WriteLine(Line("snapshot written", Allocated(() => model.WriteSnapshot()), "bytes allocated"));
        output.WriteLine(Line("snapshot read", Allocated(() => model.ReadSnapshot()), "bytes allocated"));
        output.WriteLine(Line("load", Allocated(() => model.Load()), "bytes allocated"));
        return good;
    }

    static long Allocated(Action run)
    {
        run();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < Rounds; i++) run();
        return (GC.GetAllocatedBytesForCurrentThread() - before) / Rounds;
    }

    static bool Check(TextWriter output, string what, long measured, long bound, string unit)
    {
        var good = measured <= bound;
        output.WriteLine(Line(what, measured, $"{unit}, bound {bound}: {(good ? "ok" : "TOO MUCH")}"));
        return good;
    }

    static string Line(string what, long measured, string rest) => string.Create(CultureInfo.InvariantCulture, $"{what,-32} {measured,7} {rest}");
}
