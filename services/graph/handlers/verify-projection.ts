import { create } from "@bufbuild/protobuf";
import { type Verdict, VerdictSchema } from "#gen/cos/graph/v1/projection_pb.ts";
import { CursorSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import type { GraphReader } from "../domain/graph-store.ts";
import type { ModuleVerdict } from "../projection/compare-module.ts";
import { buildProgressOf, PROGRESS_INTERVAL_MS, progressOf } from "./build-progress.ts";
import { type Graph, requireModule } from "./read-needs.ts";
import type { BuildNeeds } from "./rebuild-projection.ts";

interface VerifyNeeds extends BuildNeeds {
  readonly store: Pick<GraphReader, "livePlaces">;
}

/** The comparison ends when its caller leaves: nobody else hears of it. */
export function verifyProjection({ projection, streams, store, intervalMs }: VerifyNeeds): Graph["verifyProjection"] {
  return async function* ({ module }, call) {
    if (module !== "") await requireModule(store, call, module);
    const build = await projection.verify(module === "" ? undefined : [module]);
    const stream = streams.open(call);
    try {
      for await (const progress of progressOf(build, stream.signal, intervalMs ?? PROGRESS_INTERVAL_MS))
        yield { progress };
      if (stream.ending !== undefined) throw stream.ending.error;
      call.signal.throwIfAborted();
      const verdicts = await build.verdicts;
      yield { progress: buildProgressOf(build.status), verdicts: verdicts.map(verdictOf) };
    } finally {
      stream.close();
      await build.close();
    }
  };
}

function verdictOf({ place, edges, nodes, differences, ...verdict }: ModuleVerdict): Verdict {
  const { module, position, epoch } = place;
  return create(VerdictSchema, {
    ...verdict,
    cursor: create(CursorSchema, { module, position: BigInt(position), epoch }),
    nodes: BigInt(nodes),
    relationships: BigInt(edges),
    differences: [...differences],
  });
}
