import type { ProjectionTransaction } from "../domain/graph-store.ts";
import type { EntityKind } from "../domain/mention.ts";
import { nameId } from "../domain/naming.ts";
import { firstForm, type Module } from "./remember.ts";

/**
 * Gives entities the name that they have by now: what people decided, else the form of their first reference, which may be another one
 * since references went or came. Those that are not there any more are passed over.
 */
export async function renameEntities(
  transaction: ProjectionTransaction,
  { naming }: Module,
  ids: readonly string[],
  position: number,
): Promise<void> {
  if (ids.length === 0) return;
  const nodes = await transaction.readNodes(ids);
  const firsts = await transaction.readFirstReferences(ids);
  const forms = new Map(firsts.map(({ to, mention }) => [to, firstForm(mention.forms)]));
  const renameNodes = nodes.flatMap(({ id, kind, key, name }) => {
    const wanted = naming.titles[nameId({ kind: kind as EntityKind, key })] ?? forms.get(id);
    return wanted === undefined || wanted === name ? [] : [{ id, name: wanted }];
  });
  if (renameNodes.length > 0) await transaction.write({ ...NOTHING, renameNodes, position });
}

const NOTHING = {
  putNodes: [],
  addNodes: [],
  deleteNodes: [],
  putEdges: [],
  addEdges: [],
  deleteEdges: [],
  addNames: [],
} as const;
