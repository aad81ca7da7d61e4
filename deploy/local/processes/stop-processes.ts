// How what runs here is brought to an end.
//
// Purpose: the one order of stopping, for Ctrl-C, for a failed start and for a launcher that was killed.
// Owner:   the caller; no state of its own.
//
//  S1  Ranks end one after the other, the lowest first: services (they drain into the engines), then engines.
//  S2  Within a rank all are asked at once, each by its own signal.
//  S3  Who has not gone after its grace is forced, by its own force signal: SIGQUIT for PostgreSQL, which then ends
//      without a checkpoint and recovers from its log; SIGKILL for the others.
//  S4  It returns only when every process is gone, or after twice the grace.
import { setTimeout as sleep } from "node:timers/promises";
import { isAlive } from "./is-alive.ts";

/** What has to be known to stop a process, and nothing that could not be told to another process. */
export interface StopPlan {
  readonly name: string;
  readonly pid: number;
  readonly rank: number;
  readonly signal: NodeJS.Signals;
  readonly graceMs: number;
  readonly forceSignal: NodeJS.Signals;
}

export const SERVICE_RANK = 1;
export const ENGINE_RANK = 2;

const POLL_MS = 25;

/** Stops processes in the order of their ranks; answers with the names of those that had to be forced. */
export async function stopProcesses(plans: readonly StopPlan[]): Promise<string[]> {
  const ranks = [...new Set(plans.map(({ rank }) => rank))].sort((a, b) => a - b);
  const forced: string[] = [];
  for (const rank of ranks) {
    const stopped = await Promise.all(plans.filter((plan) => plan.rank === rank).map(stopProcess));
    forced.push(...stopped.filter((name) => name !== undefined));
  }
  return forced;
}

/** Ends everything without waiting for anything (a second Ctrl-C). Nothing acknowledged is lost by it. */
export function forceProcesses(plans: readonly StopPlan[]): void {
  for (const plan of plans) send(plan, plan.forceSignal);
}

async function stopProcess(plan: StopPlan): Promise<string | undefined> {
  send(plan, plan.signal);
  if (await isGoneWithin(plan)) return undefined;
  send(plan, plan.forceSignal);
  await isGoneWithin(plan);
  return plan.name;
}

async function isGoneWithin({ pid, graceMs }: StopPlan): Promise<boolean> {
  const end = performance.now() + graceMs;
  while (isAlive(pid)) {
    if (performance.now() >= end) return false;
    await sleep(POLL_MS);
  }
  return true;
}

function send({ pid }: StopPlan, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone in the meantime, which is what was wanted.
  }
}
