// A small world for random sequences: few modules, nodes and names, so that what one operation writes the next ones hit again.
import type { EdgeRow, NameRow, NodeRow } from "#services/graph/domain/graph-rows.ts";
import { idOf } from "#services/graph/domain/ids.ts";
import type { EntityKind } from "#services/graph/domain/mention.ts";
import type { Properties, Type } from "#services/graph/domain/vocabulary.ts";
import { type DeltaParts, rowsOf } from "./rows.ts";

export const MODULES = ["one", "one_b"] as const;
export const MEMORIES = 4;
export const ENTITIES = 4;
export const HANDS = 3;
/** Memories, entities, a session, a source, what was made by hand. */
export const NODES = MEMORIES + ENTITIES + 2 + HANDS;
export const NAME_KEYS = 2;
export const HAND_EDGES = 4;

const KINDS: readonly EntityKind[] = ["person", "person", "place", "concept"];

/** What nodes are called, and how memories name them. */
export const NAMES = [
  "Sir A",
  "sir b",
  "Bátten",
  "Batten Sir",
  "b 1",
  "",
  "?!",
  "\u{1f600} sir",
  "\u{ff5e} Sir",
] as const;

export const SESSIONS = ["", "evening", "night"] as const;

export const PASSAGES = [[0], [0, 1], [1], [-1], [-1, 0], [2, 5, 7]] as const;

export const PROPERTIES: readonly Properties[] = [{}, { v: 1 }, { v: "1" }, { v: true }, { v: 1, w: "x" }];

/** Edges that memories make, beside references. */
export const MEMORY_EDGES = ["FLOWS_TO", "TRIGGERED_BY", "CREATED_BY", "CONTAINS"] as const satisfies readonly Type[];

const HAND_TYPES = ["RELATES_TO", "DEPENDS_ON", "REFERENCES"] as const;

const modules = MODULES.map((module) => {
  const rows = rowsOf(module);
  const memories = Array.from({ length: MEMORIES }, (_, n) => rows.memory(n + 1));
  const entities = KINDS.map((kind, n) => rows.entity(`e${n}`, { kind }));
  const hands = Array.from({ length: HANDS }, (_, n) => rows.hand(`h${n}`));
  const counted = [...entities, rows.node("Session", "evening"), rows.node("Source", "diary")];
  return { rows, memories, entities, counted, hands, nodes: [...memories, ...counted, ...hands] };
});

function of(module: number) {
  return modules[module] as (typeof modules)[0];
}

function pick<Item>(list: readonly Item[], index: number): Item {
  return list[index % list.length] as Item;
}

export function nodeIn(module: number, index: number): NodeRow {
  return pick(of(module).nodes, index);
}

export function entityIn(module: number, index: number): NodeRow {
  return pick(of(module).entities, index);
}

export function memoryIn(module: number, index: number): NodeRow {
  return pick(of(module).memories, index);
}

/** A memory as it is told in one of some ways; forgotten in the last one. */
export function memoryRow(module: number, index: number, way: number): NodeRow {
  const memory = memoryIn(module, index);
  if (way === 0) return { ...memory, name: "", eventType: "", occurredMs: undefined, forgotten: true };
  const label = way % 2 === 0 ? "Prompt" : "LogEntry";
  return { ...memory, label, name: pick(NAMES, way), session: pick(SESSIONS, way) };
}

export function handRow(module: number, index: number, way: number): NodeRow {
  const kind = pick(["", "ship", "person"], way);
  return { ...pick(of(module).hands, index), name: pick(NAMES, way), kind, properties: pick(PROPERTIES, way) };
}

export function countedRow(module: number, index: number, count: number): NodeRow {
  return { ...pick(of(module).counted, index), count };
}

/** How one memory names one entity; by merging it may lead to another one. */
export function referenceRow(
  module: number,
  { memory, entity, key, to, way }: { memory: number; entity: number; key: number; to: number; way: number },
): EdgeRow {
  const { rows } = of(module);
  const name = `${KINDS[entity]} ${entity}/${key}`;
  const [start, end] = [memoryIn(module, memory), entityIn(module, entity)];
  const mention = { kind: pick(KINDS, entity), key: name, forms: [name], count: 1, passages: [...pick(PASSAGES, way)] };
  return rows.reference(start, end, { name, to: entityIn(module, to).id, mention });
}

export function relatedRow(module: number, from: number, to: number, count: number): EdgeRow {
  return of(module).rows.related(entityIn(module, from), entityIn(module, to), count);
}

export function memoryEdgeRow(module: number, type: number, memory: number, to: number): EdgeRow {
  const start = memoryIn(module, memory);
  const id = idOf(module.toString(), "memory edge", type.toString(), memory.toString());
  const more = { id, origin: "derived", count: 1, position: start.position } as const;
  return of(module).rows.edge(pick(MEMORY_EDGES, type), start, nodeIn(module, to), more);
}

/** Made by hand: its ends may lie in either module. */
export function handEdgeRow(
  module: number,
  index: number,
  {
    from,
    to,
    position,
    way,
  }: { from: readonly [number, number]; to: readonly [number, number]; position: number; way: number },
): EdgeRow {
  const [start, end] = [nodeIn(...from), nodeIn(...to)];
  const more = { id: handEdgeId(module, index), position, revision: position, properties: pick(PROPERTIES, way) };
  return of(module).rows.edge(pick(HAND_TYPES, way), start, end, more);
}

export function handEdgeId(module: number, index: number): string {
  return idOf(module.toString(), "hand edge", index.toString());
}

export function nameRow(
  module: number,
  { entity, form, key, count }: { entity: number; form: number; key: number; count: number },
): NameRow {
  return of(module).rows.name(entityIn(module, entity), pick(NAMES, form), count, { key: `${key}` });
}

/** Any edge that sequences may write, to ask for and to delete. */
export function edgeIds(module: number): string[] {
  const numbers = (length: number) => Array.from({ length }, (_, n) => n);
  const references = numbers(MEMORIES * ENTITIES * NAME_KEYS).map((n) => {
    const [memory, entity, key] = [
      n % MEMORIES,
      Math.floor(n / MEMORIES) % ENTITIES,
      Math.floor(n / MEMORIES / ENTITIES),
    ];
    return referenceRow(module, { memory, entity, key, to: 0, way: 0 }).id;
  });
  const related = numbers(ENTITIES).flatMap((from) =>
    numbers(ENTITIES)
      .filter((to) => from < to)
      .map((to) => relatedRow(module, from, to, 1).id),
  );
  const made = MEMORY_EDGES.flatMap((_, type) =>
    numbers(MEMORIES).map((memory) => memoryEdgeRow(module, type, memory, 0).id),
  );
  return [...references, ...related, ...made, ...numbers(HAND_EDGES).map((n) => handEdgeId(module, n))];
}

/** All that a module has: each node, most edges, and names. */
export function fullDelta(module: number): DeltaParts {
  const numbers = (length: number) => Array.from({ length }, (_, n) => n);
  return {
    putNodes: [
      ...numbers(MEMORIES).map((n) => memoryRow(module, n, n + 1)),
      ...numbers(HANDS).map((n) => handRow(module, n, n + module)),
    ],
    addNodes: numbers(ENTITIES + 2).map((n) => countedRow(module, n, 1 + (n % 2))),
    putEdges: [
      ...numbers(MEMORIES * ENTITIES).map((n) => {
        const [memory, entity] = [n % MEMORIES, Math.floor(n / MEMORIES)];
        return referenceRow(module, { memory, entity, key: n % NAME_KEYS, to: entity, way: n % PASSAGES.length });
      }),
      ...numbers(MEMORIES - 1).map((n) => memoryEdgeRow(module, 0, n, n + 1)),
      ...numbers(HAND_EDGES).map((n) => {
        const [from, to] = [[module, NODES - 1 - (n % HANDS)] as const, [n % MODULES.length, n + MEMORIES] as const];
        return handEdgeRow(module, n, { from, to, position: 1, way: n });
      }),
    ],
    addEdges: [
      [0, 1, 2],
      [0, 2, 1],
      [1, 2, 2],
      [2, 3, 1],
    ].map(([from = 0, to = 0, count = 0]) => relatedRow(module, from, to, count)),
    addNames: numbers(6).map((n) =>
      nameRow(module, { entity: n % 3, form: n, key: n % NAME_KEYS, count: 1 + (n % 2) }),
    ),
  };
}
