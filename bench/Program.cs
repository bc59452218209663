using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using OrleansCrm.Bench;

switch (args)
{
    case ["model", .. var rest]:
        Smoke.Run(Console.Out, texts: false);
        // In this process: the default looks for a project file that is named as the assembly, and ours are not.
        BenchmarkRunner.Run<ModelBenchmarks>(DefaultConfig.Instance.AddJob(Job.ShortRun.WithToolchain(new InProcessEmitToolchain(TimeSpan.FromMinutes(5), logOutput: true))), rest);
        return 0;
    case ["http", .. var rest]:
        return await OrleansCrm.Bench.Http.HttpLoad.RunAsync(rest);
    case ["--smoke"]:
        return Smoke.Run(Console.Out, texts: false) ? 0 : 1;
    case ["inprocess", .. var rest]:
        return await InProcess.RunAsync(rest);
    case ["speed", .. var rest]:
        return await OrleansCrm.Bench.Speed.SpeedRun.RunAsync(rest);
    case ["sizes"]:
        return Smoke.Run(Console.Out, texts: true) ? 0 : 1;
    default:
        Console.Error.WriteLine("Usage: http [options] | inprocess [postgres|sqlite|peers] [persons=100000] [seconds=30] | speed [all|postgres|sqlite|webhook|three] [persons=100000] [seconds=20] | model [BenchmarkDotNet options] | sizes | --smoke");
        return 2;
}
