import { type DescMessage, fromJson, type JsonValue, type MessageShape } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { EntitiesMergedSchema, EntitySplitSchema, GraphChangedSchema } from "#gen/cos/graph/v1/graph_acts_pb.ts";
import {
  ForgottenSchema,
  LinkedSchema,
  type LinkType,
  LinkTypeSchema,
  type Memory,
  UnlinkedSchema,
} from "#gen/cos/memory/v1/memory_pb.ts";
import type { Mention } from "../domain/mention.ts";
import { MANUAL_TYPES, type Type } from "../domain/vocabulary.ts";
import type { LogEvent, RememberedMemory } from "./log-event.ts";

/** How many characters of a memory its node is called by. */
const EXCERPT_MAX = 200;

/**
 * What a memory comes to, for the graph: a pure function, given a pure `extract`. Throws what `extract` throws, and for an act of the log
 * whose payload is not what its type says.
 */
export function readMemory(memory: Memory, extract: (memory: Memory) => readonly Mention[]): LogEvent {
  const at = { position: Number(memory.position), memoryId: memory.id };
  if (!memory.eventType.startsWith("cos.")) {
    const mentions = memory.forgottenAt === undefined ? extract(memory) : [];
    return { ...at, kind: "remembered", memory: rememberedOf(memory), mentions };
  }
  switch (memory.eventType) {
    case "cos.memory.forgotten":
      return { ...at, kind: "forgotten", ids: payloadOf(ForgottenSchema, memory).ids };
    case "cos.graph.changed":
      return { ...at, kind: "changed", changes: payloadOf(GraphChangedSchema, memory).changes };
    case "cos.entity.merged": {
      const { entities, into } = payloadOf(EntitiesMergedSchema, memory);
      return { ...at, kind: "merged", entities, into: given(into, memory) };
    }
    case "cos.entity.split": {
      const { entity, name } = payloadOf(EntitySplitSchema, memory);
      return { ...at, kind: "split", entity: given(entity, memory), name: given(name, memory) };
    }
    case "cos.memory.linked": {
      const { fromMemory, toMemory, type, rationale } = payloadOf(LinkedSchema, memory);
      const known = typeOf(type);
      if (known === undefined) return { ...at, kind: "passed" };
      const ends = { from: given(fromMemory, memory).id, to: given(toMemory, memory).id };
      return { ...at, kind: "linked", link: { type: known, ...ends, rationale } };
    }
    case "cos.memory.unlinked": {
      const links = payloadOf(UnlinkedSchema, memory).links.flatMap(({ position, fromMemory, toMemory, type }) => {
        const known = typeOf(type);
        if (known === undefined) return [];
        const ends = { from: given(fromMemory, memory).id, to: given(toMemory, memory).id };
        return [{ position: Number(position), type: known, ...ends }];
      });
      return { ...at, kind: "unlinked", links };
    }
    default:
      return { ...at, kind: "passed" };
  }
}

/** The relationship of a link; undefined: of a type that this build does not know. */
function typeOf(type: LinkType): Type | undefined {
  const word = LinkTypeSchema.value[type]?.localName;
  return MANUAL_TYPES.find((known) => known === word);
}

/** What is left of a memory that is forgotten, or was parked. */
export function bareMemory(eventType: string): RememberedMemory {
  const nothing = { label: "LogEntry", name: "", source: "", session: "", cause: "", occurredMs: undefined } as const;
  return { ...nothing, eventType, forgotten: true };
}

function rememberedOf(memory: Memory): RememberedMemory {
  const { eventType, source, sessionId: session, causationId: cause, promptTrace, forgottenAt } = memory;
  if (forgottenAt !== undefined) return bareMemory(eventType);
  return {
    label: promptTrace === undefined ? "LogEntry" : "Prompt",
    name: excerptOf(memory.text === "" ? (promptTrace?.prompt ?? "") : memory.text),
    eventType,
    source,
    session,
    cause: cause === memory.id ? "" : cause,
    occurredMs: millisecondsOf(memory.occurredAt ?? memory.recordedAt),
    forgotten: false,
  };
}

/** The beginning of a text in one line. A character is never cut in two: half of one would not survive UTF-8. */
export function excerptOf(text: string): string {
  const line = text
    .slice(0, 4 * EXCERPT_MAX)
    .replaceAll(/\s+/gu, " ")
    .trim();
  let end = 0;
  for (let count = 0; count < EXCERPT_MAX && end < line.length; count += 1) end += charLength(line, end);
  return line
    .slice(0, end)
    .replace(/[\uD800-\uDBFF]$/, "")
    .trimEnd();
}

function charLength(text: string, at: number): number {
  return (text.codePointAt(at) as number) > 0xffff ? 2 : 1;
}

function millisecondsOf(time: Timestamp | undefined): number {
  return time === undefined ? 0 : Number(time.seconds) * 1000 + Math.floor(time.nanos / 1_000_000);
}

function payloadOf<D extends DescMessage>(desc: D, { payload }: Memory): MessageShape<D> {
  return fromJson(desc, (payload ?? {}) as JsonValue, { ignoreUnknownFields: true });
}

function given<T>(field: T | undefined, { eventType }: Memory): T {
  if (field !== undefined) return field;
  throw new TypeError(`an act ${eventType} lacks a field`);
}
