import type { Consumer } from "#gen/cos/highway/v1/consumers_pb.ts";
import { invalidField } from "#shared/errors/cos-error.ts";

/** What of a consumer may be changed, by the names that masks use. */
const CHANGEABLE = {
  filter: "filter",
  lease: "lease",
  max_attempts: "maxAttempts",
  max_in_flight: "maxInFlight",
  ack_deadline: "ackDeadline",
  backoff_initial: "backoffInitial",
  backoff_max: "backoffMax",
  description: "description",
  paused: "paused",
} as const satisfies Record<string, keyof Consumer>;

/** The consumer with the fields of the mask taken from the change. Throws INVALID_FIELD for a field that is none, or never changes. */
export function changeConsumer(consumer: Consumer, change: Consumer, paths: readonly string[]): Consumer {
  if (paths.length === 0) throw invalidField("update_mask", "must name at least one field");
  const changed = { ...consumer };
  for (const path of paths) {
    if (!Object.hasOwn(CHANGEABLE, path))
      throw invalidField("update_mask", `"${path}" is not one of ${Object.keys(CHANGEABLE).join(", ")}`);
    const field = CHANGEABLE[path as keyof typeof CHANGEABLE];
    Object.assign(changed, { [field]: change[field] });
  }
  return changed;
}
