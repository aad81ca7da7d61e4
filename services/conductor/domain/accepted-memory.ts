import type { Memory, MemoryView } from "#gen/cos/memory/v1/memory_pb.ts";

/** A memory that keeps every rule and needs only its place: what the write path takes. */
export interface AcceptedMemory {
  /** UUIDv7, lower case. Also the write path's own mark: it finds by it what an earlier attempt has committed. */
  readonly id: string;
  readonly module: string;
  /** In its normal form, with id, module, request id and trace id; position and `recorded_at` are the log's to give. */
  readonly memory: Memory;
  /** Empty: the call is not safe to repeat. */
  readonly idempotencyKey: string;
  /** SHA-256 of the content, in hexadecimal digits; empty without a key. */
  readonly contentHash: string;
  /** How much of it the caller wants back, as asked. */
  readonly view: MemoryView;
  /** W3C trace context of the call, if it is sampled; else empty. */
  readonly traceparent: string;
  /** Bytes of the memory in protobuf, within the few that its place will add. */
  readonly size: number;
}
