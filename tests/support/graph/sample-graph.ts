// Graphs of any size, the same for the same seed: for plans, benchmarks, and whatever needs more than a handful of nodes.
//
// A memory belongs to a session, comes from a source, follows the one before it, and names some entities in a few passages. Few entities
// are named all the time and most hardly ever, as in a diary; the first one by every second memory. Counts are those of a projection.
import type { EdgeRow, NameRow, NodeRow } from "#services/graph/domain/graph-rows.ts";
import type { GraphDelta, ProjectionStore } from "#services/graph/domain/graph-store.ts";
import { deltaOf, placeAt, type Rows, rowsOf } from "./rows.ts";

export interface SampleOptions {
  readonly entities: number;
  readonly memories: number;
  /** Any whole number. */
  readonly seed: number;
  /** Unset: `sample`. */
  readonly module?: string;
  /** Memories of one delta. Unset: 250. */
  readonly step?: number;
  /** Names of one memory, at most `entities`. Unset: 8; a memory has this many edges, three more, and some between its entities. */
  readonly mentions?: number;
}

const SESSION_MEMORIES = 20;
const PASSAGE_NAMES = 4;

/** The deltas that make such a graph, in their order; the position of each is that of its last memory. */
export function* sampleDeltas(options: SampleOptions): Generator<GraphDelta> {
  const { memories, seed, module = "sample", step = 250 } = options;
  const random = randomFrom(seed);
  const rows = rowsOf(module);
  for (let first = 1; first <= memories; first += step) {
    const last = Math.min(memories, first + step - 1);
    const tally = openTally();
    for (let position = first; position <= last; position += 1) addMemory(tally, rows, options, position, random);
    yield deltaOf(last, {
      putNodes: tally.memories,
      addNodes: [...tally.nodes.values()],
      putEdges: tally.edges,
      addEdges: [...tally.pairs.values()],
      addNames: [...tally.names.values()],
    });
  }
}

/** Projects such a graph into a generation that has nothing of its module; answers with the position it came to. */
export async function projectSample(
  store: ProjectionStore,
  generation: number,
  options: SampleOptions,
): Promise<number> {
  const module = options.module ?? "sample";
  let after = 0;
  for (const delta of sampleDeltas(options)) {
    const place = await store.project({ generation, module, after }, async (transaction) => {
      await transaction.write(delta);
      return placeAt(module, delta.position);
    });
    if (place?.position !== delta.position) throw new Error(`the sample's step from ${after} did not begin`);
    after = delta.position;
  }
  return after;
}

interface Tally {
  readonly memories: NodeRow[];
  readonly edges: EdgeRow[];
  readonly nodes: Map<string, NodeRow>;
  readonly pairs: Map<string, EdgeRow>;
  readonly names: Map<string, NameRow>;
}

function openTally(): Tally {
  return { memories: [], edges: [], nodes: new Map(), pairs: new Map(), names: new Map() };
}

function addMemory(
  { memories, edges, nodes, pairs, names }: Tally,
  rows: Rows,
  { entities, mentions = 8 }: SampleOptions,
  position: number,
  random: () => number,
): void {
  const session = rows.node("Session", `session ${Math.ceil(position / SESSION_MEMORIES)}`);
  const source = rows.node("Source", "diary");
  const memory = rows.memory(position, { session: session.name });
  const derived = { origin: "derived", count: 1, position } as const;
  memories.push(memory);
  edges.push(rows.edge("CONTAINS", session, memory, derived), rows.edge("CREATED_BY", memory, source, derived));
  if (position % SESSION_MEMORIES !== 1) edges.push(rows.edge("FLOWS_TO", rows.memory(position - 1), memory, derived));
  for (const node of [session, source]) addCount(nodes, node.id, node);

  const named = namedBy(rows, entities, Math.min(mentions, entities), position, random);
  for (const [n, entity] of named.entries()) {
    const passages = [Math.floor(n / PASSAGE_NAMES)];
    const mention = { kind: "person", key: entity.key, forms: [entity.name], count: 1, passages } as const;
    edges.push(rows.reference(memory, entity, { mention }));
    addCount(nodes, entity.id, entity);
    addCount(names, entity.id, rows.name(entity, entity.name));
    for (const other of named.slice(n - (n % PASSAGE_NAMES), n)) {
      const [from, to] = entity.id < other.id ? [entity, other] : [other, entity];
      const pair = rows.related(from, to);
      addCount(pairs, pair.id, pair);
    }
  }
}

/** The entities of one memory, each once: the rank of one is the greater the rarer it is. */
function namedBy(rows: Rows, entities: number, mentions: number, position: number, random: () => number): NodeRow[] {
  const ranks = new Set<number>(position % 2 === 0 ? [0] : []);
  while (ranks.size < mentions) {
    const rank = Math.floor(entities * random() ** 3);
    // Where the frequent ones are used up, the next that is free.
    let free = rank;
    while (ranks.has(free)) free = (free + 1) % entities;
    ranks.add(free);
  }
  return [...ranks].map((rank) => rows.entity(`person ${rank}`, { name: `Person ${rank} of Sample` }));
}

function addCount<Row extends { readonly count: number }>(rows: Map<string, Row>, id: string, row: Row): void {
  rows.set(id, { ...row, count: (rows.get(id)?.count ?? 0) + 1 });
}

/** Numbers in [0, 1) that follow from the seed: a linear congruential generator of 32 bits (Numerical Recipes' constants). */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
