import type { EdgeRow, NameRow, NodeRow } from "./graph-rows.ts";
import type { ProjectionStore } from "./graph-store.ts";
import type { Naming } from "./naming.ts";

/** Rows of one reading. */
const PART_ROWS = 1000;

/** What modules are compared by. */
export type ScannedStore = Pick<ProjectionStore, "scanNodes" | "scanEdges" | "scanNames" | "naming">;

/** What is compared of a node: all but where it changed last. */
export const NODE_FIELDS = [
  "id",
  "module",
  "label",
  "kind",
  "key",
  "name",
  "origin",
  "count",
  "position",
  "eventType",
  "session",
  "occurredMs",
  "forgotten",
  "properties",
  "revision",
] as const satisfies readonly (keyof NodeRow)[];

/** What is compared of an edge: all but where it changed last. */
export const EDGE_FIELDS = [
  "id",
  "module",
  "type",
  "from",
  "to",
  "origin",
  "count",
  "position",
  "mention",
  "properties",
  "revision",
] as const satisfies readonly (keyof EdgeRow)[];

export const NAME_FIELDS = [
  "module",
  "entity",
  "kind",
  "key",
  "form",
  "count",
] as const satisfies readonly (keyof NameRow)[];

export const NAMING_FIELDS = ["merges", "splits", "titles"] as const satisfies readonly (keyof Naming)[];

/** All nodes of a module in one generation, by id. */
export function scanNodes(store: ScannedStore, generation: number, module: string): AsyncGenerator<NodeRow> {
  return scan<NodeRow>((last) => store.scanNodes({ generation, module, after: last?.id ?? "", limit: PART_ROWS }));
}

/** All edges of a module in one generation, by id. */
export function scanEdges(store: ScannedStore, generation: number, module: string): AsyncGenerator<EdgeRow> {
  return scan<EdgeRow>((last) => store.scanEdges({ generation, module, after: last?.id ?? "", limit: PART_ROWS }));
}

/** All names of a module in one generation, by entity, kind, key and form. */
export function scanNames(store: ScannedStore, generation: number, module: string): AsyncGenerator<NameRow> {
  return scan<NameRow>((after) => store.scanNames({ generation, module, after, limit: PART_ROWS }));
}

/** The text by which two values are told apart: the same for the same value, whatever the order in which its fields were set. */
export function canonical(value: unknown): string {
  return JSON.stringify([value], (_, part: unknown) => (isFields(part) ? Object.entries(part).sort(byKey) : part));
}

async function* scan<Row>(read: (last: Row | undefined) => Promise<readonly Row[]>): AsyncGenerator<Row> {
  let last: Row | undefined;
  for (;;) {
    const rows = await read(last);
    yield* rows;
    if (rows.length < PART_ROWS) return;
    last = rows.at(-1);
  }
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** By UTF-16: any order does that is the same everywhere. */
function byKey([left]: readonly [string, unknown], [right]: readonly [string, unknown]): number {
  return left < right ? -1 : 1;
}
