// Reads memories for the graph, without keeping the process from its callers.
//
//  E1  One reading at a time, and after each slice (10 ms of it) the event loop turns: a call waits for one slice and one memory at most.
//  E2  A memory that cannot be read spoils nothing: it stands there unread, for whoever writes the step.
import { setImmediate as turn } from "node:timers/promises";
import type { Memory } from "#gen/cos/memory/v1/memory_pb.ts";
import type { Arrival } from "./arrival.ts";
import type { LogEvent } from "./log-event.ts";
import type { Item } from "./step.ts";

export interface ReadNeeds {
  readonly read: (memory: Memory) => LogEvent;
  /** How long one slice may take, in milliseconds. Unset: 10. */
  readonly sliceMs?: number;
}

export type ReadArrivals = (arrivals: readonly Arrival[]) => Promise<Item[]>;

/** A reader that all modules of a process share. */
export function openReader({ read, sliceMs = 10 }: ReadNeeds): ReadArrivals {
  let before: Promise<unknown> = Promise.resolve();
  const readAll = async (arrivals: readonly Arrival[]): Promise<Item[]> => {
    const items: Item[] = [];
    let endMs = performance.now() + sliceMs;
    for (const { memory } of arrivals) {
      if (memory === undefined) continue;
      items.push({ memory, event: unlessFaulty(() => read(memory)) });
      if (performance.now() < endMs) continue;
      await turn();
      endMs = performance.now() + sliceMs;
    }
    return items;
  };
  return (arrivals) => {
    const reading = before.then(() => readAll(arrivals));
    before = reading;
    return reading;
  };
}

function unlessFaulty<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
