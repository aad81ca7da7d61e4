import type { DescEnum, DescField, DescMessage, JsonValue } from "@bufbuild/protobuf";
import type { FieldFault } from "#shared/errors/cos-error.ts";
import { fieldOf, isObject, isWellKnown } from "./find-json-fault.ts";

/** Looks through the JSON of one type for enum values that nobody knows. */
export type EnumFinder = (text: string) => FieldFault | undefined;

/**
 * Compiles the search for unknown enum names in a message's JSON. Connect ignores unknown fields, and protobuf-es then
 * drops unknown enum names with them: `"view": "FUL"` would silently mean the default.
 *
 * Undefined where the message has no enum. Texts in which no enum field's name occurs are not parsed; a name that hides
 * behind an escape is merely ignored, as it would be without this.
 */
export function compileEnumFinder(desc: DescMessage): EnumFinder | undefined {
  const names = [...enumFieldNames(desc, new Set())];
  if (names.length === 0) {
    return undefined;
  }
  return (text) => (names.some((name) => text.includes(name)) ? faultIn(desc, parseOrNull(text), "") : undefined);
}

/** Both spellings of every enum field within, as they stand in JSON, with their quotes. */
function enumFieldNames(desc: DescMessage, seen: Set<DescMessage>): Set<string> {
  const names = new Set<string>();
  if (seen.has(desc) || isWellKnown(desc)) {
    return names;
  }
  seen.add(desc);
  for (const field of desc.fields) {
    if (field.enum !== undefined) {
      names.add(`"${field.name}"`).add(`"${field.jsonName}"`);
    }
    if (field.message !== undefined) {
      for (const name of enumFieldNames(field.message, seen)) {
        names.add(name);
      }
    }
  }
  return names;
}

/** JSON that is none is the parser's to refuse. */
function parseOrNull(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return null;
  }
}

function faultIn(desc: DescMessage, json: JsonValue, path: string): FieldFault | undefined {
  if (!isObject(json) || isWellKnown(desc)) {
    return undefined;
  }
  for (const [key, value] of Object.entries(json)) {
    const field = fieldOf(desc, key);
    if (field?.enum !== undefined || field?.message !== undefined) {
      const fault = faultInField(field, value, path === "" ? field.name : `${path}.${field.name}`);
      if (fault !== undefined) {
        return fault;
      }
    }
  }
  return undefined;
}

function faultInField(field: DescField, value: JsonValue, path: string): FieldFault | undefined {
  for (const [item, itemPath] of itemsOf(field, value, path)) {
    const fault =
      field.enum === undefined ? faultIn(field.message!, item, itemPath) : faultOf(field.enum, item, itemPath);
    if (fault !== undefined) {
      return fault;
    }
  }
  return undefined;
}

/** The values of a field in JSON, each with its path: one, or those of a list or map. */
export function itemsOf(field: DescField, value: JsonValue, path: string): [JsonValue, string][] {
  if (field.fieldKind === "list") {
    return Array.isArray(value) ? value.map((item, index) => [item, `${path}[${index}]`]) : [];
  }
  if (field.fieldKind === "map") {
    return isObject(value) ? Object.entries(value).map(([key, item]) => [item, `${path}[${JSON.stringify(key)}]`]) : [];
  }
  return [[value, path]];
}

/** Numbers are the rules' to judge; names must be known. */
function faultOf(desc: DescEnum, json: JsonValue, path: string): FieldFault | undefined {
  if (typeof json !== "string" || desc.values.some((value) => value.name === json)) {
    return undefined;
  }
  return { field: path, description: `must be one of ${desc.values.map((value) => value.name).join(", ")}` };
}
