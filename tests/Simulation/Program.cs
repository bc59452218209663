using System.Diagnostics;
using OrleansCrm.Simulation;

var sw = Stopwatch.StartNew();
long events = 0;
var n = args.Length > 0 ? int.Parse(args[0], System.Globalization.CultureInfo.InvariantCulture) : 1000;
for (var s = 1; s <= n; s++) events += World.Run((ulong)s).Events;
Console.WriteLine($"{n / sw.Elapsed.TotalSeconds:0} seeds/s, {events / n} events");
if (args.Length > 1) foreach (var line in World.Run(ulong.Parse(args[1], System.Globalization.CultureInfo.InvariantCulture), tell: true).Story) Console.WriteLine(line);
