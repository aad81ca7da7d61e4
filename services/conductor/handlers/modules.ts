import type { ModuleService } from "#gen/cos/conductor/v1/module_service_pb.ts";
import type { Handlers } from "#shared/rpc/bind-service.ts";
import type { Store } from "../store/open-store.ts";

type Modules = Handlers<typeof ModuleService>;

export interface ModuleNeeds {
  readonly store: Pick<Store, "registerModule" | "getModule" | "listModules" | "updateModule" | "setModuleState">;
  /** Called after a module was registered. */
  readonly onRegistered: () => void;
}

/** ModuleService: each call is one call of the store. */
export function modules({ store, onRegistered }: ModuleNeeds): Modules {
  return {
    registerModule: async ({ module }, call) => {
      const registered = await store.registerModule(call.scope, module!);
      onRegistered();
      return { module: registered };
    },
    getModule: async ({ name }, call) => ({ module: await store.getModule(call.scope, name, call.signal) }),
    listModules: (request, call) => store.listModules(call.scope, request, call.signal),
    updateModule: async (request, call) => ({ module: await store.updateModule(request, call) }),
    retireModule: async (request, call) => ({ module: await store.setModuleState("retired", request, call) }),
    reactivateModule: async (request, call) => ({ module: await store.setModuleState("active", request, call) }),
  };
}
