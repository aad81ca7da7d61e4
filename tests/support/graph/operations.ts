import fc, { type Arbitrary } from "fast-check";
import { LABELS, TYPES } from "#services/graph/domain/vocabulary.ts";
import {
  ENTITIES,
  HAND_EDGES,
  HANDS,
  MEMORIES,
  MEMORY_EDGES,
  MODULES,
  NAME_KEYS,
  NAMES,
  NODES,
  PASSAGES,
  PROPERTIES,
} from "./universe.ts";

const below = (max: number) => fc.nat({ max: max - 1 });
const module = below(MODULES.length);
const way = below(6);
const change = fc.integer({ min: -2, max: 3 });
const few = (max: number) => ({ maxLength: max });

/** An edge of the universe by its place in `edgeIds`. */
export const EDGE_SLOTS =
  MEMORIES * ENTITIES * NAME_KEYS + (ENTITIES * (ENTITIES - 1)) / 2 + MEMORY_EDGES.length * MEMORIES + HAND_EDGES;

const delta = fc.record({
  memories: fc.array(fc.record({ index: below(MEMORIES), way }), few(3)),
  hands: fc.array(fc.record({ index: below(HANDS), way }), few(2)),
  counted: fc.array(fc.record({ index: below(ENTITIES + 2), count: change }), few(4)),
  renamed: fc.array(fc.record({ index: below(NODES), name: below(NAMES.length) }), few(2)),
  deletedNodes: fc.array(below(NODES), few(2)),
  references: fc.array(
    fc.record({
      memory: below(MEMORIES),
      entity: below(ENTITIES),
      key: below(NAME_KEYS),
      to: below(ENTITIES),
      way: below(PASSAGES.length),
    }),
    few(5),
  ),
  related: fc.array(fc.record({ from: below(ENTITIES - 1), more: below(ENTITIES), count: change }), few(4)),
  memoryEdges: fc.array(
    fc.record({ type: below(MEMORY_EDGES.length), memory: below(MEMORIES), to: below(NODES) }),
    few(3),
  ),
  handEdges: fc.array(
    fc.record({
      index: below(HAND_EDGES),
      from: fc.tuple(module, below(NODES)),
      to: fc.tuple(module, below(NODES)),
      position: below(4),
      way,
    }),
    few(2),
  ),
  deletedEdges: fc.array(below(EDGE_SLOTS), few(3)),
  names: fc.array(
    fc.record({ entity: below(ENTITIES), form: below(NAMES.length), key: below(NAME_KEYS), count: change }),
    few(4),
  ),
});

/** What one delta writes, by numbers. */
export type DeltaPick = typeof delta extends Arbitrary<infer Value> ? Value : never;

const step = fc.record({
  what: fc.constant("step" as const),
  module,
  /** Into the generation that is being built, if there is one. */
  beside: fc.boolean(),
  /** How far beside the stored place it says to begin; nearly always 0. */
  off: fc.oneof({ weight: 12, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constantFrom(-1, 1) }),
  throws: fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  deltas: fc.array(delta, { minLength: 1, maxLength: 2 }),
  naming: fc.option(below(3)),
  fault: fc.option(fc.constantFrom("parked" as const, "refused" as const)),
  /** What it asks at its end. */
  nodes: fc.uniqueArray(below(NODES), { maxLength: 4 }),
});

const generation = fc.record({
  what: fc.constant("generation" as const),
  act: fc.constantFrom("begin" as const, "begin" as const, "activate" as const, "drop" as const, "token" as const),
});

const limit = fc.constantFrom(1, 2, 3, 100);
const nodeOf = fc.tuple(module, below(NODES));
const entityOf = fc.tuple(module, below(ENTITIES));
const labels = fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, fc.uniqueArray(fc.constantFrom(...LABELS), few(3)));
const someModule = fc.option(module, { nil: undefined });
const filter = {
  way: fc.constantFrom("both" as const, "both" as const, "outgoing" as const, "incoming" as const),
  types: fc.oneof(fc.constant([...TYPES]), fc.constant([]), fc.uniqueArray(fc.constantFrom(...TYPES), few(3))),
  manual: fc.boolean(),
};

const question = fc.oneof(
  fc.record({
    of: fc.constant("items" as const),
    nodes: fc.array(nodeOf, few(6)),
    edges: fc.array(fc.tuple(module, below(EDGE_SLOTS)), few(20)),
  }),
  fc.record({ of: fc.constant("names" as const), entity: entityOf, limit }),
  fc.record({
    of: fc.constant("find" as const),
    module: someModule,
    labels,
    kind: fc.option(fc.constantFrom("person", "concept", "ship"), { nil: undefined, freq: 2 }),
    name: fc.option(fc.constantFrom(...NAMES, "e0"), { nil: undefined, freq: 2 }),
    properties: fc.oneof({ weight: 2, arbitrary: fc.constant({}) }, fc.constantFrom(...PROPERTIES)),
    after: fc.option(fc.record({ count: below(4), id: nodeOf }), { nil: undefined }),
    limit,
  }),
  fc.record({
    of: fc.constant("search" as const),
    words: fc.uniqueArray(fc.constantFrom("s", "sir", "b", "bat", "batten", "a", "1", "e", "e0", "evening", "x"), {
      minLength: 1,
      maxLength: 2,
    }),
    module: someModule,
    labels,
    limit,
  }),
  fc.record({
    of: fc.constant("neighbors" as const),
    node: nodeOf,
    ...filter,
    after: fc.option(fc.record({ count: below(4), position: below(5), edge: fc.tuple(module, below(EDGE_SLOTS)) }), {
      nil: undefined,
    }),
    limit,
  }),
  fc.record({
    of: fc.constant("expand" as const),
    ...filter,
    nodes: fc.uniqueArray(nodeOf, { ...few(4), selector: ([m, n]) => `${m}/${n}` }),
    fanOut: limit,
  }),
  fc.record({
    of: fc.constant("evidence" as const),
    pairs: fc.array(fc.record({ module, from: below(ENTITIES), to: below(ENTITIES) }), few(4)),
    before: fc.option(fc.integer({ min: 1, max: MEMORIES + 1 }), { nil: undefined }),
    limit,
  }),
  fc.record({
    of: fc.constant("topics" as const),
    module,
    since: fc.option(fc.integer({ min: 1, max: MEMORIES }), { nil: undefined }),
    until: fc.option(fc.integer({ min: 1, max: MEMORIES + 1 }), { nil: undefined }),
    kinds: fc.oneof(fc.constant([]), fc.uniqueArray(fc.constantFrom("person", "place", "ship"), few(2))),
    limit,
  }),
  fc.record({ of: fc.constant("counts" as const), module: someModule }),
  fc.record({
    of: fc.constant("changes" as const),
    module,
    after: fc.record({
      changed: below(6),
      what: fc.constantFrom("removed" as const, "node" as const, "edge" as const),
      id: fc.option(nodeOf, { nil: undefined }),
    }),
    limit,
  }),
  fc.record({ of: fc.constant("export" as const), module, after: fc.option(nodeOf, { nil: undefined }), limit }),
  fc.record({ of: fc.constant("state" as const), module, limit }),
);

/** What a caller asks, by numbers. */
export type Question = typeof question extends Arbitrary<infer Value> ? Value : never;

/** What a caller asks, in which scope: of both modules, of one, of none. */
const read = fc.record({
  what: fc.constant("read" as const),
  scope: fc.constantFrom([0, 1], [0, 1], [0, 1], [0], [1], []),
  question,
});

export type Operation = typeof operation extends Arbitrary<infer Value> ? Value : never;

const operation = fc.oneof(
  { weight: 8, arbitrary: step },
  { weight: 12, arbitrary: read },
  { weight: 1, arbitrary: generation },
);

/**
 * Sequences of operations: steps of projections, swaps of generations, and reads between them. `filled`: both modules begin with all that
 * the universe has, so that what follows meets something. In the end the same graph is asked more.
 */
export const sequences = fc.record({
  filled: fc.oneof({ weight: 3, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
  operations: fc.array(operation, { minLength: 8, maxLength: 20, size: "max" }),
  reads: fc.array(read, { minLength: 10, maxLength: 25, size: "max" }),
});

export type Sequence = typeof sequences extends Arbitrary<infer Value> ? Value : never;
