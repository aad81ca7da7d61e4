import type { ReportProjectionsRequest } from "#gen/cos/conductor/v1/projection_log_service_pb.ts";
import type { MemoryPlace, ProjectionView } from "../../domain/ingest-status.ts";
import { type ProjectionStore, readProjections } from "./read-projections.ts";
import { reportProjections } from "./report-projections.ts";

/** How far the projections of the log have come, as they say themselves. */
export interface ProjectionRecords {
  report(request: ReportProjectionsRequest, signal?: AbortSignal): Promise<void>;
  /** What is known of each about one memory, by name. That the caller may see the memory was judged before. */
  read(place: MemoryPlace, signal?: AbortSignal): Promise<ReadonlyMap<string, ProjectionView>>;
}

export function projectionRecords(store: ProjectionStore): ProjectionRecords {
  return {
    report: (request, signal) => reportProjections(store.postgres, request, signal),
    read: (place, signal) => readProjections(store, place, signal),
  };
}
