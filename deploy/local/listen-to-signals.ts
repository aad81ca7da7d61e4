import type { EventEmitter } from "node:events";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

// npm hands on to us the very Ctrl-C that the terminal has sent us already.
const SAME_PRESS_MS = 500;

/** The first signal aborts `stop`, the second one `force`; what comes within half a second is the same key press. */
export function listenToSignals(
  from: Pick<EventEmitter, "on">,
  now: () => number = () => performance.now(),
): { stop: AbortSignal; force: AbortSignal } {
  const stop = new AbortController();
  const force = new AbortController();
  let firstAt: number | undefined;
  for (const signal of SIGNALS) {
    from.on(signal, () => {
      firstAt ??= now();
      stop.abort();
      if (now() - firstAt > SAME_PRESS_MS) force.abort();
    });
  }
  return { stop: stop.signal, force: force.signal };
}
