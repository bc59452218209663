using System.Runtime.CompilerServices;
using Xunit;

namespace OrleansCrm.Domain.Tests.Definitions;

/// <summary>Files of the repository that the product and its documentation share.</summary>
static class RepositoryFiles
{
    public static string Read(string name) => File.ReadAllText(PathOf(name));

    public static string PathOf(string name)
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "OrleansCrm.sln"))) return Path.Combine(folder.FullName, name);
        }
        throw new InvalidOperationException("The tests do not run below the repository's root (no OrleansCrm.sln above them).");
    }

    /// <summary>Compares a generated file with what is stored; with CRM_REWRITE=1 it stores instead.</summary>
    public static void AssertCurrent(string name, string generated, [CallerMemberName] string test = "")
    {
        if (Environment.GetEnvironmentVariable("CRM_REWRITE") == "1")
        {
            File.WriteAllText(PathOf(name), generated);
            return;
        }
        var stored = File.Exists(PathOf(name)) ? Read(name).ReplaceLineEndings("\n") : "";
        Assert.True(stored == generated, $"{name} is not what the code says. Run the Domain tests with CRM_REWRITE=1 (--filter-method '*.{test}') and commit the file.");
    }
}
