using BenchmarkDotNet.Running;
using OrleansCrm.Bench;

switch (args)
{
    case ["model", .. var rest]:
        Smoke.Run(Console.Out, texts: false);
        BenchmarkRunner.Run<ModelBenchmarks>(args: rest);
        return 0;
    case ["--smoke"]:
        return Smoke.Run(Console.Out, texts: false) ? 0 : 1;
    case ["sizes"]:
        return Smoke.Run(Console.Out, texts: true) ? 0 : 1;
    default:
        Console.Error.WriteLine("Usage: model [BenchmarkDotNet options] | sizes | --smoke");
        return 2;
}
