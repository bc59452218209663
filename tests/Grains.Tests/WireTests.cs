using System.Collections;
using System.Collections.Immutable;
using System.Reflection;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Serialization;
using OrleansCrm.Domain.Claims;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Values;
using OrleansCrm.Grains.Interfaces.Customers;
using Xunit;

namespace OrleansCrm.Grains.Tests;

public sealed class WireTests
{
    static readonly Serializer Wire = new ServiceCollection().AddSerializer().BuildServiceProvider().GetRequiredService<Serializer>();

    public static TheoryData<string> CrossingTypes => [.. WireTypes.All().Where(t => !t.IsAbstract).Append(typeof(Edit)).Append(typeof(FieldValue)).Append(typeof(Stamp)).Select(t => t.FullName!)];

    [Theory]
    [MemberData(nameof(CrossingTypes))]
    public void Whatever_crosses_the_wire_arrives_as_it_was_sent(string name)
    {
        var type = WireTypes.Named(name);
        foreach (var sent in new[] { Sample.Of(type, full: true), Sample.Of(type, full: false) })
        {
            var arrived = Wire.Deserialize<object>(Wire.SerializeToArray<object>(sent));

            Assert.Equal(type, arrived!.GetType());
            Assert.Equal(Sample.Tell(sent), Sample.Tell(arrived));
        }
    }

    [Fact]
    public void What_the_contracts_say_is_written_down()
    {
        var file = Path.Combine(WireTypes.Root(), "Grains.Interfaces", "OrleansContracts.txt");
        var told = WireTypes.Contracts();
        if (Environment.GetEnvironmentVariable("CRM_WRITE_CONTRACTS") == "1") File.WriteAllText(file, told);

        Assert.True(
            File.Exists(file) && File.ReadAllText(file) == told,
            "The grain contracts are not what Grains.Interfaces/OrleansContracts.txt says. Silos of two versions run side by side during an upgrade, so a name that is there "
            + "keeps its meaning: add a method or a member with a new id beside the old one, and retire the old one a release later. If the change keeps to that, write the file "
            + "anew with CRM_WRITE_CONTRACTS=1 tests/Grains.Tests/bin/Debug/net10.0/OrleansCrm.Grains.Tests --filter-class '*WireTests', and have the difference reviewed.");
    }
}

/// <summary>What is known of the contracts by reflection.</summary>
static class WireTypes
{
    static readonly Assembly[] Assemblies = [typeof(ICustomerGrain).Assembly, typeof(CustomerCall).Assembly];

    public static IEnumerable<Type> All() =>
        Assemblies.SelectMany(a => a.GetTypes()).Where(t => t.GetCustomAttribute<GenerateSerializerAttribute>() is not null && t.Namespace?.StartsWith("OrleansCrm.", StringComparison.Ordinal) == true);

    public static Type Named(string name) => Assemblies.Select(a => a.GetType(name)).First(t => t is not null)!;

    public static string Contracts()
    {
        var text = new StringBuilder("# Names and ids on the wire. Written by tests/Grains.Tests; a changed line is a decision to review.\n");
        foreach (var grain in Assemblies[0].GetTypes().Where(t => t.IsInterface && typeof(IAddressable).IsAssignableFrom(t)).OrderBy(AliasOf, StringComparer.Ordinal))
        {
            text.Append('\n').Append("grain ").Append(AliasOf(grain)).Append('\n');
            foreach (var method in grain.GetMethods().OrderBy(AliasOf, StringComparer.Ordinal))
            {
                text.Append("  ").Append(AliasOf(method)).Append('(').AppendJoin(", ", method.GetParameters().Select(p => $"{Told(p.ParameterType)} {p.Name}")).Append("): ").Append(Told(method.ReturnType)).Append('\n');
            }
        }
        foreach (var type in All().OrderBy(AliasOf, StringComparer.Ordinal))
        {
            text.Append('\n').Append(type.IsEnum ? "enum " : "type ").Append(AliasOf(type));
            if (!type.IsEnum && type.BaseType is { } parent && parent.GetCustomAttribute<GenerateSerializerAttribute>() is not null) text.Append(" : ").Append(AliasOf(parent));
            text.Append('\n');
            foreach (var member in type.IsEnum ? Enum.GetValues(type).Cast<object>().Select(v => $"{Convert.ToInt64(v)} {v}") : MembersOf(type)) text.Append("  ").Append(member).Append('\n');
        }
        return text.ToString();
    }

    public static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "OrleansCrm.sln"))) folder = folder.Parent ?? throw new InvalidOperationException("OrleansCrm.sln is not above the tests.");
        return folder.FullName;
    }

    // The parameters of a record have their ids by order, members of their own have them written down.
    static IEnumerable<string> MembersOf(Type type)
    {
        var i = 0;
        foreach (var parameter in Sample.RecordParameters(type)) yield return $"parameter {i++} {Told(parameter.ParameterType)} {parameter.Name}";
        foreach (var property in type.GetProperties().Where(p => p.GetCustomAttribute<IdAttribute>() is not null).OrderBy(p => p.GetCustomAttribute<IdAttribute>()!.Id))
        {
            yield return $"{property.GetCustomAttribute<IdAttribute>()!.Id} {Told(property.PropertyType)} {property.Name}";
        }
    }

    static string AliasOf(MemberInfo member) => member.GetCustomAttribute<AliasAttribute>(inherit: false)?.Alias ?? throw new InvalidOperationException($"{member} has no alias: without one its name on the wire changes when the code is renamed.");

    static string Told(Type type)
    {
        if (Nullable.GetUnderlyingType(type) is { } inner) return Told(inner) + "?";
        return type.IsGenericType ? $"{type.Name[..type.Name.IndexOf('`', StringComparison.Ordinal)]}<{string.Join(", ", type.GetGenericArguments().Select(Told))}>" : type.Name;
    }
}

/// <summary>Makes an instance of anything that crosses the wire, and tells one as text.</summary>
static class Sample
{
    /// <param name="full">False: every member that may be null or empty is.</param>
    public static object Of(Type type, bool full) => Of(type, full, new Counter());

    static object Of(Type type, bool full, Counter count)
    {
        if (Nullable.GetUnderlyingType(type) is { } inner) return Of(inner, full, count);
        if (type == typeof(string)) return full ? $"text {count.Next()} ü" : "";
        if (type == typeof(int)) return full ? -count.Next() : 0;
        if (type == typeof(long)) return full ? long.MaxValue - count.Next() : 0L;
        if (type == typeof(bool)) return full;
        if (type == typeof(DateTimeOffset)) return full ? new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero).AddTicks(count.Next()) : default;
        if (type == typeof(FieldValue)) return full ? FieldValue.Text($"value {count.Next()}") : FieldValue.Cleared;
        if (type == typeof(Stamp)) return full ? (count.Next() % 2 == 0 ? Stamp.At(Given.Noon, 3, "e") : Stamp.JustAfter(Given.Noon, null, "f")) : Stamp.Initial;
        if (type == typeof(ReadOnlyMemory<byte>)) return full ? new ReadOnlyMemory<byte>([1, 2, 3]) : ReadOnlyMemory<byte>.Empty;
        if (type.IsEnum) return full ? Enum.GetValues(type).Cast<object>().Last() : Enum.GetValues(type).GetValue(0)!;
        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(ImmutableArray<>)) return Array(type.GetGenericArguments()[0], full, count);
        if (type == typeof((string, string))) return ("one", "two");
        if (typeof(Exception).IsAssignableFrom(type)) return Activator.CreateInstance(type, "what went wrong")!;
        if (type.IsAbstract) return Of(type.GetNestedTypes().Concat(WireTypes.All()).First(t => !t.IsAbstract && type.IsAssignableFrom(t)), full, count);

        var parameters = RecordParameters(type);
        object made;
        if (parameters.Length == 0) made = Activator.CreateInstance(type)!;
        else made = Activator.CreateInstance(type, [.. parameters.Select(p => MayBeNull(p) && !full ? null : Of(p.ParameterType, full, count))])!;
        foreach (var property in type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(p => p.SetMethod is not null && parameters.All(q => q.Name != p.Name)))
        {
            if (full || !MayBeNull(property)) property.SetValue(made, Of(property.PropertyType, full, count));
        }
        return made;
    }

    /// <summary>Of the constructor that sets the members of the same names; empty: there is none.</summary>
    public static ParameterInfo[] RecordParameters(Type type) =>
        type.GetConstructors().Select(c => c.GetParameters()).FirstOrDefault(ps => ps.Length > 0 && ps.All(p => type.GetProperty(p.Name!)?.PropertyType == p.ParameterType)) ?? [];

    public static string Tell(object? value)
    {
        switch (value)
        {
            case null: return "null";
            case string or Enum or FieldValue: return $"{value}|";
            case ReadOnlyMemory<byte> bytes: return Convert.ToHexString(bytes.Span);
            case Exception error: return $"{error.GetType().Name}: {error.Message}";
            case IEnumerable many: return "[" + string.Join(',', many.Cast<object?>().Select(Tell)) + "]";
        }
        var type = value.GetType();
        if (type.Namespace?.StartsWith("OrleansCrm.", StringComparison.Ordinal) != true) return value.ToString()!;
        return type.Name + "{" + string.Join(' ', type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(p => p.GetIndexParameters().Length == 0).Select(p => $"{p.Name}={Tell(p.GetValue(value))}")) + "}";
    }

    static object Array(Type element, bool full, Counter count)
    {
        var items = System.Array.CreateInstance(element, full ? 2 : 0);
        for (var i = 0; i < items.Length; i++) items.SetValue(Of(element, full, count), i);
        return typeof(ImmutableArray).GetMethods().First(m => m.Name == "Create" && m.GetParameters() is [{ ParameterType.IsArray: true }]).MakeGenericMethod(element).Invoke(null, [items])!;
    }

    static bool MayBeNull(ParameterInfo parameter) => new NullabilityInfoContext().Create(parameter).WriteState == NullabilityState.Nullable;

    static bool MayBeNull(PropertyInfo property) => new NullabilityInfoContext().Create(property).WriteState == NullabilityState.Nullable;

    sealed class Counter
    {
        int _last;

        public int Next() => ++_last;
    }
}
