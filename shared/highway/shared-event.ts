import { create, fromBinary, isFieldSet, toBinary } from "@bufbuild/protobuf";
import { type Event, EventSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import { type Memory, MemorySchema } from "#gen/cos/memory/v1/memory_pb.ts";
import { eventJson } from "./event-json.ts";
import { FORGOTTEN_TYPE } from "./filter.ts";
import { varintLength, writeVarint } from "./varint.ts";

/** Above so many bytes an event stands in Redis as a reference, to be loaded from the log. */
export const INLINE_BYTES_MAX = 65_536;

/** What an event costs in memory beside its bytes, roughly: the object, its buffer's header, what filters know of it. */
export const EVENT_OVERHEAD_BYTES = 512;

/** Tag of `Batch.events` (field 3, length-delimited). */
const EVENTS_TAG = 0x1a;

/** What MemoryView.BASIC leaves out. */
const HEAVY_FIELDS: ReadonlySet<string> = new Set(["text", "payload", "promptTrace"]);

/** An event encoded once, for everyone it goes to. */
export interface SharedEvent {
  readonly position: number;
  /** The event as it stands inside a Batch: tag, length, bytes. A frame is a plain concatenation of these. */
  readonly framed: Uint8Array;
  /** Where the event's own bytes begin in `framed`. */
  readonly offset: number;
  /** Whether it tells of a forgetting: copies of what stands below it may hold more than the log does. */
  readonly forgets: boolean;
  /** The event itself, as long as whoever made it still needs it; kept out of anything that lasts. */
  message: Event | undefined;
  /** What filters look at, made when the first filter asks. */
  facts: Memory | undefined;
}

/** Shares an event that has a memory with its position. */
export function shareEvent(event: Event): SharedEvent {
  const forgets = event.body.value?.eventType === FORGOTTEN_TYPE;
  return { ...frameEvent(toBinary(EventSchema, event), positionOf(event), forgets), message: event };
}

/** Shares an event that is encoded already. */
export function shareEncoded(position: number, bytes: Uint8Array, forgets = false): SharedEvent {
  return frameEvent(bytes, position, forgets);
}

/** The event's own bytes. */
export function eventBytes(event: SharedEvent): Uint8Array {
  return event.framed.subarray(event.offset);
}

/** What filters look at: the memory without text, payload and prompt trace. */
export function eventFacts(event: SharedEvent): Memory {
  event.facts ??= basicView(decodeMemory(event));
  return event.facts;
}

/**
 * What goes into Redis: field `e` with the event, or `r` with its memory's BASIC view if it is too large; `f` with the event if it
 * tells of a forgetting, so that script and readers know it without decoding. (Those are small: a batch bounds them.)
 */
export function storedForm(event: SharedEvent): { field: "e" | "f" | "r"; bytes: Buffer } {
  const bytes = eventBytes(event);
  if (event.forgets) {
    return { field: "f", bytes: asBuffer(bytes) };
  }
  if (bytes.length <= INLINE_BYTES_MAX) {
    return { field: "e", bytes: asBuffer(bytes) };
  }
  return { field: "r", bytes: asBuffer(toBinary(EventSchema, referenceOf(event))) };
}

/** What is announced to plain Redis subscribers (H6): protobuf JSON of what stands in Redis. */
export function eventHint(event: SharedEvent): string {
  const small = event.framed.length - event.offset <= INLINE_BYTES_MAX;
  return eventJson(small ? messageOf(event) : referenceOf(event));
}

function frameEvent(bytes: Uint8Array, position: number, forgets: boolean): SharedEvent {
  const offset = 1 + varintLength(bytes.length);
  const framed = Buffer.allocUnsafeSlow(offset + bytes.length);
  framed[0] = EVENTS_TAG;
  writeVarint(framed, 1, bytes.length);
  framed.set(bytes, offset);
  return { position, framed, offset, forgets, message: undefined, facts: undefined };
}

function messageOf(event: SharedEvent): Event {
  return event.message ?? fromBinary(EventSchema, eventBytes(event));
}

function referenceOf(event: SharedEvent): Event {
  const message = messageOf(event);
  const value = basicView(message.body.case === "memory" ? message.body.value : create(MemorySchema));
  return create(EventSchema, { body: { case: "memory", value }, traceparent: message.traceparent });
}

function decodeMemory(event: SharedEvent): Memory {
  const { body } = messageOf(event);
  return body.case === "memory" ? body.value : create(MemorySchema, { position: BigInt(event.position) });
}

function basicView(memory: Memory): Memory {
  const view = create(MemorySchema);
  for (const field of MemorySchema.fields) {
    if (!HEAVY_FIELDS.has(field.localName) && isFieldSet(memory, field)) {
      Object.assign(view, { [field.localName]: memory[field.localName as keyof Memory] });
    }
  }
  return view;
}

function positionOf(event: Event): number {
  if (event.body.case !== "memory" || event.body.value.position < 1n) {
    throw new TypeError("an event of the log has a memory with its position");
  }
  return Number(event.body.value.position);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
