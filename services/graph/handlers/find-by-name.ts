import type { CallContext } from "#shared/auth/call-context.ts";
import { entityId, moduleId, sessionId, sourceId } from "../domain/entity-id.ts";
import { entityKeyOf, mentionKeyOf } from "../domain/extract/name-key.ts";
import type { NodeRow } from "../domain/graph-rows.ts";
import type { GraphReader } from "../domain/graph-store.ts";
import { ENTITY_KINDS } from "../domain/mention.ts";
import type { Naming } from "../domain/naming.ts";
import { resolveName } from "../domain/resolve.ts";
import { compareText } from "../domain/traverse.ts";
import type { Label } from "../domain/vocabulary.ts";

/** Nodes of exactly a name that are looked at, those with the most memories first. */
const EXACT_MAX = 50;
const KINDS: readonly string[] = ENTITY_KINDS;
const EXACT_LABELS: readonly Label[] = ["Entity", "Concept"];

interface Sought {
  readonly module: string;
  readonly name: string;
  /** Empty: any. */
  readonly kind: string;
}

/**
 * The node that people mean by a name: of the entities that memories call so, of those that are titled so, and of the session, the
 * source and the module of that name the one with the most memories; ties go by kind, then id. Undefined: there is none.
 */
export async function findByName(
  store: Pick<GraphReader, "namingOf" | "nodes" | "findNodes">,
  { scope, signal }: CallContext,
  { module, name, kind }: Sought,
): Promise<NodeRow | undefined> {
  const naming = await store.namingOf(scope, module, signal);
  const query = { module, labels: EXACT_LABELS, name, properties: {}, limit: EXACT_MAX };
  const [byId, exactly] = await Promise.all([
    store.nodes(scope, idsOf(naming, { module, name, kind }), signal),
    store.findNodes(scope, kind === "" ? query : { ...query, kind }, signal),
  ]);
  return [...byId, ...exactly].filter((row) => kind === "" || row.kind === kind).sort(compareMeant)[0];
}

function idsOf(naming: Naming, { module, name, kind }: Sought): string[] {
  const kinds = ENTITY_KINDS.filter((each) => kind === "" || each === kind);
  const entities = kinds.flatMap((each) => {
    const key = mentionKeyOf(each, name);
    return key === "" ? [] : [entityId(module, resolveName(naming, { kind: each, key }, entityKeyOf))];
  });
  const others = [sessionId(module, name), sourceId(module, name), ...(name === module ? [moduleId(module)] : [])];
  return [...new Set(kind === "" ? [...entities, ...others] : entities)];
}

function compareMeant(left: NodeRow, right: NodeRow): number {
  return right.count - left.count || placeOf(left) - placeOf(right) || compareText(left.id, right.id);
}

/** Entities come in the order of their kinds, then what has none of these. */
function placeOf({ kind }: NodeRow): number {
  const place = KINDS.indexOf(kind);
  return place === -1 ? KINDS.length : place;
}
