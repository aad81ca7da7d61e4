import { GraphService } from "#gen/cos/graph/v1/graph_service_pb.ts";
import { type BoundService, bindService } from "#shared/rpc/bind-service.ts";
import type { ExportNeeds } from "./handlers/export-graph.ts";
import { getProjection, type ProjectionNeeds } from "./handlers/get-projection.ts";
import { graphReads } from "./handlers/graph-reads.ts";
import { graphWrites } from "./handlers/graph-writes.ts";
import type { GraphWriteNeeds } from "./handlers/perform-act.ts";
import { type BuildNeeds, rebuildProjection } from "./handlers/rebuild-projection.ts";
import { verifyProjection } from "./handlers/verify-projection.ts";
import { type WatchNeeds, watchGraph } from "./handlers/watch-graph.ts";

type Needs = ExportNeeds & GraphWriteNeeds & ProjectionNeeds & BuildNeeds & WatchNeeds;

/** Which handler answers which call. */
export function routes(needs: Needs): BoundService[] {
  return [
    bindService(GraphService, {
      ...graphReads(needs),
      ...graphWrites(needs),
      getProjection: getProjection(needs),
      rebuildProjection: rebuildProjection(needs),
      verifyProjection: verifyProjection(needs),
      watchGraph: watchGraph(needs),
    }),
  ];
}
