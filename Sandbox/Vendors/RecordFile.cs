using System.Text;
using System.Text.Json;

namespace OrleansCrm.Sandbox.Vendors;

/// <summary>Keeps what an organisation holds in a file, a line of JSON for each thing. A save that is cut off leaves the file of the save before.</summary>
public sealed class RecordFile(string path)
{
    /// <summary>Longest line that is read; a longer one means that the file is none of ours.</summary>
    const int LineMax = 16 << 20;

    long _saved = -1;

    public bool Exists => File.Exists(path);

    /// <exception cref="IOException">It cannot be read, or is none of ours.</exception>
    public void Load(Organisation organisation)
    {
        var number = 0;
        foreach (var line in File.ReadLines(path, Encoding.UTF8))
        {
            number++;
            if (line.Length > LineMax) throw new IOException($"Line {number} of {path} is too long to be a record.");
            try
            {
                organisation.Load(JsonElement.Parse(line));
            }
            catch (Exception exception) when (exception is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
            {
                throw new IOException($"Line {number} of {path} is no record of this kind of organisation. Move the file away to begin anew.", exception);
            }
        }
        _saved = organisation.Changes;
    }

    /// <summary>Writes everything, if anything has changed since.</summary>
    public void Save(Organisation organisation)
    {
        // Read first: what changes while it is written is written again the next time.
        var changes = organisation.Changes;
        if (changes == _saved) return;
        var beside = path + ".new";
        using (var file = new FileStream(beside, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 20))
        {
            foreach (var line in organisation.Save())
            {
                file.Write(line.Span);
                file.WriteByte((byte)'\n');
            }
            file.Flush(flushToDisk: true);
        }
        File.Move(beside, path, overwrite: true);
        _saved = changes;
    }
}
