import { createHash } from "node:crypto";
import { create, fromJson, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import { TimestampSchema } from "@bufbuild/protobuf/wkt";
import { type RecordMemoryRequest, RecordMemoryRequestSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { type Memory, MemorySchema } from "#gen/cos/memory/v1/memory_pb.ts";
import { type Instant, parseInstant } from "../options/parse-instant.ts";
import { LineFault } from "./line-fault.ts";
import { KEY_FIELD, type LinePlan } from "./plan-lines.ts";

/** The characters of a file's name that go into a key, which has 200 in all. */
const KEY_NAME_LENGTH_MAX = 120;

/** Fields of a line, by the contract's spelling, and what belongs to none. */
interface Sorted {
  readonly fields: Map<string, JsonValue>;
  readonly leftOver: [string, JsonValue][];
}

/** One line of a file as a memory to record. Throws LineFault, which names the field. */
export function shapeLine(plan: LinePlan, line: string, number: number): RecordMemoryRequest {
  const { fields, leftOver } = sortKeys(plan, parseLine(line));
  const idempotencyKey = takeKey(fields) ?? keyOf(plan.fileName, number, line);
  const occurredAt = takeInstant(fields);
  const payload = mergePayload(fields.get("payload"), leftOver);
  if (payload !== undefined) fields.set("payload", payload);
  if (plan.module !== undefined) fields.set("module", plan.module);
  fillIn(fields, "source", plan.source, "--source");
  fillIn(fields, "event_type", plan.eventType, "--event-type");
  const memory = readMemory(fields);
  if (occurredAt !== undefined) memory.occurredAt = create(TimestampSchema, occurredAt);
  return create(RecordMemoryRequestSchema, { memory, idempotencyKey });
}

function parseLine(line: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw new LineFault("", `not JSON: ${(error as Error).message}`);
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw new LineFault("", "not a JSON object");
}

function sortKeys(plan: LinePlan, line: JsonObject): Sorted {
  const sorted: Sorted = { fields: new Map(), leftOver: [] };
  for (const [key, value] of Object.entries(line)) {
    const fields = plan.fieldsOf.get(key);
    if (fields === undefined) {
      if (!plan.ignored.has(key)) sorted.leftOver.push([key, value]);
    } else if (value !== null) {
      for (const field of fields) setOnce(sorted.fields, field, value);
    }
  }
  return sorted;
}

function setOnce(fields: Map<string, JsonValue>, field: string, value: JsonValue): void {
  if (fields.has(field)) throw new LineFault(pathOf(field), "given twice");
  fields.set(field, lenient(field, value));
}

/** Foreign files count where a memory has words, and give a single tag without its list. */
function lenient(field: string, value: JsonValue): JsonValue {
  if (field === "tags") return typeof value === "string" ? [value] : value;
  return typeof value === "number" && field !== "payload" && field !== "prompt_trace" ? String(value) : value;
}

/** A null payload or an empty key count as none, as they do in protobuf's JSON. */
function takeKey(fields: Map<string, JsonValue>): string | undefined {
  const key = fields.get(KEY_FIELD);
  fields.delete(KEY_FIELD);
  if (key === undefined || key === "") return undefined;
  if (typeof key === "string") return key;
  throw new LineFault(KEY_FIELD, "must be a string");
}

function takeInstant(fields: Map<string, JsonValue>): Instant | undefined {
  const value = fields.get("occurred_at");
  fields.delete("occurred_at");
  if (value === undefined) return undefined;
  if (typeof value !== "string") throw new LineFault("memory.occurred_at", "must be a string");
  try {
    return parseInstant(value);
  } catch (error) {
    throw new LineFault("memory.occurred_at", (error as Error).message);
  }
}

function mergePayload(own: JsonValue | undefined, leftOver: [string, JsonValue][]): JsonValue | undefined {
  if (leftOver.length === 0) return own;
  if (own === undefined) return Object.fromEntries(leftOver);
  if (typeof own !== "object" || own === null || Array.isArray(own)) {
    throw new LineFault("memory.payload", "must be a JSON object");
  }
  const twice = leftOver.find(([key]) => Object.hasOwn(own, key));
  if (twice !== undefined)
    throw new LineFault(`memory.payload.${twice[0]}`, "given twice: in the payload and beside it");
  return Object.fromEntries([...Object.entries(own), ...leftOver]);
}

function fillIn(fields: Map<string, JsonValue>, field: string, value: string | undefined, option: string): void {
  if ((fields.get(field) ?? "") !== "") return;
  if (value === undefined) {
    throw new LineFault(
      pathOf(field),
      `missing: name one for all lines with ${option}, or the key that has it with --map`,
    );
  }
  fields.set(field, value);
}

function readMemory(fields: Map<string, JsonValue>): Memory {
  try {
    return fromJson(MemorySchema, Object.fromEntries(fields));
  } catch (error) {
    const field = [...fields].find(([name, value]) => !reads({ [name]: value }))?.[0] ?? "";
    throw new LineFault(pathOf(field), fieldMessage(error as Error));
  }
}

/** Which field it was is found by trying each by itself: the parser does not always say. */
function reads(json: JsonObject): boolean {
  try {
    fromJson(MemorySchema, json);
    return true;
  } catch {
    return false;
  }
}

/** The end of what the parser says: "cannot decode field cos.memory.v1.Memory.tags from JSON: expected Array, ...". */
function fieldMessage({ message }: Error): string {
  return message.replace(/^cannot decode .*? from JSON:? /, "");
}

function pathOf(field: string): string {
  return field === KEY_FIELD || field === "" ? field : `memory.${field}`;
}

/** The key of a line that has none: the same line of the same file, however packed, has the same one. */
export function keyOf(fileName: string, number: number, line: string): string {
  const digest = createHash("sha256").update(line).digest("base64url").slice(0, 32);
  return `${fileName.replace(/\.gz$/i, "").slice(-KEY_NAME_LENGTH_MAX)}:${number}:${digest}`;
}
