import { setTimeout as sleep } from "node:timers/promises";
import type { Rig } from "./open-rig.ts";

const TICK_MS = 1;

export interface Recorded {
  readonly count: number;
  /** From the call to its acknowledgement. */
  readonly acknowledgedMs: readonly number[];
}

/**
 * Records at a rate, whether or not the answers keep up: a server that stalls is not spared the calls that fall due.
 * `textOf` is asked when each call is made.
 */
export async function recordSteadily(
  { conductor }: Rig,
  plan: { module: string; perSecond: number; seconds: number; textOf: () => string },
): Promise<Recorded> {
  const { module, perSecond, seconds, textOf } = plan;
  const acknowledgedMs: number[] = [];
  const calls: Promise<void>[] = [];
  const call = async (): Promise<void> => {
    const began = performance.now();
    await conductor.recordMemory({ memory: { module, eventType: "note", source: "bench", text: textOf() } });
    acknowledgedMs.push(performance.now() - began);
  };
  const began = performance.now();
  for (let passedMs = 0; passedMs < seconds * 1_000; passedMs = performance.now() - began) {
    while (calls.length < (passedMs / 1_000) * perSecond) calls.push(call());
    await sleep(TICK_MS);
  }
  await Promise.all(calls);
  return { count: calls.length, acknowledgedMs };
}
