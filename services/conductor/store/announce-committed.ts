import type { Event } from "#gen/cos/highway/v1/highway_pb.ts";
import type { Log } from "#shared/log/open-log.ts";

/** An event with its position, newly committed. */
export interface Committed {
  readonly position: number;
  readonly event: Event;
}

/** Hears once of each commit and module what is new, in the order of positions. */
export type OnCommitted = (module: string, events: readonly Committed[]) => void;

/** Tells of what was committed in one module. What the listener throws is logged, and harms nobody. */
export function announceCommitted(
  module: string,
  events: readonly Committed[],
  { onCommitted, log }: { readonly onCommitted: OnCommitted; readonly log: Log },
): void {
  try {
    onCommitted(module, events);
  } catch (error) {
    // The commit stands, and the sweeper brings what was not announced.
    log.error({ err: error, module }, "committed events not announced");
  }
}
