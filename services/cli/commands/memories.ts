import { Command, Option } from "commander";
import type { Cli } from "../cli.ts";
import { id, moduleName, repeated, since, text } from "../options/option-parsers.ts";
import type { Since } from "../options/parse-since.ts";
import { addAddressOption, addExamples, addJsonOption, runs } from "./command-parts.ts";

export interface ForgetOptions {
  readonly address?: string;
  readonly json?: boolean;
  readonly module?: string;
  readonly id?: string[];
  readonly session?: string;
  readonly source?: string;
  readonly all?: boolean;
  readonly ledger?: string;
  readonly reason: string;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
}

export interface ForgottenOptions {
  readonly address?: string;
  readonly module?: string;
  readonly since?: Since;
}

export function memoriesCommand(cli: Cli): Command {
  const command = new Command("memories")
    .summary("forget memories for good")
    .description("Forgets memories for good, and tells what was forgotten.")
    .addCommand(forgetCommand(cli))
    .addCommand(forgottenCommand(cli));
  return addExamples(command, [
    ['cos memories forget --session 1234 --reason "asked by the author"', "counts first, and asks"],
    ["cos memories forgotten > forgotten.jsonl", "the ledger: keep it apart from the backups"],
  ]);
}

const FORGET_DESCRIPTION = [
  "Removes what memories say from the log, from Redis, and from whatever hears of it; their places stay, so that no " +
    "position moves. It counts first, shows what it would forget, and asks. One that broke off goes on by itself, or when it " +
    "is typed again.",
  "Backups keep what they hold until they expire. After restoring one, forget again by the ledger that `cos memories forgotten` " +
    "had written before.",
].join("\n\n");

function forgetCommand(cli: Cli): Command {
  const command = new Command("forget")
    .summary("remove what memories say, for good")
    .description(FORGET_DESCRIPTION)
    .addOption(
      new Option("--id <id>", "this memory (repeatable); its module is looked up if --module does not say it")
        .argParser(repeated(id))
        .conflicts(["session", "source", "all", "ledger"]),
    )
    .addOption(new Option("--session <id>", "all of this session").conflicts(["source", "all", "ledger"]))
    .addOption(new Option("--source <source>", "all of this source").conflicts(["all", "ledger"]))
    .addOption(new Option("--all", "all that the module holds; needs --module").conflicts(["ledger"]))
    .addOption(
      new Option("--ledger <file>", "those of a file as `cos memories forgotten` writes it").conflicts(["module"]),
    )
    .option("--module <module>", "the module (default: cc)", moduleName)
    .requiredOption("--reason <reason>", "why, for the audit; it is kept", text)
    .option("--dry-run", "only count and show")
    .option("--yes", "do not ask");
  addJsonOption(addAddressOption(command));
  addExamples(command, [
    ['cos memories forget --session 1234 --reason "asked by the author"', "a session of module cc"],
    ['cos memories forget --module drafts --source bot --reason "made up" --dry-run', "how many there are"],
    ['cos memories forget --ledger forgotten.jsonl --reason "restored a backup" --yes', "again, after a restore"],
  ]);
  const run = runs(cli, async (options: ForgetOptions) => {
    const { forgetMemories } = await import("../memories/forget-memories.ts");
    return forgetMemories(cli, options);
  });
  return command.action(run);
}

function forgottenCommand(cli: Cli): Command {
  const command = new Command("forgotten")
    .summary("tell what was forgotten")
    .description(
      "Writes the ledger: one JSON object for each memory that was forgotten, with its module, position and id, and never what it said.",
    )
    .option("--module <module>", "only in this module (default: in all that you may read)", moduleName)
    .option("--since <time>", "since then: a date, an RFC 3339 time, or how long ago (24h, 30d)", since);
  addAddressOption(command);
  addExamples(command, [
    ["cos memories forgotten > forgotten.jsonl", "to be kept apart from the backups"],
    ["cos memories forgotten --since 30d --module drafts", "what has been forgotten there lately"],
  ]);
  const run = runs(cli, async (options: ForgottenOptions) => {
    const { listForgotten } = await import("../memories/list-forgotten.ts");
    return listForgotten(cli, options);
  });
  return command.action(run);
}
