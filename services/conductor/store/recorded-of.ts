import type { AcceptedMemory } from "../domain/accepted-memory.ts";
import { placed } from "./memory-rows.ts";
import type { RecordOutcome } from "./record-batch.ts";
import type { Recorded } from "./record-call.ts";

/** What became of a memory, by the outcome of its row. Of one that was refused only the memory itself means something. */
export function recordedOf(accepted: AcceptedMemory, outcome: RecordOutcome, epoch: string): Recorded {
  const { module, memory } = accepted;
  if (outcome.outcome !== "recorded" && outcome.outcome !== "duplicate") {
    return { memory, module, position: 0, epoch, deduplicated: false };
  }
  const { position, recordedUs } = outcome;
  const deduplicated = outcome.outcome === "duplicate";
  return { memory: placed(memory, position, recordedUs), module, position, epoch, deduplicated };
}
