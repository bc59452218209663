using OrleansCrm.PrivatePostgres;
using Xunit;

[assembly: AssemblyFixture(typeof(PostgresServer))]
