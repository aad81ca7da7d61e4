import type { JsonObject } from "@bufbuild/protobuf";
import { Command } from "commander";
import type { Cli } from "../cli.ts";
import { instant, jsonObject, moduleName, repeated, text } from "../options/option-parsers.ts";
import type { Instant } from "../options/parse-instant.ts";
import { addAddressOption, addExamples, addJsonOption, runs } from "./command-parts.ts";

export interface RecordOptions {
  readonly address?: string;
  readonly json?: boolean;
  readonly module: string;
  readonly type: string;
  readonly source?: string;
  readonly tag?: string[];
  readonly session?: string;
  readonly occurred?: Instant;
  readonly key?: string;
  readonly payload?: JsonObject;
}

export function recordCommand(cli: Cli): Command {
  const command = new Command("record")
    .summary("record one memory")
    .description("Records one memory. It is durable when the command ends.")
    .argument("[text]", "what to remember; - reads it from standard input")
    .option("--module <module>", "the module it belongs to", moduleName, "cc")
    .option("--type <type>", "what kind of thing happened", "note")
    .option("--source <source>", "who or what it comes from (default: your user name)")
    .option("--tag <tag>", "a word to find it by (repeatable)", repeated(text))
    .option("--session <id>", "what it belongs together with")
    .option("--occurred <time>", "when it happened: a date or an RFC 3339 time (default: now)", instant)
    .option("--key <key>", "makes it safe to repeat: the same key is recorded once")
    .option("--payload <json>", "a JSON object for programs to read", jsonObject);
  addJsonOption(addAddressOption(command));
  addExamples(command, [
    ['cos record "Up betimes and to my office" --tag diary', "a note in module cc"],
    ["pandoc draft.docx -t plain | cos record - --type draft.saved", "from standard input"],
    ['cos record "Great fire" --occurred 1666-09-02 --key fire', "recorded once, however often it is run"],
  ]);
  const run = runs(cli, async (given: string | undefined, options: RecordOptions) => {
    const { recordOne } = await import("../record-one.ts");
    return recordOne(cli, given, options);
  });
  return command.action(run);
}
