import { sessionId } from "../domain/entity-id.ts";
import type { EdgeRow, NodeRow, ReferenceRow } from "../domain/graph-rows.ts";
import type { ProjectionTransaction } from "../domain/graph-store.ts";
import { contribute } from "./contribution.ts";
import { countedNode, type OpenDelta, openDelta } from "./open-delta.ts";
import { describeEntity, edgeOf, type Module, memoryNode, moduleNode, sessionEdge, sessionNode } from "./remember.ts";
import { renameEntities } from "./rename-entities.ts";
import { mentionsWeight } from "./step.ts";

/** How many memories are read at once, and what is written at once: about as much as a step may hold (step.ts). */
const MEMORIES_A_READ = 100;
const WEIGHT_A_WRITE = 20_000;

/**
 * Takes away all that memories have added. Their bare nodes stay, as a replay would make them: it reads these memories without what they
 * said. The memories before and after them in a session follow each other now.
 *
 * One act may name a thousand memories, each with hundreds of names: it is one transaction, of statements that are each small enough.
 */
export async function forget(
  transaction: ProjectionTransaction,
  module: Module,
  { position, ids }: { readonly position: number; readonly ids: readonly string[] },
): Promise<void> {
  const entities = new Set<string>();
  for (let first = 0; first < ids.length; first += MEMORIES_A_READ) {
    const some = ids.slice(first, first + MEMORIES_A_READ);
    for await (const changed of forgetSome(transaction, module, { position, ids: some })) {
      for (const entity of changed) entities.add(entity);
    }
  }
  await renameEntities(transaction, module, [...entities], position);
}

/** The entities whose counts it changes, portion by portion. */
async function* forgetSome(
  transaction: ProjectionTransaction,
  module: Module,
  { position, ids }: { readonly position: number; readonly ids: readonly string[] },
): AsyncGenerator<string[]> {
  const nodes = (await transaction.readNodes(ids)).filter(({ position: at, forgotten }) => at > 0 && !forgotten);
  if (nodes.length === 0) return;
  const references = byMemory(await transaction.readReferencesOf(nodes.map(({ id }) => id)));
  for (const portion of portionsOf(nodes, references)) {
    const forgotten = new Map(portion.map((node) => [node.id, node]));
    const edges = await transaction.readEdgesAt(
      [...forgotten.keys()],
      ["CONTAINS", "CREATED_BY", "TRIGGERED_BY", "FLOWS_TO"],
    );
    const delta = openDelta(module.name, describeEntity(module.naming));
    for (const node of portion) forgetMemory(delta, module, node);
    for (const edge of edges) forgetEdge(delta, edge, forgotten);
    for (const edge of bridges(module.name, edges, forgotten)) delta.putEdge(edge);
    for (const own of portion.map(({ id }) => references.get(id) ?? [])) {
      for (const { id } of own) delta.deleteEdge(id);
      contribute(own, delta, -1);
    }
    await transaction.write(delta.close(position));
    yield delta.entities();
  }
}

/** At least one memory each. */
function* portionsOf(
  nodes: readonly NodeRow[],
  references: ReadonlyMap<string, readonly ReferenceRow[]>,
): Generator<NodeRow[]> {
  let [portion, weight]: [NodeRow[], number] = [[], 0];
  for (const node of nodes) {
    const more = mentionsWeight((references.get(node.id) ?? []).map(({ mention }) => mention));
    if (portion.length > 0 && weight + more > WEIGHT_A_WRITE) {
      yield portion;
      [portion, weight] = [[], 0];
    }
    portion.push(node);
    weight += more;
  }
  yield portion;
}

function forgetMemory(delta: OpenDelta, { name: module }: Module, node: NodeRow): void {
  const { id, eventType, session } = node;
  const bare = { label: "LogEntry", name: "", eventType, source: "", session: "", cause: "" } as const;
  const memory = { ...bare, occurredMs: undefined, forgotten: true };
  delta.putNode(memoryNode(module, { position: node.position, memoryId: id, memory }));
  delta.addNode(moduleNode(module), -1);
  if (session === "") return;
  delta.addNode(sessionNode(module, session), -1);
  delta.addEdge(sessionEdge(module, sessionId(module, session)), -1);
}

/** What the memory itself made goes. What another one made (that this one led to it) stays. */
function forgetEdge(delta: OpenDelta, edge: EdgeRow, forgotten: ReadonlyMap<string, NodeRow>): void {
  const isOwn =
    edge.type === "CONTAINS" ? forgotten.has(edge.to) : edge.type === "FLOWS_TO" || forgotten.has(edge.from);
  if (!isOwn) return;
  delta.deleteEdge(edge.id);
  // Of a source no more than its id is known here, and needed: it is there.
  if (edge.type === "CREATED_BY") {
    const { module, to } = edge;
    delta.addNode(countedNode({ id: to, module, label: "Source", kind: "", key: "", name: "" }), -1);
  }
}

/** The edges over the gaps: from the last memory before each run of forgotten ones to the first after it. */
function* bridges(
  module: string,
  edges: readonly EdgeRow[],
  forgotten: ReadonlyMap<string, NodeRow>,
): Generator<EdgeRow> {
  const flows = edges.filter(({ type }) => type === "FLOWS_TO");
  const next = new Map(flows.map((flow) => [flow.from, flow]));
  for (const { from, to } of flows) {
    if (forgotten.has(from)) continue;
    let flow = next.get(to);
    let after: EdgeRow | undefined;
    while (flow !== undefined && forgotten.has(flow.from)) {
      after = flow;
      flow = next.get(flow.to);
    }
    // It stands at the later memory's position, as a replay would have it.
    if (after !== undefined && !forgotten.has(after.to)) {
      yield edgeOf(module, after.position, "FLOWS_TO", from, after.to);
    }
  }
}

/** References by the memory that they start at. */
export function byMemory(references: readonly ReferenceRow[]): Map<string, ReferenceRow[]> {
  const memories = new Map<string, ReferenceRow[]>();
  for (const reference of references) {
    const own = memories.get(reference.from);
    if (own === undefined) memories.set(reference.from, [reference]);
    else own.push(reference);
  }
  return memories;
}
