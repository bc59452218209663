using System.Collections.Immutable;
using System.Reflection;
using OrleansCrm.Domain.Claims;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Tests.Journal;

/// <summary>
/// Makes entries, customers and all that is in them by looking at their types, so that a member added later is made, and
/// missed when a codec forgets it, without anybody thinking of it here.
/// </summary>
sealed class Samples
{
    static readonly string[] Fields = ["email", "phone", "name", "größe", "we\"ird"];
    static readonly string[] Links = ["01JD.1", "01JD.2", "01XX.1", "other", ".1", "=x", "01JD.", ""];
    static readonly FieldValue[] Values =
    [
        FieldValue.Cleared, FieldValue.Text(""), FieldValue.Text("a \"b\" \\ Grüße 東京 🎌 </script> \u007f\n"), FieldValue.Text("plain"), FieldValue.Number(1.5m), FieldValue.Number(-12345678901234567890m),
        FieldValue.Boolean(true), FieldValue.Boolean(false), FieldValue.Set([]), FieldValue.Set([FieldValue.Text("x"), FieldValue.Text("y")]),
        FieldValue.Parts([new("amount", FieldValue.Number(3)), new("currency", FieldValue.Text("EUR"))]), FieldValue.FromStored("1E400"),
    ];

    readonly Random? _random;
    int _count;
    int _depth;

    Samples(Random? random) => _random = random;

    /// <summary>Every member set, and to something else than what it has when nothing is said.</summary>
    public static T Full<T>() => (T)new Samples(null).Make(typeof(T));

    /// <summary>Any member may be set or not, to values that are met and to some that hardly are.</summary>
    public static T Any<T>(int seed) => (T)new Samples(new(seed)).Make(typeof(T));

    bool Chance(int percent) => _random is null || _random.Next(100) < percent;

    T Pick<T>(T[] from) => from[_random is null ? _count++ % from.Length : _random.Next(from.Length)];

    object Make(Type type)
    {
        _count++;
        if (type == typeof(string)) return _random is null ? "text" + _count : Pick(Links) + (Chance(50) ? ":" + _random.Next(3) : "");
        if (type == typeof(bool)) return _random is null || _random.Next(2) == 0;
        if (type == typeof(int)) return _random is null ? _count : _random.Next(4) switch { 0 => 0, 1 => int.MaxValue, _ => _random.Next(5) };
        if (type == typeof(long)) return _random is null ? _count : _random.Next(4) switch { 0 => 0L, 1 => long.MaxValue, 2 => long.MinValue, _ => _random.Next(5) };
        if (type == typeof(ulong)) return _random is null ? ulong.MaxValue - (ulong)_count : (ulong)_random.NextInt64();
        if (type == typeof(DateTimeOffset)) return Time();
        if (type == typeof(FieldValue)) return _random is null ? FieldValue.Text("value" + _count) : Pick(Values);
        if (type == typeof(Stamp)) return AnyStamp();
        if (type.IsEnum) return _random is null ? Enum.GetValues(type).GetValue(1)! : Enum.GetValues(type).GetValue(_random.Next(Enum.GetValues(type).Length))!;
        if (Nullable.GetUnderlyingType(type) is { } inner) return Make(inner);
        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(ImmutableArray<>)) return MakeArray(type.GetGenericArguments()[0]);
        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(FieldMap<>)) return MakeMap(type.GetGenericArguments()[0]);
        if (type == typeof(ImmutableSortedDictionary<string, string>)) return MakeTexts();
        if (type.IsGenericType && type.Name.StartsWith("ValueTuple", StringComparison.Ordinal)) return Activator.CreateInstance(type, [.. type.GetGenericArguments().Select(Make)])!;
        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(KeyValuePair<,>)) return Activator.CreateInstance(type, [.. type.GetGenericArguments().Select(Make)])!;
        return MakeObject(type);
    }

    DateTimeOffset Time()
    {
        var day = new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);
        if (_random is null) return day.AddTicks(_count);
        return _random.Next(6) switch
        {
            0 => DateTimeOffset.MinValue,
            1 => DateTimeOffset.MaxValue,
            2 => day.AddTicks(_random.NextInt64(TimeSpan.TicksPerDay)).ToOffset(TimeSpan.FromHours(2)),
            _ => day.AddSeconds(_random.Next(4) * 30),
        };
    }

    Stamp AnyStamp()
    {
        if (_random is null) return Stamp.JustAfter(Time(), _count, "edit" + _count);
        return _random.Next(3) switch
        {
            0 => Stamp.Initial,
            1 => Stamp.At(Time(), Chance(50) ? _random.Next(3) : null, Pick(Links)),
            _ => Stamp.JustAfter(Time(), Chance(50) ? _random.Next(3) : null, Pick(Links)),
        };
    }

    object MakeArray(Type of)
    {
        var length = _random is null ? 2 : _depth > 4 ? _random.Next(2) : _random.Next(4);
        var array = Array.CreateInstance(of, length);
        for (var i = 0; i < length; i++) array.SetValue(Make(of), i);
        var create = typeof(ImmutableArray).GetMethods().First(m => m.Name == "Create" && m.GetParameters() is [{ ParameterType.IsArray: true }]);
        return create.MakeGenericMethod(of).Invoke(null, [array])!;
    }

    object MakeMap(Type of)
    {
        var map = typeof(FieldMap).GetMethod("Empty")!.MakeGenericMethod(of).Invoke(null, null)!;
        var with = map.GetType().GetMethod("With")!;
        foreach (var field in Fields)
        {
            if (Chance(60)) map = with.Invoke(map, [field, Make(of)])!;
        }
        return map;
    }

    ImmutableSortedDictionary<string, string> MakeTexts()
    {
        var texts = ImmutableSortedDictionary.Create<string, string>(StringComparer.Ordinal);
        foreach (var field in Fields)
        {
            if (Chance(60)) texts = texts.Add(field, (string)Make(typeof(string)));
        }
        return texts;
    }

    object MakeObject(Type type)
    {
        _depth++;
        var constructor = type.GetConstructors().Where(c => c.GetParameters() is not [var only] || only.ParameterType != type).OrderByDescending(c => c.GetParameters().Length).First();
        var parameters = constructor.GetParameters();
        var made = constructor.Invoke([.. parameters.Select(p => IsOptional(p.ParameterType, new NullabilityInfoContext().Create(p)) && !Chance(60) ? null : Make(p.ParameterType))]);
        foreach (var property in type.GetProperties(BindingFlags.Public | BindingFlags.Instance))
        {
            if (property.SetMethod is null || parameters.Any(p => p.Name == property.Name)) continue;
            var owed = property.GetCustomAttribute<System.Runtime.CompilerServices.RequiredMemberAttribute>() is not null;
            if (!owed && !Chance(70)) continue;
            // A document belongs to a customer whose number the ids of its links begin with.
            var isCustomer = (type.Name, property.Name) is ("Customer", "Id") or ("JournalEntry", "CustomerId");
            var value = isCustomer ? "cus_01JD" : property.PropertyType == typeof(bool) && _random is null ? !(bool)property.GetValue(made)! : Make(property.PropertyType);
            property.SetValue(made, value);
        }
        _depth--;
        return made;
    }

    static bool IsOptional(Type type, NullabilityInfo info) => Nullable.GetUnderlyingType(type) is not null || info.WriteState == NullabilityState.Nullable;
}
