import type { Projection } from "../projection/projection.ts";
import { buildProgressOf, PROGRESS_INTERVAL_MS, progressOf } from "./build-progress.ts";
import type { OpenStreams } from "./open-streams.ts";
import type { Graph } from "./read-needs.ts";

export interface BuildNeeds {
  readonly projection: Pick<Projection, "rebuild" | "verify">;
  readonly streams: OpenStreams;
  /** Between two frames, in milliseconds. Unset: 1,000. */
  readonly intervalMs?: number;
}

/** The build goes on when its caller leaves: what was asked for is a new graph, not its progress. */
export function rebuildProjection({ projection, streams, intervalMs }: BuildNeeds): Graph["rebuildProjection"] {
  return async function* (_request, call) {
    const build = await projection.rebuild();
    const stream = streams.open(call);
    try {
      for await (const progress of progressOf(build, stream.signal, intervalMs ?? PROGRESS_INTERVAL_MS))
        yield { progress };
      if (stream.ending !== undefined) throw stream.ending.error;
      call.signal.throwIfAborted();
      await build.verdicts;
      yield { progress: buildProgressOf(build.status) };
    } finally {
      stream.close();
    }
  };
}
