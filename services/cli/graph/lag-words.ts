import { durationMs } from "@bufbuild/protobuf/wkt";
import type { ModuleProjection } from "#gen/cos/graph/v1/projection_pb.ts";

/** How far the graph has come with a module's log: `at 3,413 of 3,413`, `at 120 of 3,413, 2.1 s behind`. */
export function lagWords({ cursor, head, lagPositions, lag }: ModuleProjection): string {
  const position = cursor?.position ?? 0n;
  const place = `at ${position.toLocaleString("en")} of ${(head > position ? head : position).toLocaleString("en")}`;
  if (lagPositions === 0n) return place;
  return `${place}, ${lagTime({ lag }) || "a moment"} behind`;
}

/** `45 ms`, `2.1 s`; empty: none that is known. */
export function lagTime({ lag }: Pick<ModuleProjection, "lag">): string {
  const ms = lag === undefined ? 0 : durationMs(lag);
  if (ms === 0) return "";
  return ms < 1000 ? `${Math.ceil(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
