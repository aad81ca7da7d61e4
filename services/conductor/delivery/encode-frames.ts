import { create, toBinary } from "@bufbuild/protobuf";
import { type ConsumeResponse, ConsumeResponseSchema } from "#gen/cos/highway/v1/consuming_pb.ts";
import { FRAME_BYTES_MAX } from "#shared/highway/frames.ts";
import { eventBytes, type SharedEvent } from "#shared/highway/shared-event.ts";
import { varintLength, writeVarint } from "#shared/highway/varint.ts";

/** A frame in its protobuf bytes: those of ConsumeResponse, which are those of ConsumeServerResponse. */
export interface EncodedFrame {
  readonly encoded: Uint8Array;
}

/** An event for a member. */
export interface GivenEvent {
  readonly event: SharedEvent;
  /** Which try this is, from 1. */
  readonly attempt: number;
}

type Frame = Exclude<ConsumeResponse["frame"], { case: undefined }>;

export function encodeConsumeFrame(frame: Frame): EncodedFrame {
  return { encoded: toBinary(ConsumeResponseSchema, create(ConsumeResponseSchema, { frame })) };
}

/** Tags of length-delimited fields, and of numbers. */
const DELIVERIES_TAG = (16 << 3) | 2;
const DELIVERY_TAG = (1 << 3) | 2;
const EVENT_TAG = (1 << 3) | 2;
const ATTEMPT_TAG = 2 << 3;
const GENERATION_TAG = 2 << 3;

/**
 * Deliveries frames around events that are encoded already, in their order, each of about 1 MiB at most: only lengths, attempts and the
 * generation are written, byte for byte what protobuf-es writes for the same message.
 */
export function encodeDeliveries(given: readonly GivenEvent[], generation: number): EncodedFrame[] {
  const frames: EncodedFrame[] = [];
  let first = 0;
  let bytes = 0;
  for (const [n, { event }] of given.entries()) {
    bytes += event.framed.length;
    if (bytes > FRAME_BYTES_MAX && n > first) {
      frames.push(encodeFrame(given.slice(first, n), generation));
      first = n;
      bytes = event.framed.length;
    }
  }
  if (first < given.length) frames.push(encodeFrame(given.slice(first), generation));
  return frames;
}

function encodeFrame(given: readonly GivenEvent[], generation: number): EncodedFrame {
  const lengths = given.map(deliveryLength);
  const allLength = lengths.reduce((sum, length) => sum + 1 + varintLength(length) + length, 0);
  const bodyLength = allLength + 1 + varintLength(generation);
  const frame = Buffer.allocUnsafeSlow(varintLength(DELIVERIES_TAG) + varintLength(bodyLength) + bodyLength);
  let at = writeVarint(frame, writeVarint(frame, 0, DELIVERIES_TAG), bodyLength);
  for (const [n, { event, attempt }] of given.entries()) {
    const bytes = eventBytes(event);
    at = writeVarint(frame, writeVarint(frame, at, DELIVERY_TAG), lengths[n]!);
    at = writeVarint(frame, writeVarint(frame, at, EVENT_TAG), bytes.length);
    frame.set(bytes, at);
    at = writeVarint(frame, writeVarint(frame, at + bytes.length, ATTEMPT_TAG), attempt);
  }
  writeVarint(frame, writeVarint(frame, at, GENERATION_TAG), generation);
  return { encoded: frame };
}

function deliveryLength({ event, attempt }: GivenEvent): number {
  const { length } = eventBytes(event);
  return 1 + varintLength(length) + length + 1 + varintLength(attempt);
}
