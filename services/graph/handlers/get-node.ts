import type { CallContext } from "#shared/auth/call-context.ts";
import { moduleOr } from "../domain/default-module.ts";
import type { NodeRow } from "../domain/graph-rows.ts";
import { nodeOf } from "../domain/node-of.ts";
import { nameNotFound } from "../domain/refusals.ts";
import { findByName } from "./find-by-name.ts";
import { type Graph, type GraphReadNeeds, requireModule, requireNode } from "./read-needs.ts";

/** How many names of an entity are told. */
const NAMES_MAX = 20;

export function getNode({ store, awaitPlace }: GraphReadNeeds): Graph["getNode"] {
  return async ({ id, name, module, kind, atLeast }, call) => {
    await awaitPlace(atLeast, call);
    const row =
      id === ""
        ? await nodeCalled(store, call, { name, module: moduleOr(module), kind })
        : await requireNode(store, call, id.toLowerCase(), "id");
    const named = row.origin === "derived" && row.kind !== "";
    const names = named ? await store.names(call.scope, row.id, NAMES_MAX, call.signal) : [];
    return { node: nodeOf(row, names) };
  };
}

async function nodeCalled(
  store: GraphReadNeeds["store"],
  call: CallContext,
  sought: { readonly name: string; readonly module: string; readonly kind: string },
): Promise<NodeRow> {
  const row = await findByName(store, call, sought);
  if (row !== undefined) return row;
  await requireModule(store, call, sought.module);
  throw nameNotFound(sought.name, sought.module, "name");
}
