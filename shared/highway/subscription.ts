/**
 * One subscriber's stream, pulled by whoever sends it.
 *
 * Purpose: keep the promises of cos/highway/v1/highway.proto to one subscriber, with memory that does not depend on how
 * slow it is: there is no queue, the next frame is made when it is asked for.
 * Owner: the caller that iterates; the hub knows it only to wake and to end it.
 *
 *  U1. A module stands at `scanned`: everything up to there was sent or is not wanted. `named` is where the client was
 *      last told that it stands; `named <= scanned`, and every frame that moves it says `after = named` (law 3).
 *  U2. A module inside its ring's window is fed from the ring, one below it from the log. `live` is what the client was
 *      told about that: CaughtUp when it comes to the ring's head, FellBehind when it drops out of the window.
 *  U3. Modules with something to send take turns, a frame each.
 *  U4. A Checkpoint comes each heartbeat, and at once when `degraded` changes or a module joins. It names every module that
 *      moved, so after it `named = scanned` for all, and its token is the whole stream's place.
 *  U5. The log does not answer: modules that need it wait, the others and the heartbeat go on. After `logOutageMaxMs` the
 *      stream ends with UNAVAILABLE.
 *  U6. It sleeps only when there is nothing to do, and whatever may change that wakes it (`wake`), asleep or not.
 */

import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import {
  CaughtUpSchema,
  CheckpointSchema,
  type Cursor,
  CursorSchema,
  FellBehind_Reason,
  FellBehindSchema,
  type Filter,
  GoAway_Reason,
  GoAwaySchema,
  type Progress,
  ProgressSchema,
  StartedSchema,
} from "#gen/cos/highway/v1/highway_pb.ts";
import type { Scope } from "#shared/auth/scope.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { isRetryable } from "#shared/errors/reasons.ts";
import type { Encoded } from "#shared/rpc/encoded.ts";
import { compileFilter } from "./filter.ts";
import { encodeBatch, encodeFrame } from "./frames.ts";
import type { Epoch, LogPort } from "./log-port.ts";
import type { StartPlace } from "./resolve-start.ts";
import { encodeResumeToken } from "./resume-token.ts";
import type { Ring } from "./ring.ts";
import type { RingListener } from "./rings.ts";
import { eventFacts, type SharedEvent, shareEvent } from "./shared-event.ts";

export interface StreamLimits {
  /** The heartbeat of a request that names none. */
  readonly heartbeatMs: number;
  /** A stream ends with GoAway CONNECTION_AGE after so long, so that new replicas get their share; 0: never. */
  readonly ageMaxMs: number;
  /** What is read from the log for one frame. */
  readonly readEventsMax: number;
  readonly readBytesMax: number;
  /** How long to wait before the log is asked again after a failure. */
  readonly logRetryMs: number;
  /** How long a stream that needs the log outlasts its absence. */
  readonly logOutageMaxMs: number;
}

export const STREAM_LIMITS: StreamLimits = {
  heartbeatMs: 10_000,
  ageMaxMs: 0,
  readEventsMax: 1_000,
  // A little under a frame, for the tags and lengths that come on top.
  readBytesMax: 1_040_000,
  logRetryMs: 500,
  logOutageMaxMs: 60_000,
};

/** What a stream needs of its hub. */
export interface StreamHost {
  readonly port: LogPort;
  readonly epoch: Epoch;
  /** Opens or joins the module's ring. */
  attach(module: string, position: number, listener: RingListener): Ring;
  detach(module: string, listener: RingListener): void;
  /** The module's last position, as far as it is known here. */
  headOf(module: string): number;
  /** The highest module number known here. */
  known(): number;
  degraded(): boolean;
}

export interface SubscriptionOptions {
  readonly id: string;
  readonly host: StreamHost;
  readonly scope: Scope;
  readonly signal: AbortSignal;
  readonly filter: Filter | undefined;
  readonly heartbeatMs: number;
  readonly limits: StreamLimits;
  readonly places: readonly StartPlace[];
}

/** How a stream ends of the hub's accord. */
export interface Ending {
  readonly goAway: GoAway_Reason;
  readonly error: CosError;
  readonly retryAfterMs?: number;
}

/** Progress entries of one frame. */
const PROGRESS_MAX = 1_000;

interface Place {
  readonly module: string;
  readonly number: number;
  readonly ring: Ring;
  readonly listener: RingListener;
  named: number;
  scanned: number;
  /** The head that the client was last told of, or can tell from where it stands. */
  toldHead: number;
  live: boolean;
  /** The ring's resets when the place was last inside its window. */
  resets: number;
}

export class Subscription {
  readonly id: string;
  readonly startedAtMs = Date.now();
  readonly #options: SubscriptionOptions;
  readonly #host: StreamHost;
  readonly #wanted: ((event: SharedEvent) => boolean) | undefined;
  readonly #places = new Map<string, Place>();
  /** Places with something to send, in the order of their turns (U3). */
  readonly #ready = new Set<Place>();
  readonly #caughtUp = new Set<Place>();
  readonly #joined = new Set<Place>();
  #behind = 0;
  #toldDegraded = false;
  #toldToken = "";
  #checkpointAtMs = 0;
  #logFailedAtMs: number | undefined;
  #logRetryAtMs = 0;
  #ending: Ending | undefined;
  #awake = Promise.withResolvers<void>();
  #open = true;

  constructor(options: SubscriptionOptions) {
    this.id = options.id;
    this.#options = options;
    this.#host = options.host;
    const wanted = compileFilter(options.filter);
    this.#wanted = wanted && ((event) => wanted(eventFacts(event)));
    for (const place of options.places) {
      this.#seat(place);
    }
  }

  /** How many modules it is behind in, for mesh health. */
  get behind(): number {
    return this.#behind;
  }

  /** Every frame, in order. Ends with the caller's signal, or throws the CosError that its GoAway announced. */
  async *frames(): AsyncGenerator<Encoded, void, undefined> {
    const { signal } = this.#options;
    const wake = (): void => this.wake();
    signal.addEventListener("abort", wake, { once: true });
    try {
      yield* this.#start();
      while (!signal.aborted) {
        if (this.#ending !== undefined) {
          yield* this.#end(this.#ending);
        }
        const frames = this.#notices() ?? (await this.#nextBatch());
        if (frames === undefined) {
          await this.#sleep();
        } else {
          yield* frames;
        }
      }
    } finally {
      signal.removeEventListener("abort", wake);
      this.release();
    }
  }

  /** Something may have changed (U6). */
  wake(): void {
    this.#awake.resolve();
  }

  /** Wakes it if a heartbeat, a retry or its end of age is due. */
  beat(nowMs: number): void {
    const { ageMaxMs } = this.#options.limits;
    if (ageMaxMs > 0 && nowMs - this.startedAtMs >= ageMaxMs) {
      this.end(goAway(GoAway_Reason.CONNECTION_AGE, "the stream is old enough; resume it on a new connection"));
    }
    const retryDue = this.#logFailedAtMs !== undefined && nowMs >= this.#logRetryAtMs;
    if (nowMs >= this.#checkpointAtMs || retryDue) {
      this.wake();
    }
  }

  /** A module was registered: it is sent from its beginning. */
  join(place: StartPlace): void {
    if (this.#open && !this.#places.has(place.module)) {
      this.#joined.add(this.#seat(place));
      this.wake();
    }
  }

  /** Ends it, with a GoAway and the error, after the frame in hand. The first ending holds. */
  end(ending: Ending): void {
    this.#ending ??= ending;
    this.wake();
  }

  /** Lets go of its rings. */
  release(): void {
    this.#open = false;
    for (const { module, listener } of this.#places.values()) {
      this.#host.detach(module, listener);
    }
  }

  #seat({ module, number, position }: StartPlace): Place {
    const head = this.#host.headOf(module);
    const listener = (): void => {
      this.#ready.add(place);
      this.wake();
    };
    const ring = this.#host.attach(module, head, listener);
    const place: Place = {
      module,
      number,
      ring,
      listener,
      named: position,
      scanned: position,
      toldHead: head,
      live: false,
      resets: ring.resets,
    };
    this.#places.set(module, place);
    this.#ready.add(place);
    this.#behind += 1;
    return place;
  }

  *#start(): Generator<Encoded> {
    const places = [...this.#places.values()];
    this.#toldDegraded = this.#host.degraded();
    this.#checkpointAtMs = Date.now() + this.#options.heartbeatMs;
    this.#toldToken = this.#token();
    const value = create(StartedSchema, {
      subscriptionId: this.id,
      epoch: this.#host.epoch.identity,
      progress: places.slice(0, PROGRESS_MAX).map((place) => this.#progress(place)),
      heartbeat: durationFromMs(this.#options.heartbeatMs),
      resumeToken: this.#toldToken,
      degraded: this.#toldDegraded,
    });
    yield encodeFrame({ case: "started", value });
    for (let at = PROGRESS_MAX; at < places.length; at += PROGRESS_MAX) {
      yield this.#encodeCheckpoint(places.slice(at, at + PROGRESS_MAX), "");
    }
    // Before anything is sent, those that are at their head already: one frame for all of them.
    for (const place of places) {
      if (this.#settleLive(place)) {
        this.#ready.delete(place);
      }
    }
  }

  *#end({ goAway: reason, error, retryAfterMs }: Ending): Generator<Encoded> {
    yield* this.#moved();
    const value = create(GoAwaySchema, {
      reason,
      resumeToken: this.#newToken(),
      ...(retryAfterMs === undefined ? {} : { retryAfter: durationFromMs(retryAfterMs) }),
    });
    yield encodeFrame({ case: "goAway", value });
    throw error;
  }

  /** Frames about the stream itself that are due; undefined: none. */
  #notices(): Iterable<Encoded> | undefined {
    const changed = this.#toldDegraded !== this.#host.degraded();
    if (changed || this.#joined.size > 0 || Date.now() >= this.#checkpointAtMs) {
      return this.#checkpoint();
    }
    return this.#caughtUp.size > 0 ? this.#tellCaughtUp() : undefined;
  }

  /** U4. */
  *#checkpoint(): Generator<Encoded> {
    this.#checkpointAtMs = Date.now() + this.#options.heartbeatMs;
    this.#toldDegraded = this.#host.degraded();
    const moved = [...this.#places.values()].filter((place) => this.#hasMoved(place) || this.#joined.has(place));
    this.#joined.clear();
    let at = 0;
    for (; moved.length - at > PROGRESS_MAX; at += PROGRESS_MAX) {
      yield this.#encodeCheckpoint(moved.slice(at, at + PROGRESS_MAX), "");
    }
    yield this.#encodeCheckpoint(moved.slice(at), this.#newToken());
  }

  /** Names what moved unseen, so that the frame after it names no place that was not told. */
  *#moved(): Generator<Encoded> {
    if ([...this.#places.values()].some((place) => place.scanned > place.named)) {
      yield* this.#checkpoint();
    }
  }

  *#tellCaughtUp(): Generator<Encoded> {
    const places = [...this.#caughtUp].slice(0, PROGRESS_MAX);
    if (places.some((place) => place.scanned > place.named)) {
      yield* this.#checkpoint();
    }
    const all = this.#behind === 0 && places.length === this.#caughtUp.size;
    for (const place of places) {
      this.#caughtUp.delete(place);
    }
    const cursors = places.map((place) => this.#cursor(place));
    const value = create(CaughtUpSchema, { cursors, all, resumeToken: all ? this.#newToken() : "" });
    yield encodeFrame({ case: "caughtUp", value });
  }

  /** The next module's frame, in turn; undefined: there is nothing to send. */
  async #nextBatch(): Promise<Encoded[] | undefined> {
    for (const place of [...this.#ready]) {
      const inWindow = place.scanned >= place.ring.low;
      if (!inWindow && Date.now() < this.#logRetryAtMs) {
        continue;
      }
      // To the end of the queue: its next turn comes after everybody else's.
      this.#ready.delete(place);
      this.#ready.add(place);
      const frame = inWindow ? this.#fromRing(place) : (this.#fellBehind(place) ?? (await this.#fromLog(place)));
      if (frame !== undefined) {
        return [frame];
      }
      if (this.#caughtUp.size > 0 || this.#ending !== undefined || this.#options.signal.aborted) {
        return [];
      }
    }
    return undefined;
  }

  #fromRing(place: Place): Encoded | undefined {
    const { ring } = place;
    place.resets = ring.resets;
    if (place.scanned >= ring.high) {
      this.#ready.delete(place);
      this.#settleLive(place);
      return undefined;
    }
    if (this.#wanted === undefined && place.named === place.scanned) {
      const frame = ring.frame(place.scanned);
      this.#move(place, frame.through, true);
      return frame;
    }
    const { events, through } = ring.slice(place.scanned, this.#wanted);
    return this.#batch(place, events, through);
  }

  /** U2: says that it is no longer fed live, once. */
  #fellBehind(place: Place): Encoded | undefined {
    if (!place.live) {
      return undefined;
    }
    place.live = false;
    this.#behind += 1;
    this.#caughtUp.delete(place);
    const rebuilt = place.ring.resets > place.resets;
    const reason = rebuilt ? FellBehind_Reason.HIGHWAY_REBUILT : FellBehind_Reason.SLOW_SUBSCRIBER;
    const cursor = this.#cursor(place);
    return encodeFrame({ case: "fellBehind", value: create(FellBehindSchema, { cursor, reason }) });
  }

  async #fromLog(place: Place): Promise<Encoded | undefined> {
    const { scope, filter, signal, limits } = this.#options;
    const reads = { eventsMax: limits.readEventsMax, bytesMax: limits.readBytesMax };
    try {
      const { events, through } = await this.#host.port.read(scope, place.module, place.scanned, reads, filter, signal);
      this.#logFailedAtMs = undefined;
      // What was read while the log changed its epoch belongs to no stream of the one before.
      if (this.#ending !== undefined) {
        return undefined;
      }
      return this.#batch(place, events.map(shareEvent), through);
    } catch (error) {
      this.#outlast(error);
      return undefined;
    }
  }

  /** U5. */
  #outlast(error: unknown): void {
    const { signal, limits } = this.#options;
    if (signal.aborted) {
      return;
    }
    const nowMs = Date.now();
    this.#logFailedAtMs ??= nowMs;
    this.#logRetryAtMs = nowMs + limits.logRetryMs;
    if (error instanceof CosError && !isRetryable(error.reason)) {
      throw error;
    }
    if (nowMs - this.#logFailedAtMs >= limits.logOutageMaxMs) {
      throw new CosError(ErrorReason.ENGINE_UNAVAILABLE, "the log does not answer", {
        cause: error,
        retryAfterMs: 1_000,
      });
    }
  }

  #batch(place: Place, events: readonly SharedEvent[], through: number): Encoded | undefined {
    if (events.length === 0) {
      this.#move(place, through, false);
      return undefined;
    }
    const { module, named: after } = place;
    this.#move(place, through, true);
    return encodeBatch({ module, epoch: this.#host.epoch.identity, after, through, events });
  }

  #move(place: Place, through: number, told: boolean): void {
    place.scanned = through;
    if (told) {
      place.named = through;
      place.toldHead = Math.max(place.toldHead, through);
    }
  }

  /** U2: if it has come to the head of its ring, it is live, which the client is told once. */
  #settleLive(place: Place): boolean {
    const atHead = place.scanned >= place.ring.high;
    if (atHead && !place.live) {
      place.live = true;
      this.#behind -= 1;
      this.#caughtUp.add(place);
    }
    return atHead;
  }

  async #sleep(): Promise<void> {
    await this.#awake.promise;
    this.#awake = Promise.withResolvers<void>();
  }

  #hasMoved(place: Place): boolean {
    return place.scanned > place.named || this.#headOf(place) > place.toldHead;
  }

  #headOf({ module, ring, scanned }: Place): number {
    return Math.max(this.#host.headOf(module), ring.high, scanned);
  }

  #encodeCheckpoint(places: readonly Place[], resumeToken: string): Encoded {
    const progress = places.map((place) => this.#progress(place));
    const at = timestampFromMs(Date.now());
    const value = create(CheckpointSchema, { at, progress, resumeToken, degraded: this.#toldDegraded });
    return encodeFrame({ case: "checkpoint", value });
  }

  /** Names where the place stands, so that it counts as told. */
  #progress(place: Place): Progress {
    const after = place.named;
    const head = this.#headOf(place);
    place.named = place.scanned;
    place.toldHead = head;
    return create(ProgressSchema, {
      cursor: this.#cursor(place),
      after: BigInt(after),
      head: BigInt(head),
      floor: 0n,
      live: place.live,
    });
  }

  #cursor({ module, named }: Place): Cursor {
    return create(CursorSchema, { module, position: BigInt(named), epoch: this.#host.epoch.identity });
  }

  /** The whole stream's place, if it is another than the client was last told; else empty. */
  #newToken(): string {
    const token = this.#token();
    if (token === this.#toldToken) {
      return "";
    }
    this.#toldToken = token;
    return token;
  }

  #token(): string {
    const places = [...this.#places.values()].sort((left, right) => left.number - right.number);
    return encodeResumeToken({
      epoch: this.#host.epoch.identity,
      known: this.#host.known(),
      places: places.map(({ number, scanned }) => ({ number, position: scanned })),
    });
  }
}

/** An ending with UNAVAILABLE: resuming, here or elsewhere, goes on. */
export function goAway(reason: GoAway_Reason, message: string, retryAfterMs?: number): Ending {
  const error = new CosError(ErrorReason.DRAINING, message, retryAfterMs === undefined ? {} : { retryAfterMs });
  return { goAway: reason, error, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}
