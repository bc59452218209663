using System.CommandLine;
using System.Text.Json;
using CsvHelper;
using OrleansCrm.Cli.Screen;

namespace OrleansCrm.Cli.Commands;

/// <summary><c>crm links import</c>: adoption of records that exist on both sides already.</summary>
static class LinksCommand
{
    /// <summary>Most bytes of a file.</summary>
    const int FileMax = 256 << 20;

    /// <summary>Links sent at once.</summary>
    const int SentTogether = 250;

    /// <summary>Times that a group is sent whose outcome nobody could tell.</summary>
    const int TriesMax = 5;

    static readonly TimeSpan WaitBetween = TimeSpan.FromSeconds(2);

    public static Command Make(CommandShell shell)
    {
        var command = new Command("links", "The ties between customers and the records of systems.");
        command.Add(Import(shell));
        return command;
    }

    static Command Import(CommandShell shell)
    {
        var file = new Argument<FileInfo>("file") { Description = "A CSV file with a heading. Columns: externalId; customer, or bySystem, byObject and byId (a record that the customer holds); system and object, unless the options name them." };
        var system = new Option<string?>("--system") { Description = "The system of all records of the file." };
        var @object = new Option<string?>("--object") { Description = "The object of all records of the file." };
        var refused = new Option<FileInfo?>("--refused") { Description = "Writes the lines that were not linked, each with its reason, as CSV." };
        var batch = new Option<string?>("--batch") { Description = "Names the import, so that it can be undone as one. Default: the file's name." };
        var command = new Command("import", "Ties records to customers by a file of ids. Each record is read from its system first, so that nothing is written to it before the hub knows what it holds. The same file again changes nothing. Ends with 2 where lines were refused.") { file, system, @object, refused, batch };
        shell.Set(command, async (context, parsed, cancellationToken) =>
        {
            var from = parsed.GetRequiredValue(file);
            var lines = Read(from, parsed.GetValue(system), parsed.GetValue(@object));
            var named = parsed.GetValue(batch) ?? from.Name;
            var counts = new SortedDictionary<string, int>(StringComparer.Ordinal);
            var unlinked = new List<(Line Line, string Reason, string Advice)>();
            foreach (var group in lines.Chunk(SentTogether))
            {
                foreach (var (line, answer) in await SendAsync(context, group, named, cancellationToken))
                {
                    var outcome = answer.Text("outcome") ?? "unknown";
                    var word = answer.Text("reason") is { } reason ? $"{outcome}:{reason}" : outcome;
                    counts[word] = counts.GetValueOrDefault(word) + 1;
                    if (outcome is not ("linked" or "already-linked")) unlinked.Add((line, answer.Text("reason") ?? outcome, answer.Text("advice") ?? ""));
                }
                if (context.Terminal.ShowsProgress) context.Terminal.Progress($"{Json.Grouped(counts.Values.Sum())} of {Json.Grouped(lines.Count)} lines");
            }
            if (parsed.GetValue(refused) is { } into) Write(into, unlinked);
            if (context.Terminal.AsJson) context.Terminal.Write(JsonSerializer.SerializeToElement(new { lines = lines.Count, outcomes = counts }));
            else context.Terminal.Write([("lines", Json.Grouped(lines.Count)), .. counts.Select(c => (c.Key, (string?)Json.Grouped(c.Value)))]);
            foreach (var each in unlinked.Take(10)) context.Terminal.Say($"Line {each.Line.Number}: {each.Reason}. {each.Advice}".TrimEnd());
            if (unlinked.Count > 10) context.Terminal.Say($"… and {unlinked.Count - 10} more lines were not linked; --refused writes them all.");
            return unlinked.Count == 0 ? ExitCode.Ok : ExitCode.Differences;
        });
        return command;
    }

    sealed record Line(int Number, string System, string Object, string ExternalId, string? Customer, string? BySystem, string? ByObject, string? ById);

    static List<Line> Read(FileInfo file, string? system, string? @object)
    {
        if (!file.Exists) throw new CrmException($"There is no file {file.FullName}. Nothing was linked.");
        if (file.Length > FileMax) throw new CrmException($"The file has more than {FileMax >> 20} MB. Cut it, and import its parts. Nothing was linked.");
        using var csv = CsvReader.Create(File.ReadAllBytes(file.FullName).AsMemory(), new CsvReaderOptions { IncludeValuesInExceptions = false });
        var lines = new List<Line>();
        try
        {
            csv.ReadHeader();
            while (csv.Read()) lines.Add(LineOf(csv, lines.Count + 2, system, @object));
        }
        catch (CsvFormatException error)
        {
            throw new CrmException($"The file is no CSV with a heading (line {error.LineNumber}). Nothing was linked.", error);
        }
        return lines;
    }

    static Line LineOf(CsvReader csv, int number, string? system, string? @object)
    {
        string? Field(string name) => csv.TryGetFieldIndex(name, out var at) && at < csv.FieldCount && csv.GetString(at).Trim() is { Length: > 0 } value ? value : null;
        var line = new Line(
            number,
            Field("system") ?? system ?? throw new CrmException($"Line {number} names no system: add the column, or say --system. Nothing was linked."),
            Field("object") ?? @object ?? throw new CrmException($"Line {number} names no object: add the column, or say --object. Nothing was linked."),
            Field("externalId") ?? throw new CrmException($"Line {number} has no externalId. Nothing was linked."),
            Field("customer"), Field("bySystem"), Field("byObject"), Field("byId"));
        var isBy = line.BySystem is not null && line.ByObject is not null && line.ById is not null;
        return line.Customer is null == isBy ? line : throw new CrmException($"Line {number} names its customer either by 'customer' or by 'bySystem', 'byObject' and 'byId'. Nothing was linked.");
    }

    static async Task<List<(Line, JsonElement)>> SendAsync(CommandContext context, Line[] lines, string batch, CancellationToken cancellationToken)
    {
        var told = new List<(Line, JsonElement)>();
        for (var tries = 1; ; tries++)
        {
            var body = JsonSerializer.Serialize(new
            {
                batch,
                links = lines.Select(l => l.Customer is { } customer
                    ? new Dictionary<string, object> { ["system"] = l.System, ["object"] = l.Object, ["externalId"] = l.ExternalId, ["customer"] = customer }
                    : new Dictionary<string, object> { ["system"] = l.System, ["object"] = l.Object, ["externalId"] = l.ExternalId, ["by"] = new Dictionary<string, string> { ["system"] = l.BySystem!, ["object"] = l.ByObject!, ["externalId"] = l.ById! } }),
            });
            var answers = (await context.Hub.PostAsync("/links", body, cancellationToken)).Items("answers").ToArray();
            if (answers.Length != lines.Length) throw new CrmException("The hub answered for another number of links than were sent. Some may be linked; import the file again.");
            var again = new List<Line>();
            for (var i = 0; i < lines.Length; i++)
            {
                if (answers[i].Text("outcome") == "try-again" && tries < TriesMax) again.Add(lines[i]);
                else told.Add((lines[i], answers[i]));
            }
            if (again.Count == 0) return told;
            lines = [.. again];
            await Task.Delay(WaitBetween, context.Time, cancellationToken);
        }
    }

    static void Write(FileInfo file, List<(Line Line, string Reason, string Advice)> unlinked)
    {
        using var writer = new StreamWriter(file.FullName);
        using var csv = CsvWriter.Create(writer, new CsvWriterOptions(), false);
        csv.WriteRecord(["system", "object", "externalId", "customer", "bySystem", "byObject", "byId", "reason", "advice"]);
        foreach (var (line, reason, advice) in unlinked)
        {
            csv.WriteRecord([line.System, line.Object, line.ExternalId, line.Customer ?? "", line.BySystem ?? "", line.ByObject ?? "", line.ById ?? "", reason, advice]);
        }
    }
}
