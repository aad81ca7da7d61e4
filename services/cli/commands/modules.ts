import { Command, Option } from "commander";
import type { Cli } from "../cli.ts";
import { count, countTo, durationS, moduleName, oneOf, repeated, text } from "../options/option-parsers.ts";
import { addAddressOption, addExamples, addJsonOption, runs } from "./command-parts.ts";

export interface ModulesOptions {
  readonly address?: string;
  readonly json?: boolean;
}

/** Settings that can be given back: they are then as they are by default. */
export const UNSETTABLE = ["language", "notes-max", "bytes-max", "ttl", "ttl-max"] as const;

export interface ModuleSettingsOptions extends ModulesOptions {
  readonly title?: string;
  readonly description?: string;
  readonly language?: string;
  readonly notesMax?: number;
  readonly bytesMax?: number;
  /** In seconds. */
  readonly ttl?: number;
  /** In seconds. */
  readonly ttlMax?: number;
}

export interface UpdateModuleOptions extends ModuleSettingsOptions {
  readonly unset?: (typeof UNSETTABLE)[number][];
  readonly revision?: number;
}

export interface RetireOptions extends ModulesOptions {
  readonly revision?: number;
}

const DESCRIPTION =
  "Lists, registers, changes and retires modules: namespaces, each with an order of its own. `cc` is there from the start.";

export function modulesCommand(cli: Cli): Command {
  const command = new Command("modules").summary("list, add, change and retire modules").description(DESCRIPTION);
  command.addCommand(finish(listCommand(cli)), { isDefault: true });
  for (const make of [addCommand, showCommand, updateCommand, retireCommand, reactivateCommand]) {
    command.addCommand(finish(make(cli)));
  }
  return addExamples(command, [
    ["cos modules", "which there are"],
    ['cos modules add drafts --title "Drafts" --language german', "a module of its own"],
    ["cos modules retire drafts", "from now on it is only read"],
  ]);
}

function finish(command: Command): Command {
  return addJsonOption(addAddressOption(command));
}

function listCommand(cli: Cli): Command {
  const command = new Command("ls")
    .alias("list")
    .summary("list the modules")
    .description("Lists the modules that you may read, by name.");
  return command.action(
    runs(cli, async (options: ModulesOptions) =>
      (await import("../modules/list-modules.ts")).listModules(cli, options),
    ),
  );
}

function addSettings(command: Command): Command {
  return command
    .option("--title <title>", "what people call it (default: its name)", text)
    .option("--description <text>", "what it is for", text)
    .option("--language <language>", "in which its texts are searched: german, french ... (default: english)", text)
    .option("--notes-max <count>", "how many scratch notes it may hold (default: 10,000)", countTo(1_000_000))
    .option("--bytes-max <bytes>", "how many bytes they may come to (default: 64 MiB)", countTo(68_719_476_736))
    .option("--ttl <time>", "how long a scratch note lives that does not say it (default: 24h)", durationS)
    .option("--ttl-max <time>", "how long one may live (default: 30d)", durationS);
}

function addCommand(cli: Cli): Command {
  const command = new Command("add")
    .summary("register a module")
    .description("Registers a module. It takes memories at once, and whoever listens to all modules hears of it.")
    .argument("<name>", "its name, for good: small letters, digits and single underscores", moduleName);
  addExamples(addSettings(command), [['cos modules add drafts --title "Drafts"', "a module of its own"]]);
  return command.action(
    runs(cli, async (name: string, options: ModuleSettingsOptions) =>
      (await import("../modules/add-module.ts")).addModule(cli, name, options),
    ),
  );
}

function showCommand(cli: Cli): Command {
  const command = new Command("show")
    .summary("show a module")
    .description("Shows a module with its settings.")
    .argument("<name>", "its name", moduleName);
  return command.action(
    runs(cli, async (name: string, options: ModulesOptions) =>
      (await import("../modules/show-module.ts")).showModule(cli, name, options),
    ),
  );
}

function updateCommand(cli: Cli): Command {
  const command = new Command("update")
    .summary("change what a module is called and how it is set")
    .description("Changes what is given and nothing else. This needs the right to administer the module.")
    .argument("<name>", "its name", moduleName);
  addSettings(command)
    .addOption(
      new Option("--unset <setting>", `as it is by default again: ${UNSETTABLE.join(", ")} (repeatable)`).argParser(
        repeated(oneOf(UNSETTABLE)),
      ),
    )
    .option("--revision <number>", "only if it still has this revision, as `cos modules show` tells it", count);
  addExamples(command, [
    ['cos modules update drafts --title "Old drafts"', "its title"],
    ["cos modules update drafts --ttl 7d --unset language", "how long notes live; searched as English again"],
  ]);
  return command.action(
    runs(cli, async (name: string, options: UpdateModuleOptions) =>
      (await import("../modules/update-module.ts")).updateModule(cli, name, options),
    ),
  );
}

function retireCommand(cli: Cli): Command {
  const command = new Command("retire")
    .summary("let a module be read and not written any more")
    .description(
      "Retires a module: it takes no memory and no scratch note any more, and is read as before. `cos modules reactivate` brings it back. " +
        "This needs the right to administer the module.",
    )
    .argument("<name>", "its name", moduleName)
    .option("--revision <number>", "only if it still has this revision", count);
  return command.action(
    runs(cli, async (name: string, options: RetireOptions) =>
      (await import("../modules/retire-module.ts")).retireModule(cli, name, options),
    ),
  );
}

function reactivateCommand(cli: Cli): Command {
  const command = new Command("reactivate")
    .summary("bring a retired module back")
    .description("Lets a retired module be written again. This needs the right to administer the module.")
    .argument("<name>", "its name", moduleName)
    .option("--revision <number>", "only if it still has this revision", count);
  return command.action(
    runs(cli, async (name: string, options: RetireOptions) =>
      (await import("../modules/reactivate-module.ts")).reactivateModule(cli, name, options),
    ),
  );
}
