namespace OrleansCrm.Silo.Demo;

/// <summary>One record of the bundled data set. An empty text: it says nothing.</summary>
/// <param name="Person">Who it is in truth: the same number for the same person. The hub is never told.</param>
sealed record DemoRecord(int Id, string FirstName, string LastName, DateOnly? BirthDate, string City, string Email, int Person)
{
    /// <summary>From here on numbers are those of fictional people.</summary>
    public const int FictionalFrom = 1_000_000;

    const string Header = "unique_id,first_name,surname,dob,city,email,cluster";

    /// <exception cref="StartRefusedException">The data set is not beside the program, or is another one.</exception>
    public static IReadOnlyList<DemoRecord> ReadAll(string file)
    {
        if (!File.Exists(file)) throw new StartRefusedException($"The demo's data set {file} is not there. Nothing was started. Build the program again: it is copied beside it.");
        var lines = File.ReadAllLines(file);
        if (lines is not [Header, ..]) throw new StartRefusedException($"{file} is not the demo's data set. Nothing was started. Build the program again: it is copied beside it.");

        // The data set has no quoted values; a line that is not as expected is a broken file.
        return [.. lines.Skip(1).Select(line => line.Split(',') is [var id, var first, var last, var born, var city, var email, var person]
            ? new DemoRecord(Number(id), first, last, born.Length == 0 ? null : DateOnly.ParseExact(born, "yyyy-MM-dd", Invariant), city, email, Number(person))
            : throw new StartRefusedException($"{file} is broken. Nothing was started. Build the program again: it is copied beside it."))];
    }

    static int Number(string text) => int.Parse(text, Invariant);

    static System.Globalization.CultureInfo Invariant => System.Globalization.CultureInfo.InvariantCulture;
}
