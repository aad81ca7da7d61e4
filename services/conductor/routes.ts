import { ConductorService, type RecordMemoryRequest } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { ModuleService } from "#gen/cos/conductor/v1/module_service_pb.ts";
import type { CallContext } from "#shared/auth/call-context.ts";
import type { FieldFault } from "#shared/errors/cos-error.ts";
import { type BoundService, bindService } from "#shared/rpc/bind-service.ts";
import { batchRecordMemories } from "./handlers/batch-record-memories.ts";
import { getMemory } from "./handlers/get-memory.ts";
import { listMemories } from "./handlers/list-memories.ts";
import { modules } from "./handlers/modules.ts";
import { recordMemories } from "./handlers/record-memories.ts";
import { recordMemory } from "./handlers/record-memory.ts";
import { type Subscribe, subscribe } from "./handlers/subscribe.ts";
import type { Store } from "./store/open-store.ts";

interface Needs {
  readonly store: Store;
  readonly subscribe: Subscribe;
  readonly validate: (request: RecordMemoryRequest) => readonly FieldFault[];
  readonly onFault: (call: CallContext, error: unknown) => void;
}

/** Which handler answers which call. */
export function routes(needs: Needs): BoundService[] {
  const { store } = needs;
  return [
    bindService(ConductorService, {
      recordMemory: recordMemory(store),
      batchRecordMemories: batchRecordMemories(store),
      recordMemories: recordMemories(needs),
      getMemory: getMemory(store),
      listMemories: listMemories(store),
      subscribe: subscribe(needs.subscribe),
    }),
    bindService(ModuleService, modules(store)),
  ];
}
