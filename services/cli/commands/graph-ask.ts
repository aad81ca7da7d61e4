import { Command, Option } from "commander";
import type { Cli } from "../cli.ts";
import { count, countTo, instant, labels, lastInstant } from "../options/option-parsers.ts";
import type { Instant } from "../options/parse-instant.ts";
import type { Label } from "../options/parse-labels.ts";
import { runs } from "./command-parts.ts";
import {
  addKindOption,
  addKindsOption,
  addModuleOption,
  EXPORT_FORMATS,
  type ExportFormat,
  finish,
  type GraphOptions,
} from "./graph-parts.ts";

export interface SearchGraphOptions extends GraphOptions {
  readonly labels: Label[];
  readonly top: number;
}

export interface ShowNodeOptions extends GraphOptions {
  readonly kind?: string;
  readonly top: number;
}

export interface ShowPathOptions extends GraphOptions {
  readonly depth: number;
  readonly evidence: number;
  readonly memories?: boolean;
}

export interface ListTopicsOptions extends GraphOptions {
  readonly kind?: string[];
  readonly top: number;
}

export interface ExportGraphOptions extends GraphOptions {
  readonly format: ExportFormat;
  readonly labels: Label[];
  readonly minCount?: number;
  readonly top?: number;
}

/** The commands that only read, for people. */
export function graphAskCommands(cli: Cli): Command[] {
  return [statsCommand, searchCommand, showCommand, pathCommand, betweenCommand, exportCommand].map((make) =>
    make(cli),
  );
}

const EVERYWHERE = "only in this module (default: all that you may read)";
const LARGEST = "the module (default: all that you may read are asked, the one with the most memories answers)";

function statsCommand(cli: Cli): Command {
  const command = new Command("stats")
    .summary("count nodes and relationships")
    .description("Counts nodes and relationships by module, and says how far the graph has come with the log.");
  addModuleOption(command, EVERYWHERE);
  return finish(
    command,
    [
      ["cos graph stats", "all modules"],
      ["cos graph stats --module pepys --json", "one, for programs"],
    ],
    runs(cli, async (options: GraphOptions) => (await import("../graph/show-stats.ts")).showStats(cli, options)),
  );
}

function searchCommand(cli: Cli): Command {
  const command = new Command("search")
    .summary("find nodes by their names")
    .description(
      "Finds entities by their names and memories by their first words: each word begins a word of the name.",
    )
    .argument("<words>", "one word or several")
    .option("--labels <labels>", "only these: Entity,Concept,LogEntry ...", labels, []);
  addModuleOption(command, EVERYWHERE).option("--top <count>", "how many at most, up to 100", countTo(100), 20);
  return finish(
    command,
    [
      ['cos graph search "sir william"', "entities and memories"],
      ["cos graph search deptf --labels Entity", "only entities, by the beginning of a name"],
    ],
    runs(cli, async (words: string, options: SearchGraphOptions) =>
      (await import("../graph/search-graph.ts")).searchGraph(cli, words, options),
    ),
  );
}

function showCommand(cli: Cli): Command {
  const command = new Command("show")
    .summary("show a node and what is around it")
    .description(
      "Shows a node with its names, those that occur with it (by weight: how much more often than chance would have it), the latest " +
        "memories that mention it, and what was added by hand.",
    )
    .argument("<node>", "its name or id");
  addKindOption(addModuleOption(command, LARGEST)).option(
    "--top <count>",
    "how many neighbours and memories at most",
    countTo(1000),
    10,
  );
  return finish(
    command,
    [
      ['cos graph show "Sir W. Batten"', "by any of his names"],
      ["cos graph show Deptford --kind place --top 50", "the place, not the people who are called so"],
    ],
    runs(cli, async (which: string, options: ShowNodeOptions) =>
      (await import("../graph/show-node.ts")).showNode(cli, which, options),
    ),
  );
}

function pathCommand(cli: Cli): Command {
  const command = new Command("path")
    .summary("show how two nodes are connected")
    .description(
      "Shows a shortest way between two nodes through what occurs together and what was added by hand, with the memories that it stands on.",
    )
    .argument("<from>", "a name or id")
    .argument("<to>", "another one");
  addModuleOption(command, LARGEST)
    .option("--depth <steps>", "how many steps at most, up to 12", countTo(12), 6)
    .option("--evidence <count>", "how many memories a step shows, up to 20", countTo(20), 3)
    .option("--memories", "ways through memories count as well");
  return finish(
    command,
    [
      ['cos graph path "W. Hewer" "Navy Office"', "with the memories as evidence"],
      ['cos graph path Deptford "Mr. Coventry" --evidence 10', "with more of them"],
    ],
    runs(cli, async (from: string, to: string, options: ShowPathOptions) =>
      (await import("../graph/show-path.ts")).showPath(cli, from, to, options),
    ),
  );
}

function betweenCommand(cli: Cli): Command {
  const command = new Command("between")
    .summary("say who and what a time was about")
    .description(
      "Lists who and what the memories of a time are about, those first that set it apart from all the other times of the module.",
    )
    .argument("<since>", "the first day, or an RFC 3339 time", instant)
    .argument("<until>", "the last day (it belongs to it), or the time at which it ends", lastInstant);
  addKindsOption(addModuleOption(command, LARGEST)).option("--top <count>", "how many, up to 200", countTo(200), 20);
  return finish(
    command,
    [
      ["cos graph between 1665-06-01 1665-12-31 --top 20", "the months of the plague"],
      ["cos graph between 1666-09-02 1666-09-06 --kind place", "where the fire was"],
    ],
    runs(cli, async (since: Instant, until: Instant, options: ListTopicsOptions) =>
      (await import("../graph/list-topics.ts")).listTopics(cli, since, until, options),
    ),
  );
}

const EXPORT_DESCRIPTION = [
  "Writes a module's graph to standard output: `graphml` for Gephi, yEd and the like; `jsonl` for programs, one object a line; `dot` for " +
    "Graphviz; `mermaid` for a Markdown page, of the 50 nodes with the most memories if --top does not say how many.",
  "Relationships are written if both of their ends are. Entities and concepts are enough for most pictures; memories, sessions and " +
    "sources come with --labels all.",
].join("\n\n");

function exportCommand(cli: Cli): Command {
  const command = new Command("export")
    .summary("write the graph for other programs")
    .description(EXPORT_DESCRIPTION)
    .addOption(new Option("--format <format>", "how").choices(EXPORT_FORMATS).default("graphml"))
    .option("--labels <labels>", "which nodes, by label, or `all`", labels, ["Entity", "Concept"] satisfies Label[])
    .option("--min-count <count>", "leave out what fewer memories mention, and what occurs together in fewer", count)
    .option("--top <count>", "only so many nodes, those with the most memories", count);
  addModuleOption(command, "the module (default: the one with the most memories)");
  return finish(
    command,
    [
      ["cos graph export --module pepys > pepys.graphml", "for Gephi"],
      ["cos graph export --format dot --top 100 --min-count 5 | sfdp -Goverlap=prism -Tsvg > pepys.svg", "Graphviz"],
      ["cos graph export --format mermaid >> notes.md", "a picture in a Markdown page"],
      ["cos graph export --format jsonl --labels all | gzip > pepys.jsonl.gz", "everything, for programs"],
    ],
    runs(cli, async (options: ExportGraphOptions) =>
      (await import("../graph/export/export-graph.ts")).exportGraph(cli, options),
    ),
  );
}
