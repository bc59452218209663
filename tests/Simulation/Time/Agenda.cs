namespace OrleansCrm.Simulation.Time;

/// <summary>One thing that will happen. A plain struct: thousands are made per world, none is allocated.</summary>
struct Happening
{
    public long At;

    /// <summary>Order of scheduling; happenings of the same time happen in it.</summary>
    public long Order;

    public int Kind;

    /// <summary>The system or silo that it happens to.</summary>
    public int Who;

    /// <summary>Life of the process that it belongs to: a happening for an earlier life is passed over.</summary>
    public int Life;

    public long Number;

    public object? Cargo;
}

/// <summary>What will happen, soonest first: a binary heap in one array.</summary>
sealed class Agenda
{
    Happening[] _heap = new Happening[256];
    long _order;

    public int Count { get; private set; }

    /// <summary>Time of the next happening; <see cref="long.MaxValue"/> when nothing is to happen.</summary>
    public long NextAt => Count == 0 ? long.MaxValue : _heap[0].At;

    public void Add(long at, int kind, int who, int life = 0, long number = 0, object? cargo = null)
    {
        if (Count == _heap.Length) Array.Resize(ref _heap, Count * 2);
        var added = new Happening { At = at, Order = _order++, Kind = kind, Who = who, Life = life, Number = number, Cargo = cargo };
        var hole = Count++;
        while (hole > 0)
        {
            var parent = (hole - 1) >> 1;
            if (!Before(in added, in _heap[parent])) break;
            _heap[hole] = _heap[parent];
            hole = parent;
        }
        _heap[hole] = added;
    }

    public Happening Take()
    {
        var first = _heap[0];
        var last = _heap[--Count];
        _heap[Count] = default;
        if (Count == 0) return first;

        var hole = 0;
        while (true)
        {
            var child = (hole << 1) + 1;
            if (child >= Count) break;
            if (child + 1 < Count && Before(in _heap[child + 1], in _heap[child])) child++;
            if (!Before(in _heap[child], in last)) break;
            _heap[hole] = _heap[child];
            hole = child;
        }
        _heap[hole] = last;
        return first;
    }

    public void Clear()
    {
        Array.Clear(_heap, 0, Count);
        Count = 0;
        _order = 0;
    }

    static bool Before(in Happening a, in Happening b) => a.At < b.At || (a.At == b.At && a.Order < b.Order);
}
