/** How long to wait between attempts. */
export interface Backoff {
  readonly initialMs: number;
  readonly maxMs: number;
}

export const RECONNECT_BACKOFF: Backoff = { initialMs: 100, maxMs: 5_000 };

/**
 * The wait before attempt `attempt` (from 1), in milliseconds: doubled each time up to the most, then between half of it
 * and all of it, so that many clients of one server do not come back at once ("equal jitter", AWS Architecture
 * Blog, "Exponential Backoff And Jitter", 2015).
 */
export function backoffMs({ initialMs, maxMs }: Backoff, attempt: number, random: () => number): number {
  // The exponent is bounded because 2 ** 1024 is Infinity.
  const full = Math.min(maxMs, initialMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(full * (0.5 + random() / 2));
}
