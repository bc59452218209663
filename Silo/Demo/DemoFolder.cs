namespace OrleansCrm.Silo.Demo;

/// <summary>The folder of a demo. It belongs to one demo at a time, and each one begins afresh: what the last one left there is deleted.</summary>
sealed class DemoFolder : IDisposable
{
    const string MarkName = "demo.lock";

    readonly FileStream _mark;

    DemoFolder(DirectoryInfo folder, FileStream mark) => (Folder, _mark) = (folder, mark);

    public DirectoryInfo Folder { get; }

    /// <summary>The definition that the hub runs, with the addresses of this run.</summary>
    public FileInfo Definition => new(Path.Combine(Folder.FullName, "crm.yaml"));

    /// <exception cref="StartRefusedException">It is not a demo's, another process uses it, or it cannot be written; nothing was changed.</exception>
    public static DemoFolder Take(DirectoryInfo folder)
    {
        // Somebody's hub may be there: only what a demo has marked as its own is ever deleted.
        if (folder.Exists && folder.EnumerateFileSystemInfos().Any() && !File.Exists(Path.Combine(folder.FullName, MarkName)))
        {
            throw new StartRefusedException($"The folder {folder.FullName} holds something, and no demo has made it. Nothing was changed. Name another one with --data: a demo deletes what the last one left in its folder.");
        }
        FileStream? mark = null;
        try
        {
            folder.Create();
            mark = new FileStream(Path.Combine(folder.FullName, MarkName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);

            // A hub that was started on the folder afterwards holds its lock.
            using (new FileStream(Path.Combine(folder.FullName, "hub.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None))
            {
                foreach (var file in folder.EnumerateFiles("hub.db*")) file.Delete();
            }
            return new DemoFolder(folder, mark);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            mark?.Dispose();
            throw new StartRefusedException($"The folder {folder.FullName} is in use by another process, or cannot be written ({error.GetType().Name}). Nothing was started. Stop that process, or name another folder with --data.");
        }
    }

    public void Dispose() => _mark.Dispose();
}
