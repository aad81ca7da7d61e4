import type { JsonObject } from "@bufbuild/protobuf";
import { Command, Option } from "commander";
import type { Cli } from "../cli.ts";
import { count, durationS, jsonObject, moduleName } from "../options/option-parsers.ts";
import { addAddressOption, addExamples, addJsonOption, runs } from "./command-parts.ts";

export interface ScratchOptions {
  readonly address?: string;
  readonly json?: boolean;
  readonly module: string;
}

export interface PutNoteOptions extends ScratchOptions {
  readonly file?: string;
  readonly value?: JsonObject;
  /** In seconds. */
  readonly ttl?: number;
  readonly revision?: number;
  readonly ifAbsent?: boolean;
}

export interface TouchNoteOptions extends ScratchOptions {
  /** In seconds. */
  readonly ttl?: number;
  readonly revision?: number;
}

export interface RemoveNoteOptions extends ScratchOptions {
  readonly revision?: number;
}

const DESCRIPTION =
  "Keeps notes by key for a while. A note is gone when its time has come, and nothing of it is in the log: what must not be lost is " +
  "recorded (`cos record`).";

export function scratchCommand(cli: Cli): Command {
  const command = new Command("scratch").summary("keep notes for a while").description(DESCRIPTION);
  for (const make of [putCommand, getCommand, listCommand, touchCommand, removeCommand, statsCommand]) {
    const part = make(cli).option("--module <module>", "the module", moduleName, "cc");
    command.addCommand(addJsonOption(addAddressOption(part)));
  }
  return addExamples(command, [
    ['cos scratch put outline "three acts" --ttl 2h', "for two hours"],
    ["cos scratch get outline", "what it says, alone"],
    ["cos scratch ls chapter/", "those whose key begins so"],
  ]);
}

function putCommand(cli: Cli): Command {
  const command = new Command("put")
    .summary("write a note")
    .description("Writes a note, in place of whatever was under its key.")
    .argument("<key>", "the name by which it is found")
    .argument("[text]", "what it says; - reads it from standard input, without the last line break")
    .addOption(new Option("--file <file>", "what it says, exactly as in this file; - for standard input"))
    .option("--value <json>", "a JSON object for programs to read", jsonObject)
    .option("--ttl <time>", "how long it lives: 90m, 2h, 7d (default: as the module says, 24h)", durationS)
    .addOption(
      new Option("--revision <number>", "only over this revision, as `cos scratch get --json` tells it")
        .argParser(count)
        .conflicts("ifAbsent"),
    )
    .option("--if-absent", "only if no note is there");
  addExamples(command, [
    ['cos scratch put outline "three acts" --ttl 2h', "for two hours"],
    ["cos scratch put outline --file outline.md --revision 7", "unless somebody else was faster"],
    ["cos scratch put lock/ch3 --if-absent --ttl 10m", "of several at once one succeeds"],
  ]);
  return command.action(
    runs(cli, async (key: string, text: string | undefined, options: PutNoteOptions) =>
      (await import("../scratch/put-note.ts")).putNote(cli, key, text, options),
    ),
  );
}

function getCommand(cli: Cli): Command {
  const command = new Command("get")
    .summary("show what a note says")
    .description(
      "Writes what a note says to standard output, and nothing else; with --json all there is to know of it.",
    )
    .argument("<key>", "its key");
  addExamples(command, [["cos scratch get outline > outline.md", "as it was put there"]]);
  return command.action(
    runs(cli, async (key: string, options: ScratchOptions) =>
      (await import("../scratch/get-note.ts")).getNote(cli, key, options),
    ),
  );
}

function listCommand(cli: Cli): Command {
  const command = new Command("ls")
    .alias("list")
    .summary("list the notes")
    .description("Lists the notes of a module by key, without what they say; with --json all of them.")
    .argument("[prefix]", "only those whose key begins so");
  return command.action(
    runs(cli, async (prefix: string | undefined, options: ScratchOptions) =>
      (await import("../scratch/list-notes.ts")).listNotes(cli, prefix ?? "", options),
    ),
  );
}

function touchCommand(cli: Cli): Command {
  const command = new Command("touch")
    .summary("let a note live longer")
    .description("Gives a note another time to live, from now on. What it says stays.")
    .argument("<key>", "its key")
    .option("--ttl <time>", "how long it lives from now on (default: as the module says, 24h)", durationS)
    .option("--revision <number>", "only if it still has this revision", count);
  return command.action(
    runs(cli, async (key: string, options: TouchNoteOptions) =>
      (await import("../scratch/touch-note.ts")).touchNote(cli, key, options),
    ),
  );
}

function removeCommand(cli: Cli): Command {
  const command = new Command("rm")
    .summary("delete a note")
    .description("Deletes a note before its time.")
    .argument("<key>", "its key")
    .option("--revision <number>", "only if it still has this revision", count);
  return command.action(
    runs(cli, async (key: string, options: RemoveNoteOptions) =>
      (await import("../scratch/remove-note.ts")).removeNote(cli, key, options),
    ),
  );
}

function statsCommand(cli: Cli): Command {
  const command = new Command("stats")
    .summary("count the notes")
    .description("Tells how many notes a module holds, and how many it may.");
  return command.action(
    runs(cli, async (options: ScratchOptions) => (await import("../scratch/show-stats.ts")).showStats(cli, options)),
  );
}
