import { describe, expect, test } from "@jest/globals";
import { Cluster, Redis } from "ioredis";
import { pino } from "pino";
import { Reader } from "#shared/highway/reader.ts";
import { READER_LIMITS } from "#shared/highway/shard-reader.ts";

/** A master that nobody can reach, and how many connections to it were opened and given up. */
function openMaster(port: number) {
  const node = new Redis({ host: "127.0.0.1", port, lazyConnect: true, disconnectTimeout: 1 });
  const counts = { opened: 0, closed: 0 };
  const duplicate = node.duplicate.bind(node);
  node.duplicate = (options) => {
    const connection = duplicate(options);
    const disconnect = connection.disconnect.bind(connection);
    connection.disconnect = (reconnect) => {
      counts.closed += 1;
      disconnect(reconnect);
    };
    counts.opened += 1;
    return connection;
  };
  return { node, counts };
}

/** A Cluster of one master, which the test may replace. */
class OneMaster extends Cluster {
  #master: Redis | undefined;

  constructor(master: Redis) {
    super([{ host: "127.0.0.1", port: 1 }], { lazyConnect: true });
    this.replace(master);
  }

  replace(master: Redis): void {
    this.#master = master;
    this.slots = [[`${master.options.host}:${master.options.port}`]];
  }

  override cluster = (async () => 0) as unknown as Cluster["cluster"];

  override nodes(): Redis[] {
    return this.#master === undefined ? [] : [this.#master];
  }

  override refreshSlotsCache(): void {}
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}

describe("the reader of a Cluster", () => {
  test("D6: closes the connection to a master that is gone, once its modules are read elsewhere", async () => {
    const [first, second] = [openMaster(1), openMaster(2)];
    const commands = new OneMaster(first.node);
    const reader = new Reader({
      url: "redis+cluster://127.0.0.1:1",
      commands,
      log: pino({ level: "silent" }),
      limits: { ...READER_LIMITS, retryMs: 1 },
      epoch: () => "e1",
      onEntries: () => {},
      onForeignEpoch: () => {},
      onHealth: () => {},
    });
    reader.add("cc", 0);
    await until(() => first.counts.opened === 1);
    commands.replace(second.node);
    await until(() => first.counts.closed === 1);
    expect([first.counts, second.counts]).toEqual([
      { opened: 1, closed: 1 },
      { opened: 1, closed: 0 },
    ]);
    await reader.close();
    commands.disconnect();
  });
});
