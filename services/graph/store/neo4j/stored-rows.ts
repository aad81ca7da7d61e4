import { int } from "neo4j-driver";
import type { EdgeRow, NameRow, NodeRow } from "../../domain/graph-rows.ts";
import type { EntityKind } from "../../domain/mention.ts";
import { searchWords } from "../../domain/search-words.ts";
import type { Label, Origin, Properties, Type } from "../../domain/vocabulary.ts";
import { bare, idOfGid } from "./gid.ts";

// Rows as Neo4j keeps them. What a row does not say (no kind, no properties, derived) is not kept, which makes most records small.

export interface StoredNode {
  readonly gid: string;
  readonly module: string;
  readonly label: Label;
  readonly kind?: string;
  readonly key?: string;
  readonly name: string;
  readonly manual?: true;
  readonly count: number;
  readonly position?: number;
  readonly eventType?: string;
  readonly session?: string;
  readonly occurredMs?: number;
  readonly forgotten?: true;
  readonly properties?: readonly string[];
  readonly revision?: number;
  readonly changed: number;
}

/** With the two ends, which are not among a relationship's properties: `[type, from's gid, to's gid, properties]`. */
export type StoredEdge = readonly [type: Type, from: string, to: string, edge: StoredEdgeProperties];

export interface StoredEdgeProperties {
  readonly gid: string;
  readonly module: string;
  readonly manual?: true;
  readonly count: number;
  readonly position?: number;
  /** JSON of `[kind, key, forms, count]`. */
  readonly mention?: string;
  readonly passages?: readonly number[];
  readonly properties?: readonly string[];
  readonly revision?: number;
  readonly changed: number;
}

/** A node's properties, with those that only indexes read: the words of its name, and the session that a memory is in. */
export function storedNode(prefix: string, row: NodeRow, changed: number): Record<string, unknown> {
  const { label, position, session, occurredMs, forgotten } = row;
  const memory = label === "LogEntry" || label === "Prompt";
  return {
    gid: prefix + bare(row.id),
    module: row.module,
    label,
    kind: row.kind || undefined,
    key: row.key || undefined,
    name: row.name,
    manual: row.origin === "manual" || undefined,
    count: int(row.count),
    position: memory || position !== 0 ? int(position) : undefined,
    eventType: row.eventType || undefined,
    session: session || undefined,
    inSession: memory && session !== "" && !forgotten ? sessionKey(prefix, row.module, session) : undefined,
    occurredMs: occurredMs === undefined ? undefined : int(occurredMs),
    forgotten: forgotten || undefined,
    properties: storedProperties(row.properties),
    revision: row.revision === 0 ? undefined : int(row.revision),
    changed: int(changed),
    words: wordsOf(prefix, row.module, row.name),
  };
}

/** Under which a session's memories are found. */
export function sessionKey(prefix: string, module: string, session: string): string {
  return `${prefix}/${module}/${session}`;
}

/** What a name is found by: its generation and its module, in a form that no word has, and its words. */
export function wordsOf(prefix: string, module: string, name: string): string {
  return [`_${prefix}`, `_${module}`, ...searchWords(name)].join(" ").toWellFormed();
}

/** An edge's properties, without its ends. */
export function storedEdge(prefix: string, row: EdgeRow, changed: number): Record<string, unknown> {
  const { mention } = row;
  return {
    gid: prefix + bare(row.id),
    module: row.module,
    manual: row.origin === "manual" || undefined,
    count: int(row.count),
    position: row.position === 0 ? undefined : int(row.position),
    mention: mention && JSON.stringify([mention.kind, mention.key, mention.forms, mention.count]),
    passages: mention?.passages.map((passage) => int(passage)),
    properties: storedProperties(row.properties),
    revision: row.revision === 0 ? undefined : int(row.revision),
    changed: int(changed),
  };
}

/** Each as the JSON of its name and value, so that the database can compare them without knowing what they are. */
export function storedProperties(properties: Properties): string[] | undefined {
  const pairs = Object.entries(properties);
  return pairs.length === 0 ? undefined : pairs.map((pair) => JSON.stringify(pair));
}

function propertiesOf(stored: readonly string[] | undefined): Properties {
  return Object.fromEntries((stored ?? []).map((pair) => JSON.parse(pair) as [string, string]));
}

const originOf = ({ manual }: { readonly manual?: true }): Origin => (manual ? "manual" : "derived");

export function nodeRow(stored: StoredNode): NodeRow {
  return {
    id: idOfGid(stored.gid),
    module: stored.module,
    label: stored.label,
    kind: stored.kind ?? "",
    key: stored.key ?? "",
    name: stored.name,
    origin: originOf(stored),
    count: stored.count,
    position: stored.position ?? 0,
    eventType: stored.eventType ?? "",
    session: stored.session ?? "",
    occurredMs: stored.occurredMs,
    forgotten: stored.forgotten ?? false,
    properties: propertiesOf(stored.properties),
    revision: stored.revision ?? 0,
    changed: stored.changed,
  };
}

export function edgeRow([type, from, to, stored]: StoredEdge): EdgeRow {
  return {
    id: idOfGid(stored.gid),
    module: stored.module,
    type,
    from: idOfGid(from),
    to: idOfGid(to),
    origin: originOf(stored),
    count: stored.count,
    position: stored.position ?? 0,
    mention: mentionOf(stored),
    properties: propertiesOf(stored.properties),
    revision: stored.revision ?? 0,
    changed: stored.changed,
  };
}

function mentionOf({ mention, passages = [] }: StoredEdgeProperties): EdgeRow["mention"] {
  if (mention === undefined) return undefined;
  const [kind, key, forms, count] = JSON.parse(mention) as [EntityKind, string, string[], number];
  return { kind, key, forms, count, passages };
}

export interface StoredName {
  readonly owner: string;
  readonly module: string;
  readonly kind: EntityKind;
  readonly key: string;
  readonly form: string;
  readonly count: number;
}

export function nameRow({ owner, module, kind, key, form, count }: StoredName): NameRow {
  return { module, entity: idOfGid(owner), kind, key, form, count };
}
