import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import type { ConductorService } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import type { ForgetMemoriesResponseSchema } from "#gen/cos/conductor/v1/forgetting_pb.ts";
import { CursorSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import { judgeRight } from "#shared/auth/judge-right.ts";
import type { Handlers } from "#shared/rpc/bind-service.ts";
import { defaultModule } from "../domain/accept-memory.ts";
import { checkForgetting } from "../domain/check-forgetting.ts";
import type { ForgetProgress } from "../store/forget-memories.ts";
import type { Store } from "../store/open-store.ts";

export interface ForgetNeeds {
  readonly store: Pick<Store, "forgetMemories">;
  /** Clears the highway of what the module's forgetting at the position took from the log; false: Redis could not be told. */
  readonly clearHighway: (module: string, position: number) => Promise<boolean>;
}

export function forgetMemories(needs: ForgetNeeds): Handlers<typeof ConductorService>["forgetMemories"] {
  return async function* (request, call) {
    checkForgetting(request);
    const module = request.module === "" ? defaultModule : request.module;
    const uncleared = new Map<string, number>();
    for await (const progress of needs.store.forgetMemories(call.scope, request, call)) {
      // Nothing was ever forgotten in the module: there is nothing to clear.
      const nothing = progress.forgetting === 0;
      const here = !request.dryRun && (nothing || (await needs.clearHighway(module, progress.forgetting)));
      for (const [other, position] of progress.elsewhere) uncleared.set(other, position);
      await clearElsewhere(needs, uncleared);
      const cleared = uncleared.size === 0 && here;
      yield { ...answerOf(module, progress), highwayCleared: cleared };
      // A right that was taken back meanwhile ends the call between two batches.
      if (!progress.done) judgeRight(call.access, Verb.ADMIN, module);
    }
  };
}

/** Of the rationales of links that other modules hold. Those that could not be told stay, for the next batch or the end to try again. */
async function clearElsewhere({ clearHighway }: ForgetNeeds, uncleared: Map<string, number>): Promise<void> {
  const clear = async ([module, position]: [string, number]): Promise<void> => {
    if (await clearHighway(module, position)) uncleared.delete(module);
  };
  await Promise.all([...uncleared].map(clear));
}

function answerOf(module: string, progress: ForgetProgress): MessageInitShape<typeof ForgetMemoriesResponseSchema> {
  const { found, forgotten, alreadyForgotten, missing, event, done } = progress;
  return {
    found: BigInt(found),
    forgotten: BigInt(forgotten),
    alreadyForgotten: BigInt(alreadyForgotten),
    missing: BigInt(missing),
    done,
    ...(event && { cursor: create(CursorSchema, { module, position: BigInt(event.position), epoch: event.epoch }) }),
  };
}
