using OrleansCrm.Silo.Tests.Processes;
using Xunit;

namespace OrleansCrm.Silo.Tests;

/// <summary>The main command, as a person types it.</summary>
public sealed class StartTests
{
    [Fact]
    public async Task Dotnet_run_takes_the_definition_of_the_folder_that_a_person_is_in_keeps_the_data_there_and_is_found_there_by_crm()
    {
        var folder = Directory.CreateTempSubdirectory("crm-start-");
        await File.WriteAllTextAsync(Path.Combine(folder.FullName, "crm.yaml"), "hub: here\nrecordTypes: { person: { fields: { email: email } } }\n");

        await using (var hub = HubProcess.RunFrom(folder, "--urls", "http://127.0.0.1:0"))
        {
            await hub.UntilAsync("listens on");
            var told = await CrmProcess.RunAsync(folder, "systems", "--json");
            Assert.Equal((0, "{\"systems\":[]}"), (told.Code, told.Out.Trim()));
            Assert.Equal(0, await hub.EndAsync());
        }
        Assert.Equal(1, (await CrmProcess.RunAsync(folder, "systems")).Code);
        Assert.False(File.Exists(Path.Combine(folder.FullName, "data", "hub.address")));

        Assert.True(File.Exists(Path.Combine(folder.FullName, "data", "hub.db")));
        folder.Delete(recursive: true);
    }
}
