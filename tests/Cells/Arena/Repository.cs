namespace OrleansCrm.Cells.Arena;

/// <summary>Where the built programs are.</summary>
static class Repository
{
    public static string Root { get; } = Find();

    /// <summary>A program's assembly, of the same configuration as this one.</summary>
    public static string Output(string project, string assembly)
    {
        var configuration = new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name;
        var file = Path.Combine(Root, project, "bin", configuration, "net10.0", assembly);
        return File.Exists(file) ? file : throw new FileNotFoundException($"Build {project} first: {file} is not there.", file);
    }

    static string Find()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "OrleansCrm.sln"))) folder = folder.Parent ?? throw new InvalidOperationException("OrleansCrm.sln is not above this program.");
        return folder.FullName;
    }
}
