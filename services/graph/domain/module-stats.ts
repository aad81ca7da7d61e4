import { create } from "@bufbuild/protobuf";
import { type ModuleStats, ModuleStatsSchema } from "#gen/cos/graph/v1/surveys_pb.ts";
import type { StatsRow } from "./graph-store.ts";
import { originOf } from "./node-of.ts";
import { compareText } from "./traverse.ts";
import { LABELS, TYPES } from "./vocabulary.ts";

const PLACES: readonly string[] = [...LABELS, ...TYPES];

/** The counts by module, by name; within it in the order of the labels and types, then kind, then origin. */
export function moduleStats(rows: readonly StatsRow[]): ModuleStats[] {
  const ordered = rows.toSorted(compareRows);
  return [...Map.groupBy(ordered, ({ module }) => module)].map(([module, of]) =>
    create(ModuleStatsSchema, {
      module,
      nodes: of
        .filter(({ what }) => what === "node")
        .map(({ name, kind, origin, count }) => ({
          label: name,
          kind,
          origin: originOf(origin),
          count: BigInt(count),
        })),
      relationships: of
        .filter(({ what }) => what === "edge")
        .map(({ name, origin, count }) => ({ type: name, origin: originOf(origin), count: BigInt(count) })),
    }),
  );
}

function compareRows(left: StatsRow, right: StatsRow): number {
  return (
    compareText(left.module, right.module) ||
    placeOf(left) - placeOf(right) ||
    compareText(left.kind, right.kind) ||
    compareText(left.origin, right.origin)
  );
}

function placeOf({ name }: StatsRow): number {
  return PLACES.indexOf(name);
}
