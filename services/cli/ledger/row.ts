import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type { Memory } from "#gen/cos/memory/v1/memory_pb.ts";
import { formatInstant } from "../output/format-instant.ts";
import { summaryOf } from "../output/format-memory.ts";
import { oneLine } from "../output/one-line.ts";

/** What is held of a memory's text, in characters: thousands of rows are, and a text may have a million. */
export const TEXT_MAX = 2000;
/** Marks that one letter may carry: a terminal takes a second over one that carries thousands. */
const MARKS_MAX = 8;
const TOO_MANY_MARKS = new RegExp(`(\\p{M}{${MARKS_MAX}})\\p{M}+`, "gu");

/** The type of what tells that others were forgotten. */
export const FORGOTTEN_TYPE = "cos.memory.forgotten";
/** The type of what tells of a link. */
export const LINKED_TYPE = "cos.memory.linked";
/** The type of what tells that links have ended, also of those whose reason went with a memory that was forgotten. */
export const UNLINKED_TYPE = "cos.memory.unlinked";

/** What is held of one memory: nothing in it would make a terminal act. */
export interface Row {
  readonly id: string;
  readonly module: string;
  readonly position: number;
  /** When it was recorded, in microseconds since 1970. */
  readonly recordedUs: number;
  /** When it happened, for people. */
  readonly when: string;
  readonly type: string;
  readonly source: string;
  readonly by: string;
  /** The beginning of what it says. */
  readonly text: string;
  /** What a search looks into beside: session and tags. */
  readonly also: string;
}

/** A row without what a memory loses when it is forgotten. */
export function emptied(row: Row): Row {
  return { ...row, source: "", by: "", text: "(forgotten)", also: "" };
}

export function rowOf(memory: Memory): Row {
  return {
    id: memory.id,
    module: memory.module,
    position: Number(memory.position),
    recordedUs: microsecondsOf(memory.recordedAt),
    when: formatInstant(memory.occurredAt ?? memory.recordedAt),
    type: harmless(memory.eventType),
    source: harmless(memory.source),
    by: harmless(memory.recordedBy),
    text: harmless(summaryOf(memory)),
    also: harmless([memory.sessionId, ...memory.tags].filter((word) => word !== "").join(" ")),
  };
}

/** Which memories this one says are forgotten, by id; and which links have lost what was said of them, by the place of their event. */
export function forgottenBy({ eventType, module, payload }: Memory): readonly string[] {
  if (eventType === FORGOTTEN_TYPE) return listOf(payload?.ids).filter((id) => typeof id === "string");
  if (eventType !== UNLINKED_TYPE || payload?.forgotten !== true) return [];
  return listOf(payload.links).flatMap((link) =>
    isObject(link) && typeof link.position === "string" ? [`${module}/${link.position}`] : [],
  );
}

/** Whether one of the words of `forgottenBy` is about a row. An id has no slash. */
export function isForgotten({ id, module, position }: Row, forgotten: ReadonlySet<string>): boolean {
  return forgotten.has(id) || forgotten.has(`${module}/${position}`);
}

function listOf(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? value : [];
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * The order of the ledger: that of recording. Within a module it is that of positions, since times of recording never decrease there;
 * modules that recorded in the same microsecond come by name.
 */
export function compareRows(a: Row, b: Row): number {
  if (a.module === b.module) return a.position - b.position;
  return a.recordedUs - b.recordedUs || (a.module < b.module ? -1 : 1);
}

function microsecondsOf(instant: Timestamp | undefined): number {
  return instant === undefined ? 0 : Number(instant.seconds) * 1_000_000 + Math.floor(instant.nanos / 1000);
}

function harmless(text: string): string {
  const line = oneLine(text.slice(0, TEXT_MAX)).toWellFormed().replace(TOO_MANY_MARKS, "$1");
  // A slice would keep the whole text alive; what went through bytes is a text of its own.
  return text.length > TEXT_MAX ? Buffer.from(line).toString() : line;
}
