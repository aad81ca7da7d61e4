import { Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import type { Consumer } from "#gen/cos/highway/v1/consumers_pb.ts";
import type { HighwayService } from "#gen/cos/highway/v1/highway_service_pb.ts";
import type { Access } from "#shared/auth/access.ts";
import type { CallContext } from "#shared/auth/call-context.ts";
import { EVERY_MODULE, verbIn } from "#shared/auth/principal.ts";
import { rightMissing } from "#shared/auth/refusals.ts";
import { invalidField } from "#shared/errors/cos-error.ts";
import type { Handlers } from "#shared/rpc/bind-service.ts";
import type { Desk } from "../delivery/desk.ts";
import { acceptConsumer } from "../domain/accept-consumer.ts";
import { changeConsumer } from "../domain/change-consumer.ts";
import type { ConsumersStore } from "../store/consumers/consumers-store.ts";

type Highway = Omit<Handlers<typeof HighwayService>, "consume" | "consumeServer" | "ack">;

export interface ConsumersNeeds {
  readonly consumers: ConsumersStore;
  readonly desk: Pick<Desk, "changed">;
}

/** HighwayService, but for the work itself: each call is one call of the store. Members here are told at once, others within a second. */
export function consumers({ consumers: store, desk }: ConsumersNeeds): Highway {
  const told = async <T>(name: string, work: Promise<T>): Promise<T> => {
    const result = await work;
    await desk.changed(name);
    return result;
  };
  return {
    createConsumer: async (request, call) => {
      const accepted = acceptConsumer(request.consumer!);
      if (accepted.allModules && call.scope.modules !== "all") throw rightMissing(Verb.READ, "in all modules");
      return store.create(call, accepted, request);
    },
    getConsumer: async ({ name }, call) => ({ status: await store.get(call.scope, name, call.signal) }),
    listConsumers: (request, call) => store.list(call.scope, request, call.signal),
    updateConsumer: async ({ consumer, updateMask, revision }, call) => {
      const { name } = consumer!;
      if (name === "") throw invalidField("consumer.name", "must be given");
      const change = (old: Consumer) => acceptConsumer(changeConsumer(old, consumer!, updateMask!.paths));
      const updated = await told(name, store.update(changeCallOf(call), { name, revision, change }));
      return { consumer: updated };
    },
    deleteConsumer: async ({ name }, call) => {
      const deadLetters = await told(name, store.delete(changeCallOf(call), name));
      return { deadLetters: BigInt(deadLetters) };
    },
    seekConsumer: async (request, call) => {
      if (request.to.case === undefined && request.cursors.length === 0)
        throw invalidField("to", "say where to: beginning, end, time, or cursors");
      return { cursors: await told(request.name, store.seek(changeCallOf(call), request)) };
    },
    listDeadLetters: (request, call) => store.listDeadLetters(call.scope, request, call.signal),
    replayDeadLetters: async ({ consumer, selector }, call) => {
      const { replayed, remaining } = await told(consumer, store.replay(changeCallOf(call), consumer, selector!));
      return { replayed: BigInt(replayed), remaining: BigInt(remaining) };
    },
    purgeDeadLetters: async ({ consumer, selector, count }, call) => {
      const purge = { selector: selector!, count: Number(count) };
      return { purged: BigInt(await store.purge(changeCallOf(call), consumer, purge)) };
    },
  };
}

/** The call, and whether its caller may change the consumer: who created it may, and who administers all that it reads. */
function changeCallOf({ access, scope, signal }: CallContext) {
  return { scope, signal, judge: (consumer: Consumer) => judge(access, consumer) };
}

function judge({ principal, grants }: Access, { createdBy, allModules, modules }: Consumer): void {
  if (principal.name === createdBy) return;
  const asked = allModules ? [EVERY_MODULE] : modules;
  if (asked.every((module) => verbIn(grants, module) >= Verb.ADMIN)) return;
  throw rightMissing(Verb.ADMIN, "in all modules of the consumer, or to have created it");
}
