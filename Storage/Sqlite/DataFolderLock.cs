using OrleansCrm.Domain.Storage;

namespace OrleansCrm.Storage.Sqlite;

/// <summary>A data folder belongs to one process. The system takes the lock back however the process ends.</summary>
static class DataFolderLock
{
    /// <exception cref="StoreRefusedException">Another process holds it, or the folder cannot be written.</exception>
    public static FileStream Take(string folder)
    {
        try
        {
            Directory.CreateDirectory(folder);
            return new FileStream(Path.Combine(folder, "hub.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (UnauthorizedAccessException error)
        {
            throw new StoreRefusedException($"The data folder {Path.GetFullPath(folder)} cannot be written. Nothing was changed. Give this user the right to, or name another folder with --data.", error);
        }
        catch (IOException error)
        {
            throw new StoreRefusedException(
                $"The data folder {Path.GetFullPath(folder)} is in use by another process, or cannot be made ({error.GetType().Name}). Nothing was changed. Stop that process, or name another folder with --data.", error);
        }
    }
}
