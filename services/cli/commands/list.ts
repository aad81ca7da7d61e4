import { Command, Option } from "commander";
import type { Cli } from "../cli.ts";
import { addFilterOptions, addTimeOptions, type FilterOptions, type TimeOptions } from "../options/filter-options.ts";
import { countOrAll, moduleName } from "../options/option-parsers.ts";
import { addAddressOption, addExamples, addJsonOption, runs } from "./command-parts.ts";

export interface ListOptions extends FilterOptions, TimeOptions {
  readonly address?: string;
  readonly json?: boolean;
  readonly module: string;
  readonly order: ListOrder;
  readonly limit: number;
}

export const LIST_ORDERS = ["recorded", "recorded-desc", "occurred", "occurred-desc"] as const;
export type ListOrder = (typeof LIST_ORDERS)[number];

export function listCommand(cli: Cli): Command {
  const command = new Command("list")
    .summary("list a module's memories")
    .description("Lists the memories of a module, those that match all of the filters.")
    .option("--module <module>", "the module", moduleName, "cc");
  addTimeOptions(addFilterOptions(command))
    .addOption(
      new Option("--order <order>", "by time of recording or of happening").choices(LIST_ORDERS).default("recorded"),
    )
    .option("--limit <count>", "how many at most, or `all`", countOrAll, 50);
  addJsonOption(addAddressOption(command));
  addExamples(command, [
    ["cos list --module pepys --since 1660-01-01 --until 1660-02-01", "January 1660"],
    ["cos list --order recorded-desc --limit 5", "what was recorded last"],
    ["cos list --module pepys --limit all --json | wc -l", "all of them, for programs"],
  ]);
  const run = runs(cli, async (options: ListOptions) => {
    const { listMemories } = await import("../list-memories.ts");
    return listMemories(cli, options);
  });
  return command.action(run);
}
