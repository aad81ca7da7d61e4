import { Command } from "commander";
import type { Cli } from "./cli.ts";
import { addExamples } from "./commands/command-parts.ts";
import { getCommand } from "./commands/get.ts";
import { importCommand } from "./commands/import.ts";
import { listCommand } from "./commands/list.ts";
import { migrateCommand } from "./commands/migrate.ts";
import { recordCommand } from "./commands/record.ts";
import { tailCommand } from "./commands/tail.ts";
import { EXIT_HELP } from "./exit-codes.ts";

/** The `cos` command with all that it can do. Each command loads what it works with only when it runs. */
export function cosProgram(cli: Cli): Command {
  const program = new Command("cos")
    .description("COS, the Creative Operating System: record what happens, and never lose it.")
    .showHelpAfterError("(add --help for what it takes)")
    .exitOverride()
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
    ["cos import notes.jsonl --module notes", "bring memories in, one a line"],
    ["cos help import", "all about one command"],
  ]);
  program.addHelpText("after", EXIT_HELP);
  const commands = [importCommand, tailCommand, recordCommand, listCommand, getCommand, migrateCommand];
  for (const make of commands) program.addCommand(make(cli).copyInheritedSettings(program));
  return program;
}
