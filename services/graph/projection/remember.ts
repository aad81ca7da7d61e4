import { setImmediate as turn } from "node:timers/promises";
import { entityId, moduleId, sessionId, sourceId } from "../domain/entity-id.ts";
import { entityKeyOf } from "../domain/extract/name-key.ts";
import type { EdgeRow, NodeRow, ReferenceRow } from "../domain/graph-rows.ts";
import type { ProjectionTransaction } from "../domain/graph-store.ts";
import { idOf } from "../domain/ids.ts";
import type { Mention } from "../domain/mention.ts";
import { type Naming, nameId } from "../domain/naming.ts";
import { resolveName } from "../domain/resolve.ts";
import type { Type } from "../domain/vocabulary.ts";
import { contribute } from "./contribution.ts";
import type { LogEvent } from "./log-event.ts";
import { countedNode, type DescribeEntity, type OpenDelta, openDelta } from "./open-delta.ts";

export type Remembered = LogEvent & { readonly kind: "remembered" };

/** What the steps of a projection know of their module. */
export interface Module {
  readonly name: string;
  readonly naming: Naming;
}

/** After so many the event loop turns. */
const MEMORIES_A_TURN = 100;

/** Adds memories, in their order. */
export async function remember(
  transaction: ProjectionTransaction,
  module: Module,
  events: readonly Remembered[],
): Promise<void> {
  const sessions = new Set(events.map(({ memory }) => memory.session).filter((session) => session !== ""));
  const ends = sessions.size === 0 ? [] : await transaction.readSessionEnds([...sessions]);
  // By session, the memory that the next one follows.
  const last = new Map(ends.map(({ session, id }) => [session, id]));
  const delta = openDelta(module.name, describeEntity(module.naming));
  const surroundings = surroundingsOf(module);
  for (const [n, event] of events.entries()) {
    // A step of many memories keeps callers from being answered for no longer than a part of it takes.
    if (n > 0 && n % MEMORIES_A_TURN === 0) await turn();
    addMemory(delta, surroundings, event);
    const { session } = event.memory;
    if (session === "") continue;
    const before = last.get(session);
    if (before !== undefined) delta.putEdge(edgeOf(module.name, event.position, "FLOWS_TO", before, event.memoryId));
    last.set(session, event.memoryId);
  }
  await transaction.write(delta.close(events.at(-1)?.position ?? 0));
}

/** What the memories of a step have in common. */
interface Surroundings {
  readonly home: NodeRow;
  readonly sourceOf: (source: string) => NodeRow;
  readonly sessionOf: (session: string) => NodeRow;
  readonly meaningOf: (mention: Mention) => string;
}

function surroundingsOf({ name, naming }: Module): Surroundings {
  return {
    home: moduleNode(name),
    sourceOf: remembering((source) => sourceNode(name, source), String),
    sessionOf: remembering((session) => sessionNode(name, session), String),
    meaningOf: remembering((mention) => entityId(name, resolveName(naming, mention, entityKeyOf)), nameId),
  };
}

/** The same names come again and again within a step; their ids are worked out once. */
function remembering<Given, Found>(find: (given: Given) => Found, nameOf: (given: Given) => string) {
  const known = new Map<string, Found>();
  return (given: Given): Found => {
    const name = nameOf(given);
    const found = known.get(name) ?? find(given);
    known.set(name, found);
    return found;
  };
}

function addMemory(delta: OpenDelta, { home, sourceOf, sessionOf, meaningOf }: Surroundings, event: Remembered): void {
  const { position, memoryId, memory, mentions } = event;
  const { module } = home;
  const edge = (type: Type, from: string, to: string) => delta.putEdge(edgeOf(module, position, type, from, to));
  delta.putNode(memoryNode(module, event));
  if (memory.forgotten) return;
  const source = sourceOf(memory.source);
  delta.addNode(home, 1);
  delta.addNode(source, 1);
  edge("CREATED_BY", memoryId, source.id);
  if (memory.session === "") edge("CONTAINS", home.id, memoryId);
  else {
    const session = sessionOf(memory.session);
    delta.addNode(session, 1);
    delta.addEdge(sessionEdge(module, session.id), 1);
    edge("CONTAINS", session.id, memoryId);
  }
  if (memory.cause !== "") edge("TRIGGERED_BY", memoryId, memory.cause);
  const references = mentions.map((mention): ReferenceRow => {
    const id = idOf("REFERENCES", memoryId, mention.kind, mention.key);
    return { ...DERIVED, id, module, type: "REFERENCES", from: memoryId, to: meaningOf(mention), position, mention };
  });
  for (const reference of references) delta.putEdge(reference);
  contribute(references, delta, 1);
}

/** How entities are called: as people decided, else as the first memory writes them. */
export function describeEntity(naming: Naming): DescribeEntity {
  return ({ mention }) => {
    const entity = resolveName(naming, mention, entityKeyOf);
    return { ...entity, title: naming.titles[nameId(entity)] ?? firstForm(mention.forms) };
  };
}

/** The form by which a name is called. */
export function firstForm(forms: readonly string[]): string {
  return (forms[0] ?? "").slice(0, 200);
}

/** An edge that one memory makes. */
export function edgeOf(module: string, position: number, type: Type, from: string, to: string): EdgeRow {
  return { ...DERIVED, id: idOf(type, from, to), module, type, from, to, position };
}

/** What all edges have that one memory makes. */
const DERIVED = {
  origin: "derived",
  count: 1,
  mention: undefined,
  properties: {},
  revision: 0,
  changed: 0,
} as const;

/** That a module has a session: counted by the session's memories. */
export function sessionEdge(module: string, session: string): EdgeRow {
  return { ...edgeOf(module, 0, "CONTAINS", moduleId(module), session), count: 0 };
}

export function moduleNode(module: string): NodeRow {
  return countedNode({ id: moduleId(module), module, label: "Module", kind: "", key: module, name: module });
}

export function sessionNode(module: string, session: string): NodeRow {
  return countedNode({
    id: sessionId(module, session),
    module,
    label: "Session",
    kind: "",
    key: session,
    name: session,
  });
}

function sourceNode(module: string, source: string): NodeRow {
  return countedNode({ id: sourceId(module, source), module, label: "Source", kind: "", key: source, name: source });
}

/** A memory's node; of a forgotten one nothing is left but its place and its type. */
export function memoryNode(
  module: string,
  { position, memoryId, memory }: Pick<Remembered, "position" | "memoryId" | "memory">,
): NodeRow {
  const { label, name, eventType, session, occurredMs, forgotten } = memory;
  const says = { label, name, eventType, session, occurredMs, forgotten };
  const rest = { kind: "", key: "", origin: "derived", count: 0, properties: {}, revision: 0, changed: 0 } as const;
  return { id: memoryId, module, position, ...says, ...rest };
}
