import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import type { FieldFault } from "#shared/errors/cos-error.ts";
import { textFault } from "#shared/fields/text-fault.ts";

const bytesMax = 64 * 1024;
const depthMax = 32;

/** The faults of a payload: the first of its content, with its path, or else its size in JSON. */
export function checkPayload(payload: JsonObject, path: string): FieldFault[] {
  const fault = faultIn(payload, path, 1) ?? sizeFault(payload, path);
  return fault === undefined ? [] : [fault];
}

function sizeFault(payload: JsonObject, field: string): FieldFault | undefined {
  if (Buffer.byteLength(JSON.stringify(payload)) <= bytesMax) return undefined;
  return { field, description: "must be at most 64 KiB as JSON" };
}

/** Recursion ends at `depthMax`, before the stack or the parser's own limit of 100 could. */
function faultIn(value: JsonValue, field: string, depth: number): FieldFault | undefined {
  if (typeof value === "string") return toFault(field, textFault(value));
  if (typeof value === "number") return toFault(field, Number.isFinite(value) ? undefined : "numbers must be finite");
  if (typeof value !== "object" || value === null) return undefined;
  if (depth > depthMax) return { field, description: "must not be nested more than 32 deep" };
  if (Array.isArray(value)) return firstFault(value.entries(), (n) => `${field}[${n}]`, depth);
  return firstKeyFault(value, field) ?? firstFault(Object.entries(value), (key) => `${field}.${key}`, depth);
}

/** The fault is told of the object, since the key itself must not be repeated in a message. */
function firstKeyFault(object: JsonObject, field: string): FieldFault | undefined {
  for (const key of Object.keys(object)) {
    const description = textFault(key);
    if (description !== undefined) return { field, description: `a key ${description}` };
  }
  return undefined;
}

function firstFault<Key>(
  entries: Iterable<[Key, JsonValue]>,
  pathOf: (key: Key) => string,
  depth: number,
): FieldFault | undefined {
  for (const [key, value] of entries) {
    // Most values are good: the path is put together only for those that contain others or are at fault.
    if (typeof value === "boolean" || value === null) continue;
    const fault = faultIn(value, pathOf(key), depth + 1);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function toFault(field: string, description: string | undefined): FieldFault | undefined {
  return description === undefined ? undefined : { field, description };
}
