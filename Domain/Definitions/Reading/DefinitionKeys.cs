using System.Collections.Immutable;
using System.Globalization;

namespace OrleansCrm.Domain.Definitions.Reading;

/// <summary>The types of fields as the file names them: the composite ones are still whole.</summary>
enum FieldWord
{
    Text,
    LongText,
    Email,
    Phone,
    Number,
    Decimal,
    Money,
    Date,
    DateTime,
    Boolean,
    Choice,
    MultiChoice,
    Set,
    Address,
    Url,
    User,
    Consent,
    Reference,
    Association,
}

enum ClearedWord
{
    Never,
    MayWin,
}

enum EquivalenceWord
{
    Exact,
    Case,
    Whitespace,
    Format,
    Cut,
}

enum DirectionWord
{
    In,
    Out,
    Both,
}

/// <summary>Names that the author chooses.</summary>
static class Names
{
    const string Part = "[a-zA-Z][a-zA-Z0-9_]{0,63}";

    public static readonly TextKind Hub = new("a name of letters, digits and hyphens, at most 63", 63, "^[a-zA-Z0-9][a-zA-Z0-9-]*$");
    public static readonly TextKind RecordType = new("a record type's name: a small letter, then letters and digits, at most 63", 63, "^[a-z][a-zA-Z0-9]*$");
    public static readonly TextKind Field = new("a field's name: a letter, then letters, digits and '_', at most 64", 64, $"^{Part}$");
    public static readonly TextKind FieldPath = new("a field's name, or a part's such as address.city", 129, $"^{Part}([.]{Part})?$");
    public static readonly TextKind System = new("a system's name: a small letter, then small letters, digits and hyphens, at most 63", 63, "^[a-z][a-z0-9-]*$");
    public static readonly TextKind Connector = new("a connector's name: a small letter, then small letters, digits and hyphens, at most 63", 63, "^[a-z][a-z0-9-]*$");
    public static readonly TextKind Crosswalk = new("a crosswalk's name: a letter, then letters, digits and '_', at most 64", 64, $"^{Part}$");
    public static readonly TextKind Country = new("an ISO 3166 country code of two capital letters", 2, "^[A-Z]{2}$");
    public static readonly TextKind Currency = new("an ISO 4217 currency code of three capital letters", 3, "^[A-Z]{3}$");
    public static readonly TextKind Vendor = new("the system's own name for it, at most 255 characters", 255);
    public static readonly TextKind Id = new("an id, at most 255 characters", 255);

    public static ListKind<string> Many(TextKind kind, int most = 64) => new(kind, most);
}

static class Say
{
    public static string Number(double number) => number.ToString(CultureInfo.InvariantCulture);

    public static string Limit(int? number) => number?.ToString(CultureInfo.InvariantCulture) ?? "none";
}

static class OwnerKeys
{
    public static readonly Key<string> System = new("system", Names.System, "The system that may set the field, or 'steward' for people who work in the hub.", "salesforce-emea", isRequired: true);

    public static readonly Key<ConditionSyntax> When = new("when", new ConditionKind(), "The owner counts only while this holds of the same customer's golden values.", "country = AT and not (segment in [smb, mid])", "always");

    public static readonly Shape Shape = new("owner", "A system that may set a field. Short form: the system's name alone.", [System, When], scalar: System);

    public static readonly Kind<ImmutableArray<Placed<ImmutableArray<Placed<Record>>>>> Tiers = new ListKind<ImmutableArray<Placed<Record>>>(new ListKind<Record>(Shape, 64, 1), 32);
}

static class PolicyKeys
{
    static readonly FieldPolicy Usual = new();

    public static readonly Key<Strategy> Strategy = new("strategy", new WordKind<Strategy>(),
        "How the claim that holds is chosen. owners: the strongest tier, within it the later. latest: the later. highest, lowest: of numbers and dates. first: the earliest ever, for attribution. forward: a choice that only moves on. set: members added and removed one by one. restrictive: consent. review: a fallback, and an open conflict for a person.",
        "latest", "owners where owners are named; set for set, multiChoice and association; restrictive for consent; else latest");

    public static readonly Key<ImmutableArray<Placed<ImmutableArray<Placed<Record>>>>> Owners = new("owners", OwnerKeys.Tiers,
        "Who may set the field, strongest first; a list inside the list is one tier, in which the later wins. Systems not named are recorded and overruled. With another strategy than owners the list says who is eligible.",
        "[salesforce-emea, [hubspot, dynamics]]", "every system, in one tier", words: "owners or tiers of owners, strongest first");

    public static readonly Key<TimeSpan> YieldsAfter = new("yieldsAfter", new DurationKind(TimeSpan.FromSeconds(1), TimeSpan.FromDays(3650)),
        "An owner's claim yields to another eligible claim that is newer by more than this.", "30d", "never");

    public static readonly Key<ClearedWord> Cleared = new("cleared", new WordKind<ClearedWord>(), "Whether a claim that the field is cleared may win.", "mayWin", "never");

    public static readonly Key<ImmutableArray<Placed<ScalarText>>> IgnoreValues = new("ignoreValues", new ListKind<ScalarText>(new ValueKind(), 1_000),
        "Values that say nothing: such a statement makes no claim.", "[n/a, unknown@example.com]", "none");

    public static readonly Key<ImmutableArray<Placed<ActorKind>>> IgnoreActors = new("ignoreActors", new ListKind<ActorKind>(new WordKind<ActorKind>(ActorKind.Hub), 8),
        "Statements by these actors make no claim.", "[import]", "none");

    public static readonly Key<ImmutableArray<Placed<ActorKind>>> DemoteActors = new("demoteActors", new ListKind<ActorKind>(new WordKind<ActorKind>(ActorKind.Hub), 8),
        "Claims by these actors rank below every tier.", "[automation, integration]", "none");

    public static readonly Key<ImmutableArray<Placed<string>>> Initial = new("initial", Names.Many(Names.System),
        "Rank of systems among claims whose time nobody knows, strongest first; systems not named follow by name.", "[salesforce-emea, hubspot]", "by name");

    public static readonly Key<ImmutableArray<Placed<ScalarText>>> Order = new("order", new ListKind<ScalarText>(new ValueKind(), 1_000),
        "The choices of a forward field, first to last; every choice is in it once.", "[lead, qualified, customer]", "the field's choices");

    public static readonly Key<ImmutableArray<Placed<ScalarText>>> Resets = new("resets", new ListKind<ScalarText>(new ValueKind(), 1_000),
        "Choices that a forward field may be put back to.", "[lead]", "none");

    public static readonly Key<ImmutableArray<Placed<string>>> OptInFrom = new("optInFrom", Names.Many(Names.System),
        "Systems whose later, evidenced opt-in may follow an opt-out.", "[hubspot]", "none: an opt-out stays");

    public static readonly Key<string> Evidence = new("evidence", Names.FieldPath, "Part that must be filled for an opt-in to count as evidenced.", "source", "none: a known time suffices");

    public static readonly Key<Strategy> Fallback = new("fallback", new WordKind<Strategy>(Definitions.Strategy.Review, Definitions.Strategy.Restrictive, Definitions.Strategy.Forward, Definitions.Strategy.Set),
        "How a review field is chosen while its conflict is open.", "latest", "latest");

    public static readonly Key<PolicyEffect> Effective = new("effective", new WordKind<PolicyEffect>(),
        "What a change of this policy does to golden values. now: they stay until a newer eligible edit. all: all customers are resolved again.", "now", WordKind<PolicyEffect>.Say(Usual.Effective));

    public static readonly Shape Shape = new("policy", "How a field's golden value is chosen among claims. Short forms: a strategy (policy: latest) or the owners (policy: [salesforce-emea, hubspot]).",
        [Strategy, Owners, YieldsAfter, Cleared, IgnoreValues, IgnoreActors, DemoteActors, Initial, Order, Resets, OptInFrom, Evidence, Fallback, Effective],
        scalar: Strategy, sequence: Owners);
}

static class FieldKeys
{
    public static readonly Key<FieldWord> Type = new("type", new WordKind<FieldWord>(),
        "What the field holds. money, address and consent are groups of parts that resolve and deliver together: price.amount, price.currency; address.street, .city, .postalCode, .region, .country; consent.status (granted | denied | pending | unknown), .at, .source, .evidence.",
        "email", isRequired: true);

    public static readonly Key<DataClass> Data = new("data", new WordKind<DataClass>(), "How the value counts under data-protection law.", "personal", "the record type's defaults, else none");

    public static readonly Key<string> Purpose = new("purpose", new TextKind("a sentence, at most 500 characters", 500),
        "Why the hub keeps it; shown in the record of processing. Required where data is personal or sensitive.", "Answer service requests", "the record type's defaults");

    public static readonly Key<FieldScope> Scope = new("scope", new WordKind<FieldScope>(), "customer: one golden value. link: kept per linked record, never unified (a title at one account).", "link", "customer");

    public static readonly Key<Record> Policy = new("policy", PolicyKeys.Shape, "How the golden value is chosen.", "[salesforce-emea, hubspot]", "the owners of the record type's defaults, else by type");

    public static readonly Key<ImmutableArray<Placed<EquivalenceWord>>> Equivalence = new("equivalence", new ListKind<EquivalenceWord>(new WordKind<EquivalenceWord>(), 5),
        "Differences that a system may make when it saves our value without that being an edit. case: upper and lower. whitespace: blanks. format: punctuation and grouping. cut: cut at the system's length.", "[case, whitespace]", "exact");

    public static readonly Key<ImmutableArray<Placed<string>>> Choices = new("choices", new ListKind<string>(new TextKind("a choice, at most 255 characters", 255), 1_000, 1, alsoSingle: false),
        "Values of a choice or multiChoice field, in order.", "[lead, customer]", "any");

    public static readonly Key<ImmutableArray<Placed<string>>> Currencies = new("currencies", Names.Many(Names.Currency, 200), "Currencies of a money field.", "[EUR, USD]", "any");

    public static readonly Key<int> MaxLength = new("maxLength", new WholeNumberKind(1, 131_072), "Longest text in UTF-16 units; a longer one is refused. At most 4000 but for longText.", "80", "4000; longText 131072");

    public static readonly Key<int> Scale = new("scale", new WholeNumberKind(0, 28), "Decimal places kept of a decimal field or an amount of money.", "2", "all");

    public static readonly Key<string> Country = new("country", Names.Country, "Country of phone numbers and addresses that name none.", "AT", "the hub's defaultCountry");

    public static readonly Key<string> MemberKey = new("memberKey", Names.Field, "The attribute that identifies a member of a set with attributes.", "accountId", "the whole member");

    public static readonly Key<ImmutableArray<Placed<string>>> To = new("to", Names.Many(Names.RecordType), "Record types that a reference or association may point to. Required for both.", "organization");

    public static readonly Key<ImmutableArray<Placed<string>>> Was = new("was", Names.Many(Names.Field), "Former names, oldest first: what was said under them still counts.", "[mobile]", "none");

    public static readonly Shape Shape = new("field", "One field of a record type. Short form: the type alone (birthDate: date).",
        [Type, Data, Purpose, Scope, Policy, Equivalence, Choices, Currencies, MaxLength, Scale, Country, MemberKey, To, Was], scalar: Type);
}

static class GroupKeys
{
    public static readonly Key<ImmutableArray<Placed<string>>> Fields = new("fields", new ListKind<string>(Names.Field, 32, 2, alsoSingle: false), "Fields that resolve and deliver as one.", "[firstTouchSource, firstTouchAt]", isRequired: true);

    public static readonly Key<Record> Policy = new("policy", PolicyKeys.Shape, "How the tuple is chosen; the fields have no policy of their own.", "first", "the owners of the record type's defaults, else latest");

    public static readonly Shape Shape = new("group", "Fields that resolve and deliver as one tuple. Short form: the list of fields.", [Fields, Policy], sequence: Fields);
}

static class ExistenceKeys
{
    static readonly ExistencePolicy Usual = new();

    public static readonly Key<ImmutableArray<Placed<string>>> DeleteBy = new("deleteBy", Names.Many(Names.System),
        "Systems whose deletion deletes the customer everywhere; another's suppresses only its own link.", "[salesforce-emea]", "none");

    public static readonly Key<TimeSpan> Grace = new("grace", new DurationKind(TimeSpan.Zero, TimeSpan.FromDays(30)),
        "How long the hub waits for evidence of a merge, a conversion or a restore before it believes a deletion.", "4h", Duration.Say(Usual.Grace));

    public static readonly Shape Shape = new("existence policy", "Who may delete a customer.", [DeleteBy, Grace]);
}

static class DefaultsKeys
{
    public static readonly Key<DataClass> Data = new("data", new WordKind<DataClass>(), "For fields that do not say.", "personal", "none");

    public static readonly Key<string> Purpose = new("purpose", new TextKind("a sentence, at most 500 characters", 500), "For personal and sensitive fields that do not say.", "Customer care");

    public static readonly Key<ImmutableArray<Placed<ImmutableArray<Placed<Record>>>>> Owners = new("owners", OwnerKeys.Tiers,
        "For fields and groups without a policy; consent, set, multiChoice and association keep their own. No conditions here.", "[salesforce-emea, hubspot]", "none", words: "owners or tiers of owners, strongest first");

    public static readonly Shape Shape = new("defaults", "What holds for fields that say nothing else.", [Data, Purpose, Owners]);
}

static class RecordTypeKeys
{
    public static readonly Key<ImmutableArray<Placed<string>>> Was = new("was", Names.Many(Names.RecordType), "Former names, oldest first.", "[contact]", "none");

    public static readonly Key<ImmutableArray<Placed<string>>> Identity = new("identity", Names.Many(Names.FieldPath, 16),
        "Fields whose golden value identifies a customer exactly; at most one living customer holds each value.", "[email]", "none");

    public static readonly Key<Record> Existence = new("existence", ExistenceKeys.Shape, "Who may delete a customer, and after what wait.", "{ deleteBy: [salesforce-emea], grace: 4h }", "nobody may");

    public static readonly Key<Record> Defaults = new("defaults", DefaultsKeys.Shape, "What holds for fields that say nothing else.", "{ data: personal, purpose: Customer care }");

    public static readonly Key<ImmutableArray<Named<Record>>> Fields = new("fields", new MapKind<Record>(Names.Field, FieldKeys.Shape, 500, 1), "The fields by name.", "{ email: email }", isRequired: true, words: "fields by name");

    public static readonly Key<ImmutableArray<Named<Record>>> Groups = new("groups", new MapKind<Record>(Names.Field, GroupKeys.Shape, 100), "Fields that resolve and deliver as one, by the group's name.", "{ firstTouch: { fields: [firstTouchSource, firstTouchAt], policy: first } }", words: "groups by name");

    public static readonly Shape Shape = new("record type", "What a customer is, with its fields.", [Was, Identity, Existence, Defaults, Fields, Groups]);
}

static class SplitKeys
{
    public static readonly Key<string> At = new("at", new TextKind("a text, at most 16 characters", 16), "Where the system's text is cut.", "\",\"", isRequired: true);

    public static readonly Key<int> Part = new("part", new WholeNumberKind(0, 31), "Which piece is the field, from 0.", "0", "0");

    public static readonly Shape Shape = new("split", "The field is one piece of the system's text. Read only: joins write it back.", [At, Part]);
}

static class JoinKeys
{
    public static readonly Key<ImmutableArray<Placed<string>>> Fields = new("fields", new ListKind<string>(Names.FieldPath, 16, 2, alsoSingle: false), "The hub's fields, in order.", "[firstName, lastName]", isRequired: true);

    public static readonly Key<string> With = new("with", new TextKind("a text, at most 16 characters", 16, mayBeEmpty: true), "What stands between them.", "\", \"", "a blank");

    public static readonly Shape Shape = new("join", "A property of the system that is several fields in one. Written only. Short form: the list of fields.", [Fields, With], sequence: Fields);
}

static class FieldMappingKeys
{
    static readonly FieldMapping Usual = new() { Field = "", Name = "" };

    public static readonly Key<string> Name = new("name", Names.Vendor, "The system's name for the field.", "MobilePhone", isRequired: true);

    public static readonly Key<DirectionWord> Direction = new("direction", new WordKind<DirectionWord>(), "in: read only. out: written only.", "in", "both; in where it is split");

    public static readonly Key<ImmutableArray<Named<ScalarText>>> Values = new("values", new MapKind<ScalarText>(new TextKind("a value of the system, at most 255 characters", 255, mayBeEmpty: true), new ValueKind(), 1_000, 1),
        "The system's value, then the hub's. Where two are the hub's same value, the first is written.", "{ Hot: hot, Warm: warm }", "values pass as they are", words: "hub values by system value");

    public static readonly Key<string> Crosswalk = new("crosswalk", Names.Crosswalk, "The crosswalk that maps the values.", "owners", "none");

    public static readonly Key<string> DateFormat = new("dateFormat", new TextKind("a .NET date format, at most 64 characters", 64), ".NET format of the system's dates and times.", "dd.MM.yyyy", "ISO 8601");

    public static readonly Key<Record> Split = new("split", SplitKeys.Shape, "The field is one piece of the system's text.", "{ at: \",\", part: 0 }", "not split");

    public static readonly Key<bool> EmptyIsCleared = new("emptyIsCleared", new YesNoKind(), "Whether the empty text in this system means that the field is cleared there.", "false", Usual.EmptyIsCleared ? "true" : "false");

    public static readonly Key<ImmutableArray<Placed<EquivalenceWord>>> Equivalence = new("equivalence", new ListKind<EquivalenceWord>(new WordKind<EquivalenceWord>(), 5), "Differences that this system makes on save, added to the field's own.", "[cut]", "exact");

    public static readonly Key<int> MaxLength = new("maxLength", new WholeNumberKind(1, 131_072), "Length at which the system cuts texts.", "40", "it does not");

    public static readonly Shape Shape = new("field mapping", "A field's name and spelling in a system. Short form: the name alone (email: Email).",
        [Name, Direction, Values, Crosswalk, DateFormat, Split, EmptyIsCleared, Equivalence, MaxLength], scalar: Name);
}

static class MappingKeys
{
    static readonly MappingDefinition Usual = new("", "", []);

    public static readonly Key<string> RecordType = new("recordType", Names.RecordType, "The record type that the object's records are.", "person", isRequired: true);

    public static readonly Key<ConditionSyntax> Scope = new("scope", new ConditionKind(), "Customers for whom this holds belong there; asked of golden values.", "filled(email) and segment != internal", "all customers");

    public static readonly Key<CreatePolicy> Create = new("create", new WordKind<CreatePolicy>(), "inScope: customers that meet the scope are created there.", "never", WordKind<CreatePolicy>.Say(Usual.Create));

    public static readonly Key<UpdatePolicy> Update = new("update", new WordKind<UpdatePolicy>(), "fillBlank: only fields that are blank there are written.", "fillBlank", WordKind<UpdatePolicy>.Say(Usual.Update));

    public static readonly Key<DeletePolicy> Delete = new("delete", new WordKind<DeletePolicy>(), "What becomes there of a customer deleted in the hub.", "archive", WordKind<DeletePolicy>.Say(Usual.Delete));

    public static readonly Key<ImmutableArray<Placed<string>>> RequiredToCreate = new("requiredToCreate", Names.Many(Names.FieldPath), "Fields without which the system refuses a create: it waits until they are determined.", "[lastName]", "none");

    public static readonly Key<CreationKey> CreationKey = new("creationKey", new WordKind<CreationKey>(), "What makes a create safe to repeat. property: a unique property or external id. clientId: the caller gives the id. none: an ambiguous create is parked.", "property", WordKind<CreationKey>.Say(Usual.CreationKey));

    public static readonly Key<int> Version = new("version", new WholeNumberKind(1, 1_000_000), "Raise it when values are mapped otherwise than before.", "2", "1");

    public static readonly Key<ImmutableArray<Named<Record>>> Fields = new("fields", new MapKind<Record>(Names.FieldPath, FieldMappingKeys.Shape, 1_000, 1), "The hub's fields, and what they are there.", "{ email: Email }", isRequired: true, words: "field mappings by the hub's field");

    public static readonly Key<ImmutableArray<Named<ScalarText>>> Constants = new("constants", new MapKind<ScalarText>(Names.Vendor, new ValueKind(), 100), "Properties that the system always gets.", "{ LeadSource: Hub }", words: "values by the system's name");

    public static readonly Key<ImmutableArray<Named<Record>>> Joins = new("joins", new MapKind<Record>(Names.Vendor, JoinKeys.Shape, 100), "Properties that are several fields in one.", "{ Name: [firstName, lastName] }", words: "joins by the system's name");

    public static readonly Key<Record> Rest = new("rest", RestObjectKeys.Shape, "How the connector rest reaches the object's records.", "{ create: POST /customers, read: 'GET /customers/{id}' }", "only for the connector rest");

    public static readonly Shape Shape = new("mapping", "How a record type's customers appear as one kind of object of a system.",
        [RecordType, Scope, Create, Update, Delete, RequiredToCreate, CreationKey, Version, Fields, Constants, Joins, Rest]);
}

static class GuardKeys
{
    static readonly GuardDefinition Usual = new();
    const int Most = 100_000_000;

    public static readonly Key<TimeSpan> Window = new("window", new DurationKind(TimeSpan.FromMinutes(1), TimeSpan.FromDays(7)), "The time in which operations are counted.", "30m", Duration.Say(Usual.Window));
    public static readonly Key<int?> Creates = new("creates", new LimitKind(0, Most), "Most creates that may start in a window; more are held and shown.", "500", Say.Limit(Usual.Creates));
    public static readonly Key<int?> Clears = new("clears", new LimitKind(0, Most), "Most clearings: what was there goes. Emptying a set or a text is one.", "100", Say.Limit(Usual.Clears));
    public static readonly Key<int?> Deletes = new("deletes", new LimitKind(0, Most), "Most deletions.", "20", Say.Limit(Usual.Deletes));
    public static readonly Key<int?> Changes = new("changes", new LimitKind(0, Most), "Most changes.", "none", Say.Limit(Usual.Changes));
    public static readonly Key<int?> Merges = new("merges", new LimitKind(0, Most), "Most merges.", "20", Say.Limit(Usual.Merges));

    public static readonly Shape Shape = new("guard", "The brake: most operations of a kind that may start within a window. Beyond it they are held and shown; intake goes on.", [Window, Creates, Clears, Deletes, Changes, Merges]);
}

static class RetryKeys
{
    static readonly RetryPolicy Usual = new();

    public static readonly Key<int> MaxRetries = new("maxRetries", new WholeNumberKind(0, 100), "Tries after the first, before the delivery is parked for a person. Being throttled does not count.", "5", Say.Limit(Usual.MaxRetries));
    public static readonly Key<Backoff> Backoff = new("backoff", new WordKind<Backoff>(), "How the wait grows.", "exponential", WordKind<Backoff>.Say(Usual.Backoff));
    public static readonly Key<TimeSpan> Delay = new("delay", new DurationKind(TimeSpan.FromMilliseconds(100), TimeSpan.FromHours(1)), "Upper bound of the wait before the first retry; chance picks below it.", "5s", Duration.Say(Usual.Delay));
    public static readonly Key<TimeSpan> MaxDelay = new("maxDelay", new DurationKind(TimeSpan.FromMilliseconds(100), TimeSpan.FromDays(1)), "No wait is longer; not below delay.", "30m", Duration.Say(Usual.MaxDelay));

    public static readonly Shape Shape = new("retry policy", "How failed deliveries are tried again.", [MaxRetries, Backoff, Delay, MaxDelay]);
}

static class BudgetKeys
{
    static readonly BudgetDefinition Usual = new();

    public static readonly Key<double> PerSecond = new("perSecond", new NumberKind(0.001m, 100_000m), "Calls a second, averaged.", "19", "not limited by us");
    public static readonly Key<int> Burst = new("burst", new WholeNumberKind(1, 100_000), "Calls that may be saved up.", "190", Say.Limit(Usual.Burst));
    public static readonly Key<int?> PerDay = new("perDay", new LimitKind(1, 1_000_000_000), "Calls in 24 hours.", "100000", "none");
    public static readonly Key<double> Floor = new("floor", new NumberKind(0m, 0.95m), "Share of the day's calls that is never touched, and of every limit that the system itself tells: others need some too.", "0.25", Say.Number(Usual.Floor));
    public static readonly Key<int> BatchSize = new("batchSize", new WholeNumberKind(1, 10_000), "Records in one call.", "100", Say.Limit(Usual.BatchSize));
    public static readonly Key<int> Concurrency = new("concurrency", new WholeNumberKind(1, 256), "Calls under way at once.", "4", Say.Limit(Usual.Concurrency));

    public static readonly Shape Shape = new("budget", "The calls that the hub may make to a system. Where it tells limits of its own (Salesforce its day, HubSpot its day and its ten seconds), the lower of the two holds.", [PerSecond, Burst, PerDay, Floor, BatchSize, Concurrency]);
}

static class PollKeys
{
    static readonly PollDefinition Usual = new();

    public static readonly Key<TimeSpan> Every = new("every", new DurationKind(TimeSpan.Zero, TimeSpan.FromDays(1)), "From the beginning of one poll to that of the next; 0s: it is not polled.", "30s", Duration.Say(Usual.Every));
    public static readonly Key<PollStart> From = new("from", new WordKind<PollStart>(), "What the first poll begins with. now: what is modified from then on. all: all records.", "all", WordKind<PollStart>.Say(Usual.From));

    public static readonly Shape Shape = new("poll", "How the hub asks for what was modified: the safety net under what the system tells by itself. It takes the least important of the system's calls.", [Every, From]);
}

static class SystemKeys
{
    static readonly SystemDefinition Usual = new("", "", []);

    public static readonly Key<string> Connector = new("connector", Names.Connector, "The kind of application.", "salesforce", isRequired: true);

    public static readonly Key<SystemMode> Mode = new("mode", new WordKind<SystemMode>(), "observe: read only. shadow: writes are planned and shown, none is made. live: writes are made.", "shadow", WordKind<SystemMode>.Say(Usual.Mode));

    public static readonly Key<string> Binding = new("binding", Names.Id, "The organisation or portal id that the credentials must lead to.", "00D5g000004XYZaEAO", "bound at the first connection");

    public static readonly Key<string> HubActor = new("hubActor", Names.Id, "The hub's own user there: what it does carries our mark.", "0055g00000HubUsrAAQ", "the system does not tell who acted");

    public static readonly Key<ImmutableArray<Named<ActorKind>>> Actors = new("actors", new MapKind<ActorKind>(Names.Id, new WordKind<ActorKind>(ActorKind.Hub), 1_000), "What kind of actor a user or client id of this system is.", "{ 0055g00000PardotAAQ: integration }", words: "kinds of actor by id");

    public static readonly Key<TimeSpan> ClockTolerance = new("clockTolerance", new DurationKind(TimeSpan.Zero, TimeSpan.FromHours(1)), "How far this system's clock may be from the hub's, its rounding of times included.", "5s", Duration.Say(Usual.ClockTolerance));

    public static readonly Key<TimeSpan> ReferenceWait = new("referenceWait", new DurationKind(TimeSpan.Zero, TimeSpan.FromDays(1)), "How long a create waits for the records that it refers to; then it is made without, and the reference follows.", "5m", Duration.Say(Usual.ReferenceWait));

    public static readonly Key<TimeSpan> MaxCallTime = new("maxCallTime", new DurationKind(TimeSpan.FromSeconds(1), TimeSpan.FromDays(1)), "The longest that a call may still take effect after it was started.", "15m", Duration.Say(Usual.MaxCallTime));

    public static readonly Key<Record> Guard = new("guard", GuardKeys.Shape, "The brake.", "{ window: 1h, creates: 500 }", "as in guard");

    public static readonly Key<Record> Retry = new("retryPolicy", RetryKeys.Shape, "How failed deliveries are tried again.", "{ maxRetries: 5, backoff: exponential }", "as in retry policy");

    public static readonly Key<Record> Budget = new("budget", BudgetKeys.Shape, "The calls that the hub may make.", "{ perSecond: 19, burst: 190 }", "as in budget");

    public static readonly Key<Record> Poll = new("poll", PollKeys.Shape, "How the hub asks for what was modified, where the connector can. A system that can only list all its records is polled only if this stands here.", "{ every: 30s }", "as in poll");

    public static readonly Key<TimeSpan> ExpectEvery = new("expectEvery", new DurationKind(TimeSpan.FromSeconds(1), TimeSpan.FromDays(366)), "The longest that this system is expected to say nothing; beyond it an alert is raised.", "1h", "it may be silent for ever");

    public static readonly Key<int> Lanes = new("lanes", new WholeNumberKind(1, SystemDefinition.LanesMax), "Lanes into which the system's customers are divided, each delivered by itself, on any silo. Guard and budget are shared among them: none of their limits may be smaller.", "4", Say.Limit(Usual.Lanes));

    public static readonly Key<ImmutableArray<Placed<Setting>>> Settings = new("settings", new SettingsKind(), "Settings of the connector. Secrets are references (env:NAME, file:/path), never values.", "{ instanceUrl: https://acme.my.salesforce.com }");

    public static readonly Key<ImmutableArray<Placed<Setting>>> Auth = new("auth", new SettingsKind(), "How the connector signs in; the same as settings under 'auth'.", "{ clientId: env:SF_CLIENT_ID, clientSecret: env:SF_CLIENT_SECRET }");

    public static readonly Key<Record> Rest = new("rest", RestKeys.Shape, "How the connector rest speaks to it.", "{ errors: { code: error.code } }", "only for the connector rest");

    public static readonly Key<ImmutableArray<Placed<string>>> Was = new("was", Names.Many(Names.System), "Former names, oldest first.", "[salesforce]", "none");

    public static readonly Key<ImmutableArray<Named<Record>>> Mappings = new("mappings", new MapKind<Record>(Names.Vendor, MappingKeys.Shape, 64),
        "The system's objects by their names there. New customers of a record type are created under its first one.", "{ Contact: { recordType: person, fields: { email: Email } } }", words: "mappings by the system's object");

    public static readonly Shape Shape = new("system", "One configured instance of an outside application.",
        [Connector, Mode, Binding, HubActor, Actors, ClockTolerance, MaxCallTime, ReferenceWait, Guard, Retry, Budget, Lanes, Poll, ExpectEvery, Settings, Auth, Rest, Was, Mappings]);
}

static class SinkKeys
{
    static readonly SinkDefinition Usual = new() { Name = "", Connector = "" };

    public static readonly Key<string> Connector = new("connector", Names.Connector, "The kind of sink.", "webhook", isRequired: true);

    public static readonly Key<SystemMode> Mode = new("mode", new WordKind<SystemMode>(), "observe: nothing is told. shadow: changes are shown, none is told. live: they are told.", "live", WordKind<SystemMode>.Say(Usual.Mode));

    public static readonly Key<ImmutableArray<Placed<string>>> RecordTypes = new("recordTypes", Names.Many(Names.RecordType), "Record types whose customers are told.", "[person]", "all");

    public static readonly Key<DataClass> Data = new("data", new WordKind<DataClass>(), "The strictest class of values that is told; stricter ones are left out.", "personal", WordKind<DataClass>.Say(Usual.Data));

    public static readonly Key<ImmutableArray<Placed<TimeSpan>>> Waits = new("waits", new ListKind<TimeSpan>(new DurationKind(TimeSpan.FromSeconds(1), TimeSpan.FromDays(7)), 30, alsoSingle: false),
        "Waits between attempts, the first behind the first attempt; chance adds up to a tenth. Behind the last attempt the change is parked. An empty list: one attempt.", "[5s, 5m, 1h]", string.Join(", ", Usual.Waits.Select(Duration.Say)));

    public static readonly Key<int> Concurrency = new("concurrency", new WholeNumberKind(1, 256), "Requests under way at once; those about one customer are made one after the other.", "4", Say.Limit(Usual.Concurrency));

    public static readonly Key<ImmutableArray<Placed<Setting>>> Settings = new("settings", new SettingsKind(), "Settings of the connector. Secrets are references (env:NAME, file:/path), never values.", "{ url: https://example.com/hook }");

    public static readonly Key<ImmutableArray<Placed<Setting>>> Auth = new("auth", new SettingsKind(), "How the connector signs; the same as settings under 'auth'.", "{ secret: env:HOOK_SECRET }");

    public static readonly Key<ImmutableArray<Placed<string>>> Was = new("was", Names.Many(Names.System), "Former names, oldest first.", "[warehouse]", "none");

    public static readonly Shape Shape = new("sink", "A place that is told every golden change in order, at least once.", [Connector, Mode, RecordTypes, Data, Waits, Concurrency, Settings, Auth, Was]);
}

static class CrosswalkKeys
{
    public static readonly Key<string> Fallback = new("fallback", Names.Id, "The hub's value for a system's value that has no row.", "office@acme.example", "such an edit is parked");

    public static readonly Key<ImmutableArray<Named<ImmutableArray<Named<ImmutableArray<Placed<string>>>>>>> Rows = new("rows",
        new MapKind<ImmutableArray<Named<ImmutableArray<Placed<string>>>>>(new TextKind("the hub's value, at most 255 characters", 255), new MapKind<ImmutableArray<Placed<string>>>(Names.System, Names.Many(Names.Id, 100), 64, 1), 20_000),
        "The hub's value, and what it is in each system.", "{ anna@acme.example: { salesforce-emea: 0055g000001AnnaAAQ, hubspot: 77012345 } }", isRequired: true, words: "values by system, by the hub's value");

    public static readonly Shape Shape = new("crosswalk", "A table between systems' values (users, codes) and the hub's.", [Fallback, Rows]);
}

static class HubKeys
{
    static readonly HubDefinition Usual = new([], []);

    public static readonly Key<string> Hub = new("hub", Names.Hub, "The hub's name.", "acme", isRequired: true);

    public static readonly Key<string> DefaultCountry = new("defaultCountry", Names.Country, "Country of phone numbers and addresses that name none.", "AT", "none is assumed");

    public static readonly Key<TimeSpan> FutureTolerance = new("futureTolerance", new DurationKind(TimeSpan.Zero, TimeSpan.FromDays(1)), "A source time further ahead of the hub's clock than this parks the edit.", "2m", Duration.Say(Usual.FutureTolerance));

    public static readonly Key<int> ContestedAfter = new("contestedAfter", new WholeNumberKind(1, 20), "Rounds in which a system undoes our write before the field is contested there and waits for a person.", "3", Say.Limit(Usual.ContestedAfter));

    public static readonly Key<ImmutableArray<Named<Record>>> RecordTypes = new("recordTypes", new MapKind<Record>(Names.RecordType, RecordTypeKeys.Shape, 64, 1), "What customers are, by name.", "{ person: { fields: { email: email } } }", isRequired: true, words: "record types by name");

    public static readonly Key<ImmutableArray<Named<Record>>> Systems = new("systems", new MapKind<Record>(Names.System, SystemKeys.Shape, 64), "The outside applications, by name. 'steward' is the hub itself.", "{ hubspot: { connector: hubspot } }", words: "systems by name");

    public static readonly Key<ImmutableArray<Named<Record>>> Sinks = new("sinks", new MapKind<Record>(Names.System, SinkKeys.Shape, 64), "Places that are told golden changes, by name.", "{ warehouse: { connector: jsonl, settings: { folder: /var/lib/crm/changes } } }", words: "sinks by name");

    public static readonly Key<ImmutableArray<Named<Record>>> Crosswalks = new("crosswalks", new MapKind<Record>(Names.Crosswalk, CrosswalkKeys.Shape, 64), "Tables between systems' values and the hub's, by name.", "{ owners: { rows: { anna: { hubspot: 77012345 } } } }", words: "crosswalks by name");

    public static readonly Shape Shape = new("hub definition", "The whole file. Keys that begin with x- are yours: a place for anchors.",
        [Hub, DefaultCountry, FutureTolerance, ContestedAfter, RecordTypes, Systems, Sinks, Crosswalks], notes: true);
}
