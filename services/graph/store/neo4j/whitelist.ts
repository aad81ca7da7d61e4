import { LABELS, type Label, TYPES, type Type } from "../../domain/vocabulary.ts";

// Labels and types cannot be parameters in Cypher. What stands in the text of a query goes through here, whoever asked for it.

const MODULE = /^[a-z][a-z0-9]*(?:_[a-z0-9]+)*$/;

export function safeLabel(label: Label): Label {
  if (LABELS.includes(label)) return label;
  throw new TypeError("not a label of the graph");
}

export function safeType(type: Type): Type {
  if (TYPES.includes(type)) return type;
  throw new TypeError("not a type of the graph");
}

/** A module's name, as a label: no capital is in it, so it meets none of ours. */
export function safeModule(module: string): string {
  if (module.length <= 40 && MODULE.test(module)) return module;
  throw new TypeError("not the name of a module");
}

/** Several types as a pattern has them: `REFERENCES|CONTAINS`. */
export function anyOf(types: readonly Type[]): string {
  return types.map(safeType).join("|");
}
