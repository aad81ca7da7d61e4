import type { Log } from "#shared/log/open-log.ts";
import type { AcceptedMemory } from "../domain/accepted-memory.ts";
import { announceCommitted, type OnCommitted } from "./announce-committed.ts";
import { eventOf } from "./memory-rows.ts";
import type { RecordOutcome } from "./record-batch.ts";
import type { Recorded } from "./record-call.ts";

interface Batch {
  readonly memories: readonly AcceptedMemory[];
  readonly recorded: readonly Recorded[];
  readonly outcomes: readonly RecordOutcome[];
}

/** Tells what of a committed batch is new, module by module. */
export function announceBatch({ memories, recorded, outcomes }: Batch, onCommitted: OnCommitted, log: Log): void {
  const fresh = recorded.flatMap((one, n) =>
    outcomes[n]?.outcome === "recorded"
      ? [{ module: one.module, position: one.position, event: eventOf(one.memory, memories[n]!.traceparent) }]
      : [],
  );
  for (const [module, events] of Map.groupBy(fresh, (one) => one.module)) {
    events.sort((a, b) => a.position - b.position);
    announceCommitted(module, events, { onCommitted, log });
  }
}
