import type { GraphStore, ProjectionTransaction } from "#services/graph/domain/graph-store.ts";
import type { NameKey } from "#services/graph/domain/mention.ts";
import type { Naming } from "#services/graph/domain/naming.ts";
import { TYPES } from "#services/graph/domain/vocabulary.ts";
import { byId } from "./contract-case.ts";
import type { DeltaPick, Operation } from "./operations.ts";
import { type DeltaParts, deltaOf, placeAt, rowsOf } from "./rows.ts";
import {
  countedRow,
  edgeIds,
  entityIn,
  handEdgeRow,
  handRow,
  MODULES,
  memoryEdgeRow,
  memoryIn,
  memoryRow,
  NAMES,
  nameRow,
  nodeIn,
  referenceRow,
  relatedRow,
  SESSIONS,
} from "./universe.ts";

type StepPick = Extract<Operation, { readonly what: "step" }>;

const BATTEN: NameKey = { kind: "person", key: "batten" };

const NAMINGS: readonly Naming[] = [
  { merges: {}, splits: {}, titles: {} },
  { merges: { "person:w. batten": BATTEN }, splits: {}, titles: { "person:batten": "Sir W." } },
  { merges: {}, splits: { "place:x": BATTEN }, titles: {} },
];

/** Takes a step of the universe; answers with the stored place, what its transaction told, and the error that it ended with. */
export async function takeStep(store: GraphStore, pick: StepPick): Promise<unknown> {
  const module = MODULES[pick.module] as string;
  const generation = await generationFor(store, pick.beside);
  const stored = (await store.places(generation)).find((place) => place.module === module)?.position ?? 0;
  const told: unknown[] = [];
  const step = { generation, module, after: Math.max(0, stored + pick.off) };
  const position = step.after + 1;
  const place = await store
    .project(step, async (transaction) => {
      for (const delta of pick.deltas) await transaction.write(deltaOf(position, partsOf(pick.module, delta)));
      if (pick.naming !== null) await transaction.writeNaming(NAMINGS[pick.naming] as Naming);
      if (pick.fault !== null) await transaction.addFault(rowsOf(module).fault(position, { kind: pick.fault }));
      told.push(await askTransaction(transaction, pick));
      if (pick.throws) throw new Error("broken on purpose");
      return placeAt(module, position);
    })
    .catch((error: unknown) => (error as Error).message);
  return { place, told };
}

/** The one that is being built, if it is asked for and there; else the live one, or the first that is begun. */
async function generationFor(store: GraphStore, beside: boolean): Promise<number> {
  const generations = await store.generations();
  const building = generations.find(({ state }) => state === "building");
  if (beside && building !== undefined) return building.number;
  return generations.find(({ state }) => state === "live")?.number ?? 1;
}

/** Rows of the universe; of each id the first one, and nothing that is deleted is written too. */
function partsOf(module: number, delta: DeltaPick): DeltaParts {
  const putNodes = [
    ...delta.memories.map(({ index, way }) => memoryRow(module, index, way)),
    ...delta.hands.map(({ index, way }) => handRow(module, index, way)),
  ];
  const addNodes = delta.counted.map(({ index, count }) => countedRow(module, index, count));
  const putEdges = [
    ...delta.references.map((reference) => referenceRow(module, reference)),
    ...delta.memoryEdges.map(({ type, memory, to }) => memoryEdgeRow(module, type, memory, to)),
    ...delta.handEdges.map(({ index, ...edge }) => handEdgeRow(module, index, edge)),
  ];
  const addEdges = delta.related.map(({ from, more, count }) =>
    relatedRow(module, from, 1 + Math.max(from, more % 3), count),
  );
  const addNames = delta.names.map((name) => nameRow(module, name));
  const renamed = delta.renamed.map(({ index, name }) => ({
    id: nodeIn(module, index).id,
    name: NAMES[name] as string,
  }));
  const without = (rows: readonly { readonly id: string }[], ids: string[]) =>
    [...new Set(ids)].filter((id) => rows.every((row) => row.id !== id));
  const ids = edgeIds(module);
  return {
    putNodes: firsts(putNodes, ({ id }) => id),
    addNodes: firsts(addNodes, ({ id }) => id),
    renameNodes: firsts(renamed, ({ id }) => id),
    deleteNodes: without(
      [...putNodes, ...addNodes],
      delta.deletedNodes.map((index) => nodeIn(module, index).id),
    ),
    putEdges: firsts(putEdges, ({ id }) => id),
    addEdges: firsts(addEdges, ({ id }) => id),
    deleteEdges: without(
      [...putEdges, ...addEdges],
      delta.deletedEdges.map((slot) => ids[slot] as string),
    ),
    addNames: firsts(addNames, ({ entity, key, form }) => `${entity} ${key} ${form}`),
  };
}

function firsts<Row>(rows: readonly Row[], key: (row: Row) => string): Row[] {
  return [...new Map([...rows].reverse().map((row) => [key(row), row])).values()].reverse();
}

/** All that a transaction can be asked, about some nodes. */
async function askTransaction(transaction: ProjectionTransaction, { module, nodes }: StepPick) {
  const ids = nodes.map((index) => nodeIn(module, index).id);
  const entities = unique(nodes.map((index) => entityIn(module, index).id));
  const memories = unique(nodes.map((index) => memoryIn(module, index).id));
  const after = { position: nodes.length - 2, id: ids[0] ?? "" };
  return {
    naming: await transaction.readNaming(),
    nodes: byId(await transaction.readNodes(ids)),
    edges: byId(await transaction.readEdges(edgeIds(module).filter((_, slot) => nodes.includes(slot % 13)))),
    at: byId(await transaction.readEdgesAt(ids, TYPES.slice(nodes.length))),
    of: byId(await transaction.readReferencesOf(memories)),
    to: await transaction.readReferencesTo(entities[0] ?? memoryIn(module, 0).id, after, 3),
    first: byId(await transaction.readFirstReferences(entities)),
    ends: byId(await transaction.readSessionEnds(SESSIONS.filter((session) => session !== ""))),
  };
}

function unique(ids: readonly string[]): string[] {
  return [...new Set(ids)];
}
