namespace OrleansCrm.Simulation.Time;

/// <summary>What happened, as lines of text. Only a world that is told again keeps one: a line costs more than the step it tells of.</summary>
sealed class Story(Clock clock, int linesMax = 20_000)
{
    readonly Queue<string> _lines = new();

    public int Dropped { get; private set; }

    public void Add(string line)
    {
        if (_lines.Count == linesMax)
        {
            _lines.Dequeue();
            Dropped++;
        }
        _lines.Enqueue($"{Clock.Tell(clock.Now)}  {line}");
    }

    public IEnumerable<string> Lines => _lines;
}
