/**
 * The blocking reader of one Redis server: one XREAD over the streams of all modules that somebody listens to.
 *
 * Purpose: what another process has published arrives here within a millisecond, at the cost of one connection and one
 * command in flight, however many modules and subscribers there are.
 * Owner: the reader; `close` ends the loop and the connection.
 *
 *  D1. A module is read above the highest position it was read to, or was added at. Entries are handed on in order.
 *  D2. The command blocks at most `blockMs`; a change in the set of modules wakes it (CLIENT UNBLOCK on another connection).
 *      A wake that comes too early is lost, and costs a block at most.
 *  D3. No answer within `blockMs + graceMs`: the server is frozen or the way to it is cut. The connection is given up and
 *      made anew, and `healthy` is false until an answer has come.
 *  D4. An entry of another epoch is not handed on: a cache of another history is none. `healthy` is false until it is gone.
 *  D5. A read of very many streams is dear to both sides (1,000 take about 1 ms), so reads of many keep a distance of a
 *      millisecond for each 500: under load, answers then hold more.
 *  D6. In a Cluster, modules whose slot has moved, or whose server cannot be reached, are sent away to be placed anew.
 *  D7. A Cluster refuses a command over several slots (CROSSSLOT), even of one server, and a blocking command for each module
 *      would take a connection each. There the modules are read one by one, in one round trip, every few milliseconds.
 */

import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "#shared/log/open-log.ts";
import { moduleOfStream, streamKey } from "./redis-keys.ts";

/** An entry as it stands in a stream. */
export interface StreamEntry {
  readonly position: number;
  /** The Event's bytes; undefined: only a reference is there, the log has the event. */
  readonly bytes: Buffer | undefined;
  /** Whether it tells of a forgetting. */
  readonly forgets: boolean;
}

/** The few commands of a connection that the reader needs. */
export interface ReaderConnection {
  readonly status: string;
  callBuffer(command: string, ...args: (string | number)[]): Promise<unknown>;
  call(command: string, ...args: (string | number)[]): Promise<unknown>;
  disconnect(reconnect?: boolean): void;
}

export interface ShardReaderOptions {
  /** A connection of its own, for blocking. */
  readonly connection: ReaderConnection;
  /** Any other connection to the same server. */
  readonly unblock: (clientId: number) => Promise<unknown>;
  readonly log: Log;
  readonly limits: ReaderLimits;
  /** The identity of the log's epoch, as it is now. */
  readonly epoch: () => string;
  /** All entries of one answer, for one module. */
  readonly onEntries: (module: string, entries: readonly StreamEntry[]) => void;
  /** Redis holds entries of an epoch that is not the log's as known here. */
  readonly onForeignEpoch: () => void;
  /** Whether the server answers has changed. */
  readonly onHealth: () => void;
  /** Whether modules may come to be served by another server, as in a Cluster. */
  readonly roams: boolean;
  /** The module has to be placed anew. */
  readonly onMoved: (module: string) => void;
}

export interface ReaderLimits {
  /** The longest a read blocks. */
  readonly blockMs: number;
  /** How much longer than that an answer may take. */
  readonly graceMs: number;
  /** Entries of one module in one answer. */
  readonly countMax: number;
  /** How long to wait after a failure. */
  readonly retryMs: number;
  /** In a Cluster: how long to wait after nothing was found. */
  readonly pollMs: number;
}

/** D5. */
const MODULES_PER_MS = 500;
const SPACE_MAX_MS = 4;
/** D7. 1,000 modules are asked every 20 ms. */
const POLLED_PER_MS = 50;

export const READER_LIMITS: ReaderLimits = { blockMs: 1_000, graceMs: 1_000, countMax: 256, retryMs: 100, pollMs: 4 };

export class ShardReader {
  healthy = true;
  readonly #options: ShardReaderOptions;
  readonly #positions = new Map<string, number>();
  #running: Promise<void> | undefined;
  #clientId: number | undefined;
  #blocked = false;
  readonly #stop = new AbortController();

  constructor(options: ShardReaderOptions) {
    this.#options = options;
  }

  get modules(): number {
    return this.#positions.size;
  }

  /** Reads the module too, above the position. */
  add(module: string, position: number): void {
    this.#positions.set(module, position);
    this.#wake();
    this.#running ??= this.#run();
  }

  remove(module: string): void {
    this.#positions.delete(module);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#options.connection.disconnect();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#positions.size > 0 && !this.#stop.signal.aborted) {
      try {
        const reply = await this.#read();
        this.#handOn(reply);
        this.#setHealthy(true);
        await this.#space();
      } catch (error) {
        await this.#recover(error);
      }
    }
    this.#running = undefined;
  }

  async #read(): Promise<unknown> {
    const { connection } = this.#options;
    if (connection.status !== "ready") {
      throw new Error("not connected");
    }
    this.#clientId ??= Number(await this.#timed(connection.call("CLIENT", "ID")));
    return this.#options.roams ? await this.#poll() : await this.#block();
  }

  /** D7. */
  async #poll(): Promise<unknown[]> {
    const { connection, limits } = this.#options;
    const reads = [...this.#positions].map(([module, position]) =>
      connection.callBuffer("XREAD", "COUNT", limits.countMax, "STREAMS", streamKey(module), `${position}-0`),
    );
    const replies = (await this.#timed(Promise.all(reads))) as (unknown[] | null)[];
    const found = replies.flatMap((reply) => reply ?? []);
    if (found.length === 0) {
      await this.#pause(Math.max(limits.pollMs, this.#positions.size / POLLED_PER_MS));
    }
    return found;
  }

  async #block(): Promise<unknown> {
    const { connection, limits } = this.#options;
    const keys = [...this.#positions.keys()].map(streamKey);
    const ids = [...this.#positions.values()].map((position) => `${position}-0`);
    this.#blocked = true;
    try {
      return await this.#timed(
        connection.callBuffer("XREAD", "COUNT", limits.countMax, "BLOCK", limits.blockMs, "STREAMS", ...keys, ...ids),
      );
    } finally {
      this.#blocked = false;
    }
  }

  /** D5. */
  async #space(): Promise<void> {
    const spaceMs = Math.min(Math.floor(this.#positions.size / MODULES_PER_MS), SPACE_MAX_MS);
    if (spaceMs > 0) {
      await this.#pause(spaceMs);
    }
  }

  /** D3. */
  async #timed<T>(answer: Promise<T>): Promise<T> {
    const { blockMs, graceMs } = this.#options.limits;
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new FrozenError("no answer in time")), blockMs + graceMs);
    try {
      return await Promise.race([answer, late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  #handOn(reply: unknown): void {
    let foreign = false;
    for (const [key, rows] of (reply ?? []) as [Buffer, [Buffer, Buffer[]][]][]) {
      const module = moduleOfStream(key.toString("latin1"));
      const entries = rows.map(parseEntry);
      const own = entries.filter(({ epoch }) => epoch === this.#options.epoch());
      foreign ||= own.length < entries.length;
      this.#handOnModule(module, own);
    }
    if (foreign) {
      throw new ForeignEpochError("entries of another epoch");
    }
  }

  #handOnModule(module: string, entries: readonly StreamEntry[]): void {
    const before = this.#positions.get(module);
    const last = entries.at(-1);
    // It may have been removed, or added anew, while the read was on its way.
    if (before !== undefined && last !== undefined && last.position > before) {
      this.#positions.set(module, last.position);
      this.#options.onEntries(module, entries);
    }
  }

  async #recover(error: unknown): Promise<void> {
    if (this.#stop.signal.aborted) {
      return;
    }
    if (error instanceof Error && error.message.startsWith("MOVED ")) {
      this.#sendAway();
      await this.#pause(this.#options.limits.retryMs);
      return;
    }
    this.#options.log.debug({ err: error }, "redis read failed");
    // The next read may go over a new connection, which has another id.
    this.#clientId = undefined;
    this.#setHealthy(false);
    if (error instanceof ForeignEpochError) {
      this.#options.onForeignEpoch();
    }
    if (error instanceof FrozenError) {
      this.#options.connection.disconnect(true);
    }
    await this.#pause(this.#options.limits.retryMs);
    if (this.#options.roams && this.#options.connection.status !== "ready") {
      this.#sendAway();
    }
  }

  /** D6. */
  #sendAway(): void {
    for (const module of [...this.#positions.keys()]) {
      this.#options.onMoved(module);
    }
  }

  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#stop.signal }).catch(() => {});
  }

  /** D2. */
  #wake(): void {
    if (this.#blocked && this.#clientId !== undefined) {
      this.#options.unblock(this.#clientId).catch(() => {});
    }
  }

  #setHealthy(healthy: boolean): void {
    if (this.healthy !== healthy) {
      this.healthy = healthy;
      this.#options.onHealth();
    }
  }
}

class FrozenError extends Error {
  override readonly name = "FrozenError";
}

class ForeignEpochError extends Error {
  override readonly name = "ForeignEpochError";
}

interface ParsedEntry extends StreamEntry {
  readonly epoch: string;
}

/** Ids are `<position>-0`; the fields are `e`, `f` or `r` with the bytes, then `i` with the epoch's identity. */
function parseEntry([id, fields]: [Buffer, Buffer[]]): ParsedEntry {
  const position = Number.parseInt(id.toString("latin1"), 10);
  const field = fields[0]?.toString("latin1");
  const forgets = field === "f";
  const bytes = forgets || field === "e" ? fields[1] : undefined;
  return { position, bytes, forgets, epoch: fields[3]?.toString("latin1") ?? "" };
}
