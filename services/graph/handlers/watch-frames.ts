import { create } from "@bufbuild/protobuf";
import { type GraphChanges, GraphChangesSchema } from "#gen/cos/graph/v1/watch_pb.ts";
import { type Cursor, CursorSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import type { Change } from "../domain/graph-store.ts";
import { edgeSize, nodeSize, partsWithin } from "../domain/item-size.ts";
import { nodeOf } from "../domain/node-of.ts";
import { relationshipOf } from "../domain/relationship-of.ts";
import type { Label } from "../domain/vocabulary.ts";

/** A place among the changes of a module, as the store orders them. */
export interface ChangePlace {
  readonly changed: number;
  readonly what: Change["what"];
  readonly id: string;
}

/** Behind everything that changed at a position. */
export function behindPosition(position: number): ChangePlace {
  return { changed: position + 1, what: "removed", id: "" };
}

/** What is to be told of changes. */
export interface Telling {
  readonly module: string;
  readonly epoch: string;
  readonly generation: number;
  /** The position that was named last; it never goes back. */
  readonly named: number;
  /** Empty: nodes of any label. */
  readonly labels: readonly Label[];
  /** What was removed up to here, the caller has never been told of. */
  readonly unknownUpTo: number;
}

/** A page of changes; `position`: what is complete when all of it has been sent. */
export interface ChangePage {
  readonly changes: readonly Change[];
  readonly position: number;
}

/**
 * Frames of about 1 MiB, in none of which an id comes twice: one that went and came again is told by two. The cursor of each names the last position of which everything has been sent with it: the one below its last
 * change, but for the last frame.
 */
export function framesOf({ changes, position }: ChangePage, telling: Telling): GraphChanges[] {
  const { module, epoch, generation, labels, unknownUpTo } = telling;
  const wanted = changes.filter((change) =>
    change.what === "node"
      ? labels.length === 0 || labels.includes(change.node.label)
      : change.what === "edge" || change.changed > unknownUpTo,
  );
  const parts = [...runsOf(wanted)].flatMap((run) => [...partsWithin(run, sizeOf)]);
  let named = telling.named;
  return parts.map((part, n) => {
    const isLast = n === parts.length - 1;
    named = Math.max(named, isLast ? position : changedOf(part.at(-1) as Change) - 1);
    return create(GraphChangesSchema, {
      cursor: cursorAt(module, named, epoch),
      generation,
      nodes: part.flatMap((change) => (change.what === "node" ? [nodeOf(change.node)] : [])),
      relationships: part.flatMap((change) => (change.what === "edge" ? [relationshipOf(change.edge)] : [])),
      removed: part.flatMap((change) => (change.what === "removed" ? [change.id] : [])),
    });
  });
}

/** The changes in their order; each run ends before the first id that it holds already. */
function* runsOf(changes: readonly Change[]): Generator<Change[]> {
  let run = new Map<string, Change>();
  for (const change of changes) {
    const { id } = placeOfChange(change);
    if (run.has(id)) {
      yield [...run.values()];
      run = new Map();
    }
    run.set(id, change);
  }
  yield [...run.values()];
}

export function cursorAt(module: string, position: number, epoch: string): Cursor {
  return create(CursorSchema, { module, position: BigInt(position), epoch });
}

/** The position at which it was added, changed or removed. */
export function changedOf(change: Change): number {
  switch (change.what) {
    case "node":
      return change.node.changed;
    case "edge":
      return change.edge.changed;
    case "removed":
      return change.changed;
  }
}

export function placeOfChange(change: Change): ChangePlace {
  const id = change.what === "node" ? change.node.id : change.what === "edge" ? change.edge.id : change.id;
  return { changed: changedOf(change), what: change.what, id };
}

function sizeOf(change: Change): number {
  if (change.what === "node") return nodeSize(change.node);
  return change.what === "edge" ? edgeSize(change.edge) : 40;
}
