import type { EdgeRow, FaultRow, NameRow, NodeRow, Place } from "#services/graph/domain/graph-rows.ts";
import type { GraphDelta } from "#services/graph/domain/graph-store.ts";
import { type Naming, NO_NAMING } from "#services/graph/domain/naming.ts";

/** What the model holds of one module in one generation. */
export interface Part {
  readonly nodes: Map<string, NodeRow>;
  readonly edges: Map<string, EdgeRow>;
  /** By `nameRowKey`. */
  readonly names: Map<string, NameRow>;
  /** The tombstones: when each id was removed last. They stay when it comes again. */
  readonly removed: Map<string, number>;
  /** By position. */
  readonly faults: Map<number, FaultRow>;
  naming: Naming;
  place: Place | undefined;
}

export function emptyPart(): Part {
  return {
    nodes: new Map(),
    edges: new Map(),
    names: new Map(),
    removed: new Map(),
    faults: new Map(),
    naming: NO_NAMING,
    place: undefined,
  };
}

/** A part to work on beside this one. Rows are never changed in place, so that they may be shared. */
export function copyOf(part: Part): Part {
  return {
    nodes: new Map(part.nodes),
    edges: new Map(part.edges),
    names: new Map(part.names),
    removed: new Map(part.removed),
    faults: new Map(part.faults),
    naming: part.naming,
    place: part.place,
  };
}

/** What tells one name from all others of its module. */
export function nameRowKey({ entity, kind, key, form }: NameRow): string {
  return JSON.stringify([entity, kind, key, form]);
}

/** Writes a delta into a part, as the port says it. */
export function applyDelta(part: Part, delta: GraphDelta): void {
  const changed = delta.position;
  const remove = (rows: Map<string, unknown>, id: string) => {
    if (rows.delete(id)) part.removed.set(id, changed);
  };
  const add = <Row extends NodeRow | EdgeRow>(rows: Map<string, Row>, row: Row) => {
    const old = rows.get(row.id);
    const count = (old?.count ?? 0) + row.count;
    if (count > 0) rows.set(row.id, { ...structuredClone(old ?? row), count, changed });
    else remove(rows, row.id);
  };

  for (const id of delta.deleteNodes) remove(part.nodes, id);
  for (const id of delta.deleteEdges) remove(part.edges, id);
  for (const row of delta.putNodes) part.nodes.set(row.id, { ...structuredClone(row), changed });
  for (const row of delta.putEdges) part.edges.set(row.id, { ...structuredClone(row), changed });
  for (const row of delta.addNodes) add(part.nodes, row);
  for (const row of delta.addEdges) add(part.edges, row);
  for (const row of delta.addNames) {
    const count = (part.names.get(nameRowKey(row))?.count ?? 0) + row.count;
    if (count > 0) part.names.set(nameRowKey(row), { ...row, count });
    else part.names.delete(nameRowKey(row));
  }
  for (const { id, name } of delta.renameNodes) {
    const row = part.nodes.get(id);
    if (row !== undefined) part.nodes.set(id, { ...row, name, changed });
  }
}
