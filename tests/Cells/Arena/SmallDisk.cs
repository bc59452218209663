using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;

namespace OrleansCrm.Cells.Arena;

/// <summary>A disk of a few megabytes, in memory, that can be filled to the last byte. Needs the right to mount.</summary>
sealed class SmallDisk : IDisposable
{
    readonly DirectoryInfo _folder;

    /// <exception cref="NotPermittedException">Nothing may be mounted here.</exception>
    public SmallDisk(DirectoryInfo folder, int megabytes)
    {
        _folder = folder;
        folder.Create();
        if (!Ran("mount", "-t", "tmpfs", "-o", string.Create(CultureInfo.InvariantCulture, $"size={megabytes}m,mode=0755"), "crm-cell", folder.FullName))
        {
            throw new NotPermittedException("a small disk cannot be mounted here; run it as root, in a container with --cap-add SYS_ADMIN");
        }
    }

    string Filler => Path.Combine(_folder.FullName, "filler");

    /// <summary>Leaves no room at all.</summary>
    public void Fill()
    {
        using var filler = new FileStream(Filler, FileMode.Append, FileAccess.Write, FileShare.None, bufferSize: 0);
        foreach (var size in (int[])[1 << 20, 1 << 12])
        {
            var block = new byte[size];
            try
            {
                while (true) filler.Write(block);
            }
            catch (IOException)
            {
                // Full, but perhaps for a smaller block.
            }
        }
    }

    public void Free() => File.Delete(Filler);

    // Lazily: a process that is still ending may hold files there.
    public void Dispose() => Ran("umount", "-l", _folder.FullName);

    static bool Ran(params string[] command)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(command[0], command[1..]) { UseShellExecute = false, RedirectStandardError = true });
            process!.StandardError.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (Win32Exception)
        {
            return false;
        }
    }
}
