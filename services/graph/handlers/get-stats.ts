import { moduleStats } from "../domain/module-stats.ts";
import { type Graph, type GraphReadNeeds, requireModule } from "./read-needs.ts";

export function getStats({ store, awaitPlace }: GraphReadNeeds): Graph["getStats"] {
  return async ({ module, atLeast }, call) => {
    await awaitPlace(atLeast, call);
    const rows = await store.stats(call.scope, module === "" ? undefined : module, call.signal);
    if (rows.length === 0 && module !== "") await requireModule(store, call, module);
    return { modules: moduleStats(rows) };
  };
}
