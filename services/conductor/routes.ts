import { AuthService } from "#gen/cos/auth/v1/auth_service_pb.ts";
import { ConductorService, type RecordMemoryRequest } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { GraphLogService } from "#gen/cos/conductor/v1/graph_log_service_pb.ts";
import { ModuleService } from "#gen/cos/conductor/v1/module_service_pb.ts";
import { ScratchService } from "#gen/cos/conductor/v1/scratch_service_pb.ts";
import { HighwayService } from "#gen/cos/highway/v1/highway_service_pb.ts";
import type { CallContext } from "#shared/auth/call-context.ts";
import type { FieldFault } from "#shared/errors/cos-error.ts";
import { type BoundService, bindService } from "#shared/rpc/bind-service.ts";
import { auth } from "./handlers/auth.ts";
import { batchRecordMemories } from "./handlers/batch-record-memories.ts";
import { ack, type ConsumeNeeds, consume, consumeServer } from "./handlers/consume.ts";
import { type ConsumersNeeds, consumers } from "./handlers/consumers.ts";
import { type ForgetNeeds, forgetMemories } from "./handlers/forget-memories.ts";
import { getMemory } from "./handlers/get-memory.ts";
import { listMemories } from "./handlers/list-memories.ts";
import { modules } from "./handlers/modules.ts";
import { recordGraphAct } from "./handlers/record-graph-act.ts";
import { recordMemories } from "./handlers/record-memories.ts";
import { recordMemory } from "./handlers/record-memory.ts";
import { scratch } from "./handlers/scratch.ts";
import { type Subscribe, subscribe } from "./handlers/subscribe.ts";
import type { Store } from "./store/open-store.ts";

interface Needs {
  readonly store: Store;
  readonly subscribe: Subscribe;
  readonly validate: (request: RecordMemoryRequest) => readonly FieldFault[];
  readonly clearHighway: ForgetNeeds["clearHighway"];
  readonly consume: Omit<ConsumeNeeds, "desk"> & { readonly desk: ConsumeNeeds["desk"] & ConsumersNeeds["desk"] };
  /** Called after a module was registered. */
  readonly onModuleRegistered: () => void;
  /** Called after a change of tokens or rights. */
  readonly onRightsChanged: () => void;
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
      forgetMemories: forgetMemories(needs),
      subscribe: subscribe(needs.subscribe),
    }),
    bindService(HighwayService, {
      ...consumers({ consumers: store.consumers, desk: needs.consume.desk }),
      consume: consume(needs.consume),
      consumeServer: consumeServer(needs.consume),
      ack: ack(needs.consume),
    }),
    bindService(GraphLogService, { recordGraphAct: recordGraphAct(store) }),
    bindService(ModuleService, modules({ store, onRegistered: needs.onModuleRegistered })),
    bindService(ScratchService, scratch(store.scratch)),
    bindService(AuthService, auth({ store: store.access, onChanged: needs.onRightsChanged })),
  ];
}
