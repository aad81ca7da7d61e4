import { Consumer_Key } from "#gen/cos/highway/v1/consumers_pb.ts";
import type { Memory } from "#gen/cos/memory/v1/memory_pb.ts";

/**
 * What an event keeps its order with, by its consumer's key; undefined: nothing. A forgotten memory has lost its session and source, and is
 * worked by itself: there is nothing left in it that could come too early.
 */
export function keyOf(memory: Memory, key: Consumer_Key): string | undefined {
  const { module, sessionId, source } = memory;
  switch (key) {
    case Consumer_Key.NONE:
      return undefined;
    case Consumer_Key.SESSION:
      return sessionId === "" ? undefined : `${module}/${sessionId}`;
    case Consumer_Key.SOURCE:
      return source === "" ? undefined : `${module}/${source}`;
    default:
      return module;
  }
}
