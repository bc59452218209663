using System.Globalization;

namespace OrleansCrm.Domain.Journal;

/// <summary>An entry's name: <c>cus_…@17</c> is the one that made revision 17. The change feed tells it as the id of a change, and log lines from intake to receipt say it, so that one search finds an edit's whole way.</summary>
public static class EntryName
{
    public static string Of(string customerId, long revision) => string.Create(CultureInfo.InvariantCulture, $"{customerId}@{revision}");
}
