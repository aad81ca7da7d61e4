import type { Cursor } from "#gen/cos/highway/v1/highway_pb.ts";

/** The most cursors that one request may carry (cos.conductor.v1.SubscribeRequest). */
const CURSORS_MAX = 1000;

/**
 * Where a stream of one or many modules stands: the last cursor of each, and the last resume token for those that no
 * cursor names.
 *
 * Cursors win over the token, because they were proven (chain.ts): a token that came on a stream with a hole may stand
 * for events that never arrived. It is needed all the same: for more modules than a request may name, and to tell the
 * server which modules there were, so that those registered later are sent from their beginning.
 */
export interface Place {
  readonly cursors: Map<string, Cursor>;
  resumeToken: string;
}

/** What a request carries to go on from a place. */
export interface ResumeFields {
  cursors: Cursor[];
  resumeToken: string;
}

/** A place from what was stored of it; by default the place before any stream. */
export function openPlace(stored: Partial<ResumeFields> = {}): Place {
  const cursors = new Map((stored.cursors ?? []).map((cursor) => [cursor.module, cursor]));
  return { cursors, resumeToken: stored.resumeToken ?? "" };
}

/** Everything up to the cursor is done. */
export function advance(place: Place, cursor: Cursor): void {
  // Deleted first, so that the map's order is that of movement and `resumeFields` keeps those that moved last.
  place.cursors.delete(cursor.module);
  place.cursors.set(cursor.module, cursor);
}

/** Everything that the stream named before this token is done. An empty token says nothing. */
export function settle(place: Place, resumeToken: string): void {
  if (resumeToken === "") return;
  place.resumeToken = resumeToken;
  const surplus = place.cursors.size - CURSORS_MAX;
  for (const module of [...place.cursors.keys()].slice(0, Math.max(0, surplus))) place.cursors.delete(module);
}

/**
 * The place as a request takes it. Of more than 1,000 cursors those that moved last are sent: the other modules go back
 * to the token, and what they send again is recognised by its position.
 */
export function resumeFields(place: Place): ResumeFields {
  return { cursors: [...place.cursors.values()].slice(-CURSORS_MAX), resumeToken: place.resumeToken };
}
