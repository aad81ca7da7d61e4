import { Command } from "commander";
import type { Cli } from "../cli.ts";
import { count, labels } from "../options/option-parsers.ts";
import type { Label } from "../options/parse-labels.ts";
import { runs } from "./command-parts.ts";
import { addModuleOption, finish, type GraphOptions } from "./graph-parts.ts";

export interface WatchGraphOptions extends GraphOptions {
  readonly fromBeginning?: boolean;
  readonly labels: Label[];
  readonly limit?: number;
}

/** The commands that follow the graph, prove it and build it anew. */
export function graphKeepCommands(cli: Cli): Command[] {
  return [watchCommand, projectionCommand, verifyCommand, rebuildCommand].map((make) => make(cli));
}

function watchCommand(cli: Cli): Command {
  const command = new Command("watch")
    .summary("see the graph change")
    .description(
      "Shows nodes and relationships of a module as they are added, changed and removed, without end. Goes on by itself when the server " +
        "comes back after a restart.",
    )
    .option("--from-beginning", "with all that there is, before what changes")
    .option("--labels <labels>", "only nodes with one of these labels: Entity,Concept ...", labels, [])
    .option("--limit <count>", "end after so many nodes and relationships", count);
  addModuleOption(command, "the module (default: the only one in the graph, else cc)");
  return finish(
    command,
    [
      ["cos graph watch --module pepys", "while an import runs"],
      ["cos graph watch --from-beginning --labels Entity --json", "for a program that keeps a copy"],
    ],
    runs(cli, async (options: WatchGraphOptions) => (await import("../graph/watch-graph.ts")).watchGraph(cli, options)),
  );
}

function projectionCommand(cli: Cli): Command {
  const command = new Command("projection")
    .summary("see how far the graph has come with the log")
    .description(
      "Shows where the graph stands in the log of each module, how far it is behind, and the memories that it could not take.",
    );
  addModuleOption(command, "only this module (default: all that you may read)");
  return finish(
    command,
    [["cos graph projection", "place, lag, and what was passed over"]],
    runs(cli, async (options: GraphOptions) =>
      (await import("../graph/show-projection.ts")).showProjection(cli, options),
    ),
  );
}

function verifyCommand(cli: Cli): Command {
  const command = new Command("verify")
    .summary("prove that the graph equals a replay of the log")
    .description(
      "Replays the log from its beginning beside the graph, compares the two, node for node and relationship for relationship, and ends with 1 " +
        "if anything differs. Readers notice nothing of it.",
    );
  addModuleOption(command, "only this module (default: all)");
  return finish(
    command,
    [
      ["cos graph verify", "all modules"],
      ["cos graph verify --module pepys && echo equal", "in a script"],
    ],
    runs(cli, async (options: GraphOptions) =>
      (await import("../graph/verify-projection.ts")).verifyProjection(cli, options),
    ),
  );
}

function rebuildCommand(cli: Cli): Command {
  const command = new Command("rebuild")
    .summary("build the graph anew from the log")
    .description(
      "Builds the graph anew from the beginning of the log, beside the one that is read, and puts it in its place when it has caught up. It goes " +
        "on if you leave. Needed after an update of the rules by which memories are read; needs the right to administer.",
    );
  return finish(
    command,
    [["cos graph rebuild", "and watch how far it is"]],
    runs(cli, async (options: GraphOptions) =>
      (await import("../graph/rebuild-projection.ts")).rebuildProjection(cli, options),
    ),
  );
}
