import { create, fromBinary } from "@bufbuild/protobuf";
import { expect } from "@jest/globals";
import { SubscribeRequestSchema, SubscribeResponseSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { readConductorSettings } from "#services/conductor/config.ts";
import { Highway } from "#services/conductor/highway.ts";
import { localAccess } from "#shared/auth/local-access.ts";
import { placeKey } from "#shared/highway/redis-keys.ts";
import { openRedis, untilReady } from "#shared/redis/open-redis.ts";
import { redisUrl } from "#tests/support/engines.ts";
import { needs } from "#tests/support/tools.ts";
import { openTestStore, silent } from "./open-test-store.ts";

/** A stream that has begun; until the highway is open there is none. */
async function listen(highway: Highway): Promise<ReturnType<Highway["subscribe"]>> {
  const call = { access: localAccess(), signal: new AbortController().signal, subscriptionId: "s1" };
  for (;;) {
    const frames = highway.subscribe(create(SubscribeRequestSchema, {}), call);
    const started = await frames.next().catch(() => undefined);
    if (started !== undefined) return frames;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

needs("redis")(
  "H3: an epoch that Redis knows and we do not makes us look at the log, and our streams end when it has moved on",
  async () => {
    const { store, url, client: postgres, close } = await openTestStore();
    const redis = await redisUrl();
    const highway = new Highway(readConductorSettings({ COS_POSTGRES_URL: url, COS_REDIS_URL: redis }), silent);
    const client = openRedis({ url: redis, role: "plain", log: silent });
    await untilReady(client, 5000);
    highway.open(store);
    const frames = await listen(highway);

    // Another process has seen the log's next epoch first, and has written to Redis under it.
    await postgres.query("update mem0_cc.epoch set timeline = 77");
    await client.hset(placeKey("cc"), { generation: "9", identity: "later", last: "1", bytes: "0" });

    let last: string | undefined;
    await expect(
      (async () => {
        for await (const { encoded } of frames) last = fromBinary(SubscribeResponseSchema, encoded).frame.case;
      })(),
    ).rejects.toMatchObject({ reasonName: "DRAINING" });
    expect(last).toBe("goAway");
    expect(store.log.epochs().current.generation).toBe(2);
    await highway.close();
    await client.del(placeKey("cc"));
    client.disconnect();
    await close();
  },
);
