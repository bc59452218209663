using System.Xml.Linq;
using Xunit;

namespace OrleansCrm.Domain.Tests.House;

/// <summary>The arrows between the projects, as docs/ARCHITECTURE.md draws them. A new arrow is a decision: write it there, then here.</summary>
public sealed class ReferenceTests
{
    static readonly Dictionary<string, string[]> Allowed = new(StringComparer.Ordinal)
    {
        ["Domain"] = [],
        ["Grains.Interfaces"] = ["Domain"],
        ["Grains"] = ["Grains.Interfaces", "Domain"],
        ["Client"] = ["Grains.Interfaces", "Domain"],
        ["Storage"] = ["Domain"],
        ["Connectors"] = ["Domain"],
        ["Sandbox"] = [],
        ["Cli"] = [],
        ["Silo"] = ["Grains", "Grains.Interfaces", "Storage", "Connectors", "Client", "Sandbox", "Domain"],
    };

    [Fact]
    public void References_point_only_along_the_arrows()
    {
        var root = Root();

        var wrong = new List<string>();
        foreach (var (project, references) in Projects(root))
        {
            if (!Allowed.TryGetValue(project, out var allowed)) wrong.Add($"{project} is not in the house: add it to docs/ARCHITECTURE.md and to this test");
            else wrong.AddRange(references.Except(allowed, StringComparer.Ordinal).Select(r => $"{project} may not refer to {r}"));
        }

        Assert.Empty(wrong);
    }

    [Fact]
    public void Domain_knows_Orleans_only_by_its_serializer_attributes()
    {
        var packages = XDocument.Load(Path.Combine(Root(), "Domain", "Domain.csproj")).Descendants("PackageReference").Select(p => p.Attribute("Include")!.Value);

        Assert.DoesNotContain(packages, p => p.Contains("Orleans", StringComparison.Ordinal) && p != "Microsoft.Orleans.Serialization.Abstractions");
        Assert.DoesNotContain(packages, p => p.Contains("Npgsql", StringComparison.Ordinal) || p.Contains("Sqlite", StringComparison.Ordinal) || p.Contains("AspNetCore", StringComparison.Ordinal));
    }

    [Fact]
    public void Connectors_and_sandboxes_know_no_Orleans() =>
        Assert.DoesNotContain(
            new[] { "Connectors", "Sandbox" }.SelectMany(p => XDocument.Load(Path.Combine(Root(), p, p + ".csproj")).Descendants("PackageReference")),
            p => p.Attribute("Include")!.Value.Contains("Orleans", StringComparison.Ordinal));

    [Fact]
    public void Every_version_is_in_one_file() =>
        Assert.DoesNotContain(
            Directory.EnumerateFiles(Root(), "*.csproj", SearchOption.AllDirectories),
            f => XDocument.Load(f).Descendants("PackageReference").Any(p => p.Attribute("Version") is not null));

    static IEnumerable<(string Name, string[] References)> Projects(string root)
    {
        foreach (var file in Directory.EnumerateFiles(root, "*.csproj", SearchOption.AllDirectories))
        {
            var relative = Path.GetRelativePath(root, file).Replace('\\', '/');
            if (relative.StartsWith("tests/", StringComparison.Ordinal) || relative.StartsWith("bench/", StringComparison.Ordinal)) continue;
            var references = XDocument.Load(file).Descendants("ProjectReference").Select(r => Path.GetFileNameWithoutExtension(r.Attribute("Include")!.Value.Replace('\\', '/')));
            yield return (Path.GetFileNameWithoutExtension(file), [.. references]);
        }
    }

    static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "OrleansCrm.sln"))) folder = folder.Parent ?? throw new InvalidOperationException("OrleansCrm.sln is not above the tests.");
        return folder.FullName;
    }
}
