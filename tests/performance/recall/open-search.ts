import { Code, ConnectError } from "@connectrpc/connect";
import type { Rig } from "../open-rig.ts";
import type { RecordedFile } from "./record-file.ts";
import type { Search } from "./search.ts";

const FOUND_MAX = 50;
/** How long indexing may take; a call waits for some seconds of it. */
const INDEXED_WITHIN_MS = 600_000;

/** `SearchMemories`, as anybody calls it, once all that was recorded is in its index. What one reads of a hit is its passage. */
export async function openSearch({ conductor }: Rig, { module, keyAt, head }: RecordedFile): Promise<Search> {
  await untilIndexed(() =>
    conductor.searchMemories({ query: "memory", modules: [module], atLeast: [{ module, position: head }] }),
  );
  return {
    name: "SearchMemories",
    search: async (query) => {
      const { hits } = await conductor.searchMemories({ query, modules: [module], pageSize: FOUND_MAX });
      return hits.map(({ memory, passage }) => ({
        key: keyAt.get(String(memory?.position)) ?? "",
        characters: passage.length,
      }));
    },
  };
}

async function untilIndexed(ask: () => Promise<unknown>): Promise<void> {
  const endMs = performance.now() + INDEXED_WITHIN_MS;
  for (;;) {
    try {
      await ask();
      return;
    } catch (error) {
      const isBehind = error instanceof ConnectError && error.code === Code.DeadlineExceeded;
      if (!isBehind || performance.now() > endMs) throw error;
    }
  }
}
