import { Command } from "commander";
import type { Cli } from "../cli.ts";
import { addExamples } from "./command-parts.ts";
import { graphAskCommands } from "./graph-ask.ts";
import { graphChangeCommands } from "./graph-change.ts";
import { graphKeepCommands } from "./graph-keep.ts";

const DESCRIPTION = [
  "Asks the graph that grows from what is recorded: people, places, works and ideas, what they have to do with each other, and the " +
    "memories that say so. What you add by hand is recorded too, and stands beside what was found.",
  "A node is named as people write it, or by its id. Without --module it is looked for in all modules that you may read; if several " +
    "know the name, the one in which most memories use it answers, and says which it is.",
].join("\n\n");

export function graphCommand(cli: Cli): Command {
  const command = new Command("graph").summary("ask who and what the memories are about").description(DESCRIPTION);
  const groups = [
    ["To ask:", graphAskCommands(cli)],
    ["To change:", graphChangeCommands(cli)],
    ["To keep:", graphKeepCommands(cli)],
  ] as const;
  for (const [title, commands] of groups) {
    for (const each of commands) command.addCommand(each.helpGroup(title));
  }
  return addExamples(command, [
    ["cos graph stats", "what there is"],
    ['cos graph search "sir william"', "whoever or whatever has such a name"],
    ['cos graph show "Sir W. Batten"', "with whom he occurs, and the memories that mention him"],
    ['cos graph path "W. Hewer" "Navy Office"', "how the two are connected"],
    ["cos graph export --format graphml > pepys.graphml", "for Gephi"],
  ]);
}
