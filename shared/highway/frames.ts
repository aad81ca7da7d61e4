import { create, toBinary } from "@bufbuild/protobuf";
import { type SubscribeResponse, SubscribeResponseSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import type { Encoded } from "#shared/rpc/encoded.ts";
import type { SharedEvent } from "./shared-event.ts";
import { varintLength, writeVarint } from "./varint.ts";

/** Frames close at so many bytes of events, unless a single event is larger. */
export const FRAME_BYTES_MAX = 1_048_576;

/** The one form of a frame: numbers 1 to 15 mean the same in every streaming answer of the mesh. */
export type Frame = Exclude<SubscribeResponse["frame"], { case: undefined }>;

/** A move of one module: events above `after`, up to and including `through`. */
export interface BatchParts {
  readonly module: string;
  readonly epoch: string;
  readonly after: number;
  readonly through: number;
  readonly events: readonly SharedEvent[];
}

/** Any frame, encoded as a message of the stream. */
export function encodeFrame(frame: Frame): Encoded {
  return { encoded: toBinary(SubscribeResponseSchema, create(SubscribeResponseSchema, { frame })) };
}

/**
 * A Batch frame around events that are encoded already: only lengths, cursor and `after` are written, byte for byte what
 * protobuf-es writes for the same message, at a twentieth of its cost for fifty events.
 */
export function encodeBatch({ module, epoch, after, through, events }: BatchParts): Encoded {
  const cursorLength = textLength(module) + numberLength(through) + textLength(epoch);
  const headLength = 1 + varintLength(cursorLength) + cursorLength + numberLength(after);
  const eventsLength = events.reduce((sum, event) => sum + event.framed.length, 0);
  const batchLength = headLength + eventsLength;

  const frame = Buffer.allocUnsafeSlow(1 + varintLength(batchLength) + batchLength);
  let at = writeVarint(frame, writeTag(frame, 0, 2, LENGTH_DELIMITED), batchLength);
  at = writeVarint(frame, writeTag(frame, at, 1, LENGTH_DELIMITED), cursorLength);
  at = writeText(frame, at, 1, module);
  at = writeNumber(frame, at, 2, through);
  at = writeText(frame, at, 3, epoch);
  at = writeNumber(frame, at, 2, after);
  for (const event of events) {
    frame.set(event.framed, at);
    at += event.framed.length;
  }
  return { encoded: frame };
}

const VARINT = 0;
const LENGTH_DELIMITED = 2;

function writeTag(frame: Uint8Array, offset: number, field: number, wireType: number): number {
  frame[offset] = (field << 3) | wireType;
  return offset + 1;
}

/** Module names and epoch identities are ASCII: a character is a byte. An empty text is not written. */
function textLength(text: string): number {
  return text === "" ? 0 : 1 + varintLength(text.length) + text.length;
}

function writeText(frame: Buffer, offset: number, field: number, text: string): number {
  if (text === "") {
    return offset;
  }
  const at = writeVarint(frame, writeTag(frame, offset, field, LENGTH_DELIMITED), text.length);
  return at + frame.write(text, at, "latin1");
}

/** Zero is not written. */
function numberLength(value: number): number {
  return value === 0 ? 0 : 1 + varintLength(value);
}

function writeNumber(frame: Uint8Array, offset: number, field: number, value: number): number {
  return value === 0 ? offset : writeVarint(frame, writeTag(frame, offset, field, VARINT), value);
}
