import { Command, Option } from "commander";
import type { Cli } from "../cli.ts";
import { addFilterOptions, type FilterOptions } from "../options/filter-options.ts";
import { countTo, instant, moduleName, repeated, text } from "../options/option-parsers.ts";
import type { Instant } from "../options/parse-instant.ts";
import { addAddressOption, addExamples, addJsonOption, runs } from "./command-parts.ts";

export interface SearchOptions extends FilterOptions {
  readonly address?: string;
  readonly json?: boolean;
  readonly module?: string[];
  readonly all?: boolean;
  readonly since?: Instant;
  readonly until?: Instant;
  readonly recordedSince?: Instant;
  readonly recordedUntil?: Instant;
  readonly asker?: string;
  readonly limit: number;
  readonly explain?: boolean;
}

/** A ranking ends about there. */
const HITS_MAX = 250;

const DESCRIPTION = [
  "Finds memories by what they say, the best first, each with the passage that was found. Any word counts, in any form. What " +
    'stands in "quotes" must be there word after word, and what follows a minus must not.',
  "A word that nobody has written is taken for a slip of the one that looks most like it, and you are told so.",
].join("\n\n");

export function searchCommand(cli: Cli): Command {
  const command = new Command("search")
    .summary("find memories by what they say")
    .description(DESCRIPTION)
    .argument("<query...>", "what to look for; begin with -- if its first word has a minus")
    .option("--module <module>", "in this module (repeatable; default: cc)", repeated(moduleName))
    .addOption(new Option("--all", "in all modules that you may read").conflicts("module"));
  addFilterOptions(command)
    .option("--since <time>", "what happened then or later: a date or an RFC 3339 time", instant)
    .option("--until <time>", "what happened before that", instant)
    .option("--recorded-since <time>", "what was recorded then or later", instant)
    .option("--recorded-until <time>", "what was recorded before that", instant)
    .option("--asker <source>", "who asks: what this source said itself counts more", text)
    .option("--limit <count>", `how many at most, up to ${HITS_MAX}`, countTo(HITS_MAX), 10)
    .option("--explain", "say what each score is made of");
  addJsonOption(addAddressOption(command));
  addExamples(command, [
    ['cos search "plague in the city" --module pepys', "any of these words, the best first"],
    ["cos search --all '\"Sir W. Batten\" -wine'", "this very name, and no wine"],
    ["cos search fire --module pepys --since 1666-09-01 --until 1666-10-01", "of a month"],
    ["cos get m:pepys/2017", "a memory that was cited, whole"],
  ]);
  const run = runs(cli, async (query: string[], options: SearchOptions) => {
    const { searchMemories } = await import("../search/search-memories.ts");
    return searchMemories(cli, query.join(" "), options);
  });
  return command.action(run);
}
