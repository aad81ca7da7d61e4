import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import type { FieldFault } from "#shared/errors/cos-error.ts";
import { textFault } from "./text-fault.ts";

/** How many properties an item may have. */
const PROPERTIES_MAX = 32;
/** How many a search may name. */
export const SOUGHT_PROPERTIES_MAX = 8;
const TEXT_LENGTH_MAX = 1000;
const NAME = /^[a-z][a-z0-9_]{0,39}$/;
const NAME_RULE = "a property's name is small letters, digits and underscores, a letter first, at most 40 characters";

/** The faults of what somebody says of an item; `path` is where it stands. A name at fault is not repeated: it may be anything. */
export function checkProperties(properties: JsonObject, path: string, most: number = PROPERTIES_MAX): FieldFault[] {
  const entries = Object.entries(properties);
  if (entries.length > most) return [{ field: path, description: `must be at most ${most} properties` }];
  return entries.flatMap(([name, value]) => {
    if (!isPropertyName(name)) return [{ field: path, description: NAME_RULE }];
    const description = valueFault(value);
    return description === undefined ? [] : [{ field: `${path}.${name}`, description }];
  });
}

export function isPropertyName(name: string): boolean {
  return NAME.test(name);
}

function valueFault(value: JsonValue): string | undefined {
  if (typeof value === "boolean") return undefined;
  if (typeof value === "number") return Number.isFinite(value) ? undefined : "must be a finite number";
  if (typeof value !== "string") return "must be a text, a number or a truth value";
  // The contract counts code points, as protovalidate does.
  if (value.length > TEXT_LENGTH_MAX && Array.from(value).length > TEXT_LENGTH_MAX)
    return `must be at most ${TEXT_LENGTH_MAX} characters`;
  return textFault(value);
}
