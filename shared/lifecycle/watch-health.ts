// Asks again and again whether a process can do its work, and reports each change.
//
//  W1  One check at a time; the next begins `intervalMs` after the last one ended.
//  W2  A check that does not answer within `timeoutMs` counts as failed, so that a frozen engine is noticed.
//  W3  Only changes are reported; the first result always is.
interface HealthWatch {
  readonly check: (signal: AbortSignal) => Promise<void>;
  readonly report: (healthy: boolean, error?: unknown) => void;
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

/** Starts watching; the answer stops it. */
export function watchHealth({ check, report, intervalMs, timeoutMs }: HealthWatch): () => void {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let last: boolean | undefined;
  const turn = async (): Promise<void> => {
    const error = await outcome(check, timeoutMs);
    if (stopped) return;
    const healthy = error === undefined;
    if (healthy !== last) report(healthy, error);
    last = healthy;
    timer = setTimeout(() => void turn(), intervalMs);
  };
  void turn();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

/** The error of a check; undefined if it passed. */
async function outcome(check: HealthWatch["check"], timeoutMs: number): Promise<unknown> {
  const signal = AbortSignal.timeout(timeoutMs);
  const late = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  try {
    await Promise.race([check(signal), late]);
    return undefined;
  } catch (error) {
    return error;
  }
}
