// The proof that nothing was skipped, kept by the one who listens.
//
// Owner: one `follow`, for its whole life; `named` belongs to one stream and is begun anew with each connection.
//
//  P1  Each frame that moves a module says from where (`after`) to where (`cursor`): `after` is what the stream named
//      before for that module, and no cursor goes back.
//  P2  The first place that a stream names for a module is not above the last one that was proven for it.
//  P3  The events of a batch ascend, belong to its module and lie in (after, cursor].
//  P4  A stream begins with `Started`, which comes once: without it the first places would be anybody's guess.
//  P5  An event is handed on once: positions up to the proven one are repeats and are dropped.
//
// Failure mode: `ChainBroken`. Whoever reads drops the stream and asks again from the last proven place; nothing of the
// frame at fault has been handed on.
import type { Batch, Cursor, Event } from "#gen/cos/highway/v1/highway_pb.ts";

/** The stream contradicts itself: what it says next does not join on to what it said before. */
export class ChainBroken extends Error {
  override readonly name = "ChainBroken";
}

export interface Chain {
  /** By module, the last place that has been proven, over all streams. */
  readonly proven: Map<string, Cursor>;
  /** By module, the last position that the present stream named; undefined before it has started. */
  named: Map<string, number> | undefined;
}

/** A chain that goes on from what an earlier process has proven; by default from anywhere. */
export function openChain(cursors: Iterable<Cursor> = []): Chain {
  return { proven: new Map(Array.from(cursors, (cursor) => [cursor.module, cursor])), named: undefined };
}

/** The connection is new; nothing is known of its stream. */
export function resetStream(chain: Chain): void {
  chain.named = undefined;
}

/** The stream has started (P4). */
export function beginStream(chain: Chain): void {
  if (chain.named !== undefined) throw new ChainBroken("the stream started twice");
  chain.named = new Map();
}

/** The stream says that a module moved from `after` to the cursor (P1, P2). */
export function proveMove(chain: Chain, cursor: Cursor | undefined, after: bigint): void {
  const named = proveJoint(chain, cursor, after);
  const { module, position } = cursor!;
  named.set(module, Number(position));
  const proven = chain.proven.get(module);
  if (proven === undefined || position > proven.position) chain.proven.set(module, cursor!);
}

/** The stream says where a module stands, without moving it. */
export function proveStanding(chain: Chain, cursor: Cursor | undefined): void {
  proveMove(chain, cursor, cursor?.position ?? 0n);
}

/** The events of a batch that are new, after all of it has been proven. */
export function proveBatch(chain: Chain, batch: Batch): { event: Event; position: number }[] {
  const { cursor, after, events } = batch;
  proveJoint(chain, cursor, after);
  const { module } = cursor!;
  const placed = provePositions(cursor!, after, events);
  // A module met for the first time has nothing proven: everything above `after` is new then.
  const proven = Number(chain.proven.get(module)?.position ?? after);
  proveMove(chain, cursor, after);
  return placed.filter(({ position }) => position > proven);
}

/** What the stream has named, if this joins on to it. */
function proveJoint(chain: Chain, cursor: Cursor | undefined, after: bigint): Map<string, number> {
  if (chain.named === undefined) throw new ChainBroken("the stream did not start");
  if (cursor === undefined) throw new ChainBroken("a frame came without its cursor");
  const { module } = cursor;
  if (cursor.position < after) throw new ChainBroken(`${module} went back from ${after} to ${cursor.position}`);
  const named = chain.named.get(module);
  if (named !== undefined && Number(after) !== named) {
    throw new ChainBroken(`${module} goes on after ${after}, but the stream stood at ${named}`);
  }
  const proven = chain.proven.get(module);
  if (named === undefined && proven !== undefined && after > proven.position) {
    throw new ChainBroken(`${module} begins after ${after}, but was proven up to ${proven.position} only`);
  }
  return chain.named;
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
