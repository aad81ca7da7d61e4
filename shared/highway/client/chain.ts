// The proof that nothing was skipped, kept by the one who listens.
//
// Owner: one `follow`, for its whole life; `named` belongs to one stream and is begun anew with each connection.
//
//  P1  Each frame that moves a module says from where (`after`) to where (`cursor`): `after` is what the stream named
//      before for that module, and no cursor goes back.
//  P2  The first place that a stream names for a module is not above the last one that was proven for it.
//  P3  The events of a batch ascend, belong to its module and lie in (after, cursor].
//  P4  An event is handed on once: positions up to the proven one are repeats and are dropped.
//
// Failure mode: `ChainBroken`. Whoever reads drops the stream and asks again from the last proven place; nothing of the
// frame at fault has been handed on.
import type { Batch, Cursor, Event } from "#gen/cos/highway/v1/highway_pb.ts";

/** The stream contradicts itself: what it says next does not join on to what it said before. */
export class ChainBroken extends Error {
  override readonly name = "ChainBroken";
}

export interface Chain {
  /** By module, the last position that has been proven, over all streams. */
  readonly proven: Map<string, number>;
  /** By module, the last position that the present stream named. */
  named: Map<string, number>;
}

/** A chain that goes on from what an earlier process has proven; by default from anywhere. */
export function openChain(cursors: Iterable<Cursor> = []): Chain {
  const proven = new Map<string, number>();
  for (const { module, position } of cursors) proven.set(module, Number(position));
  return { proven, named: new Map() };
}

/** A new stream begins. */
export function beginStream(chain: Chain): void {
  chain.named = new Map();
}

/** The stream says that a module moved from `after` to the cursor (P1, P2). */
export function proveMove(chain: Chain, cursor: Cursor | undefined, after: bigint): void {
  proveJoint(chain, cursor, after);
  const position = Number(cursor.position);
  chain.named.set(cursor.module, position);
  chain.proven.set(cursor.module, Math.max(position, chain.proven.get(cursor.module) ?? 0));
}

/** The stream says where a module stands, without moving it. */
export function proveStanding(chain: Chain, cursor: Cursor | undefined): void {
  proveMove(chain, cursor, cursor?.position ?? 0n);
}

/** The events of a batch that are new, after all of it has been proven. */
export function proveBatch(chain: Chain, batch: Batch): { event: Event; position: number }[] {
  const { cursor, after, events } = batch;
  proveJoint(chain, cursor, after);
  const placed = provePositions(cursor, after, events);
  // A module met for the first time has nothing proven: everything above `after` is new then.
  const proven = chain.proven.get(cursor.module) ?? Number(after);
  proveMove(chain, cursor, after);
  return placed.filter(({ position }) => position > proven);
}

function proveJoint(chain: Chain, cursor: Cursor | undefined, after: bigint): asserts cursor is Cursor {
  if (cursor === undefined) throw new ChainBroken("a frame came without its cursor");
  const { module } = cursor;
  if (cursor.position < after) throw new ChainBroken(`${module} went back from ${after} to ${cursor.position}`);
  const named = chain.named.get(module);
  if (named !== undefined && Number(after) !== named) {
    throw new ChainBroken(`${module} goes on after ${after}, but the stream stood at ${named}`);
  }
  const proven = chain.proven.get(module);
  if (named === undefined && proven !== undefined && Number(after) > proven) {
    throw new ChainBroken(`${module} begins after ${after}, but was proven up to ${proven} only`);
  }
}

/** The events that this build can place (P3): a body it does not know counts by the batch's cursor alone. */
function provePositions(cursor: Cursor, after: bigint, events: readonly Event[]): { event: Event; position: number }[] {
  let last = after;
  const placed: { event: Event; position: number }[] = [];
  for (const event of events) {
    if (event.body.case !== "memory") continue;
    const { module, position } = event.body.value;
    if (module !== cursor.module) throw new ChainBroken(`an event of ${module} came in a batch of ${cursor.module}`);
    if (position <= last || position > cursor.position) {
      throw new ChainBroken(`${module}: position ${position} does not lie above ${last} and up to ${cursor.position}`);
    }
    last = position;
    placed.push({ event, position: Number(position) });
  }
  return placed;
}
