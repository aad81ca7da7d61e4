import type { Event } from "#gen/cos/highway/v1/highway_pb.ts";
import type { Log } from "#shared/log/open-log.ts";
import type { AcceptedMemory } from "../domain/accepted-memory.ts";
import { eventOf } from "./memory-rows.ts";
import type { RecordOutcome } from "./record-batch.ts";
import type { Recorded } from "./record-call.ts";

/** An event with its position, newly committed. */
export interface Committed {
  readonly position: number;
  readonly event: Event;
}

/** Hears once of each batch and module what was newly recorded, in the order of positions. */
export type OnCommitted = (module: string, events: readonly Committed[]) => void;

interface Batch {
  readonly memories: readonly AcceptedMemory[];
  readonly recorded: readonly Recorded[];
  readonly outcomes: readonly RecordOutcome[];
}

/** Tells what of a committed batch is new, module by module. What the listener throws is logged, and harms nobody. */
export function announceBatch({ memories, recorded, outcomes }: Batch, onCommitted: OnCommitted, log: Log): void {
  const fresh = recorded.flatMap((one, n) =>
    outcomes[n]?.outcome === "recorded"
      ? [{ module: one.module, position: one.position, event: eventOf(one.memory, memories[n]!.traceparent) }]
      : [],
  );
  for (const [module, events] of Map.groupBy(fresh, (one) => one.module)) {
    events.sort((a, b) => a.position - b.position);
    try {
      onCommitted(module, events);
    } catch (error) {
      // The commit stands, and the sweeper brings what was not announced.
      log.error({ err: error, module }, "committed events not announced");
    }
  }
}
