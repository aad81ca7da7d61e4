import { setTimeout as delay } from "node:timers/promises";

/** Waits until something is so, looking every 20 ms; fails with `what` after `limitMs`. */
export async function eventually(
  isSo: () => boolean | Promise<boolean>,
  limitMs = 10_000,
  what: () => string = () => String(isSo),
): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (!(await isSo())) {
    if (performance.now() > endMs) throw new Error(`not so after ${limitMs} ms: ${what()}`);
    await delay(20);
  }
}
