import { Command, Option } from "commander";
import type { Cli } from "../cli.ts";
import { durationS, projectionName, repeated } from "../options/option-parsers.ts";
import { addAddressOption, addExamples, addJsonOption, runs } from "./command-parts.ts";

export const STAGES = ["published", "projected"] as const;

export interface StatusOptions {
  readonly address?: string;
  readonly json?: boolean;
  readonly wait?: (typeof STAGES)[number];
  /** In seconds. */
  readonly timeout: number;
  /** Undefined: all. */
  readonly projection?: string[];
}

export function statusCommand(cli: Cli): Command {
  const command = new Command("status")
    .summary("tell how far a memory has come")
    .description(
      "Tells how far a memory has come: when it was recorded, whether the highway has it, and whether the graph and the other " +
        "projections have it, or why not yet. With --wait it answers when it has come so far; 4 is the exit code if that takes too long, 1 if " +
        "it will never come.",
    )
    .argument("<id>", "the memory's id, or its place: module/position")
    .addOption(new Option("--wait <stage>", "wait until it has come so far").choices(STAGES))
    .option("--timeout <time>", "how long to wait: 10s, 2m", durationS, 30)
    .option("--projection <name>", "only this one: graph, search (repeatable; default: all)", repeated(projectionName));
  addJsonOption(addAddressOption(command));
  addExamples(command, [
    ["cos status pepys/1", "where it stands"],
    ["cos status pepys/1 --wait projected --projection graph", "as soon as the graph has it"],
  ]);
  const run = runs(cli, async (which: string, options: StatusOptions) => {
    const { tellStatus } = await import("../tell-status.ts");
    return tellStatus(cli, which, options);
  });
  return command.action(run);
}
