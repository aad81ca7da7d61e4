/**
 * One subscriber's stream, pulled by whoever sends it.
 *
 * Purpose: keep the promises of cos/highway/v1/highway.proto to one subscriber, with memory that does not depend on how
 * slow it is: there is no queue, the next frame is made when it is asked for.
 * Owner: the caller that iterates; the hub knows it only to wake and to end it.
 *
 *  U4. A module inside its ring's window is fed from the ring, one below it from the log (U1 to U3: standing.ts).
 *  U5. A Checkpoint comes within each heartbeat, and at once when `degraded` changes or a module joins. It names every
 *      module of which there is news, so after it the client knows where all stand, and its token is the whole stream's place.
 *  U6. The log does not answer: modules that need it wait, the others and the heartbeat go on. After `logOutageMaxMs` the
 *      stream ends with UNAVAILABLE.
 *  U7. It sleeps only when there is nothing to do, and whatever may change that wakes it (`wake`), asleep or not.
 *  U8. When the hub ends it, GoAway is its last frame. If the access is lost, nothing before that says anything new of a module.
 */

import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import {
  CaughtUpSchema,
  CheckpointSchema,
  type FellBehind_Reason,
  FellBehindSchema,
  type Filter,
  GoAway_Reason,
  GoAwaySchema,
  StartedSchema,
} from "#gen/cos/highway/v1/highway_pb.ts";
import type { Access } from "#shared/auth/access.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { isRetryable } from "#shared/errors/reasons.ts";
import type { Encoded } from "#shared/rpc/encoded.ts";
import { type Ending, tooOld } from "./ending.ts";
import { compileFilter } from "./filter.ts";
import { encodeBatch, encodeFrame } from "./frames.ts";
import type { LogPort } from "./log-port.ts";
import type { StartPlace } from "./resolve-start.ts";
import { eventFacts, type SharedEvent, shareEvent } from "./shared-event.ts";
import { type Place, type PlaceHost, Standing } from "./standing.ts";
import type { StreamLimits } from "./stream-limits.ts";

/** What a stream needs of its hub. */
export interface StreamHost extends PlaceHost {
  readonly port: LogPort;
  degraded(): boolean;
}

export interface SubscriptionOptions {
  readonly id: string;
  readonly host: StreamHost;
  /** Whoever listens; reads of the log see what is allowed at that moment. */
  readonly access: Pick<Access, "scope">;
  readonly signal: AbortSignal;
  readonly filter: Filter | undefined;
  readonly heartbeatMs: number;
  readonly limits: StreamLimits;
  readonly places: readonly StartPlace[];
}

/** Progress entries, or cursors, of one frame. */
const MODULES_MAX = 1_000;

export class Subscription {
  readonly #options: SubscriptionOptions;
  readonly #host: StreamHost;
  readonly #standing: Standing;
  readonly #wanted: ((event: SharedEvent) => boolean) | undefined;
  readonly #startedAtMs = performance.now();
  #toldDegraded = false;
  #checkpointAtMs = 0;
  #heartbeatDue = false;
  #logFailedAtMs: number | undefined;
  #logRetryAtMs = 0;
  #ending: Ending | undefined;
  #awake = Promise.withResolvers<void>();

  constructor(options: SubscriptionOptions) {
    this.#options = options;
    this.#host = options.host;
    this.#standing = new Standing(options.host, options.places, () => this.wake());
    const wanted = compileFilter(options.filter);
    this.#wanted = wanted && ((event) => wanted(eventFacts(event)));
  }

  /** How many modules it is behind in, for mesh health. */
  get behind(): number {
    return this.#standing.behind;
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

  /** Something may have changed (U7). */
  wake(): void {
    this.#awake.resolve();
  }

  /**
   * Wakes it if a heartbeat, another try of the log, or its end of age is due. `nowMs` is the process' own clock, that of
   * `performance.now()`, which nobody sets; the next call comes after `everyMs`, so a heartbeat that is due before is sent now.
   */
  beat(nowMs: number, everyMs: number): void {
    const { ageMaxMs } = this.#options.limits;
    if (ageMaxMs > 0 && nowMs - this.#startedAtMs >= ageMaxMs) {
      this.end(tooOld());
    }
    this.#heartbeatDue = nowMs + everyMs > this.#checkpointAtMs;
    if (this.#heartbeatDue || (this.#standing.hasReady && nowMs >= this.#logRetryAtMs)) {
      this.wake();
    }
  }

  /** The names of the modules that it carries. */
  get modules(): Iterable<string> {
    return this.#standing.modules;
  }

  carries(module: string): boolean {
    return this.#standing.has(module);
  }

  /** A module was registered, or the caller may read it from now on: it is sent from that place. */
  join(place: StartPlace): void {
    this.#standing.join(place);
  }

  /** Ends it, with a GoAway and the error, after the frame in hand. The first ending holds. */
  end(ending: Ending): void {
    this.#ending ??= ending;
    this.wake();
  }

  /** Lets go of its rings. */
  release(): void {
    this.#standing.release();
  }

  async #sleep(): Promise<void> {
    await this.#awake.promise;
    this.#awake = Promise.withResolvers<void>();
  }

  *#start(): Generator<Encoded> {
    const { id, heartbeatMs } = this.#options;
    const { places } = this.#standing;
    this.#toldDegraded = this.#host.degraded();
    this.#awaitHeartbeat();
    const value = create(StartedSchema, {
      subscriptionId: id,
      epoch: this.#host.epoch.identity,
      progress: places.slice(0, MODULES_MAX).map((place) => this.#standing.progress(place)),
      heartbeat: durationFromMs(heartbeatMs),
      resumeToken: this.#standing.newToken(),
      degraded: this.#toldDegraded,
    });
    yield encodeFrame({ case: "started", value });
    for (let at = MODULES_MAX; at < places.length; at += MODULES_MAX) {
      yield this.#checkpointOf(places.slice(at, at + MODULES_MAX), "");
    }
    // Before anything is sent, those that are at their head already: they are told together.
    for (const place of places) {
      this.#standing.restAtHead(place);
    }
  }

  *#end({ reason, error, retryAfterMs }: Ending): Generator<Encoded> {
    // U8. Then the places and the token that were named last still stand.
    const mayName = reason !== GoAway_Reason.ACCESS_CHANGED;
    if (mayName && this.#standing.hasUnnamed()) {
      yield* this.#checkpoint();
    }
    const resumeToken = this.#standing.hasUnnamed() ? "" : this.#standing.newToken();
    const retryAfter = retryAfterMs === undefined ? {} : { retryAfter: durationFromMs(retryAfterMs) };
    const value = create(GoAwaySchema, { reason, resumeToken, ...retryAfter });
    yield encodeFrame({ case: "goAway", value });
    throw error;
  }

  /** Frames about the stream itself that are due; undefined: none. */
  #notices(): Iterable<Encoded> | undefined {
    const { joined, caughtUp } = this.#standing;
    const changed = this.#toldDegraded !== this.#host.degraded();
    if (changed || joined.size > 0 || this.#heartbeatDue) {
      return this.#checkpoint();
    }
    return caughtUp.size > 0 ? this.#tellCaughtUp() : undefined;
  }

  #awaitHeartbeat(): void {
    this.#checkpointAtMs = performance.now() + this.#options.heartbeatMs;
    this.#heartbeatDue = false;
  }

  /** U5. */
  *#checkpoint(): Generator<Encoded> {
    this.#awaitHeartbeat();
    this.#toldDegraded = this.#host.degraded();
    const news = this.#standing.news();
    this.#standing.joined.clear();
    let at = 0;
    for (; news.length - at > MODULES_MAX; at += MODULES_MAX) {
      yield this.#checkpointOf(news.slice(at, at + MODULES_MAX), "");
    }
    yield this.#checkpointOf(news.slice(at), undefined);
  }

  /** With the token given, or, if none is, the stream's own. */
  #checkpointOf(places: readonly Place[], token: string | undefined): Encoded {
    const progress = places.map((place) => this.#standing.progress(place));
    const resumeToken = token ?? this.#standing.newToken();
    const at = timestampFromMs(Date.now());
    const value = create(CheckpointSchema, { at, progress, resumeToken, degraded: this.#toldDegraded });
    return encodeFrame({ case: "checkpoint", value });
  }

  *#tellCaughtUp(): Generator<Encoded> {
    const { caughtUp } = this.#standing;
    const places = [...caughtUp].slice(0, MODULES_MAX);
    // A cursor that moved unseen is moved by a checkpoint: this frame only names places.
    if (this.#standing.hasUnnamed(places)) {
      yield* this.#checkpoint();
    }
    const all = this.#standing.behind === 0 && places.length === caughtUp.size;
    for (const place of places) {
      caughtUp.delete(place);
    }
    const cursors = places.map((place) => this.#standing.cursor(place));
    const value = create(CaughtUpSchema, { cursors, all, resumeToken: all ? this.#standing.newToken() : "" });
    yield encodeFrame({ case: "caughtUp", value });
  }

  /** The next module's frame, in turn; undefined: there is nothing to send. */
  async #nextBatch(): Promise<Encoded[] | undefined> {
    for (const place of this.#standing.turns()) {
      const inWindow = place.scanned >= place.ring.low;
      if (!inWindow && performance.now() < this.#logRetryAtMs) {
        continue;
      }
      this.#standing.endTurn(place);
      const before = place.scanned;
      const frame = inWindow ? this.#fromRing(place) : await this.#belowRing(place);
      if (frame !== undefined) {
        return [frame];
      }
      // What moved without a frame, because the filter wants nothing of it, has more to read.
      if (
        place.scanned > before ||
        this.#standing.caughtUp.size > 0 ||
        this.#ending !== undefined ||
        this.#options.signal.aborted
      ) {
        return [];
      }
    }
    return undefined;
  }

  #fromRing(place: Place): Encoded | undefined {
    const { ring } = place;
    place.resets = ring.resets;
    if (this.#standing.restAtHead(place)) {
      return undefined;
    }
    if (this.#wanted === undefined && place.named === place.scanned) {
      const frame = ring.frame(place.scanned);
      this.#standing.move(place, frame.through, true);
      return frame;
    }
    const { events, through } = ring.slice(place.scanned, this.#wanted);
    return this.#batch(place, events, through);
  }

  async #belowRing(place: Place): Promise<Encoded | undefined> {
    const reason = this.#standing.fallBehind(place);
    return reason === undefined ? await this.#fromLog(place) : this.#fellBehind(place, reason);
  }

  #fellBehind(place: Place, reason: FellBehind_Reason): Encoded {
    const value = create(FellBehindSchema, { cursor: this.#standing.cursor(place), reason });
    return encodeFrame({ case: "fellBehind", value });
  }

  async #fromLog(place: Place): Promise<Encoded | undefined> {
    const { access, filter, signal, limits } = this.#options;
    const reads = { eventsMax: limits.readEventsMax, bytesMax: limits.readBytesMax };
    try {
      const { module, scanned } = place;
      const { events, through } = await this.#host.port.read(access.scope, module, scanned, reads, filter, signal);
      this.#logFailedAtMs = undefined;
      // What was read while the log changed its epoch belongs to no stream of the one before.
      if (this.#ending !== undefined) {
        return undefined;
      }
      if (through <= place.scanned) {
        // The ring has seen more than this reading of the log: a replica that lags. Soon again, not at once.
        this.#logRetryAtMs = performance.now() + limits.logRetryMs;
      }
      return this.#batch(place, events.map(shareEvent), through);
    } catch (error) {
      this.#outlast(error);
      return undefined;
    }
  }

  /** U6. */
  #outlast(error: unknown): void {
    const { signal, limits } = this.#options;
    if (signal.aborted) {
      return;
    }
    const nowMs = performance.now();
    this.#logFailedAtMs ??= nowMs;
    this.#logRetryAtMs = nowMs + limits.logRetryMs;
    if (error instanceof CosError && !isRetryable(error.reason)) {
      throw error;
    }
    if (nowMs - this.#logFailedAtMs >= limits.logOutageMaxMs) {
      const options = { cause: error, retryAfterMs: 1_000 };
      throw new CosError(ErrorReason.ENGINE_UNAVAILABLE, "the log does not answer", options);
    }
  }

  #batch(place: Place, events: readonly SharedEvent[], through: number): Encoded | undefined {
    const { module, named: after } = place;
    this.#standing.move(place, through, events.length > 0);
    if (events.length === 0) {
      return undefined;
    }
    return encodeBatch({ module, epoch: this.#host.epoch.identity, after, through, events });
  }
}
