import { Command } from "commander";
import type { Cli } from "../cli.ts";
import { addExamples, runs } from "./command-parts.ts";

/** Of every service that has a schema. */
const JOBS = ["conductor/migrate.ts", "graph/migrate.ts"];

export function migrateCommand(cli: Cli): Command {
  const command = new Command("migrate")
    .summary("bring the databases' schemas up to date")
    .description(
      "Runs the migrations of this version, under a lock: more than one may run it at a time. `npm start` does so by itself.",
    );
  addExamples(command, [
    ["cos migrate", "with the settings of the environment"],
    ["COS_POSTGRES_OWNER_URL=postgres://owner@db/cos cos migrate", "as the role that owns the schemas"],
  ]);
  const run = runs(cli, async () => {
    const { runJobs } = await import("../run-job.ts");
    return runJobs(cli, JOBS);
  });
  return command.action(run);
}
