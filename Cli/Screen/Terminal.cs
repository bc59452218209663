using System.Text.Json;
using Spectre.Console;

namespace OrleansCrm.Cli.Screen;

/// <summary>Where a command writes: data on the standard output, everything said beside it on the standard error.</summary>
sealed class Terminal
{
    /// <summary>Off a terminal nothing is cut or wrapped: a line is a row.</summary>
    const int WidthOffTerminal = 10_000;

    static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    static readonly JsonSerializerOptions OneLine = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    readonly Surroundings _around;
    readonly IAnsiConsole _out;
    bool _hasProgress;

    public Terminal(Surroundings around, bool asJson)
    {
        _around = around;
        AsJson = asJson;
        var colours = around.Variable("NO_COLOR") is null && around.Variable("TERM") != "dumb";
        _out = ConsoleOn(around.Out, around.OutIsTerminal, colours);
        Messages = ConsoleOn(around.Error, around.ErrorIsTerminal, colours);
    }

    /// <summary>The caller wants the hub's answers as JSON.</summary>
    public bool AsJson { get; }

    /// <summary>For progress; only where <see cref="ShowsProgress"/>.</summary>
    public IAnsiConsole Messages { get; }

    public bool ShowsProgress => _around.ErrorIsTerminal && !AsJson;

    /// <summary>The hub's answer as it came: indented for a person, one line for a program.</summary>
    public void Write(JsonElement answer) => _around.Out.WriteLine(JsonSerializer.Serialize(answer, _around.OutIsTerminal ? Indented : OneLine));

    /// <summary>A text that is data, as it is.</summary>
    public void WriteText(string text) => _around.Out.WriteLine(text);

    /// <summary>Rows under headings; off a terminal without frames, so that it can be cut and searched.</summary>
    public void Write(IReadOnlyList<string> headings, IEnumerable<IReadOnlyList<string>> rows)
    {
        var table = new Table { Border = TableBorder.None, ShowHeaders = true };
        foreach (var heading in headings)
        {
            // A heading that ends with a colon has numbers below it.
            var numbers = heading.EndsWith(':');
            var column = new TableColumn(new Text(heading.TrimEnd(':'), new Style(decoration: Decoration.Bold))) { Padding = new Padding(0, 0, 2, 0) };
            table.AddColumn(numbers ? column.RightAligned() : column);
        }
        foreach (var row in rows) table.AddRow(row.Select(cell => new Text(cell)));
        _out.Write(table);
    }

    /// <summary>Names and what belongs to them, one to a line; a null is left out.</summary>
    public void Write(IEnumerable<(string Name, string? Value)> facts)
    {
        EndProgress();
        var grid = new Grid();
        grid.AddColumn(new GridColumn { NoWrap = true, Padding = new Padding(0, 0, 2, 0) });
        grid.AddColumn(new GridColumn { Padding = new Padding(0, 0, 0, 0) });
        foreach (var (name, value) in facts)
        {
            if (value is not null) grid.AddRow(new Text(name, new Style(decoration: Decoration.Dim)), new Text(value));
        }
        _out.Write(grid);
    }

    public void Heading(string text)
    {
        _out.WriteLine();
        _out.Write(new Text(text + "\n", new Style(decoration: Decoration.Bold)));
    }

    /// <summary>Says something beside the data.</summary>
    public void Say(string message)
    {
        EndProgress();
        _around.Error.WriteLine(message);
    }

    void EndProgress()
    {
        if (_hasProgress) _around.Error.WriteLine();
        _hasProgress = false;
    }

    /// <summary>How far something has come: one line that is written over. Only where <see cref="ShowsProgress"/>.</summary>
    public void Progress(string line)
    {
        var width = Math.Max(20, Messages.Profile.Width - 1);
        _around.Error.Write('\r' + (line.Length > width ? line[..width] : line.PadRight(width)));
        _around.Error.Flush();
        _hasProgress = true;
    }

    /// <summary>Asks before something that cannot be taken back.</summary>
    /// <param name="yes">It was answered on the command line.</param>
    /// <exception cref="CrmException">Nobody can be asked, or the answer is no.</exception>
    public void Confirm(string question, bool yes)
    {
        if (yes) return;
        if (!_around.InIsTerminal || !_around.ErrorIsTerminal) throw new CrmException($"{question} Nobody can be asked here: say --yes. Nothing was done.");
        _around.Error.Write($"{question} [y/N] ");
        if (_around.In.ReadLine()?.Trim() is not ("y" or "Y" or "yes")) throw new CrmException("Nothing was done.");
    }

    static IAnsiConsole ConsoleOn(TextWriter writer, bool isTerminal, bool colours)
    {
        var console = AnsiConsole.Create(new()
        {
            Out = new AnsiConsoleOutput(writer),
            Ansi = isTerminal && colours ? AnsiSupport.Detect : AnsiSupport.No,
            ColorSystem = isTerminal && colours ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.No,
        });
        if (!isTerminal) console.Profile.Width = WidthOffTerminal;
        return console;
    }
}
