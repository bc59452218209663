using OrleansCrm.Domain.Committing;

namespace OrleansCrm.Grains.Streaming;

/// <summary>Hears of every batch that this silo's committer has landed. Must be quick, and never throws.</summary>
public interface IJournalListener
{
    void Landed(AppendBatch batch, AppendAnswer.Decided answer);
}
