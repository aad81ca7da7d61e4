import { Command, Option } from "commander";
import type { Cli } from "../cli.ts";
import { count, moduleName, pairs } from "../options/option-parsers.ts";
import { addAddressOption, addExamples, addJsonOption, runs } from "./command-parts.ts";

export interface ImportOptions {
  readonly address?: string;
  readonly json?: boolean;
  readonly module?: string;
  readonly map?: [field: string, key: string][];
  readonly source?: string;
  readonly eventType?: string;
  readonly onError: "stop" | "skip";
  readonly batch: number;
}

const DESCRIPTION = [
  "Records many memories: from a file of JSON lines (plain or gzip; - is standard input), or, as " +
    "`cos import git [folder]`, the commits of a git repository.",
  "A line is a memory in JSON, as `cos list --json` writes it, plus `idempotency_key`. --map says which fields are " +
    "called otherwise in the file; what is left over goes into the payload. A line without a key gets one from the " +
    "file's name (standard input is called stdin), the line's number and its content: an import may be stopped and " +
    "repeated at any point, nothing is recorded twice.",
].join("\n\n");

export function importCommand(cli: Cli): Command {
  const command = new Command("import")
    .summary("record many memories, from a file or a git repository")
    .description(DESCRIPTION)
    .argument("<file>", "a file of JSON lines, - for standard input, or the word git (a file of that name: ./git)")
    .argument("[folder]", "with git: the repository (default: here)")
    .option("--module <module>", "the module for all of them; registered if it is new", moduleName)
    .option(
      "--map <field=key,...>",
      "fields that are called otherwise in the file (repeatable)",
      (value, before: Pairs | undefined) => [...(before ?? []), ...pairs(value)],
    )
    .option("--source <source>", "the source of lines that name none")
    .option("--type, --event-type <type>", "the event type of lines that name none")
    .addOption(new Option("--on-error <what>", "at a faulty line").choices(["stop", "skip"]).default("stop"))
    .addOption(
      new Option("--batch <count>", "memories sent in one message, at most 1,000").argParser(batch).default(100),
    );
  addJsonOption(addAddressOption(command));
  addExamples(command, [
    ["cos import diary.jsonl.gz --module diary --map occurred_at=date,source=author", "a file, with names of its own"],
    ["tail -F app.log | cos import - --module app --source app --event-type log.line", "as it is written"],
    ["cos import git . --module history", "a memory for each commit"],
    ["cos list --module a --limit all --json | cos import - --module b", "from one module to another"],
  ]);
  const run = runs(cli, async (file: string, folder: string | undefined, options: ImportOptions) => {
    const { importMemories } = await import("../import/import-memories.ts");
    return importMemories(cli, file, folder, options);
  });
  return command.action(run);
}

type Pairs = [string, string][];

function batch(text: string): number {
  return Math.min(count(text), 1000);
}
