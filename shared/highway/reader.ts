import { Cluster, type Redis } from "ioredis";
import type { Log } from "#shared/log/open-log.ts";
import { openRedis, type RedisClient } from "#shared/redis/open-redis.ts";
import { streamKey } from "./redis-keys.ts";
import { type ReaderLimits, ShardReader, type ShardReaderOptions } from "./shard-reader.ts";

export interface ReaderOptions {
  readonly url: string;
  /** A connection that never blocks; it wakes the blocking ones and knows the shards. */
  readonly commands: RedisClient;
  readonly log: Log;
  readonly limits: ReaderLimits;
  readonly epoch: ShardReaderOptions["epoch"];
  readonly onEntries: ShardReaderOptions["onEntries"];
  readonly onForeignEpoch: ShardReaderOptions["onForeignEpoch"];
  readonly onHealth: ShardReaderOptions["onHealth"];
}

/** A server of a Cluster: `host:port`. */
type ShardName = string;

/**
 * Reads the streams of all modules that somebody listens to: one blocking connection, in a Cluster one that polls for
 * each shard that serves one of them. The shard reader has the invariants.
 */
export class Reader {
  readonly #options: ReaderOptions;
  readonly #shards = new Map<ShardName, ShardReader>();
  /** Where each module is read; undefined: its shard is being looked up. */
  readonly #homes = new Map<string, { position: number; shard: ShardReader | undefined }>();
  readonly #only: { readonly reader: ShardReader; readonly connection: Redis } | undefined;
  #closed = false;
  #unplaced = 0;

  constructor(options: ReaderOptions) {
    this.#options = options;
    if (!(options.commands instanceof Cluster)) {
      this.#only = this.#openOnly(options.commands);
    }
  }

  /** The connections that are open from the start; those to shards are opened when a module needs them. */
  connections(): Redis[] {
    return this.#only === undefined ? [] : [this.#only.connection];
  }

  /** Whether every server that is read from answers. With nothing to read, nothing is known to be wrong. */
  get healthy(): boolean {
    return this.#unplaced === 0 && this.#readers().every((reader) => reader.healthy || reader.modules === 0);
  }

  /** Reads the module too, above the position. */
  add(module: string, position: number): void {
    this.#homes.set(module, { position, shard: undefined });
    const { commands } = this.#options;
    if (this.#only !== undefined) {
      this.#settle(module, this.#only.reader);
    } else if (commands instanceof Cluster) {
      void this.#place(module, commands);
    }
  }

  remove(module: string): void {
    this.#homes.get(module)?.shard?.remove(module);
    this.#homes.delete(module);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#readers().map((reader) => reader.close()));
  }

  #readers(): ShardReader[] {
    return [...this.#shards.values(), ...(this.#only === undefined ? [] : [this.#only.reader])];
  }

  #settle(module: string, shard: ShardReader): void {
    const home = this.#homes.get(module);
    if (home !== undefined && !this.#closed) {
      home.shard = shard;
      shard.add(module, home.position);
    }
  }

  /** Finds the shard that serves a module, however long that takes: the sweeper feeds the module meanwhile. */
  async #place(module: string, cluster: Cluster): Promise<void> {
    this.#unplaced += 1;
    try {
      while (this.#homes.has(module) && !this.#closed) {
        const node = await masterOf(cluster, streamKey(module));
        if (node !== undefined) {
          this.#settle(
            module,
            this.#shard(nameOf(node), () => this.#openShard(node)),
          );
          this.#closeGone(cluster);
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, this.#options.limits.retryMs).unref());
      }
    } finally {
      this.#unplaced -= 1;
      this.#options.onHealth();
    }
  }

  #shard(name: ShardName, open: () => ShardReader): ShardReader {
    let shard = this.#shards.get(name);
    if (shard === undefined) {
      shard = open();
      this.#shards.set(name, shard);
    }
    return shard;
  }

  /** A server that is no master any more, and from which nothing is read, would be tried for ever. */
  #closeGone(cluster: Cluster): void {
    const masters = new Set(cluster.nodes("master").map(nameOf));
    for (const [name, shard] of this.#shards) {
      if (shard.modules === 0 && !masters.has(name)) {
        this.#shards.delete(name);
        void shard.close();
      }
    }
  }

  #openOnly(commands: Redis): { reader: ShardReader; connection: Redis } {
    const { url, log } = this.#options;
    const connection = openRedis({ url, role: "reader", log }) as Redis;
    return { reader: this.#open(connection, commands), connection };
  }

  #openShard(node: Redis): ShardReader {
    const { commandTimeout: _commands, socketTimeout: _socket, ...options } = node.options;
    const retryStrategy = (times: number): number => Math.min(20 * 2 ** Math.min(times, 6), 1_000);
    const connection = node.duplicate({
      ...options,
      enableOfflineQueue: false,
      readOnly: false,
      lazyConnect: false,
      retryStrategy,
    });
    connection.on("error", () => {});
    return this.#open(connection, node);
  }

  #open(connection: Redis, unblocker: Redis): ShardReader {
    const { log, limits, epoch, onEntries, onForeignEpoch, onHealth } = this.#options;
    return new ShardReader({
      connection,
      unblock: (clientId) => unblocker.client("UNBLOCK", clientId),
      log,
      limits,
      epoch,
      onEntries: (module, entries) => {
        this.#advance(module, entries.at(-1)?.position ?? 0);
        onEntries(module, entries);
      },
      onForeignEpoch,
      onHealth,
      roams: this.#options.commands instanceof Cluster,
      onMoved: (module) => this.#move(module),
    });
  }

  #advance(module: string, position: number): void {
    const home = this.#homes.get(module);
    if (home !== undefined) {
      home.position = Math.max(home.position, position);
    }
  }

  #move(module: string): void {
    const home = this.#homes.get(module);
    home?.shard?.remove(module);
    if (home !== undefined) {
      // Where the slot is now is asked anew; until that is known, the module may come back here once more.
      if (this.#options.commands instanceof Cluster) {
        this.#options.commands.refreshSlotsCache();
      }
      this.add(module, home.position);
    }
  }
}

/** The master that serves a key's slot; undefined: it cannot be told at the moment. */
async function masterOf(cluster: Cluster, key: string): Promise<Redis | undefined> {
  try {
    const slot = await cluster.cluster("KEYSLOT", key);
    const name = cluster.slots[slot]?.[0];
    return cluster.nodes("master").find((node) => nameOf(node) === name);
  } catch {
    return undefined;
  }
}

function nameOf(node: Redis): ShardName {
  return `${node.options.host}:${node.options.port}`;
}
