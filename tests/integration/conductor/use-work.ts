// Consumers and their work in a store of the test file's own.
import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll } from "@jest/globals";
import { Consumer_Key } from "#gen/cos/highway/v1/consumers_pb.ts";
import { ListDeadLettersRequestSchema } from "#gen/cos/highway/v1/highway_service_pb.ts";
import type { Deliveries, Settlement, Taken } from "#services/conductor/domain/deliveries.ts";
import { keyOfEvent } from "#services/conductor/domain/key-of-event.ts";
import { localScope } from "#shared/auth/scope.ts";
import { openTestStore, type TestStore } from "./open-test-store.ts";
import { type ConsumerInit, createConsumerIn, freshModule, recordSessions } from "./some-consumer.ts";

/** Opens the store before the tests of the file, and closes it after them. */
export function useWork() {
  let given: TestStore;
  let work: Deliveries;
  beforeAll(async () => {
    given = await openTestStore();
    work = given.store.consumers.deliveries;
  });
  afterAll(() => given.close());

  let consumers = 0;

  /** A consumer of a module with memories of these sessions. */
  async function openWork(sessions: readonly string[], more: ConsumerInit = {}) {
    consumers += 1;
    const name = `worker-${consumers}`;
    const module = await freshModule(given.store);
    await createConsumerIn(given.store, { name, modules: [module], key: Consumer_Key.SESSION, ...more });
    await recordSessions(given.store, module, sessions);
    const keyOf = (session: string) => keyOfEvent(more.key ?? Consumer_Key.SESSION, { sessionId: session, source: "" });
    const version = await versionOf(name);
    const join = async (member: string) => (await work.join(name, member, "ada"))!.generation;
    return {
      name,
      module,
      join,
      /** Hands a stretch of the module to a member. */
      take: (generation: string, after: number, through = sessions.length): Promise<Taken> =>
        work.take({
          consumer: name,
          generation,
          version,
          module,
          after,
          through,
          positions: sessions.slice(after, through).map((_, n) => after + n + 1),
          keys: sessions.slice(after, through).map(keyOf),
        }),
      claim: async (generation: string, want = 100) =>
        (await work.claim(name, generation, want)).map(({ position, attempt }) => `${position}@${attempt}`),
      settle: (
        generation: string,
        positions: readonly number[],
        outcome: Settlement["outcome"] = "ack",
        more: Partial<Settlement> = {},
      ) =>
        work.settle({
          consumer: name,
          generation,
          module,
          positions: positions.map(BigInt),
          outcome,
          delayMs: undefined,
          error: "",
          ...more,
        }),
      status: () => given.store.consumers.get(localScope(), name),
      dead: async () =>
        (
          await given.store.consumers.listDeadLetters(
            localScope(),
            create(ListDeadLettersRequestSchema, { consumer: name }),
          )
        ).deadLetters,
      settled: async () => Number((await given.store.consumers.get(localScope(), name)).places[0]!.settled!.position),
    };
  }

  async function runOut(consumer: string, generation: string): Promise<void> {
    await given.client.query(
      "update mem0_cc.consumer_member set lease_until = clock_timestamp() - interval '1 s' where consumer = $1 and generation = $2",
      [consumer, generation],
    );
  }

  const versionOf = async (name: string): Promise<string> => (await work.load(name))!.version;

  return { given: () => given, work: () => work, openWork, runOut, versionOf };
}
