import type { ScratchService } from "#gen/cos/conductor/v1/scratch_service_pb.ts";
import type { Handlers } from "#shared/rpc/bind-service.ts";
import { acceptNote } from "../domain/accept-note.ts";
import { requireText } from "../domain/require-text.ts";
import type { ScratchStore } from "../store/scratch/scratch-store.ts";

/** ScratchService: each call is one call of the store, once the contract's rules and what they cannot say are met. */
export function scratch(store: Omit<ScratchStore, "clean">): Handlers<typeof ScratchService> {
  return {
    putNote: async (request, call) => {
      const accepted = acceptNote(request, call.access.principal.name);
      return { note: await store.putNote(call.scope, accepted, call.signal) };
    },
    getNote: async (request, call) => {
      requireText("key", request.key);
      return { note: await store.getNote(call.scope, request, call.signal) };
    },
    listNotes: async (request, call) => {
      requireText("prefix", request.prefix);
      return store.listNotes(call.scope, request, call.signal);
    },
    touchNote: async (request, call) => {
      requireText("key", request.key);
      return { note: await store.touchNote(call.scope, request, call.signal) };
    },
    deleteNote: async (request, call) => {
      requireText("key", request.key);
      await store.deleteNote(call.scope, request, call.signal);
      return {};
    },
    getScratchStats: (request, call) => store.stats(call.scope, request, call.signal),
  };
}
