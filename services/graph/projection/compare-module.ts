import { differencesOf, digestOf } from "../domain/digest.ts";
import type { Place } from "../domain/graph-rows.ts";
import type { ScannedStore } from "../domain/scan-module.ts";

/** Lines for people that say where two generations differ. */
const DIFFERENCES_MAX = 10;

/** Whether one module is the same in two generations that both have come to a place. */
export interface ModuleVerdict {
  readonly place: Place;
  readonly equal: boolean;
  readonly digest: string;
  readonly replayDigest: string;
  readonly nodes: number;
  readonly edges: number;
  readonly differences: readonly string[];
}

/** Compares a module by digest; only where they differ, item by item. Rejects with the signal's reason before the next page is read. */
export async function compareModule(
  given: ScannedStore,
  place: Place,
  { live, replay, signal }: { readonly live: number; readonly replay: number; readonly signal: AbortSignal },
): Promise<ModuleVerdict> {
  const { module } = place;
  const store = untilAborted(given, signal);
  const { digest, nodes, edges } = await digestOf(store, live, module);
  const { digest: replayDigest } = await digestOf(store, replay, module);
  const equal = digest === replayDigest;
  const differences = equal ? [] : await differencesOf(store, module, live, replay, DIFFERENCES_MAX);
  return { place, equal, digest, replayDigest, nodes, edges, differences };
}

/** A digest reads thousands of pages: who goes away does not wait for it. */
function untilAborted(store: ScannedStore, signal: AbortSignal): ScannedStore {
  const unless = <Page>(read: () => Promise<Page>): Promise<Page> =>
    signal.aborted ? Promise.reject(signal.reason as Error) : read();
  return {
    scanNodes: (part) => unless(() => store.scanNodes(part)),
    scanEdges: (part) => unless(() => store.scanEdges(part)),
    scanNames: (part) => unless(() => store.scanNames(part)),
    naming: (generation, module) => unless(() => store.naming(generation, module)),
  };
}
