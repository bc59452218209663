namespace OrleansCrm.Domain.Delivery;

/// <summary>What a person can do about a delivery that waits for one, by the code of its reason; for where the system gave no better advice.</summary>
public static class Advice
{
    /// <summary>Code of a field that the system left as it was, although it took the call.</summary>
    public const string Unchanged = "unchanged";

    /// <summary>Code of a field whose writes the system undid too often.</summary>
    public const string Contested = "contested";

    /// <summary>Code of a field that a person has let go on: what was counted before does not count any more.</summary>
    public const string Released = "released";

    /// <summary>Code of a create that may have been done, in a system where nothing can be found by our key.</summary>
    public const string CreateUnconfirmed = "create-unconfirmed";

    /// <param name="code">A code of ours or of the system.</param>
    public static string For(string code) => code switch
    {
        Unchanged => "The system took the call and left these fields as they were. Find the rule there that does, or change the value; a newer golden value is tried again.",
        Contested => "The system undid our write again and again. Find what does it there, or give the system the say over the field, then release it.",
        CreateUnconfirmed => "The system gives no way to find a record by our key. Look for it there; link it, or release the delivery to create it.",
        _ => "Correct the value or the mapping, then retry the delivery; a newer golden value is tried by itself.",
    };
}
