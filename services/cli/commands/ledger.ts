import { Command, Option } from "commander";
import type { Cli } from "../cli.ts";
import { addFilterOptions, addTimeOptions, type FilterOptions, type TimeOptions } from "../options/filter-options.ts";
import { moduleName, repeated } from "../options/option-parsers.ts";
import { addAddressOption, addExamples, runs } from "./command-parts.ts";

/** What narrows the ledger down. */
export interface LedgerFilters extends FilterOptions, TimeOptions {}

export interface LedgerOptions extends LedgerFilters {
  readonly address?: string;
  readonly module?: string[];
  readonly all?: boolean;
}

export function ledgerCommand(cli: Cli): Command {
  const command = new Command("ledger")
    .summary("watch what is recorded, and look through it")
    .description(
      "Shows what was recorded and what is being recorded, on the whole terminal: scroll, pause, search, and look at one memory. `?` lists the keys.",
    )
    .option("--module <module>", "the module to show (repeatable; default: cc)", repeated(moduleName))
    .addOption(new Option("--all", "all modules, those registered later included").conflicts("module"));
  addTimeOptions(addFilterOptions(command));
  addAddressOption(command);
  addExamples(command, [
    ["cos ledger", "module cc"],
    ["cos ledger --module pepys --module drafts", "two of them, in the order of recording"],
    ["cos ledger --all --type 'diary.*'", "diaries, wherever they are"],
  ]);
  const run = runs(cli, async ({ address, module, all, ...filters }: LedgerOptions) => {
    const { showLedger } = await import("../ledger/show-ledger.ts");
    const modules = all === true ? undefined : [...new Set(module ?? [DEFAULT_MODULE])];
    return showLedger(cli, { address, modules, filters });
  });
  return command.action(run);
}

/** What the server takes where none is named (cos.conductor.v1.SubscribeRequest). */
const DEFAULT_MODULE = "cc";
