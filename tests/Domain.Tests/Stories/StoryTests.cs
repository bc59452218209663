using OrleansCrm.Domain.Definitions;
using Xunit;

namespace OrleansCrm.Domain.Tests.Stories;

public sealed class StoryTests
{
    static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "Stories");

    /// <summary>Each story's file and its first line, which says what is promised.</summary>
    public static TheoryData<string, string> Stories()
    {
        var stories = new TheoryData<string, string>();
        foreach (var path in Directory.GetFiles(Folder, "*.txt").Order(StringComparer.Ordinal))
        {
            stories.Add(Path.GetFileName(path), File.ReadLines(path).First().TrimStart('#', ' '));
        }
        return stories;
    }

    [Theory]
    [MemberData(nameof(Stories))]
    public void A_story_comes_true(string file, string promise)
    {
        Assert.NotEmpty(promise);

        Tell(file);
    }

    internal static void Tell(string file, PlantedFault planted = PlantedFault.None) => Story.Tell(file, File.ReadAllLines(Path.Combine(Folder, file)), planted);

    [Fact]
    public void Stories_can_fail() =>
        Assert.Throws<StoryException>(() => Story.Tell("none", ["system crm", "field phone", "1:00 crm sets phone=1", "golden phone => 2"]));
}
