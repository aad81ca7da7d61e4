import {
  type DescField,
  type DescMessage,
  fromJson,
  type JsonObject,
  type JsonValue,
  ScalarType,
} from "@bufbuild/protobuf";
import type { FieldFault } from "#shared/errors/cos-error.ts";

/**
 * Finds the field for which protobuf's JSON parser refuses a message, since its own errors name none in a bad timestamp
 * or number. The parser itself is asked, about ever smaller parts: each level costs one more parse of the part at fault.
 *
 * Fields are found in either spelling and named in the contract's: `requests[17].memory.occurred_at`. Undefined where no
 * single field is at fault, such as two members of a oneof.
 */
export function findJsonFault(desc: DescMessage, json: JsonValue): FieldFault | undefined {
  return faultIn(desc, json, "");
}

/** A field of this name in JSON, in either spelling; names that nobody knows are ignored, as Connect does. */
export function fieldOf(desc: DescMessage, key: string): DescField | undefined {
  return desc.fields.find((field) => field.jsonName === key || field.name === key);
}

export function isObject(json: JsonValue | undefined): json is JsonObject {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

/** Types with a JSON form of their own: faults are theirs, not of fields inside them. */
export function isWellKnown(desc: DescMessage): boolean {
  return desc.typeName.startsWith("google.protobuf.");
}

function faultIn(desc: DescMessage, json: JsonValue, path: string): FieldFault | undefined {
  if (isWellKnown(desc) || !isObject(json)) {
    return { field: path, description: wantedOf(desc) };
  }
  for (const [key, value] of Object.entries(json)) {
    const field = fieldOf(desc, key);
    if (field !== undefined && !parses(desc, { [key]: value })) {
      return faultInField(desc, field, key, value, path === "" ? field.name : `${path}.${field.name}`);
    }
  }
  return undefined;
}

function faultInField(desc: DescMessage, field: DescField, key: string, value: JsonValue, path: string): FieldFault {
  if (field.fieldKind === "list" && Array.isArray(value)) {
    const index = value.findIndex((item) => !parses(desc, { [key]: [item] }));
    return faultOfItem(field, value[index] as JsonValue, `${path}[${index}]`);
  }
  if (field.fieldKind === "map" && isObject(value)) {
    const [name, item] = Object.entries(value).find(([k, v]) => !parses(desc, { [key]: { [k]: v } })) ?? ["", null];
    return faultOfItem(field, item, `${path}[${JSON.stringify(name)}]`);
  }
  if (field.fieldKind === "list" || field.fieldKind === "map") {
    return { field: path, description: field.fieldKind === "list" ? "must be an array" : "must be an object" };
  }
  return faultOfItem(field, value, path);
}

/** The fault of a value that stands alone: the field's own, or an item of its list or map. */
function faultOfItem(field: DescField, value: JsonValue, path: string): FieldFault {
  const inner = field.message === undefined ? undefined : faultIn(field.message, value, path);
  return inner ?? { field: path, description: wantedOfField(field) };
}

function parses(desc: DescMessage, json: JsonValue): boolean {
  try {
    fromJson(desc, json, { ignoreUnknownFields: true });
    return true;
  } catch {
    return false;
  }
}

/** The end of a sentence that begins with the field. */
function wantedOfField(field: DescField): string {
  if (field.enum !== undefined) {
    return `must be one of ${field.enum.values.map((value) => value.name).join(", ")}`;
  }
  if (field.message !== undefined) {
    return wantedOf(field.message);
  }
  return SCALARS[field.scalar as ScalarType] ?? "must be a whole number of the field's range";
}

const SCALARS: Partial<Record<ScalarType, string>> = {
  [ScalarType.STRING]: "must be a string of whole characters",
  [ScalarType.BOOL]: "must be true or false",
  [ScalarType.BYTES]: "must be base64 in a string",
  [ScalarType.DOUBLE]: "must be a number",
  [ScalarType.FLOAT]: "must be a number",
};

const WELL_KNOWN: Readonly<Record<string, string>> = {
  "google.protobuf.Timestamp": "must be a time of RFC 3339, from year 1 to 9999, such as 2026-11-23T09:30:00Z",
  "google.protobuf.Duration": 'must be seconds with an "s", such as 10s',
};

function wantedOf(desc: DescMessage): string {
  return WELL_KNOWN[desc.typeName] ?? "must be an object";
}
