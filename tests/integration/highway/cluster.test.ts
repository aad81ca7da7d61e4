import { afterAll, beforeAll, describe, expect } from "@jest/globals";
import { Redis } from "ioredis";
import { pino } from "pino";
import { type Hub, openHub } from "#shared/highway/hub.ts";
import { streamKey } from "#shared/highway/redis-keys.ts";
import { findTool } from "#tests/support/find-tool.ts";
import { freePort, type PrivateServer, startRedis } from "#tests/support/private-servers.ts";
import { needs } from "#tests/support/tools.ts";
import { Listener } from "#tests/unit/highway/listener.ts";
import { MemoryLog } from "#tests/unit/highway/memory-log.ts";

const withRedis = needs("redis");
const MODULES = ["cc", "pepys", "history", "drafts"];
const SLOTS = 16_384;
const HALF = SLOTS / 2;

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Two masters, half of the slots each. */
class PrivateCluster {
  servers: PrivateServer[] = [];
  nodes: Redis[] = [];

  async open(): Promise<void> {
    for (let at = 0; at < 2; at += 1) {
      this.servers.push(await startRedis({ "cluster-enabled": "yes", "cluster-port": String(await freePort()) }));
    }
    this.nodes = this.servers.map(({ url }) => new Redis(url, { protocol: 2 }));
    const [first, second] = this.nodes as [Redis, Redis];
    await first.cluster("ADDSLOTSRANGE", 0, HALF - 1);
    await second.cluster("ADDSLOTSRANGE", HALF, SLOTS - 1);
    const [, bus] = await second.config("GET", "cluster-port");
    await first.cluster("MEET", "127.0.0.1", this.servers[1]?.port ?? 0, Number(bus));
    await until(async () =>
      (await Promise.all(this.nodes.map((node) => node.cluster("INFO")))).every(
        (info) => /cluster_state:ok/.test(info) && /known_nodes:2/.test(info),
      ),
    );
  }

  /** Which of the two serves a module. */
  async homeOf(module: string): Promise<0 | 1> {
    return (await this.slotOf(module)) < HALF ? 0 : 1;
  }

  /** Gives a module's slot, emptied, to the other master. */
  async move(module: string): Promise<void> {
    const slot = await this.slotOf(module);
    const from = await this.homeOf(module);
    const id = await (this.nodes[1 - from] as Redis).cluster("MYID");
    await (this.nodes[from] as Redis).flushall();
    for (const node of this.nodes) await node.cluster("SETSLOT", slot, "NODE", id);
  }

  async slotOf(module: string): Promise<number> {
    return await (this.nodes[0] as Redis).cluster("KEYSLOT", streamKey(module));
  }

  async close(): Promise<void> {
    for (const node of this.nodes) node.disconnect();
    await Promise.all(this.servers.map((server) => server.stop()));
  }
}

describe("on a Redis Cluster", () => {
  const cluster = new PrivateCluster();
  const port = new MemoryLog(MODULES);
  let hubs: Hub[] = [];

  beforeAll(async () => {
    if (findTool("redis") === undefined) return;
    await cluster.open();
    const redisUrl = `redis+cluster://127.0.0.1:${cluster.servers[0]?.port}`;
    const settings = {
      reader: { blockMs: 100, graceMs: 200, retryMs: 10 },
      sweeper: { tickMinMs: 10, tickMaxMs: 20, compareEveryMs: 50 },
      breaker: { probeAfterMs: 100 },
    };
    hubs = await Promise.all([0, 1].map(() => openHub({ port, redisUrl, log: pino({ level: "silent" }), settings })));
  }, 20_000);
  afterAll(async () => {
    await Promise.all(hubs.map((hub) => hub.close()));
    await cluster.close();
  });

  withRedis(
    "modules spread over the shards, and every subscriber gets them all, before and after one has moved",
    async () => {
      const [here, there] = hubs as [Hub, Hub];
      expect(new Set(await Promise.all(MODULES.map((module) => cluster.homeOf(module)))).size).toBe(2);
      const listener = new Listener(there, { allModules: true });
      await listener.until(({ frames }) => frames.some((frame) => frame.case === "caughtUp" && frame.value.all));
      const publish = (count: number): void => {
        for (let at = 0; at < count; at += 1) {
          for (const module of MODULES) here.publish(module, port.record(module, [{ text: "t" }]));
        }
      };
      publish(1);
      await listener.until(({ events }) => events.length === 4);
      await until(() => !there.degraded && there.state().readerHealthy);
      publish(9);
      await listener.until(({ events }) => events.length === 40);

      const before = await cluster.homeOf("cc");
      await cluster.move("cc");
      publish(10);
      await listener.until(({ events }) => events.length === 80);
      const other = cluster.nodes[1 - before] as Redis;
      await until(async () => (await other.xrevrange(streamKey("cc"), "+", "-", "COUNT", 1))[0]?.[0] === "20-0");
      await until(() => !there.degraded && there.state().readerHealthy);
      publish(1);
      await listener.until(({ events }) => events.length === 84);
      for (const module of MODULES)
        expect(listener.positions(module)).toEqual(Array.from({ length: 21 }, (_, index) => index + 1));
      expect(listener.faults).toEqual([]);
      await listener.stop();
    },
    20_000,
  );
});
