import type { DescMessage, JsonValue } from "@bufbuild/protobuf";
import type { FieldFault } from "#shared/errors/cos-error.ts";
import { fieldOf, isObject, isWellKnown } from "./find-json-fault.ts";
import { itemsOf } from "./find-unknown-enum.ts";

const STRUCT = "google.protobuf.Struct";
/** What a struct may have, as JSON without white space (cos.memory.v1.Memory.payload, the only one that callers send). */
const STRUCT_BYTES_MAX = 64 * 1024;
/** A shorter text is not looked at: to parse it with all its structs takes no time to speak of. */
const TEXT_LENGTH_MIN = 128 * 1024;

/**
 * Finds a struct that is too large, before protobuf's parser makes messages of it: for 4 MiB of small values that takes
 * it a second, in which nobody else is served. The native parser takes some hundredths of that second.
 */
export function findLargeStruct(desc: DescMessage, text: string): FieldFault | undefined {
  if (text.length < TEXT_LENGTH_MIN) {
    return undefined;
  }
  try {
    return faultIn(desc, JSON.parse(text) as JsonValue, "");
  } catch {
    // JSON that is none, or nested beyond the stack, is the parser's to refuse.
    return undefined;
  }
}

function faultIn(desc: DescMessage, json: JsonValue, path: string): FieldFault | undefined {
  if (desc.typeName === STRUCT) {
    return faultOfStruct(json, path);
  }
  if (!isObject(json) || isWellKnown(desc)) {
    return undefined;
  }
  for (const [key, value] of Object.entries(json)) {
    const field = fieldOf(desc, key);
    if (field?.message === undefined) {
      continue;
    }
    for (const [item, itemPath] of itemsOf(field, value, path === "" ? field.name : `${path}.${field.name}`)) {
      const fault = faultIn(field.message, item, itemPath);
      if (fault !== undefined) {
        return fault;
      }
    }
  }
  return undefined;
}

function faultOfStruct(json: JsonValue, field: string): FieldFault | undefined {
  const isLarge = Buffer.byteLength(JSON.stringify(json)) > STRUCT_BYTES_MAX;
  return isLarge ? { field, description: "must be at most 64 KiB as JSON" } : undefined;
}
