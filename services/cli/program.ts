import { Command } from "commander";
import type { Cli } from "./cli.ts";
import { auditCommand } from "./commands/audit.ts";
import { addExamples } from "./commands/command-parts.ts";
import { consumeCommand } from "./commands/consume.ts";
import { consumersCommand } from "./commands/consumers.ts";
import { deadLettersCommand } from "./commands/dead-letters.ts";
import { devCertsCommand } from "./commands/dev-certs.ts";
import { getCommand } from "./commands/get.ts";
import { graphCommand } from "./commands/graph.ts";
import { importCommand } from "./commands/import.ts";
import { ledgerCommand } from "./commands/ledger.ts";
import { listCommand } from "./commands/list.ts";
import { memoriesCommand } from "./commands/memories.ts";
import { migrateCommand } from "./commands/migrate.ts";
import { modulesCommand } from "./commands/modules.ts";
import { ownerTokenCommand } from "./commands/owner-token.ts";
import { recordCommand } from "./commands/record.ts";
import { scratchCommand } from "./commands/scratch.ts";
import { tailCommand } from "./commands/tail.ts";
import { tokensCommand } from "./commands/tokens.ts";
import { whoAmICommand } from "./commands/whoami.ts";
import { EXIT_HELP } from "./exit-codes.ts";

/** The `cos` command with all that it can do. Each command loads what it works with only when it runs. */
export function cosProgram(cli: Cli): Command {
  const program = new Command("cos")
    .description("COS, the Creative Operating System: record what happens, and never lose it.")
    .showHelpAfterError("(add --help for what it takes)")
    .exitOverride()
    // What follows `audit verify` belongs to verify, although audit has options of the same names.
    .enablePositionalOptions()
    .configureOutput({
      writeOut: (text) => void cli.out.write(text).catch(() => undefined),
      writeErr: (text) => void cli.err.write(text).catch(() => undefined),
      getOutHelpWidth: () => cli.out.columns ?? 100,
      getErrHelpWidth: () => cli.err.columns ?? 100,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
  addExamples(program, [
    ['cos record "Up betimes and to my office"', "record a note in module cc"],
    ["cos tail --all", "watch everything that is recorded"],
    ["cos ledger --all", "the same on the whole terminal: scroll, search, look closer"],
    ["cos import notes.jsonl --module notes", "bring memories in, one a line"],
    ['cos graph show "Sir W. Batten"', "who it is, and which memories say so"],
    ["cos help import", "all about one command"],
  ]);
  program.addHelpText("after", EXIT_HELP);
  for (const make of COMMANDS) program.addCommand(make(cli));
  return inheritSettings(program);
}

const COMMANDS = [
  importCommand,
  tailCommand,
  ledgerCommand,
  recordCommand,
  listCommand,
  getCommand,
  graphCommand,
  scratchCommand,
  modulesCommand,
  consumeCommand,
  consumersCommand,
  deadLettersCommand,
  memoriesCommand,
  whoAmICommand,
  tokensCommand,
  auditCommand,
  ownerTokenCommand,
  devCertsCommand,
  migrateCommand,
];

/** What holds for the program holds for its commands, and for theirs. */
function inheritSettings(command: Command): Command {
  for (const each of command.commands) inheritSettings(each.copyInheritedSettings(command));
  return command;
}
