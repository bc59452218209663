namespace OrleansCrm.Sandbox.Dynamics.Records;

/// <summary>A request, or a part of one, that the service does not take. Whatever it began is undone.</summary>
sealed class Refusal : Exception
{
    public Refusal()
    {
    }

    public Refusal(string message)
        : base(message)
    {
    }

    public Refusal(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    public Refusal(int status, string code, string message)
        : base(message)
    {
        Status = status;
        Code = code;
    }

    public int Status { get; } = 400;

    /// <summary>The service's code: <c>0x80040217</c>.</summary>
    public string Code { get; } = "0x0";
}

/// <summary>What the service says when it does not take something: codes, statuses and sentences.</summary>
/// <seealso href="https://learn.microsoft.com/power-apps/developer/data-platform/reference/web-service-error-codes"/>
static class Refusals
{
    public static Refusal Missing(Table table, Guid id) => new(404, "0x80040217", $"{table.Spec.Name} With Id = {id} Does Not Exist");

    public static Refusal NoRowForKey(Table table) => new(404, "0x80060891", $"A record with the specified key values does not exist in {table.Spec.Name} entity");

    public static Refusal KeyTaken() => new(412, "0x80060892", "A record with matching key values already exists.");

    public static Refusal IdTaken() => new(412, "0x80040237", "A record with matching key values already exists.");

    public static Refusal VersionDiffers() => new(412, "0x80060882", "The version of the existing record doesn't match the RowVersion property provided.");

    public static Refusal NoProperty(Table table, string name) => new(400, "0x80048d19",
        $"Error identified in Payload provided by the user for Entity :'{table.Spec.SetName}', For more information on this error please follow this help link https://go.microsoft.com/fwlink/?linkid=2195293  ---->  InnerException : Microsoft.OData.ODataException: An error occurred while validating input parameters: The property '{name}' does not exist on type 'Microsoft.Dynamics.CRM.{table.Spec.Name}'. Make sure to only use property names that are defined by the type.");

    public static Refusal Payload(Table table, string why) => new(400, "0x80048d19",
        $"Error identified in Payload provided by the user for Entity :'{table.Spec.SetName}', For more information on this error please follow this help link https://go.microsoft.com/fwlink/?linkid=2195293  ---->  InnerException : Microsoft.OData.ODataException: {why}");

    public static Refusal NoColumn(Table table, string name) => new(400, "0x80060888", $"Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.{table.Spec.Name}'.");

    public static Refusal NoSegment(string name) => new(404, "0x80060888", $"Resource not found for the segment '{name}'.");

    public static Refusal Syntax(string why) => new(400, "0x80060888", why);

    public static Refusal BadAddress() => new(400, "0x0", "A potentially dangerous Request.Path value was detected from the client.");

    public static Refusal TooLong(Table table, string name, int most) => new(400, "0x80044331", $"A validation error occurred.  The length of the '{name}' attribute of the '{table.Spec.Name}' entity exceeded the maximum allowed length of '{most}'.");

    public static Refusal OutOfRange(Table table, string name, bool isWhole) => new(400, isWhole ? "0x8004432F" : "0x80044330", $"A validation error occurred.  The value of '{name}' on record of type '{table.Spec.Name}' is outside the valid range.");

    public static Refusal NoChoice(Table table, string name) => new(400, "0x8004431A", $"A validation error occurred.  The value of '{name}' on record of type '{table.Spec.Name}' is not a valid option.");

    public static Refusal BadState(int status) => new(400, "0x80048408", $"{status} is not a valid status code for the state of the record.");

    public static Refusal Invalid(string why) => new(400, "0x80040203", why);

    /// <summary>The status that goes with a code.</summary>
    public static int StatusOf(string code) => code switch
    {
        "0x80040217" or "0x80060891" => 404,
        "0x80060892" or "0x80040237" or "0x8004E30A" or "0x80060882" or "0x80040333" => 412,
        "0x80040220" or "0x80048405" or "0x80040231" or "0x80048306" or "0x80072560" => 403,
        "0x80040227" => 405,
        "0x80072321" or "0x80072322" or "0x80072326" or "0x80072323" or "0x80072324" => 429,
        "0x80044151" or "0x80044150" or "0x80040216" => 500,
        "0x80041D52" => 401,
        _ => 400,
    };
}
