import { setTimeout as delay } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type BuildProgress, BuildProgressSchema } from "#gen/cos/graph/v1/projection_pb.ts";
import type { BuildStatus } from "../projection/build.ts";
import type { RunningBuild } from "../projection/projection.ts";

/** How often whoever waits is told how far it is, in milliseconds. */
export const PROGRESS_INTERVAL_MS = 1_000;

export function buildProgressOf({ projected, total, beganMs, ...status }: BuildStatus): BuildProgress {
  return create(BuildProgressSchema, {
    ...status,
    projected: BigInt(projected),
    total: BigInt(total),
    beganAt: timestampFromMs(beganMs),
  });
}

/** How far a build is: at once, at each interval, until it is done or failed, or the signal fires. */
export async function* progressOf(
  build: RunningBuild,
  signal: AbortSignal,
  intervalMs: number,
): AsyncGenerator<BuildProgress> {
  let isOver = false;
  const over = build.verdicts.then(
    () => true,
    () => true,
  );
  while (!isOver && !signal.aborted) {
    yield buildProgressOf(build.status);
    const waiting = new AbortController();
    const pause = delay(intervalMs, false, { signal: AbortSignal.any([signal, waiting.signal]) }).catch(() => false);
    isOver = await Promise.race([over, pause]);
    waiting.abort();
  }
}
