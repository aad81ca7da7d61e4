/**
 * The safety net: Redis, and everybody who listens here, is brought to where the log is (H4).
 *
 * Purpose: whatever was not published, or was lost again, gets into Redis from the log; whatever Redis does not deliver
 * reaches the rings from the log. Every process that owns a log runs one; they race freely (H2).
 * Owner: the hub; `close` ends the loop.
 *
 *  W1. Each tick (every 50-100 ms, jittered so that replicas do not march in step) asks for the heads of all modules, in one
 *      query, and nothing else of the log.
 *  W2. A module is asked about in Redis only if its head was ahead of what Redis is known to have at the tick before
 *      already: what is just on its way is left alone.
 *  W3. Besides, all modules are looked up in turn, so that a wipe, another epoch, or too many bytes is noticed even
 *      where nothing is recorded.
 *  W4. What Redis lacks is appended from the log in batches; what is missing altogether, or lies too far behind, is begun
 *      anew with the latest `rebuildEventsMax` positions. (Nobody needs more of Redis: catching up reads the log.)
 *  W5. All of Redis goes through the breaker. While that is open, nothing is asked.
 *  W6. No tick waits for Redis: the rings are fed on time though it is frozen. One look at it is under way at a time.
 *  W7. The heads tell of each module's last forgetting. A module of which Redis is not known to obey it is asked about at
 *      the same tick, and cleared if it does not; whoever forgot may have died right after its commit. What is appended
 *      states the forgetting of the heads that were read before it.
 *
 * Failure: the log does not answer: ticks go on, `onLogFault` hears of it. Redis does not: the breaker opens.
 */

import { setTimeout as delay } from "node:timers/promises";
import { localScope } from "#shared/auth/scope.ts";
import type { Log } from "#shared/log/open-log.ts";
import { type Breaker, BreakerOpenError } from "#shared/redis/open-breaker.ts";
import type { RedisClient } from "#shared/redis/open-redis.ts";
import { type Append, type AppendAnswer, appendEvents, type RedisStreamLimits } from "./append-events.ts";
import type { Epoch, LogPort, ModuleHead } from "./log-port.ts";
import { SWEPT_KEY } from "./redis-keys.ts";
import { isOfEpoch, type RedisPlace, readRedisPlace } from "./redis-place.ts";
import { shareBudget } from "./share-budget.ts";
import { shareEvent } from "./shared-event.ts";

export interface SweeperLimits {
  readonly tickMinMs: number;
  readonly tickMaxMs: number;
  /** How long a query for the heads may take. */
  readonly headsTimeoutMs: number;
  /** How often some modules are looked up whatever is known of them. */
  readonly compareEveryMs: number;
  /** How many of them at a time. */
  readonly compareMax: number;
  /** Modules filled at once. */
  readonly fillsMax: number;
  readonly fillEventsMax: number;
  readonly fillBytesMax: number;
  /** A module that lies further behind is begun anew with so many of its latest positions. */
  readonly rebuildEventsMax: number;
  /** What Redis may hold of one module. */
  readonly stream: RedisStreamLimits;
  /** What Redis may hold of all modules together. */
  readonly allBytesMax: number;
}

export const SWEEPER_LIMITS: SweeperLimits = {
  tickMinMs: 50,
  tickMaxMs: 100,
  headsTimeoutMs: 2_000,
  compareEveryMs: 1_000,
  compareMax: 200,
  fillsMax: 4,
  fillEventsMax: 256,
  fillBytesMax: 524_288,
  rebuildEventsMax: 1_000,
  stream: { entriesMax: 20_000, bytesMax: 16_777_216 },
  allBytesMax: 268_435_456,
};

export interface SweeperOptions {
  readonly port: LogPort;
  readonly redis: RedisClient;
  readonly breaker: Breaker;
  readonly log: Log;
  readonly limits: SweeperLimits;
  /** Hears of the heads at every tick, with those of the tick before. */
  readonly onHeads: (heads: readonly ModuleHead[], before: ReadonlyMap<string, number>) => void;
  readonly onLogFault: (error: unknown) => void;
  /** Redis knows a later epoch than the log's as known here. */
  readonly onForeignEpoch: () => void;
}

export class Sweeper {
  readonly #options: SweeperOptions;
  /** The heads of the tick before. */
  #before: ReadonlyMap<string, number> = new Map();
  /** What Redis was last seen to hold of this epoch. */
  readonly #seen = new Map<string, Pick<RedisPlace, "last" | "bytes" | "forgetting">>();
  readonly #suspects = new Set<string>();
  readonly #filling = new Set<string>();
  #level = Number.POSITIVE_INFINITY;
  #nextCompareMs = 0;
  #compareFrom = 0;
  /** The look at Redis that is under way (W6). */
  #comparing: Promise<void> | undefined;
  readonly #stop = new AbortController();
  #nap = new AbortController();
  #running: Promise<void> | undefined;

  constructor(options: SweeperOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#nap.abort();
    await this.#running;
    await this.#comparing;
  }

  /** How much Redis may hold for one module, as things stand. */
  streamLimits(): RedisStreamLimits {
    const { entriesMax, bytesMax } = this.#options.limits.stream;
    return { entriesMax, bytesMax: Math.min(bytesMax, this.#level) };
  }

  /** The last position of a module that Redis was seen to have; undefined: never seen. */
  lastOf(module: string): number | undefined {
    return this.#seen.get(module)?.last;
  }

  /** Hears of an append by whomever. */
  note(module: string, answer: AppendAnswer): void {
    if (answer.status === "STALE") {
      this.#options.onForeignEpoch();
    } else if (answer.status === "EMPTY") {
      this.#seen.delete(module);
    } else {
      this.#seen.set(module, answer);
    }
  }

  /**
   * Removes from Redis what the forgetting at the position took from the log. False: Redis could not be told; the sweeper does
   * as soon as it answers again. Never rejects.
   */
  async forget(module: string, position: number): Promise<boolean> {
    const { port, redis, breaker } = this.#options;
    const epoch = port.epochs().current;
    const clear = { module, epoch, after: position, events: [], forgetting: position, limits: this.streamLimits() };
    try {
      const answer = await breaker.fire(() => appendEvents(redis, clear));
      this.note(module, answer);
      return answer.status !== "STALE";
    } catch (error) {
      this.#fault(error);
      return false;
    }
  }

  /** Something of the module was left to the sweeper: it looks at once, unless Redis is given up for now. */
  suspect(module: string): void {
    this.#suspects.add(module);
    if (this.#options.breaker.state === "closed") {
      this.#nap.abort();
    }
  }

  /** Ends the rest before the next tick. */
  hurry(): void {
    this.#nap.abort();
  }

  /** A new epoch: nothing that was known holds. */
  restart(): void {
    this.#before = new Map();
    this.#seen.clear();
  }

  async #run(): Promise<void> {
    const { tickMinMs, tickMaxMs } = this.#options.limits;
    while (!this.#stop.signal.aborted) {
      this.#nap = new AbortController();
      // The net itself must not tear: what goes wrong in one tick is the next one's to mend.
      await this.#tick().catch((error: unknown) =>
        this.#options.log.error({ err: error }, "sweep failed unexpectedly"),
      );
      // Never less than a fifth of a tick, however often the publisher asks for one.
      await delay(tickMinMs / 5, undefined, { signal: this.#stop.signal }).catch(() => {});
      const restMs = tickMinMs * 0.8 + Math.random() * (tickMaxMs - tickMinMs);
      await delay(restMs, undefined, { signal: AbortSignal.any([this.#nap.signal, this.#stop.signal]) }).catch(
        () => {},
      );
    }
  }

  async #tick(): Promise<void> {
    const { port, limits, onHeads, onLogFault } = this.#options;
    let heads: readonly ModuleHead[];
    const epoch = port.epochs().current;
    try {
      const timeout = AbortSignal.timeout(limits.headsTimeoutMs);
      heads = await port.heads(AbortSignal.any([timeout, this.#stop.signal]));
    } catch (error) {
      onLogFault(error);
      return;
    }
    // Heads of a history that has ended meanwhile are worth nothing.
    if (port.epochs().current.identity !== epoch.identity) {
      return;
    }
    const before = this.#before;
    this.#before = new Map(heads.map(({ module, position }) => [module, position]));
    onHeads(heads, before);
    this.#comparing ??= this.#compare(heads, before, epoch).finally(() => {
      this.#comparing = undefined;
    });
  }

  /** W2, W3. Never rejects. */
  async #compare(heads: readonly ModuleHead[], before: ReadonlyMap<string, number>, epoch: Epoch): Promise<void> {
    const suspects = heads.filter((head) => this.#isSuspect(head, before));
    const inTurn = this.#inTurn(heads);
    const asked = [...new Set([...suspects, ...inTurn])];
    if (asked.length === 0 || this.#options.breaker.state === "open") {
      return;
    }
    try {
      const places = await this.#lookUp(asked);
      // Heads of a history that has ended while Redis was asked would be taken for places of the present one.
      if (this.#options.port.epochs().current.identity !== epoch.identity) {
        return;
      }
      for (const [index, head] of asked.entries()) {
        const settled = this.#suspects.delete(head.module) ? head.position : (before.get(head.module) ?? 0);
        this.#judge(head, settled, places[index], epoch);
      }
      if (inTurn.length > 0) {
        await this.#shareBytes(asked);
      }
    } catch (error) {
      this.#fault(error);
    }
  }

  #isSuspect({ module, position, forgetting }: ModuleHead, before: ReadonlyMap<string, number>): boolean {
    const seen = this.#seen.get(module);
    if (forgetting > (seen?.forgetting ?? 0)) {
      return true;
    }
    if (this.#filling.has(module)) {
      return false;
    }
    const last = seen?.last ?? 0;
    return position > last && ((before.get(module) ?? 0) > last || this.#suspects.has(module));
  }

  #inTurn(heads: readonly ModuleHead[]): ModuleHead[] {
    const { compareEveryMs, compareMax } = this.#options.limits;
    if (performance.now() < this.#nextCompareMs) {
      return [];
    }
    this.#nextCompareMs = performance.now() + compareEveryMs;
    const from = this.#compareFrom < heads.length ? this.#compareFrom : 0;
    this.#compareFrom = from + compareMax;
    return heads.slice(from, from + compareMax);
  }

  async #lookUp(heads: readonly ModuleHead[]): Promise<(RedisPlace | undefined)[]> {
    const { redis, breaker } = this.#options;
    return await breaker.fire(async () => {
      const places = Promise.all(heads.map(({ module }) => readRedisPlace(redis, module)));
      // A server that can be read but not written (full, or a replica now) is of no use: W5 has to notice that too.
      const [found] = await Promise.all([places, redis.set(SWEPT_KEY, "1", "PX", 60_000)]);
      return found;
    });
  }

  /** `settled` is the position that is no longer just on its way (W2). */
  #judge(head: ModuleHead, settled: number, place: RedisPlace | undefined, epoch: Epoch): void {
    if (place !== undefined && place.generation > epoch.generation) {
      this.#options.onForeignEpoch();
      return;
    }
    const own = place !== undefined && isOfEpoch(place, epoch) ? place : undefined;
    const last = own?.last;
    if (own === undefined) {
      this.#seen.delete(head.module);
    } else {
      this.#seen.set(head.module, own);
      if (own.forgetting < head.forgetting) {
        void this.forget(head.module, head.forgetting);
      }
    }
    const behind = settled > (last ?? 0) || (last === undefined && place !== undefined);
    if (behind && !this.#filling.has(head.module) && this.#filling.size < this.#options.limits.fillsMax) {
      this.#filling.add(head.module);
      void this.#fill(head, last, epoch);
    }
  }

  /** W4. Not awaited by the tick: rings must be fed on time however much Redis lacks. */
  async #fill(head: ModuleHead, last: number | undefined, epoch: Epoch): Promise<void> {
    const { rebuildEventsMax } = this.#options.limits;
    const afresh = last === undefined || head.position - last > rebuildEventsMax;
    // What a lost stream held was announced when it was written there; once is enough.
    const { module, forgetting } = head;
    const fill = { module, epoch, forgetting, quietUntil: last === undefined ? head.position : 0 };
    try {
      let after = afresh ? Math.max(0, head.position - rebuildEventsMax) : last;
      let answer = await this.#fillOnce({ ...fill, after, rebuild: afresh });
      while (answer?.status === "OK" && answer.last > after && answer.last < head.position) {
        after = answer.last;
        answer = await this.#fillOnce({ ...fill, after, rebuild: false });
      }
    } catch (error) {
      this.#fault(error);
    } finally {
      this.#filling.delete(head.module);
    }
  }

  /** One read, one append. A module without memories is begun anew too: what another epoch left there has to go. */
  async #fillOnce(fill: Omit<Append, "events" | "limits">): Promise<AppendAnswer | undefined> {
    const { port, redis, breaker, limits } = this.#options;
    const { module, epoch, after, rebuild } = fill;
    const reads = { eventsMax: limits.fillEventsMax, bytesMax: limits.fillBytesMax };
    const { events } = await port.read(localScope(), module, after, reads, undefined, this.#stop.signal);
    // Read after the epoch began anew, positions may mean other memories.
    const nothing = events.length === 0 && rebuild !== true;
    if (nothing || this.#stop.signal.aborted || port.epochs().current.identity !== epoch.identity) {
      return undefined;
    }
    const append = { ...fill, events: events.map(shareEvent), limits: this.streamLimits() };
    const answer = await breaker.fire(() => appendEvents(redis, append));
    this.note(module, answer);
    return answer;
  }

  /** Keeps the sum under its bound: who holds more than the share is cut down to it. */
  async #shareBytes(looked: readonly ModuleHead[]): Promise<void> {
    const { redis, breaker, limits, port } = this.#options;
    // A tenth is left free for what comes until the next look.
    this.#level = shareBudget(
      [...this.#seen.values()].map(({ bytes }) => bytes),
      limits.allBytesMax * 0.9,
    );
    const epoch = port.epochs().current;
    for (const { module } of looked) {
      const seen = this.#seen.get(module);
      if (seen !== undefined && seen.bytes > this.#level) {
        const trim = { module, epoch, after: seen.last, events: [], limits: this.streamLimits() };
        this.note(module, await breaker.fire(() => appendEvents(redis, trim)));
      }
    }
  }

  #fault(error: unknown): void {
    if (!(error instanceof BreakerOpenError)) {
      this.#options.log.debug({ err: error }, "sweep failed; the next one tries again");
    }
  }
}
