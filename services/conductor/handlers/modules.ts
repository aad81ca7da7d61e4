import type { ModuleService } from "#gen/cos/conductor/v1/module_service_pb.ts";
import type { Handlers } from "#shared/rpc/bind-service.ts";
import type { Store } from "../store/open-store.ts";

type Modules = Handlers<typeof ModuleService>;

/** ModuleService: each call is one call of the store. */
export function modules(store: Pick<Store, "registerModule" | "getModule" | "listModules">): Modules {
  return {
    registerModule: async ({ module }, call) => ({ module: await store.registerModule(call.scope, module!) }),
    getModule: async ({ name }, call) => ({ module: await store.getModule(call.scope, name, call.signal) }),
    listModules: (request, call) => store.listModules(call.scope, request, call.signal),
  };
}
