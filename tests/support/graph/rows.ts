import type { EdgeRow, FaultRow, NameRow, NodeRow, Place } from "#services/graph/domain/graph-rows.ts";
import type { GraphDelta } from "#services/graph/domain/graph-store.ts";
import { idOf } from "#services/graph/domain/ids.ts";
import type { EntityKind } from "#services/graph/domain/mention.ts";
import type { Label, Type } from "#services/graph/domain/vocabulary.ts";

const DAY_MS = 86_400_000;

/** When the memory of a position happened, in milliseconds: one a day, from 2 January 1660. */
export function dayOf(position: number): number {
  return Date.UTC(1660, 0, 1) + position * DAY_MS;
}

/** Makers of the rows of one module. Ids follow from the arguments, so that a row may be named again by its maker. */
export interface Rows {
  /** A LogEntry. */
  memory(position: number, more?: Partial<NodeRow>): NodeRow;
  /** A derived person, or what `more` says, that one memory mentions. */
  entity(key: string, more?: Partial<NodeRow> & { readonly kind?: EntityKind }): NodeRow;
  /** An entity made by hand. */
  hand(name: string, more?: Partial<NodeRow>): NodeRow;
  /** A derived node of another label: a session, a source, the module. */
  node(label: Label, name: string, more?: Partial<NodeRow>): NodeRow;
  /** A memory's REFERENCES to an entity, by the name of the entity's own key or another one. */
  reference(memory: NodeRow, entity: NodeRow, more?: Partial<EdgeRow> & { readonly name?: string }): EdgeRow;
  /** A derived RELATES_TO. */
  related(from: NodeRow, to: NodeRow, count?: number): EdgeRow;
  /** Any edge; made by hand unless `more` says else. */
  edge(type: Type, from: NodeRow, to: NodeRow, more?: Partial<EdgeRow>): EdgeRow;
  name(entity: NodeRow, form: string, count?: number, more?: Partial<NameRow>): NameRow;
  fault(position: number, more?: Partial<FaultRow>): FaultRow;
}

export function rowsOf(module: string): Rows {
  const blank = {
    module,
    kind: "",
    key: "",
    origin: "derived" as const,
    count: 0,
    position: 0,
    eventType: "",
    session: "",
    occurredMs: undefined,
    forgotten: false,
    properties: {},
    revision: 0,
    changed: 0,
  };
  const edge: Rows["edge"] = (type, from, to, more = {}) => ({
    id: idOf(module, type, from.id, to.id),
    module,
    type,
    from: from.id,
    to: to.id,
    origin: "manual",
    count: 0,
    position: 0,
    mention: undefined,
    properties: {},
    revision: 0,
    changed: 0,
    ...more,
  });
  return {
    edge,
    memory: (position, more = {}) => ({
      ...blank,
      id: idOf(module, "memory", String(position)),
      label: "LogEntry",
      name: `entry ${position}`,
      eventType: "diary.entry",
      position,
      occurredMs: dayOf(position),
      ...more,
    }),
    entity: (key, { kind = "person", ...more } = {}) => ({
      ...blank,
      id: idOf(module, "entity", kind, key),
      label: kind === "concept" ? "Concept" : "Entity",
      kind,
      key,
      name: key,
      count: 1,
      ...more,
    }),
    hand: (name, more = {}) => ({
      ...blank,
      id: idOf(module, "hand", name),
      label: "Entity",
      name,
      origin: "manual",
      revision: 1,
      ...more,
    }),
    node: (label, name, more = {}) => ({
      ...blank,
      id: idOf(module, label, name),
      label,
      key: name,
      name,
      count: 1,
      ...more,
    }),
    reference: (memory, entity, { name = entity.key, ...more } = {}) => ({
      ...edge("REFERENCES", memory, entity),
      id: idOf(module, "REFERENCES", memory.id, entity.kind, name),
      origin: "derived",
      count: 1,
      position: memory.position,
      mention: { kind: entity.kind as EntityKind, key: name, forms: [name], count: 1, passages: [0] },
      ...more,
    }),
    related: (from, to, count = 1) => ({ ...edge("RELATES_TO", from, to), origin: "derived", count }),
    name: (entity, form, count = 1, more = {}) => ({
      module,
      entity: entity.id,
      kind: entity.kind as EntityKind,
      key: entity.key,
      form,
      count,
      ...more,
    }),
    fault: (position, more = {}) => ({
      module,
      position,
      memoryId: idOf(module, "memory", String(position)),
      kind: "parked",
      error: "the memory's payload is too deep",
      attempts: 3,
      atMs: 1_760_000_000_000 + position,
      ...more,
    }),
  };
}

/** What a delta writes; what is left out is empty. */
export type DeltaParts = Partial<Omit<GraphDelta, "position">>;

/** A delta of these parts; all others are empty. Rows are stamped with its position, as their writer would. */
export function deltaOf(position: number, parts: DeltaParts): GraphDelta {
  const stamped = <Row extends NodeRow | EdgeRow>(rows: readonly Row[] = []) => rows.map((row) => at(row, position));
  return {
    renameNodes: [],
    deleteNodes: [],
    deleteEdges: [],
    addNames: [],
    ...parts,
    putNodes: stamped(parts.putNodes),
    addNodes: stamped(parts.addNodes),
    putEdges: stamped(parts.putEdges),
    addEdges: stamped(parts.addEdges),
    position,
  };
}

/** The row as the store has it, changed last at a position. */
export function at<Row extends NodeRow | EdgeRow>(row: Row, changed: number): Row {
  return { ...row, changed };
}

export function placeAt(module: string, position: number): Place {
  return { module, position, epoch: "1-a", atMs: 1_760_000_000_000 + position };
}
