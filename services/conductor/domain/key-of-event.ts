import { hash } from "node:crypto";
import { Consumer_Key } from "#gen/cos/highway/v1/consumers_pb.ts";
import type { Memory } from "#gen/cos/memory/v1/memory_pb.ts";

/** All of a module are one. */
const WHOLE_MODULE = 0n;

/**
 * What an event keeps its order with, within its module: 64 bits of a hash, so that a session's name does not outlive its forgetting; two
 * keys that share one only wait for each other. Null: with nothing.
 */
export function keyOfEvent(
  key: Consumer_Key,
  { sessionId, source }: Pick<Memory, "sessionId" | "source">,
): bigint | null {
  switch (key) {
    case Consumer_Key.SESSION:
      return sessionId === "" ? null : hashOf(sessionId);
    case Consumer_Key.SOURCE:
      return source === "" ? null : hashOf(source);
    case Consumer_Key.NONE:
      return null;
    default:
      return WHOLE_MODULE;
  }
}

function hashOf(text: string): bigint {
  return hash("sha1", text, "buffer").readBigInt64BE();
}
