using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.Win32.SafeHandles;

namespace OrleansCrm.Connectors.Lines;

/// <summary>Files of lines in one folder, the last of which is written to. Their names sort in the order of their lines.</summary>
/// <remarks>Not safe for many callers at once. After an exception it must be disposed of; opening it anew mends what was left.</remarks>
sealed partial class LineFiles : IDisposable
{
    const string LockName = ".lock";

    readonly string _folder;
    readonly FileStream _lock;
    SafeFileHandle? _file;
    string _name;
    long _number;

    LineFiles(string folder, FileStream held)
    {
        (_folder, _lock) = (folder, held);
        _name = "";
    }

    /// <summary>Bytes in the file that is written to: whole lines only. 0: none is open, or it is new.</summary>
    public long Length { get; private set; }

    /// <summary>When the file that is written to was begun.</summary>
    public DateTimeOffset BegunAt { get; private set; }

    /// <summary>The file that is written to; null: the next line begins the first one.</summary>
    public string? Current => _file is null ? null : Path.Combine(_folder, _name);

    /// <summary>Opens the folder, and its last file at the end of its last whole line: what a crash tore off is cut away.</summary>
    /// <exception cref="IOException">Another process holds the folder, or it cannot be used.</exception>
    public static LineFiles Open(string folder)
    {
        Directory.CreateDirectory(folder);

        // Held as long as the process lives and freed by its death: two writers would tear each other's lines.
        var held = new FileStream(Path.Combine(folder, LockName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        var files = new LineFiles(folder, held);
        try
        {
            files.Resume();
            return files;
        }
        catch
        {
            files.Dispose();
            throw;
        }
    }

    /// <summary>Begins the next file.</summary>
    public void Next(DateTimeOffset now)
    {
        _file?.Dispose();
        _file = null;
        _number++;
        BegunAt = now.ToUniversalTime();

        // The number sorts, whatever the clock does; the time is for people.
        _name = string.Create(CultureInfo.InvariantCulture, $"changes-{_number:D9}-{BegunAt:yyyyMMdd'T'HHmmss'Z'}.jsonl");
        _file = File.OpenHandle(Path.Combine(_folder, _name), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.Read);
        Length = 0;
    }

    /// <summary>Appends whole lines and returns when they are on the disk.</summary>
    /// <exception cref="IOException">Nothing was appended, or a torn part that is cut off again here or when the folder is opened next.</exception>
    public void Append(ReadOnlySpan<byte> lines)
    {
        var file = _file ?? throw new InvalidOperationException("No file has been begun.");
        try
        {
            RandomAccess.Write(file, lines, Length);
            RandomAccess.FlushToDisk(file);
        }
        catch
        {
            // A full disk leaves a part of a line, which readers must not take for one.
            RandomAccess.SetLength(file, Length);
            throw;
        }
        Length += lines.Length;
    }

    void Resume()
    {
        var last = Directory.EnumerateFiles(_folder, "changes-*.jsonl").Select(Path.GetFileName).Where(n => Name().IsMatch(n!)).Max(StringComparer.Ordinal);
        if (last is null) return;
        var parts = Name().Match(last);
        _name = last;
        _number = long.Parse(parts.Groups["number"].ValueSpan, CultureInfo.InvariantCulture);
        BegunAt = DateTimeOffset.ParseExact(parts.Groups["time"].Value, "yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal);
        _file = File.OpenHandle(Path.Combine(_folder, last), FileMode.Open, FileAccess.ReadWrite, FileShare.Read);
        var whole = WholeLines(_file);
        if (whole != RandomAccess.GetLength(_file))
        {
            RandomAccess.SetLength(_file, whole);
            RandomAccess.FlushToDisk(_file);
        }
        Length = whole;
    }

    // The length up to the last line feed.
    static long WholeLines(SafeFileHandle file)
    {
        var block = new byte[64 << 10];
        for (var end = RandomAccess.GetLength(file); end > 0;)
        {
            var start = Math.Max(0, end - block.Length);
            var read = RandomAccess.Read(file, block.AsSpan(0, (int)(end - start)), start);
            var feed = block.AsSpan(0, read).LastIndexOf((byte)'\n');
            if (feed >= 0) return start + feed + 1;
            end = start;
        }
        return 0;
    }

    public void Dispose()
    {
        _file?.Dispose();
        _lock.Dispose();
    }

    [GeneratedRegex("^changes-(?<number>[0-9]{9,18})-(?<time>[0-9]{8}T[0-9]{6}Z)[.]jsonl$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1_000)]
    private static partial Regex Name();
}
