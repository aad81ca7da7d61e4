import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { moduleNotFound } from "#shared/auth/refusals.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import type { AcceptedMemory } from "../domain/accepted-memory.ts";
import { moduleRetired } from "./module-retired.ts";
import type { RecordOutcome } from "./record-batch.ts";
import type { RecordCall } from "./record-call.ts";

export type FaultOutcome = Exclude<RecordOutcome["outcome"], "recorded" | "duplicate" | "held_back">;

/**
 * The error of a memory that the log refused. `path` is where its request stands in what the caller sent, with the dot; empty for a
 * request of its own.
 */
export function recordFault(outcome: FaultOutcome, { module }: AcceptedMemory, path: string): CosError {
  switch (outcome) {
    case "module_unknown":
      return moduleNotFound(module, [{ field: `${path}memory.module`, description: "must be a registered module" }]);
    case "module_retired":
      return moduleRetired(module, `${path}memory.module`);
    case "key_reused":
      return new CosError(
        ErrorReason.IDEMPOTENCY_KEY_REUSED,
        `${path}idempotency_key: was used in module "${module}" for other content`,
        { fields: [{ field: `${path}idempotency_key`, description: "was used for other content" }] },
      );
  }
}

/** The error of a call, if one of its memories was refused: the first decides, the others of an atomic call were held back for it. */
export function callFault(call: RecordCall, outcomes: readonly RecordOutcome[]): CosError | undefined {
  for (const [n, { outcome }] of outcomes.entries()) {
    if (outcome === "recorded" || outcome === "duplicate" || outcome === "held_back") continue;
    return recordFault(outcome, call.memories[n]!, call.atomic ? `requests[${n}].` : "");
  }
  return undefined;
}
