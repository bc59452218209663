using System.Collections.Immutable;
using System.Globalization;
using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Definitions.Reading;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Values;
using Xunit;

namespace OrleansCrm.Connectors.Tests;

/// <summary>What the tests of all connectors start from.</summary>
static class Given
{
    /// <summary>The vector of the Standard Webhooks specification.</summary>
    public const string Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    public static readonly DateTimeOffset Noon = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    public static HubDefinition Hub(string yaml)
    {
        var result = HubDefinitionReader.Read(yaml);
        Assert.Empty(result.Errors);
        return result.Definition!;
    }

    public static CustomerChange Change(string customer = "cus_1", long sequence = 1, params ReadOnlySpan<(string Field, FieldValue? Value)> fields) => new()
    {
        HubId = "hub-1",
        HubEpoch = 1,
        Position = new Position(17, sequence),
        CustomerId = customer,
        RecordType = "person",
        Revision = sequence,
        At = Noon,
        DefinitionVersion = 3,
        Fields = [.. fields.ToArray().Select(f => new ChangedField(f.Field, f.Value, sequence, "l.1", Noon))],
        Links = [new ChangedLink("l.1", "crm", "Contact", "7", LinkState.Linked)],
        Causes = [new ChangeCause("e1", EditKind.Change, new Actor(ActorKind.User, "anna"), Noon, "l.1")],
    };

    public static ImmutableArray<CustomerChange> Changes(int count, int customers = 1) =>
        [.. Enumerable.Range(0, count).Select(i => Change(string.Create(CultureInfo.InvariantCulture, $"cus_{i % customers}"), i + 1, ("note", FieldValue.Text("x"))))];

    public static RecordWrite Write(WriteKind kind, string? id, string? key, params ReadOnlySpan<(string Field, FieldValue Value)> fields) => new(
        "cus_1", "l.1", 1, 5, kind, "person", "customers", id, key, [.. fields.ToArray().Select(f => new FieldWrite(f.Field, f.Value, 4))], DateTimeOffset.MaxValue);

    public static (string Field, FieldValue Value) Text(string field, string text) => (field, FieldValue.Text(text));

    public static (string Field, FieldValue Value) Cleared(string field) => (field, FieldValue.Cleared);
}

/// <summary>Secrets that a test names.</summary>
sealed class KnownSecrets(params (string Reference, string Secret)[] known) : ISecretResolver
{
    public Dictionary<string, string> All { get; } = known.ToDictionary(k => k.Reference, k => k.Secret, StringComparer.Ordinal);

    public ValueTask<string?> ReadAsync(string reference, CancellationToken cancellationToken) => ValueTask.FromResult(All.GetValueOrDefault(reference));
}

/// <summary>A time that a test moves.</summary>
sealed class SetTime(DateTimeOffset now) : TimeProvider
{
    public DateTimeOffset Now { get; set; } = now;

    public override DateTimeOffset GetUtcNow() => Now;
}
