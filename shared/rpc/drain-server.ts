import { setTimeout as delay } from "node:timers/promises";
import { drainingError } from "./answer-error.ts";
import type { CallsInFlight } from "./calls-in-flight.ts";
import type { HealthBoard } from "./health-board.ts";
import type { OnePort } from "./one-port.ts";

/** How a server goes away. */
export interface DrainPlan {
  /** How long balancers take to notice NOT_SERVING and send their callers elsewhere. */
  readonly leaveBalancerMs: number;
  /** How long the calls in flight may still take. */
  readonly graceMs: number;
  /** Ends the streams that would go on for ever, each in its own polite way. */
  endStreams(): void;
}

/** How long a peer may take to let go of its connection; one that holds on to it is cut off. */
const FAREWELL_MAX_MS = 1_000;

/**
 * Lets a server go without cutting a caller off.
 *
 * 1. Health says NOT_SERVING; calls are still served, since callers come until their balancers have noticed.
 * 2. No new connections; open ones are told to finish. New calls on them are refused with DRAINING.
 * 3. Streams are ended; their callers resume elsewhere by cursor. One that takes requests is read no further, answers
 *    what it has and then DRAINING: its caller sends the rest elsewhere.
 * 4. The calls in flight are waited for; after the grace period those left are answered DRAINING.
 * 5. Connections close as their last answer has left: what a call has written is not yet with its caller.
 *
 * The server is closed afterwards by its owner, and the stores after that.
 */
export async function drainServer(
  server: { readonly health: HealthBoard; readonly calls: CallsInFlight; readonly port: OnePort },
  plan: DrainPlan,
): Promise<void> {
  server.health.drain();
  await delay(plan.leaveBalancerMs);
  server.calls.drain();
  server.port.stopListening();
  plan.endStreams();
  server.health.close();
  await within(plan.graceMs, server.calls.drained());
  server.calls.abortAll(drainingError());
  await within(FAREWELL_MAX_MS, server.port.emptied());
}

/** Waits for `work`, but no longer than this. */
async function within(ms: number, work: Promise<void>): Promise<void> {
  const timer = new AbortController();
  await Promise.race([work, delay(ms, undefined, { signal: timer.signal }).catch(() => {})]);
  timer.abort();
}
