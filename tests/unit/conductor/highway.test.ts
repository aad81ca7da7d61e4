import { create } from "@bufbuild/protobuf";
import { describe, expect, jest, test } from "@jest/globals";
import { SubscribeRequestSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { type ConductorSettings, readConductorSettings } from "#services/conductor/config.ts";
import { Highway } from "#services/conductor/highway.ts";
import type { Store } from "#services/conductor/store/open-store.ts";
import { localAccess } from "#shared/auth/local-access.ts";
import { openLog } from "#shared/log/open-log.ts";
import { someTokenKey } from "#tests/unit/highway/some-token-key.ts";

// Nothing listens on port 1: the hub opens all the same, degraded.
const settings: ConductorSettings = readConductorSettings({
  COS_POSTGRES_URL: "postgres://127.0.0.1:1/none",
  COS_REDIS_URL: "redis://127.0.0.1:1",
});
const log = openLog({ service: "test", level: "silent" });
const request = create(SubscribeRequestSchema, {});
const subscriber = { access: localAccess(), signal: new AbortController().signal, subscriptionId: "s1" };

/** A log that answers from the given attempt on. */
function lateStore(readyFrom: number) {
  let attempts = 0;
  const heads = async () => [{ module: "cc", number: 1, position: 0 }];
  const epoch = { generation: 1, identity: "e1", forks: new Map(), tokenKey: someTokenKey() };
  return {
    ready: jest.fn(async () => {
      attempts += 1;
      if (attempts < readyFrom) throw new Error("not yet");
    }),
    onEpochChanged: jest.fn(() => () => {}),
    log: {
      epochs: () => ({ current: epoch, past: [epoch] }),
      heads,
      read: async () => ({ events: [], through: 0 }),
      positionAt: async () => 0,
    },
  } as unknown as Store;
}

const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
};

describe("the conductor's highway", () => {
  test("before the log has answered, subscribers are told to come back and nothing is published", async () => {
    const highway = new Highway(settings, log);
    const store = lateStore(Number.POSITIVE_INFINITY);
    highway.open(store);
    highway.publish("cc", []);
    await expect(highway.subscribe(request, subscriber).next()).rejects.toMatchObject({
      reasonName: "ENGINE_UNAVAILABLE",
    });
    highway.drain();
    await highway.close();
  });

  test("it opens as soon as the log answers, and ends its streams on drain", async () => {
    const highway = new Highway(settings, log);
    const store = lateStore(2);
    highway.open(store);
    highway.publish("cc", []);
    await until(() => jest.mocked(store.ready).mock.calls.length > 1);
    const frames = highway.subscribe(request, subscriber);
    expect((await frames.next()).value).toHaveProperty("encoded");
    highway.drain();
    await expect(Array.fromAsync(frames)).rejects.toMatchObject({ reasonName: "DRAINING" });
    await highway.close();
  });

  test("a highway that cannot be opened says so and tries again; until then subscribers are told to come back", async () => {
    const error = jest.spyOn(log, "error");
    const highway = new Highway(settings, log);
    const store = lateStore(1);
    const { epochs } = store.log;
    store.log.epochs = () => {
      throw new Error("no epoch");
    };
    highway.open(store);
    await until(() => error.mock.calls.length > 0);
    await expect(highway.subscribe(request, subscriber).next()).rejects.toMatchObject({
      reasonName: "ENGINE_UNAVAILABLE",
    });
    store.log.epochs = epochs;
    let started: unknown;
    while (started === undefined) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      started = await highway
        .subscribe(request, subscriber)
        .next()
        .catch(() => undefined);
    }
    await highway.close();
  });
});
