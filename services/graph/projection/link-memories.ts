// Links between memories, as the log tells of them.
//
//  L1  A link is a relationship made by hand, with its rationale; its revision is the position of its event. Neither of its memories need
//      be there: the other module may be projected later, or never (G4).
//  L2  What ends is the link that its event names by its position. One that is not there any more is passed over.
//  L3  When a memory is forgotten, the log itself ends its links, in whatever module they are. So forgetting (forget.ts) looks at none.
import type { EdgeRow } from "../domain/graph-rows.ts";
import type { ProjectionTransaction } from "../domain/graph-store.ts";
import { linkId } from "../domain/link-id.ts";
import type { EndedLinkOfMemories, LinkOfMemories } from "./log-event.ts";
import { openDelta } from "./open-delta.ts";

interface At {
  readonly module: string;
  readonly position: number;
}

/** Adds the relationship of a link (L1). */
export async function addLink(transaction: ProjectionTransaction, at: At, link: LinkOfMemories): Promise<void> {
  const delta = emptyDelta(at);
  delta.putEdge(edgeOf(at, link));
  await transaction.write(delta.close(at.position));
}

/** Removes the relationships of links that are no more (L2). */
export async function endLinks(
  transaction: ProjectionTransaction,
  at: At,
  links: readonly EndedLinkOfMemories[],
): Promise<void> {
  const ended = new Map(links.map((link) => [`${linkId(link.type, link.from, link.to)} ${link.position}`, link]));
  const ids = [...new Set(links.map(({ type, from, to }) => linkId(type, from, to)))];
  const there = await transaction.readEdges(ids);
  const delta = emptyDelta(at);
  for (const { id, revision } of there) if (ended.has(`${id} ${revision}`)) delta.deleteEdge(id);
  await transaction.write(delta.close(at.position));
}

function emptyDelta({ module }: At) {
  return openDelta(module, () => ({ kind: "concept", key: "", title: "" }));
}

function edgeOf({ module, position }: At, { type, from, to, rationale }: LinkOfMemories): EdgeRow {
  const hand = { origin: "manual", count: 0, position, revision: position, changed: 0 } as const;
  const says = { type, from, to, mention: undefined, properties: rationale === "" ? {} : { why: rationale } };
  return { id: linkId(type, from, to), module, ...says, ...hand };
}
