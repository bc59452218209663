using Microsoft.Extensions.Logging;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Storage;

namespace OrleansCrm.Grains.Definitions;

/// <summary>The hub definition as this silo knows it: it only ever gets newer.</summary>
public sealed class HubDefinitions(ICustomerStore store, ILogger<HubDefinitions> logger) : IDisposable
{
    readonly SemaphoreSlim _loading = new(1, 1);
    volatile HubDefinition? _current;

    /// <summary>The newest that this silo has heard of.</summary>
    /// <exception cref="InvalidOperationException">None was loaded yet: the silo has not started.</exception>
    public HubDefinition Current => _current ?? throw new InvalidOperationException("The hub definition is loaded when the silo starts; nothing may ask for it before.");

    public bool IsLoaded => _current is not null;

    /// <summary>Raised after a newer one came, on the thread that loaded it.</summary>
    public event Action<HubDefinition>? Changed;

    /// <summary>Loads what is newer.</summary>
    /// <returns>False: the store has no definition at all.</returns>
    /// <exception cref="StoreUnavailableException">The store could not be read; what was known stays.</exception>
    public async Task<bool> RefreshAsync(CancellationToken cancellationToken)
    {
        await _loading.WaitAsync(cancellationToken);
        try
        {
            await LoadAsync(cancellationToken);
        }
        finally
        {
            _loading.Release();
        }
        return IsLoaded;
    }

    /// <summary>Sees to it that this version, or a newer one, is known: called with a version that somebody has decided under.</summary>
    /// <returns>False: it could not be loaded now.</returns>
    public async ValueTask<bool> ReachAsync(int version)
    {
        if (Current.Version >= version) return true;
        await _loading.WaitAsync();
        try
        {
            if (Current.Version < version) await LoadAsync(CancellationToken.None);
        }
        catch (StoreUnavailableException)
        {
            logger.DefinitionNotLoaded(version);
        }
        finally
        {
            _loading.Release();
        }
        return Current.Version >= version;
    }

    public void Dispose() => _loading.Dispose();

    async Task LoadAsync(CancellationToken cancellationToken)
    {
        var known = _current;
        var newest = await StoredDefinitions.ReadNewestAsync(store, known, cancellationToken);
        if (newest is null || ReferenceEquals(newest, known)) return;
        _current = newest;
        logger.DefinitionLoaded(newest.Version, newest.Name);
        Changed?.Invoke(newest);
    }
}

static partial class DefinitionLog
{
    [LoggerMessage(EventId = 1101, Level = LogLevel.Information, Message = "Version {Version} of the definition of hub {Hub} is in force here")]
    public static partial void DefinitionLoaded(this ILogger logger, int version, string hub);

    [LoggerMessage(EventId = 1102, Level = LogLevel.Warning, Message = "Version {Version} of the hub definition is in force elsewhere and could not be loaded; what needs it is tried again")]
    public static partial void DefinitionNotLoaded(this ILogger logger, int version);
}
