import { Command, Option } from "commander";
import type { Cli } from "../cli.ts";
import { consumerName, count, moduleName, place, places } from "../options/option-parsers.ts";
import type { GivenPlace } from "../options/parse-place.ts";
import { addAddressOption, addExamples, addJsonOption, runs } from "./command-parts.ts";
import type { CommonOptions } from "./consumers.ts";

export interface ListDeadLettersOptions extends CommonOptions {
  readonly module?: string;
}

export interface SelectDeadLettersOptions extends CommonOptions {
  readonly all?: boolean;
  readonly module?: string;
}

export interface PurgeDeadLettersOptions extends SelectDeadLettersOptions {
  readonly count?: number;
}

const DESCRIPTION =
  "Dead letters are the events that a consumer could not do: they failed too often, or were parked. They are kept until they are replayed " +
  "or purged, and hold up nothing.";

export function deadLettersCommand(cli: Cli): Command {
  const command = new Command("dead-letters").summary("see what consumers could not do").description(DESCRIPTION);
  for (const make of [listCommand, showCommand, replayCommand, purgeCommand]) {
    command.addCommand(addJsonOption(addAddressOption(make(cli))));
  }
  return addExamples(command, [
    ["cos dead-letters ls drafts-editor", "what failed, and why"],
    ["cos dead-letters replay drafts-editor --all", "once what was wrong is mended"],
  ]);
}

const named = (name: string, summary: string): Command =>
  new Command(name)
    .summary(summary)
    .description(`${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`)
    .argument("<consumer>", "the consumer", consumerName);

const selecting = (command: Command): Command =>
  command
    .argument("[place...]", "the dead letters, such as pepys/40", places)
    .addOption(new Option("--all", "all of them").conflicts("module"))
    .option("--module <module>", "all of this module", moduleName);

function listCommand(cli: Cli): Command {
  const command = named("ls", "list a consumer's dead letters").alias("list");
  command.option("--module <module>", "only of this module", moduleName);
  const run = runs(cli, async (consumer: string, options: ListDeadLettersOptions) => {
    const { listDeadLetters } = await import("../consumers/show-dead-letters.ts");
    return listDeadLetters(cli, consumer, options);
  });
  return command.action(run);
}

function showCommand(cli: Cli): Command {
  const command = named("show", "show a dead letter with its memory").argument("<place>", "such as pepys/40", place);
  const run = runs(cli, async (consumer: string, which: GivenPlace, options: CommonOptions) => {
    const { showDeadLetter } = await import("../consumers/show-dead-letters.ts");
    return showDeadLetter(cli, consumer, which, options);
  });
  return command.action(run);
}

function replayCommand(cli: Cli): Command {
  const command = selecting(named("replay", "give dead letters back to the members, as if never tried"));
  const run = runs(cli, async (consumer: string, which: GivenPlace[], options: SelectDeadLettersOptions) => {
    const { replayDeadLetters } = await import("../consumers/settle-dead-letters.ts");
    return replayDeadLetters(cli, consumer, which, options);
  });
  return command.action(run);
}

function purgeCommand(cli: Cli): Command {
  const command = selecting(named("purge", "throw dead letters away; the log keeps the memories")).option(
    "--count <count>",
    "do not ask, but purge only if they are so many",
    count,
  );
  addExamples(command, [
    ["cos dead-letters purge drafts-editor --all", "shows them first, and asks"],
    ["cos dead-letters purge drafts-editor pepys/40 --count 1", "without a question"],
  ]);
  const run = runs(cli, async (consumer: string, which: GivenPlace[], options: PurgeDeadLettersOptions) => {
    const { purgeDeadLetters } = await import("../consumers/settle-dead-letters.ts");
    return purgeDeadLetters(cli, consumer, which, options);
  });
  return command.action(run);
}
