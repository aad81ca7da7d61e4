/**
 * The log's half of the highway, in one process: what is recorded here is published, and whoever subscribes here is served.
 *
 * Owner: the process' main, which closes it. It owns three Redis connections (publisher, sweeper, blocking reader), the
 * breaker before the first two, the rings, and one timer for all heartbeats.
 *
 *  A1. One epoch at a time. When the log begins another, `epochChanged` ends every stream with GoAway; they resume, and
 *      learn where the histories part.
 *  A2. `degraded` is true while Redis cannot be relied on: the breaker is not closed, or the reader gets no answers. Then
 *      the sweeper feeds the rings from the log, at every tick. Nobody else needs to know.
 *  A3. A module that the sweeper sees for the first time joins every stream of all modules that may see it, from its beginning, in the
 *      same turn of the event loop in which `known` begins to count it. So a token that counts a module as known and lacks it was
 *      made before its caller might see it: resumed, it starts there at `start`.
 *  A4. Each stream follows its caller's rights (R1 to R4: follow-access.ts).
 */

import { durationMs } from "@bufbuild/protobuf/wkt";
import type { SubscribeRequest } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import type { Event } from "#gen/cos/highway/v1/highway_pb.ts";
import type { Access } from "#shared/auth/access.ts";
import { mayRead } from "#shared/auth/scope.ts";
import type { Log } from "#shared/log/open-log.ts";
import { type Breaker, openBreaker } from "#shared/redis/open-breaker.ts";
import { openRedis, type RedisClient, untilReady } from "#shared/redis/open-redis.ts";
import type { Encoded } from "#shared/rpc/encoded.ts";
import { atMostEvery } from "./at-most-every.ts";
import { draining, epochChanged } from "./ending.ts";
import { followAccess } from "./follow-access.ts";
import type { HubSettings } from "./hub-settings.ts";
import { type HubState, hubState } from "./hub-state.ts";
import type { EpochRecord, LogPort, ModuleHead } from "./log-port.ts";
import { PUBLISHER_LIMITS, Publisher } from "./publisher.ts";
import { Reader } from "./reader.ts";
import { startFromLog, startOf } from "./resolve-start.ts";
import { RINGS_LIMITS, Rings } from "./rings.ts";
import { READER_LIMITS } from "./shard-reader.ts";
import { shareEvent } from "./shared-event.ts";
import { STREAM_LIMITS, type StreamLimits } from "./stream-limits.ts";
import { type StreamHost, Subscription } from "./subscription.ts";
import { SWEEPER_LIMITS, Sweeper } from "./sweeper.ts";
import { type Tap, Taps } from "./tap.ts";

export interface HubOptions {
  readonly port: LogPort;
  readonly redisUrl: string;
  readonly log: Log;
  readonly settings?: HubSettings;
  /** Redis holds a later epoch than the log's as known here: look whether the log has moved, then call `epochChanged`. */
  readonly onForeignEpoch?: () => void;
}

export interface SubscribeCall {
  /** Who listens; it may change, or end, while the stream is open. */
  readonly access: Access;
  readonly signal: AbortSignal;
  readonly subscriptionId: string;
}

/**
 * Opens the highway. Without Redis it works, degraded; it waits for it a moment, so that a start is not taken for an outage.
 * It needs the log only when it is asked for something.
 */
export async function openHub(options: HubOptions): Promise<Hub> {
  const hub = new Hub(options);
  await hub.start(options.settings?.connectWaitMs ?? 1_000);
  return hub;
}

interface Stream {
  readonly subscription: Subscription;
  readonly request: SubscribeRequest;
  readonly call: SubscribeCall;
  /** The highest module number when its start was resolved. */
  readonly known: number;
}

export class Hub {
  readonly #options: HubOptions;
  readonly #limits: StreamLimits;
  readonly #breaker: Breaker;
  readonly #redis: { publisher: RedisClient; sweeper: RedisClient };
  readonly #publisher: Publisher;
  readonly #sweeper: Sweeper;
  readonly #reader: Reader;
  readonly #rings: Rings;
  readonly #beat: NodeJS.Timeout;
  #heads = new Map<string, ModuleHead>();
  /** The highest module number seen in this epoch. Streams of one that has ended keep theirs, for their last token. */
  #known = { number: 0 };
  #epoch: EpochRecord;
  #streams = new Set<Stream>();
  readonly #taps = new Taps();
  #degraded = false;
  /** At most once a second: every publish may notice it. */
  readonly #noteForeignEpoch = atMostEvery(1_000, () => {
    this.#options.log.warn("redis holds another epoch than the log's as known here");
    this.#options.onForeignEpoch?.();
  });
  #closed = false;

  constructor(options: HubOptions) {
    const { port, log, settings = {} } = options;
    this.#options = options;
    this.#limits = { ...STREAM_LIMITS, ...settings.streams };
    this.#epoch = port.epochs().current;
    this.#breaker = openBreaker({ name: "redis", log, ...settings.breaker, onChange: () => this.#noteHealth() });
    this.#redis = {
      publisher: openRedis({ url: options.redisUrl, role: "publisher", log }),
      sweeper: openRedis({ url: options.redisUrl, role: "plain", log }),
    };
    this.#sweeper = this.#openSweeper(settings);
    this.#publisher = this.#openPublisher(settings);
    this.#reader = this.#openReader(settings);
    this.#rings = new Rings({ port, log, limits: { ...RINGS_LIMITS, ...settings.rings }, reader: this.#reader });
    const beatMs = settings.beatMs ?? 200;
    this.#beat = setInterval(() => this.#beatAll(beatMs), beatMs).unref();
  }

  /** Begins to sweep once Redis is connected, or after so long without it. */
  async start(connectWaitMs: number): Promise<void> {
    const clients = [this.#redis.publisher, this.#redis.sweeper, ...this.#reader.connections()];
    await Promise.all(clients.map((client) => untilReady(client, connectWaitMs)));
    this.#sweeper.start();
  }

  /** The modules that are known here. */
  get modules(): Iterable<string> {
    return this.#heads.keys();
  }

  /** Redis cannot be relied on (A2). */
  get degraded(): boolean {
    return this.#degraded;
  }

  /** Takes what was just committed, of one module and of dense positions. Call it right after the commit; it never throws. */
  publish(module: string, events: readonly Event[]): void {
    const shared = events.map(shareEvent);
    this.#rings.feed(module, this.#epoch, shared);
    this.#publisher.publish(module, this.#epoch, shared);
  }

  /**
   * Removes what the forgetting at the position took from the log, from the rings of this process and from Redis, at once. False:
   * Redis could not be told; it is cleared before it serves again. Other processes see the forgetting at their next sweep.
   */
  async forget(module: string, position: number): Promise<boolean> {
    this.#rings.forget(module, position);
    return await this.#sweeper.forget(module, position);
  }

  /** A module was registered: the sweeper, which alone brings modules in, all at once and by number (A3), looks now. */
  lookForModules(): void {
    this.#sweeper.hurry();
  }

  /**
   * A stream of frames for a validated request, from a place of its choice and then live, until the signal fires.
   *
   * Its first step throws what `resolveStart` throws; later it throws UNAVAILABLE or, when the access is lost,
   * UNAUTHENTICATED after a GoAway; UNAVAILABLE without one when the log was away for too long.
   */
  async *subscribe(request: SubscribeRequest, call: SubscribeCall): AsyncGenerator<Encoded, void, undefined> {
    if (this.#closed) {
      throw draining().error;
    }
    const { port } = this.#options;
    const { access, signal } = call;
    const { places, heads, epoch } = await startFromLog(request, { port, scope: access.scope, signal });
    // What was checked against one epoch is not served from another, and its heads mean nothing there.
    if (epoch.identity !== this.#epoch.identity) {
      throw epochChanged().error;
    }
    this.#absorb(heads);
    const heartbeatMs = request.heartbeat === undefined ? this.#limits.heartbeatMs : durationMs(request.heartbeat);
    const subscription = new Subscription({
      id: call.subscriptionId,
      host: this.#openHost(),
      access,
      signal,
      filter: request.filter,
      heartbeatMs,
      limits: this.#limits,
      places,
    });
    yield* this.#serve({ subscription, request, call, known: heads.at(-1)?.number ?? 0 });
  }

  /** For whoever keeps places of its own in this process; `onMoved` hears of each module that has moved, or was registered. */
  openTap(onMoved: (module: string) => void): Tap {
    return this.#taps.open({ port: this.#options.port, host: () => this.#openHost(), onMoved });
  }

  /** Call it when the log has begun a new epoch (A1). */
  epochChanged(): void {
    this.#epoch = this.#options.port.epochs().current;
    this.#heads = new Map();
    this.#known = { number: 0 };
    this.#sweeper.restart();
    const ending = epochChanged();
    for (const { subscription } of this.#streams) {
      subscription.end(ending);
      subscription.release();
    }
    this.#rings.restart();
    this.#taps.restart();
  }

  state(): HubState {
    return hubState({
      degraded: this.#degraded,
      breaker: this.#breaker,
      readerHealthy: this.#reader.healthy,
      publisher: this.#publisher,
      sweeper: this.#sweeper,
      rings: this.#rings,
      subscriptions: [...this.#streams].map(({ subscription }) => subscription),
      heads: this.#heads.values(),
    });
  }

  /** Ends all streams with GoAway and refuses new ones; the first step of a drain. */
  drain(retryAfterMs?: number): void {
    this.#closed = true;
    for (const { subscription } of this.#streams) {
      subscription.end(draining(retryAfterMs));
    }
  }

  /** Drains, and closes everything. Streams that have not ended by then end with the frame in hand. */
  async close(): Promise<void> {
    this.drain();
    clearInterval(this.#beat);
    this.#publisher.close();
    await this.#sweeper.close();
    this.#rings.close();
    await this.#reader.close();
    this.#redis.publisher.disconnect();
    this.#redis.sweeper.disconnect();
    this.#breaker.close();
  }

  async *#serve(stream: Stream): AsyncGenerator<Encoded, void, undefined> {
    this.#streams.add(stream);
    // What was registered while its start was resolved was announced to the others already (A3).
    for (const head of this.#heads.values()) {
      if (head.number > stream.known) join(stream, head);
    }
    const unfollow = this.#followAccess(stream);
    try {
      yield* stream.subscription.frames();
    } finally {
      unfollow();
      this.#streams.delete(stream);
    }
  }

  #followAccess(stream: Stream): () => void {
    const { subscription, request, call } = stream;
    const { port } = this.#options;
    const positionAt: LogPort["positionAt"] = (...asked) => port.positionAt(...asked);
    return followAccess({
      access: call.access,
      subscription,
      heads: () => (request.allModules ? this.#heads.values() : []),
      startOf: (head) => startOf(request, head, { positionAt, signal: call.signal }),
      isOpen: () => this.#streams.has(stream),
      retryMs: this.#limits.logRetryMs,
    });
  }

  /** Of the present epoch. */
  #openHost(): StreamHost {
    const epoch = this.#epoch;
    const known = this.#known;
    return {
      port: this.#options.port,
      epoch,
      attach: (module, position, listener) => this.#rings.attach(module, epoch, position, listener),
      detach: (module, listener) => this.#rings.detach(module, listener),
      headOf: (module) => this.#heads.get(module)?.position ?? 0,
      known: () => known.number,
      degraded: () => this.#degraded,
    };
  }

  #openSweeper(settings: HubSettings): Sweeper {
    const { port, log } = this.#options;
    return new Sweeper({
      port,
      log,
      redis: this.#redis.sweeper,
      breaker: this.#breaker,
      limits: { ...SWEEPER_LIMITS, ...settings.sweeper },
      onHeads: (heads, before) => this.#takeHeads(heads, before),
      onLogFault: (error) => log.debug({ err: error }, "the log's heads could not be read"),
      onForeignEpoch: () => this.#noteForeignEpoch(),
    });
  }

  #openPublisher(settings: HubSettings): Publisher {
    return new Publisher({
      redis: this.#redis.publisher,
      breaker: this.#breaker,
      log: this.#options.log,
      limits: { ...PUBLISHER_LIMITS, ...settings.publisher },
      streamLimits: () => this.#sweeper.streamLimits(),
      onAnswer: (module, answer) => this.#sweeper.note(module, answer),
      onLeft: (module) => this.#sweeper.suspect(module),
    });
  }

  #openReader(settings: HubSettings): Reader {
    return new Reader({
      url: this.#options.redisUrl,
      commands: this.#redis.sweeper,
      log: this.#options.log,
      limits: { ...READER_LIMITS, ...settings.reader },
      epoch: () => this.#epoch.identity,
      onEntries: (module, entries) => this.#rings.takeEntries(module, entries),
      onForeignEpoch: () => this.#noteForeignEpoch(),
      onHealth: () => this.#noteHealth(),
    });
  }

  #takeHeads(heads: readonly ModuleHead[], before: ReadonlyMap<string, number>): void {
    this.#absorb(heads);
    for (const { module, position, forgetting } of heads) {
      this.#rings.forget(module, forgetting);
      // What is just on its way comes by Redis in a moment; when Redis cannot be relied on, nothing is.
      this.#rings.reach(module, this.#degraded ? position : (before.get(module) ?? 0));
    }
  }

  /** A3. Heads that are older than what is known change nothing. */
  #absorb(heads: readonly ModuleHead[]): void {
    for (const head of heads) {
      const known = this.#heads.get(head.module);
      if (known === undefined || head.position > known.position) {
        this.#heads.set(head.module, head);
        this.#taps.noteHead(head.module);
      }
      if (known === undefined) {
        this.#known.number = Math.max(this.#known.number, head.number);
        this.#streams.forEach((stream) => {
          join(stream, head);
        });
      }
    }
  }

  #noteHealth(): void {
    const degraded = this.#breaker.state !== "closed" || !this.#reader.healthy;
    if (degraded === this.#degraded) {
      return;
    }
    this.#degraded = degraded;
    this.#options.log[degraded ? "warn" : "info"]({ degraded }, "highway changed its way");
    for (const { subscription } of this.#streams) {
      subscription.wake();
    }
  }

  #beatAll(everyMs: number): void {
    const nowMs = performance.now();
    this.#rings.sweep();
    for (const { subscription } of this.#streams) {
      subscription.beat(nowMs, everyMs);
    }
  }
}

/** A stream of all modules takes in what it does not have yet, from its beginning. */
function join({ subscription, request, call }: Stream, { module, number }: ModuleHead): void {
  if (request.allModules && mayRead(call.access.scope, module)) {
    subscription.join({ module, number, position: 0 });
  }
}
