namespace OrleansCrm.Cli.Tests;

static class Samples
{
    public const string System =
        """
        {"name":"hubspot","connector":"hubspot","mode":"live","binding":"4711","objects":["contacts"],"lanes":1,"paused":false,"callsUnderWay":1,
         "lag":{"changes":1250,"entriesUnread":50,"linksDue":1200,"seconds":75.5},"deliveries":{"due":1200,"retrying":0,"waiting":3,"held":20,"parked":2},
         "waits":[{"priority":"live","state":"due","count":1200},{"priority":"live","state":"waiting","reason":"reference:company","count":3}],
         "budget":{"perSecond":19,"burst":100,"availableNow":12,"perDay":250000,"spentInDay":1500,"floor":0.1,"concurrency":4,"batchSize":100,"told":[{"window":"day","max":250000,"left":248500,"asOf":"2026-03-01T12:00:00Z"}],"callsDue":12,"forecastSeconds":0.6},
         "guards":[{"guard":"hubspot.create","system":"hubspot","kind":"create","windowSeconds":3600,"limit":100,"used":100,"state":"holding","since":"2026-03-01T12:00:00Z","held":20}]}
        """;

    public const string Guards =
        """{"guards":[{"guard":"hubspot.create","system":"hubspot","kind":"create","windowSeconds":3600,"limit":100,"used":100,"state":"holding","since":"2026-03-01T12:00:00Z","held":20,"samples":[{"customer":"cus_1","link":"1.2"}]}]}""";
}
