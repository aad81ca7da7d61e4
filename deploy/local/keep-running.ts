// Starts again what ends unasked.
//
// Purpose: one crash of one process is a line on the terminal, not the end of the mesh.
// Owner:   the launcher, one loop for each process.
//
//  K1  What ends unasked is started again, after a wait that doubles from `backoffMinMs` to `backoffMaxMs`; after
//      `steadyMs` without an end the wait begins anew.
//  K2  A misconfiguration is final: nothing would change by itself. The loop then answers with how it ended.
//  K3  Once `stopping` is aborted nothing is started, and the loop answers with undefined.
//
// Failure: a start that fails counts like a process that ended at once.
import { setTimeout as sleep } from "node:timers/promises";
import type { Ended, ManagedProcess } from "./processes/managed-process.ts";

export interface KeepRunningOptions {
  readonly start: () => Promise<ManagedProcess>;
  readonly say: (line: string) => void;
  readonly stopping: AbortSignal;
  /** K2; engines know no such thing. */
  readonly isMisconfigured?: (ended: Ended) => boolean;
  readonly backoffMinMs?: number;
  readonly backoffMaxMs?: number;
  readonly steadyMs?: number;
}

/** Keeps a process running that has been started already; answers when it is over for good (K2, K3). */
export async function keepRunning(first: ManagedProcess, options: KeepRunningOptions): Promise<Ended | undefined> {
  const { stopping, say, steadyMs = 60_000 } = options;
  let current: ManagedProcess | undefined = first;
  let startedAt = performance.now();
  for (let crashes = 0; ; ) {
    const ended = current === undefined ? undefined : await Promise.race([current.gone, aborted(stopping)]);
    if (stopping.aborted) return undefined;
    if (ended !== undefined && options.isMisconfigured?.(ended)) return ended;
    crashes = performance.now() - startedAt >= steadyMs ? 1 : crashes + 1;
    const waitMs = backoffMs(crashes, options);
    if (ended !== undefined)
      say(`${first.name} ended unexpectedly (${describe(ended)}); starting it again in ${seconds(waitMs)}`);
    await sleep(waitMs, undefined, { signal: stopping }).catch(() => {});
    if (stopping.aborted) return undefined;
    startedAt = performance.now();
    current = await options.start().catch((error: Error) => {
      say(error.message);
      return undefined;
    });
  }
}

function backoffMs(crashes: number, { backoffMinMs = 500, backoffMaxMs = 30_000 }: KeepRunningOptions): number {
  return Math.min(backoffMaxMs, backoffMinMs * 2 ** (crashes - 1));
}

function describe({ code, signal }: Ended): string {
  if (signal !== undefined) return signal;
  return code === undefined ? "it was adopted, so nobody knows how" : `exit code ${code}`;
}

function seconds(ms: number): string {
  return `${ms / 1000} s`;
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
}
