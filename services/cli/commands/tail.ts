import { Command, Option } from "commander";
import type { Cli } from "../cli.ts";
import { addFilterOptions, type FilterOptions } from "../options/filter-options.ts";
import { count, instant, moduleName, repeated } from "../options/option-parsers.ts";
import type { Instant } from "../options/parse-instant.ts";
import { addAddressOption, addExamples, addJsonOption, runs } from "./command-parts.ts";

export interface TailOptions extends FilterOptions {
  readonly address?: string;
  readonly json?: boolean;
  readonly module?: string[];
  readonly all?: boolean;
  readonly from?: number;
  readonly fromBeginning?: boolean;
  readonly since?: Instant;
  readonly limit?: number;
  readonly cursorFile?: string;
}

export function tailCommand(cli: Cli): Command {
  const command = new Command("tail")
    .summary("listen to what is recorded")
    .description(
      "Shows what is recorded, as it is recorded, without end. Goes on by itself when the server comes back after a restart.",
    )
    .option("--module <module>", "the module to listen to (repeatable; default: cc)", repeated(moduleName))
    .addOption(new Option("--all", "all modules, those registered later included").conflicts("module"))
    .addOption(new Option("--from <position>", "start at this position, that one included").argParser(count))
    .addOption(new Option("--from-beginning", "start at the first memory").conflicts("from"))
    .addOption(
      new Option("--since <time>", "start with what was recorded then: a date or an RFC 3339 time")
        .argParser(instant)
        .conflicts(["from", "fromBeginning"]),
    )
    .option("--limit <count>", "end after so many", count);
  addFilterOptions(command).option(
    "--cursor-file <file>",
    "keep the place in this file, and go on from there next time",
  );
  addJsonOption(addAddressOption(command));
  addExamples(command, [
    ["cos tail", "module cc, live"],
    ["cos tail --module pepys --from 1 --limit 5", "the first five memories of pepys"],
    ["cos tail --all --json --cursor-file .tail", "everything, for a program that goes on where it stopped"],
    ["cos tail --all --type 'diary.*' --tag london", "only what matches"],
  ]);
  const run = runs(cli, async (options: TailOptions) => {
    const { tailMemories } = await import("../tail/tail-memories.ts");
    return tailMemories(cli, options);
  });
  return command.action(run);
}
