// One watcher's stream of what changes in a module's graph, pulled by whoever sends it.
//
// Owner: the call. There is no queue: the next page is read when it is asked for, so a slow watcher costs nothing.
//
//  X1  Started comes at once, then everything above the start, in the order of positions. When a frame names a position, all that changed
//      up to it has been sent; what changed again since comes again, at its later position. No frame names a position above that up to
//      which the store has told the module (G5), which may be below its place.
//  X2  Everything sent is of the generation that was told last. It is told after Started, by changes that hold nothing. When another one
//      is read, GraphReset comes first, and all of it follows.
//  X3  CaughtUp comes once for each generation, when all that there was has been sent.
//  X4  Within each heartbeat something comes: a Checkpoint, if nothing else; also while it waits for its cursor, and where the labels
//      leave nothing of what is read.
//  X5  It ends with GoAway when the process goes away, when it is old, and when its caller may not read the module any more; in that case
//      nothing before it tells anything new.
//  X6  A quiet watcher costs the store a look each `lookMs`, and one when its own module moves here, also while the store tells less than
//      that; what happens in others, nothing.
//
// Failure mode: the engine's errors end it; it is resumed with its last cursor and generation.
import { randomUUID } from "node:crypto";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, durationMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import {
  GraphChangesSchema,
  type WatchGraphRequest,
  type WatchGraphResponseSchema,
} from "#gen/cos/graph/v1/watch_pb.ts";
import { type Cursor, type Progress, ProgressSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import type { CallContext } from "#shared/auth/call-context.ts";
import { moduleNotFound } from "#shared/auth/refusals.ts";
import { mayRead } from "#shared/auth/scope.ts";
import { CosError, invalidField } from "#shared/errors/cos-error.ts";
import { moduleOr } from "../domain/default-module.ts";
import type { Place } from "../domain/graph-rows.ts";
import type { GraphReader } from "../domain/graph-store.ts";
import { type Label, labelsOf } from "../domain/vocabulary.ts";
import type { AwaitPlace } from "../projection/await-place.ts";
import type { Projection } from "../projection/projection.ts";
import type { OpenStream, OpenStreams } from "./open-streams.ts";
import type { Graph } from "./read-needs.ts";
import { behindPosition, type ChangePlace, changedOf, cursorAt, framesOf, placeOfChange } from "./watch-frames.ts";

export interface WatchNeeds {
  readonly store: Pick<GraphReader, "live" | "livePlaces" | "changes">;
  readonly projection: Pick<Projection, "figureOf" | "moved" | "status">;
  readonly awaitPlace: AwaitPlace;
  readonly streams: OpenStreams;
  /** Rows that are read at a time. Unset: 500. */
  readonly pageRows?: number;
  /** The longest that it is not looked for changes that another process projects, in milliseconds. Unset: 1,000. */
  readonly lookMs?: number;
}

type Frame = MessageInitShape<typeof WatchGraphResponseSchema>;

const HEARTBEAT_MS = 10_000;
/** How long a cursor is waited for by a caller that has no deadline. */
const START_WAIT_MAX_MS = 30_000;
const BEGINNING: ChangePlace = { changed: 0, what: "removed", id: "" };

export function watchGraph(needs: WatchNeeds): Graph["watchGraph"] {
  return async function* (request, call) {
    const module = moduleOr(request.module);
    const stream = needs.streams.open({ access: call.access, signal: call.signal, module });
    try {
      yield* new Watch(needs, { request, call, stream, module }).frames();
    } finally {
      stream.close();
    }
  };
}

interface Watching {
  readonly request: WatchGraphRequest;
  readonly call: CallContext;
  readonly stream: OpenStream;
  readonly module: string;
}

class Watch {
  readonly #needs: WatchNeeds;
  readonly #watching: Watching;
  readonly #labels: readonly Label[];
  readonly #heartbeatMs: number;
  #generation = 0;
  #epoch = "";
  #after: ChangePlace = BEGINNING;
  /** The position up to which everything has been read. */
  #position = 0;
  /** The position that was named last. */
  #named = 0;
  /** What was removed up to here was never told of. Undefined: the first page says it. */
  #unknownUpTo: number | undefined = 0;
  /** Where this process knew the module to be when it was looked at last. */
  #looked = 0;
  #isCaughtUp = false;
  #saidAtMs = performance.now();

  constructor(needs: WatchNeeds, watching: Watching) {
    this.#needs = needs;
    this.#watching = watching;
    const { labels, heartbeat } = watching.request;
    this.#labels = labelsOf(labels);
    this.#heartbeatMs = heartbeat === undefined ? HEARTBEAT_MS : durationMs(heartbeat);
  }

  async *frames(): AsyncGenerator<Frame> {
    const { stream, call, request } = this.#watching;
    yield this.#say(await this.#start());
    if (this.#generation !== 0) {
      const value = create(GraphChangesSchema, { cursor: this.#cursor(), generation: this.#generation });
      yield this.#say({ frame: { case: "changes", value } });
      if (request.start.case === "cursor") yield* this.#awaitStart(request.start.value);
    }
    while (stream.ending === undefined && !call.signal.aborted) {
      let isAll = true;
      for await (const frame of this.#turn((all) => (isAll = all))) {
        // X5: what is over says nothing more.
        if (stream.ending !== undefined) break;
        yield this.#say(frame);
      }
      if (stream.ending !== undefined) break;
      if (isAll) yield* this.#rest();
      else if (this.#quietMs() >= this.#heartbeatMs / 2) yield this.#say(this.#checkpoint());
    }
    if (stream.ending === undefined) return;
    yield { frame: { case: "goAway", value: { reason: stream.ending.reason } } };
    throw stream.ending.error;
  }

  /** Waits until the graph has come to the start: no longer than a heartbeat at a time (X4), and not beyond the end of the stream. */
  async *#awaitStart(cursor: Cursor): AsyncGenerator<Frame> {
    const { call, stream } = this.#watching;
    const endMs = Math.min(call.deadlineMs, Date.now() + START_WAIT_MAX_MS);
    while (stream.ending === undefined) {
      const deadlineMs = Math.min(endMs, Date.now() + this.#heartbeatMs);
      try {
        return await this.#needs.awaitPlace(cursor, within(call, stream.signal, deadlineMs));
      } catch (error) {
        // X5: it was left by the end, which is told instead.
        if (stream.ending !== undefined) return;
        const isBehind = error instanceof CosError && error.reason === ErrorReason.PROJECTION_BEHIND;
        if (!isBehind || deadlineMs === endMs) throw error;
      }
      yield this.#say(this.#checkpoint());
    }
  }

  /** Finds out where it starts, and says so. */
  async #start(): Promise<Frame> {
    const { request, module, call } = this.#watching;
    const live = await this.#needs.store.live(call.signal);
    const place = await this.#place();
    if (
      !mayRead(call.scope, module) ||
      (place === undefined && this.#needs.projection.figureOf(module) === undefined)
    ) {
      throw moduleNotFound(module);
    }
    this.#generation = live?.number ?? 0;
    this.#epoch = place?.epoch ?? "";
    const { start } = request;
    if (start.case === "cursor") this.#startAt(start.value.module, Number(start.value.position));
    else if (start.case === "fromBeginning" && start.value) this.#begin();
    else this.#startAt(module, await this.#end(place?.position ?? 0));
    const started = {
      subscriptionId: randomUUID(),
      epoch: this.#epoch,
      progress: [this.#progress()],
      heartbeat: durationFromMs(this.#heartbeatMs),
    };
    return { frame: { case: "started", value: started } };
  }

  #startAt(module: string, position: number): void {
    const { request } = this.#watching;
    if (moduleOr(module) !== this.#watching.module) {
      throw invalidField("cursor.module", "must be the module that is watched");
    }
    // Another generation than the one that is read: the first turn tells of it.
    if (request.start.case === "cursor" && request.generation !== 0 && request.generation !== this.#generation) {
      this.#generation = 0;
    }
    this.#after = behindPosition(position);
    this.#position = position;
    this.#named = position;
  }

  /** All that there is follows. */
  #begin(): void {
    this.#after = BEGINNING;
    this.#position = 0;
    this.#named = 0;
    this.#unknownUpTo = undefined;
    this.#isCaughtUp = false;
  }

  /** Reads on; tells whether that was all there is for now. */
  async *#turn(tell: (isAll: boolean) => void): AsyncGenerator<Frame> {
    const { store, pageRows = 500 } = this.#needs;
    const { module, call } = this.#watching;
    this.#looked = this.#known();
    const live = (await store.live(call.signal))?.number ?? 0;
    const place = await this.#place();
    if (live !== this.#generation) {
      this.#generation = live;
      this.#begin();
      yield { frame: { case: "reset", value: { generation: live } } };
    }
    const page = { module, after: this.#after, limit: pageRows };
    const { changes, upTo } = await store.changes(call.scope, page, call.signal);
    // X2: what was read while another one came is of neither.
    if (((await store.live(call.signal))?.number ?? 0) !== live) return tell(false);
    this.#epoch = place?.epoch ?? this.#epoch;
    this.#unknownUpTo ??= upTo;
    const last = changes.length < pageRows ? undefined : changes.at(-1);
    const isAll = last === undefined;
    // X1: of a full page the last position may be cut.
    this.#position = Math.max(this.#position, isAll ? upTo : changedOf(last) - 1);
    this.#after = isAll ? behindPosition(this.#position) : placeOfChange(last);
    tell(isAll);
    const telling = { module, epoch: this.#epoch, generation: live, labels: this.#labels };
    const frames = framesOf(
      { changes, position: this.#position },
      { ...telling, named: this.#named, unknownUpTo: this.#unknownUpTo },
    );
    for (const value of frames) {
      this.#named = Number(value.cursor?.position);
      yield { frame: { case: "changes", value } };
    }
  }

  /** Says that it is live, if that is new, and waits for something to change, or for the heartbeat. */
  async *#rest(): AsyncGenerator<Frame> {
    const { projection, lookMs = 1_000 } = this.#needs;
    const { stream } = this.#watching;
    if (!this.#isCaughtUp) {
      this.#isCaughtUp = true;
      if (this.#named < this.#position) yield this.#say(this.#checkpoint());
      yield this.#say({ frame: { case: "caughtUp", value: { cursors: [this.#cursor()], all: true } } });
    }
    const lookAtMs = performance.now() + lookMs;
    while (stream.ending === undefined && !stream.signal.aborted) {
      const leftMs = this.#heartbeatMs - this.#quietMs();
      const lookInMs = lookAtMs - performance.now();
      if (leftMs <= 0) yield this.#say(this.#checkpoint());
      else if (lookInMs <= 0 || this.#hasNews()) return;
      else await projection.moved(Math.min(leftMs, lookInMs), stream.signal);
    }
  }

  /**
   * X6. As far as this process knows: what another one projects is looked for each `lookMs`, and so is a generation that one of the two
   * has not heard of yet.
   */
  #hasNews(): boolean {
    const isMoved = this.#known() > Math.max(this.#position, this.#looked);
    return isMoved && this.#needs.projection.status.generation === this.#generation;
  }

  #known(): number {
    return this.#needs.projection.figureOf(this.#watching.module)?.place?.position ?? 0;
  }

  /** Up to where the store tells a module that has come to a position. */
  async #end(position: number): Promise<number> {
    const { call, module } = this.#watching;
    const query = { module, after: behindPosition(position), limit: 1 };
    return (await this.#needs.store.changes(call.scope, query, call.signal)).upTo;
  }

  async #place(): Promise<Place | undefined> {
    const { call, module } = this.#watching;
    const places = await this.#needs.store.livePlaces(call.scope, call.signal, module);
    return places.find((place) => place.module === module);
  }

  #checkpoint(): Frame {
    const progress = [this.#progress()];
    return { frame: { case: "checkpoint", value: { at: timestampFromMs(Date.now()), progress } } };
  }

  #progress(): Progress {
    const after = BigInt(this.#named);
    this.#named = this.#position;
    const head = Math.max(this.#position, this.#needs.projection.figureOf(this.#watching.module)?.head ?? 0);
    return create(ProgressSchema, { cursor: this.#cursor(), after, head: BigInt(head), live: this.#isCaughtUp });
  }

  #cursor(): ReturnType<typeof cursorAt> {
    return cursorAt(this.#watching.module, this.#position, this.#epoch);
  }

  #quietMs(): number {
    return performance.now() - this.#saidAtMs;
  }

  #say(frame: Frame): Frame {
    this.#saidAtMs = performance.now();
    return frame;
  }
}

/** The same call, with less time. (It is no plain object: a copy of its fields would have no scope.) */
function within(call: CallContext, signal: AbortSignal, deadlineMs: number): CallContext {
  const { requestId, traceId, traceparent, access } = call;
  return {
    requestId,
    traceId,
    traceparent,
    access,
    get scope() {
      return call.scope;
    },
    signal,
    deadlineMs,
  };
}
