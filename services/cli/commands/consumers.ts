import { Command } from "commander";
import type { Cli } from "../cli.ts";
import {
  addNewConsumerOptions,
  addSettingsOptions,
  type ConsumerSettings,
  type NewConsumer,
} from "../options/consumer-options.ts";
import { consumerName, start } from "../options/option-parsers.ts";
import type { GivenStart } from "../options/parse-start.ts";
import { addAddressOption, addExamples, addJsonOption, runs } from "./command-parts.ts";

export interface CommonOptions {
  readonly address?: string;
  readonly json?: boolean;
}

export interface DeleteOptions extends CommonOptions {
  readonly yes?: boolean;
}

const DESCRIPTION =
  "A consumer is a named place in the log that members work from together: each event is handed out until somebody has done it, tried " +
  "again when it fails, and kept as a dead letter when it fails too often. `cos consume` works as a member of one.";

export function consumersCommand(cli: Cli): Command {
  const command = new Command("consumers").summary("name a place in the log to work from").description(DESCRIPTION);
  command.addCommand(addJsonOption(addAddressOption(listCommand(cli))), { isDefault: true });
  for (const make of [
    createCommand,
    showCommand,
    updateCommand,
    pauseCommand,
    resumeCommand,
    seekCommand,
    deleteCommand,
  ]) {
    command.addCommand(addJsonOption(addAddressOption(make(cli))));
  }
  return addExamples(command, [
    ["cos consumers", "all of them, and how they stand"],
    ["cos consumers create drafts-editor --module drafts --key session", "each session's events in their order"],
    ["cos consumers show drafts-editor", "its members and places"],
  ]);
}

function listCommand(cli: Cli): Command {
  const command = new Command("ls").alias("list").summary("list the consumers").description("Lists the consumers.");
  const run = runs(cli, async (options: CommonOptions) => {
    const { listConsumers } = await import("../consumers/show-consumers.ts");
    return listConsumers(cli, options);
  });
  return command.action(run);
}

const named = (name: string, summary: string): Command =>
  new Command(name)
    .summary(summary)
    .description(`${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`)
    .argument("<name>", "the consumer", consumerName);

function createCommand(cli: Cli): Command {
  const command = addNewConsumerOptions(named("create", "create a consumer"));
  addExamples(command, [
    ["cos consumers create drafts-editor --module drafts --from beginning", "from the first memory on"],
    ["cos consumers create tagger --all --type 'diary.*' --key none --max-attempts 3", "whatever its order"],
  ]);
  const run = runs(cli, async (name: string, options: NewConsumer & CommonOptions) => {
    const { createConsumer } = await import("../consumers/manage-consumers.ts");
    return createConsumer(cli, name, options);
  });
  return command.action(run);
}

function showCommand(cli: Cli): Command {
  const run = runs(cli, async (name: string, options: CommonOptions) => {
    const { showConsumer } = await import("../consumers/show-consumers.ts");
    return showConsumer(cli, name, options);
  });
  return named("show", "show a consumer, its members and its places").action(run);
}

function updateCommand(cli: Cli): Command {
  const command = addSettingsOptions(named("update", "change a consumer"));
  addExamples(command, [["cos consumers update drafts-editor --max-attempts 10 --backoff 5s..1h", "more patience"]]);
  const run = runs(cli, async (name: string, options: ConsumerSettings & CommonOptions) => {
    const { updateConsumer } = await import("../consumers/manage-consumers.ts");
    return updateConsumer(cli, name, options);
  });
  return command.action(run);
}

function pauseCommand(cli: Cli): Command {
  return named("pause", "hand out nothing more of a consumer's work, for now").action(setPaused(cli, true));
}

function resumeCommand(cli: Cli): Command {
  return named("resume", "go on with a consumer's work").action(setPaused(cli, false));
}

function setPaused(cli: Cli, paused: boolean) {
  return runs(cli, async (name: string, options: CommonOptions) => {
    const { updateConsumer } = await import("../consumers/manage-consumers.ts");
    return updateConsumer(cli, name, { ...options, paused });
  });
}

function seekCommand(cli: Cli): Command {
  const command = named("seek", "move a consumer to another place of the log").argument(
    "<where>",
    "beginning, end, a time, or the position to go on with, such as 40 or pepys/40",
    start,
  );
  addExamples(command, [
    ["cos consumers seek drafts-editor beginning", "all over again"],
    ["cos consumers seek drafts-editor 2026-11-01", "with what was recorded then"],
  ]);
  const run = runs(cli, async (name: string, where: GivenStart, options: CommonOptions) => {
    const { seekConsumer } = await import("../consumers/manage-consumers.ts");
    return seekConsumer(cli, name, where, options);
  });
  return command.action(run);
}

function deleteCommand(cli: Cli): Command {
  const command = named("delete", "delete a consumer with its place and its dead letters").option(
    "--yes",
    "do not ask",
  );
  const run = runs(cli, async (name: string, options: DeleteOptions) => {
    const { deleteConsumer } = await import("../consumers/manage-consumers.ts");
    return deleteConsumer(cli, name, options);
  });
  return command.action(run);
}
