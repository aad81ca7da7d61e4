import type { Rig } from "./open-rig.ts";
import { sampleRequest } from "./sample-request.ts";

const BATCH = 1_000;

/** Registers a module and records so many sample memories in it. */
export async function fillModule({ conductor, modules }: Rig, module: string, count: number): Promise<void> {
  await modules.registerModule({ module: { name: module } });
  const requests = Array.from({ length: BATCH }, () => sampleRequest({ module }));
  for (let left = count; left > 0; left -= BATCH) {
    await conductor.batchRecordMemories({ requests: requests.slice(0, left) });
  }
}
