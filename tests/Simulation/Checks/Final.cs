using OrleansCrm.Domain.Customers;

namespace OrleansCrm.Simulation;

/// <summary>What is checked when the world has come to rest.</summary>
sealed partial class World
{
    void Check()
    {
        CheckAcknowledged();
        CheckRevisions();
        CheckMemory();
        CheckOrder();
        CheckHolders();
        CheckGolden();
        CheckCreates();
        CheckEchoes();
        CheckAnnouncements();
        CheckOwnership();
        CheckStillness();
        CheckGrace();
        CheckConsent();
        CheckTruth();
        CheckAccounts();
    }

    Customer Fold(string customerId) => _store.Peek(customerId);
}
