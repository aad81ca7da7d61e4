import { type Command, Option } from "commander";
import { kind, moduleName, repeated } from "../options/option-parsers.ts";
import { addExamples, addGraphAddressOption, addJsonOption } from "./command-parts.ts";

/** What every command of the graph has. */
export interface GraphOptions {
  readonly address?: string;
  readonly json?: boolean;
  readonly module?: string;
}

/** The kinds of entities that texts yield (cos.graph.v1.EntityName.kind). */
export const ENTITY_KINDS = ["person", "place", "organisation", "work", "page", "url", "concept"] as const;
export type EntityKind = (typeof ENTITY_KINDS)[number];

export const EXPORT_FORMATS = ["graphml", "jsonl", "dot", "mermaid"] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export function addModuleOption(command: Command, about: string): Command {
  return command.option("--module <module>", about, moduleName);
}

/** One kind, by which to tell nodes of the same name apart. */
export function addKindOption(command: Command, about = "only nodes of this kind: person, place ..."): Command {
  return command.option("--kind <kind>", about, kind);
}

/** Several kinds. */
export function addKindsOption(command: Command): Command {
  return command.option("--kind <kind>", "only of this kind: person, place ... (repeatable)", repeated(kind));
}

/** One of the kinds that a name of a text can have. */
export function entityKindOption(flag: string, about: string): Option {
  return new Option(`${flag} <kind>`, about).choices(ENTITY_KINDS);
}

/** The last touches to a command: the options that all have, its examples, and what it runs. */
export function finish(
  command: Command,
  examples: Parameters<typeof addExamples>[1],
  action: Parameters<Command["action"]>[0],
): Command {
  addJsonOption(addGraphAddressOption(command));
  return addExamples(command, examples).action(action);
}
