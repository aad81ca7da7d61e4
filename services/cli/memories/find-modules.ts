import { Code, ConnectError } from "@connectrpc/connect";
import { MemoryView } from "#gen/cos/memory/v1/memory_pb.ts";
import type { Connection } from "../connection/with-connection.ts";

export interface FoundIds {
  readonly idsByModule: Map<string, string[]>;
  /** How many are nowhere that the caller may look. */
  readonly missing: number;
}

/** The modules in which memories are. */
export async function findModules(
  { conductor }: Pick<Connection, "conductor">,
  ids: Iterable<string>,
  signal: AbortSignal,
): Promise<FoundIds> {
  const idsByModule = new Map<string, string[]>();
  let missing = 0;
  for (const id of new Set(ids)) {
    const answer = await conductor.getMemory({ id, view: MemoryView.BASIC }, { signal }).catch(undefinedIfNotFound);
    if (answer?.memory === undefined) missing += 1;
    else idsByModule.getOrInsertComputed(answer.memory.module, () => []).push(id);
  }
  return { idsByModule, missing };
}

function undefinedIfNotFound(error: unknown): undefined {
  if (error instanceof ConnectError && error.code === Code.NotFound) return undefined;
  throw error;
}
