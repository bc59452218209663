using OrleansCrm.Sandbox.Vendors;

namespace OrleansCrm.Sandbox.Dynamics.Records;

/// <summary>What takes effect together or not at all. Lives under the environment's lock, except while synchronous listeners are asked.</summary>
sealed class Unit(DataverseEnvironment environment)
{
    readonly List<Action> _undo = [];
    readonly List<LoggedWrite> _writes = [];

    public List<Happening> Happenings { get; } = [];

    /// <summary>Rows that the API wrote, for what is to happen after.</summary>
    public List<Occasion> Written { get; } = [];

    public bool IsEmpty => _undo.Count == 0;

    public void OnUndo(Action undo) => _undo.Add(undo);

    public void Log(LoggedWrite write) => _writes.Add(write);

    /// <summary>From here on it is so: the log has it.</summary>
    public void Commit()
    {
        foreach (var write in _writes) environment.Writes.Add(number => write with { Number = number });
        _writes.Clear();
        _undo.Clear();
    }

    public void Undo()
    {
        for (var i = _undo.Count - 1; i >= 0; i--) _undo[i]();
        _undo.Clear();
        _writes.Clear();
        Happenings.Clear();
        Written.Clear();
    }
}
