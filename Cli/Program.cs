using OrleansCrm.Cli;

return await CrmCommand.RunAsync(args, Surroundings.OfProcess());
