using OrleansCrm.Cli.Hub;

namespace OrleansCrm.Cli.Tests;

public sealed class AddressTests : IDisposable
{
    readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("crm-address-");

    public void Dispose() => _folder.Delete(recursive: true);

    Surroundings In(DirectoryInfo folder, string? variable = null) => new()
    {
        Out = TextWriter.Null,
        Error = TextWriter.Null,
        In = TextReader.Null,
        OutIsTerminal = false,
        ErrorIsTerminal = false,
        InIsTerminal = false,
        Variable = name => name == HubAddress.Variable ? variable : null,
        Folder = folder,
        Time = TimeProvider.System,
    };

    void Runs(string dataFolder, string text) => File.WriteAllText(Path.Combine(_folder.CreateSubdirectory(dataFolder).FullName, HubAddress.FileName), text);

    [Fact]
    public void The_hub_of_this_folder_or_one_above_is_found_by_its_file()
    {
        Runs("data-demo", """{"url":"http://127.0.0.1:6001","hub":"h"}""");

        Assert.Equal(6001, HubAddress.Find(null, In(_folder)).Url.Port);
        Assert.Equal(6001, HubAddress.Find(null, In(_folder.CreateSubdirectory("a/b"))).Url.Port);

        Runs("data", """{"url":"http://127.0.0.1:6002","hub":"h"}""");
        Assert.Equal(6002, HubAddress.Find(null, In(_folder)).Url.Port);
    }

    [Fact]
    public void What_is_said_goes_before_the_variable_and_that_before_the_file()
    {
        Runs("data", """{"url":"http://127.0.0.1:6001","hub":"h"}""");

        Assert.Equal(6003, HubAddress.Find("http://127.0.0.1:6003", In(_folder, "http://127.0.0.1:6002")).Url.Port);
        Assert.Equal(6002, HubAddress.Find(null, In(_folder, "http://127.0.0.1:6002")).Url.Port);
    }

    [Theory]
    [InlineData("")]
    [InlineData("not json")]
    [InlineData("[]")]
    [InlineData("{\"url\":17}")]
    [InlineData("{\"url\":\"nowhere\"}")]
    public void A_broken_file_is_as_good_as_none(string text)
    {
        Runs("data", text);

        Assert.Equal(5080, HubAddress.Find(null, In(_folder)).Url.Port);
    }

    [Theory]
    [InlineData("localhost:5080")]
    [InlineData("ftp://x")]
    [InlineData("5080")]
    public void What_is_no_address_is_refused(string told) => Assert.Throws<CrmException>(() => HubAddress.Find(told, In(_folder)));

    [Fact]
    public async Task Where_nobody_answers_it_is_said_how_the_address_was_found()
    {
        Runs("data", """{"url":"http://127.0.0.1:1","hub":"h"}""");

        var ran = await FakeHub.Run(new() { Folder = _folder }, "systems");

        Assert.Equal(1, ran.Code);
        Assert.Contains(HubAddress.FileName, ran.Error, StringComparison.Ordinal);
    }
}
