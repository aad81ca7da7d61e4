import { Command } from "commander";
import type { Cli } from "../cli.ts";
import { addExamples, runs } from "./command-parts.ts";

export function ownerTokenCommand(cli: Cli): Command {
  const command = new Command("owner-token")
    .summary("make a new token for the owner")
    .description(
      "Makes a new token for the owner, who may do everything, and ends the one before. It works on the database itself, with " +
        "the settings of `cos migrate`: for a first token where `npm start` does not run, and for one that was lost.",
    );
  addExamples(command, [
    ["cos owner-token", "with the settings of the environment"],
    ["COS_POSTGRES_OWNER_URL=postgres://owner@db/cos cos owner-token", "as the role that owns the schemas"],
  ]);
  const run = runs(cli, async () => {
    const { runJob } = await import("../run-job.ts");
    return runJob(cli, "conductor/owner-token.ts");
  });
  return command.action(run);
}
