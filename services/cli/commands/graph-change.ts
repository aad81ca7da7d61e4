import { Command, Option } from "commander";
import type { Cli } from "../cli.ts";
import { property, repeated, text } from "../options/option-parsers.ts";
import type { GivenProperty } from "../options/parse-property.ts";
import { addExamples, runs } from "./command-parts.ts";
import {
  addKindOption,
  addModuleOption,
  type EntityKind,
  entityKindOption,
  finish,
  type GraphOptions,
} from "./graph-parts.ts";

/** What may be made by hand (cos.graph.v1.RelationshipWritten.type). */
export const MADE_TYPES = ["RELATES_TO", "DEPENDS_ON", "REFERENCES"] as const;
const MADE_LABELS = ["Entity", "Concept"] as const;

export interface AddNodeOptions extends GraphOptions {
  readonly name: string;
  readonly kind?: string;
  readonly label: (typeof MADE_LABELS)[number];
  readonly property?: GivenProperty[];
}

export interface AddRelationshipOptions extends GraphOptions {
  readonly type: (typeof MADE_TYPES)[number];
  readonly why?: string;
  readonly property?: GivenProperty[];
}

export interface EditItemOptions extends GraphOptions {
  readonly name?: string;
  readonly kind?: string;
  readonly type?: (typeof MADE_TYPES)[number];
  readonly property?: GivenProperty[];
  readonly remove?: string[];
}

export interface RemoveItemOptions extends GraphOptions {
  readonly kind?: string;
  readonly force?: boolean;
}

export interface MergeEntitiesOptions extends GraphOptions {
  readonly into: string;
  readonly kind?: EntityKind;
}

export interface SplitEntityOptions extends GraphOptions {
  readonly name: string;
  readonly kind?: EntityKind;
}

/** The commands that change the graph by hand; each change is recorded in the log. */
export function graphChangeCommands(cli: Cli): Command[] {
  return [addCommand, editCommand, removeCommand, mergeCommand, splitCommand, aliasesCommand].map((make) => make(cli));
}

const OF_THE_NODE = "the module (default: the one in which the name is found)";

function addCommand(cli: Cli): Command {
  const command = new Command("add")
    .summary("add a node or a relationship")
    .description("Adds to the graph by hand. What is added is recorded in the log, and found there again by a rebuild.")
    .addCommand(addNodeCommand(cli))
    .addCommand(addEdgeCommand(cli));
  return addExamples(command, [
    ['cos graph add node --name "Royal Charles" --kind ship', "a node"],
    ['cos graph add edge "Chapter 3" "The fire" --type DEPENDS_ON --why "the scene needs it"', "a relationship"],
  ]);
}

function addNodeCommand(cli: Cli): Command {
  const command = new Command("node")
    .summary("add a node")
    .description("Adds an entity or a concept that memories do not name, or not yet.")
    .requiredOption("--name <name>", "what people call it", text);
  addKindOption(command, "what kind it is: person, ship, chapter ...")
    .addOption(new Option("--label <label>", "what it is").choices(MADE_LABELS).default("Entity"))
    .option("--property <name=value>", PROPERTY, repeated(property));
  addModuleOption(command, "the module (default: the only one in the graph, else cc)");
  return finish(
    command,
    [['cos graph add node --name "Royal Charles" --kind ship --property guns=80', "a ship of 80 guns"]],
    runs(cli, async (options: AddNodeOptions) => (await import("../graph/add-node.ts")).addNode(cli, options)),
  );
}

const PROPERTY = "what is to be said of it; a number or truth value if it reads as one (repeatable)";

function addEdgeCommand(cli: Cli): Command {
  const command = new Command("edge")
    .summary("add a relationship")
    .description("Says that one node has to do with another one, and why.")
    .argument("<from>", "the name or id of the node that it starts at")
    .argument("<to>", "the name or id of the node that it leads to")
    .addOption(new Option("--type <type>", "what it says").choices(MADE_TYPES).default("RELATES_TO"))
    .option("--why <text>", "the reason, which is kept as its property `why`", text)
    .option("--property <name=value>", PROPERTY, repeated(property));
  addModuleOption(command, OF_THE_NODE);
  return finish(
    command,
    [
      ['cos graph add edge "W. Hewer" "Navy Office" --why "he was a clerk there"', "the two belong together"],
      ['cos graph add edge "Chapter 3" "The fire" --type DEPENDS_ON', "one needs the other"],
    ],
    runs(cli, async (from: string, to: string, options: AddRelationshipOptions) =>
      (await import("../graph/add-relationship.ts")).addRelationship(cli, from, to, options),
    ),
  );
}

function editCommand(cli: Cli): Command {
  const command = new Command("edit")
    .summary("change what was added by hand")
    .description(
      "Changes a node or relationship that was added by hand. What was found in memories is not changed: names are merged and split.",
    )
    .argument("<id>", "its id, or the name of a node")
    .option("--name <name>", "what a node is to be called", text);
  addKindOption(command, "what kind a node is to be")
    .addOption(new Option("--type <type>", "what a relationship is to say").choices(MADE_TYPES))
    .option("--property <name=value>", "a property to set (repeatable)", repeated(property))
    .option("--remove <property>", "a property to take away (repeatable)", repeated(text));
  addModuleOption(command, OF_THE_NODE);
  return finish(
    command,
    [
      ['cos graph edit "Royal Charles" --property guns=82 --remove captain', "a node"],
      ["cos graph edit 019a3f5e-7c1b-7d0e-8c55-0f6b2a9d4e11 --property why=...", "a relationship, by its id"],
    ],
    runs(cli, async (which: string, options: EditItemOptions) =>
      (await import("../graph/edit-item.ts")).editItem(cli, which, options),
    ),
  );
}

function removeCommand(cli: Cli): Command {
  const command = new Command("rm")
    .summary("remove what was added by hand")
    .description("Removes a node or relationship that was added by hand. The log keeps that it was there.")
    .argument("<id>", "its id, or the name of a node")
    .option("--force", "a node: with the relationships that were added by hand and touch it");
  addKindOption(addModuleOption(command, OF_THE_NODE));
  return finish(
    command,
    [['cos graph rm "Royal Charles" --force', "a node with what was added around it"]],
    runs(cli, async (which: string, options: RemoveItemOptions) =>
      (await import("../graph/remove-item.ts")).removeItem(cli, which, options),
    ),
  );
}

const MERGE_DESCRIPTION =
  "Says that several names mean one and the same, in all memories, past and to come. Each takes along all names that it has. " +
  "`cos graph split` takes it back.";

function mergeCommand(cli: Cli): Command {
  const command = new Command("merge")
    .summary("say that several names mean one")
    .description(MERGE_DESCRIPTION)
    .argument("<names...>", "the entities that become one with --into, by name or id")
    .requiredOption("--into <name>", "what they are; called so from now on, and not necessarily there yet", text)
    .addOption(entityKindOption("--kind", "what kind --into is (default: that of the first name)"));
  addModuleOption(command, "the module (default: the one in which the names are found)");
  return finish(
    command,
    [
      ['cos graph merge "Will" "W. Hewer" --into "Will Hewer"', "one person of three names"],
      ['cos graph merge "my wife" --into "Elizabeth Pepys" --kind person --module pepys', "into one that is new"],
    ],
    runs(cli, async (names: string[], options: MergeEntitiesOptions) =>
      (await import("../graph/merge-entities.ts")).mergeEntities(cli, names, options),
    ),
  );
}

function splitCommand(cli: Cli): Command {
  const command = new Command("split")
    .summary("say that a name means another one")
    .description(
      "Takes a name from an entity: it is the name of one of its own, in all memories. It takes back a merge too.",
    )
    .argument("<entity>", "the entity that has the name now, by name or id")
    .requiredOption("--name <name>", "the name that leaves it", text)
    .addOption(entityKindOption("--kind", "what kind the name is (default: that of the entity)"));
  addModuleOption(command, OF_THE_NODE);
  return finish(
    command,
    [['cos graph split "Sir W. Batten" --name "Sir William"', "most of them were another Sir William"]],
    runs(cli, async (entity: string, options: SplitEntityOptions) =>
      (await import("../graph/split-entity.ts")).splitEntity(cli, entity, options),
    ),
  );
}

function aliasesCommand(cli: Cli): Command {
  const command = new Command("aliases")
    .summary("list what was merged and split")
    .description("Lists the names of which somebody said what they mean.");
  addModuleOption(command, "only in this module (default: all that you may read)");
  return finish(
    command,
    [["cos graph aliases", "what was decided by hand"]],
    runs(cli, async (options: GraphOptions) => (await import("../graph/list-aliases.ts")).listAliases(cli, options)),
  );
}
