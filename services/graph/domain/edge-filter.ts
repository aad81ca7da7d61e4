import { Direction } from "#gen/cos/graph/v1/queries_pb.ts";
import type { EdgeFilter, Way } from "./graph-store.ts";
import { TYPES, type Type } from "./vocabulary.ts";

const WAYS: Readonly<Record<number, Way>> = {
  [Direction.OUTGOING]: "outgoing",
  [Direction.INCOMING]: "incoming",
};

/** Types of a request, whose contract lets no others in. */
const typesOf = (types: readonly string[]): Type[] => TYPES.filter((type) => types.includes(type));

/** What a list of neighbors shows: the types that are named, else all; or nothing but what was made by hand. */
export function listedEdges(direction: Direction, types: readonly string[], manualOnly: boolean): EdgeFilter {
  const way = WAYS[direction] ?? "both";
  if (manualOnly) return { way, types: [], manual: true };
  return { way, types: types.length === 0 ? TYPES : typesOf(types), manual: false };
}

/** What a walk follows: the types that are named, else what relates things to one another, and whatever was made by hand. */
export function followedEdges(direction: Direction, types: readonly string[]): EdgeFilter {
  const way = WAYS[direction] ?? "both";
  if (types.length > 0) return { way, types: typesOf(types), manual: false };
  return { way, types: ["RELATES_TO", "DEPENDS_ON"], manual: true };
}

/** The same, seen from the other end. */
export function reversed({ way, ...rest }: EdgeFilter): EdgeFilter {
  if (way === "both") return { ...rest, way };
  return { ...rest, way: way === "outgoing" ? "incoming" : "outgoing" };
}
