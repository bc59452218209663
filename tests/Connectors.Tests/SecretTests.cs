using OrleansCrm.Connectors.Secrets;
using Xunit;

namespace OrleansCrm.Connectors.Tests;

public sealed class SecretTests
{
    readonly SetTime _time = new(Given.Noon);

    [Fact]
    public async Task A_file_is_read_again_after_a_while_so_that_a_secret_can_be_rotated()
    {
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, "old\n");
        var secrets = new SecretResolver(_time);

        Assert.Equal("old", await secrets.ReadAsync("file:" + file, CancellationToken.None));
        await File.WriteAllTextAsync(file, "new");
        Assert.Equal("old", await secrets.ReadAsync("file:" + file, CancellationToken.None));
        _time.Now += SecretResolver.FileAge;
        Assert.Equal("new", await secrets.ReadAsync("file:" + file, CancellationToken.None));
        File.Delete(file);
        _time.Now += SecretResolver.FileAge;
        Assert.Null(await secrets.ReadAsync("file:" + file, CancellationToken.None));
    }

    [Theory]
    [InlineData("env:NO_SUCH_VARIABLE_OF_ANYBODY")]
    [InlineData("file:/no/such/file")]
    [InlineData("file:/tmp")]
    [InlineData("a value")]
    public async Task What_is_not_there_is_no_secret(string reference) =>
        Assert.Null(await new SecretResolver(_time).ReadAsync(reference, CancellationToken.None));

    [Fact]
    public async Task A_variable_is_read_as_it_is_now()
    {
        Environment.SetEnvironmentVariable("CONNECTORS_TEST_SECRET", " s ");

        Assert.Equal("s", await new SecretResolver(_time).ReadAsync("env:CONNECTORS_TEST_SECRET", CancellationToken.None));
    }
}
