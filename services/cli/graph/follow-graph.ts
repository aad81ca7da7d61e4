// Watching the graph over streams that do end.
//
// Owner: whoever iterates; leaving the loop (or aborting the signal) cancels the stream in use.
//
//  W1  A lost stream is asked for again above the last place that was handed on, with the generation that it belongs to; so nothing is
//      left out, and a graph that was built anew meanwhile begins with a reset.
//  W2  Places come from changes, and from checkpoints, which say that all up to them was sent; from the start of a stream only where
//      it begins live.
//  W3  A stream is lost after an end, UNAVAILABLE and the like, or a silence of three heartbeats; attempts wait longer and longer, and
//      no shorter than the server asks.
//  W4  The generation is known from the first changes on, which hold nothing and follow the start: they are handed on as they come, and
//      do not count as a stream that has spoken.
//
// Failure mode: what the server refuses for good is thrown, and so is nobody there before the first frame: that is most likely a wrong
// address.
import { setTimeout as delay } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import {
  type GraphChanges,
  type GraphReset,
  type WatchGraphRequest,
  WatchGraphRequestSchema,
  type WatchGraphResponse,
} from "#gen/cos/graph/v1/watch_pb.ts";
import type { Cursor } from "#gen/cos/highway/v1/highway_pb.ts";
import { backoffMs, RECONNECT_BACKOFF } from "#shared/highway/client/backoff.ts";
import type { FollowState } from "#shared/highway/client/followed.ts";
import { nextWithin } from "#shared/highway/client/next-within.ts";
import { passes, retryAfterMs } from "#shared/highway/client/stream-error.ts";

/** How long a stream may be silent before its heartbeat is known, in milliseconds: three default heartbeats. */
const SILENCE_FIRST_MS = 30_000;

export type Told =
  | { readonly kind: "changes"; readonly changes: GraphChanges }
  | { readonly kind: "reset"; readonly reset: GraphReset };

export interface FollowGraphOptions {
  readonly open: (
    request: WatchGraphRequest,
    call: { readonly signal: AbortSignal },
  ) => AsyncIterable<WatchGraphResponse>;
  /** What the first stream asks for. */
  readonly request: WatchGraphRequest;
  readonly signal: AbortSignal;
  readonly onState: (state: FollowState) => void;
  /** Unset: as the highway's clients do. */
  readonly backoff?: typeof RECONNECT_BACKOFF;
  readonly silenceMs?: number;
}

interface Watch {
  readonly options: FollowGraphOptions;
  cursor: Cursor | undefined;
  generation: number;
  connected: boolean;
  /** Whether this stream spoke. */
  spoke: boolean;
  silenceMs: number;
  /** What the server asked to wait, in milliseconds. */
  stayAwayMs: number;
}

/** The graph's changes, in their order. Ends when the signal aborts. */
export async function* followGraph(options: FollowGraphOptions): AsyncGenerator<Told, void, undefined> {
  const { signal, onState, backoff = RECONNECT_BACKOFF, silenceMs = SILENCE_FIRST_MS } = options;
  const watch: Watch = {
    options,
    cursor: undefined,
    generation: options.request.generation,
    connected: false,
    spoke: false,
    silenceMs,
    stayAwayMs: 0,
  };
  for (let attempt = 0; !signal.aborted; ) {
    Object.assign(watch, { spoke: false, silenceMs, stayAwayMs: 0 });
    const cause = yield* readStream(watch);
    if (signal.aborted) return;
    const wait = Math.max(watch.stayAwayMs, retryAfterMs(cause));
    if (cause !== undefined && (!watch.connected || !passes(cause))) throw cause;
    attempt = watch.spoke ? 1 : attempt + 1;
    const retryInMs = Math.max(wait, backoffMs(backoff, attempt, Math.random));
    onState({ kind: "lost", cause, retryInMs, attempt });
    await delay(retryInMs, undefined, { signal }).catch(() => undefined);
  }
}

/** Hands one stream on until it is lost; answers with the cause, undefined if it just ended. */
async function* readStream(watch: Watch): AsyncGenerator<Told, unknown, undefined> {
  const { open, signal } = watch.options;
  const attempt = new AbortController();
  try {
    const stream = open(requestOf(watch), { signal: AbortSignal.any([signal, attempt.signal]) });
    const frames = stream[Symbol.asyncIterator]();
    for (;;) {
      const { done, value } = await nextWithin(frames, watch.silenceMs);
      if (done === true) return undefined;
      const told = takeFrame(watch, value.frame);
      if (told === undefined) continue;
      yield told;
      settle(watch, told);
    }
  } catch (cause) {
    return cause;
  } finally {
    attempt.abort();
  }
}

/** W1: the first request until there is a place. */
function requestOf({ options, cursor, generation }: Watch): WatchGraphRequest {
  if (cursor === undefined) return options.request;
  const start = { case: "cursor", value: cursor } as const;
  return create(WatchGraphRequestSchema, { ...options.request, start, generation });
}

function takeFrame(watch: Watch, frame: WatchGraphResponse["frame"]): Told | undefined {
  if (frame.case === "started") begin(watch, frame.value);
  // W4: what only tells the generation comes with every stream, as its start does.
  else watch.spoke ||= frame.case !== "changes" || holdsAny(frame.value);
  switch (frame.case) {
    case "changes":
      return { kind: "changes", changes: frame.value };
    case "reset":
      return { kind: "reset", reset: frame.value };
    case "checkpoint":
      watch.cursor = frame.value.progress[0]?.cursor ?? watch.cursor;
      return undefined;
    case "goAway":
      watch.stayAwayMs = frame.value.retryAfter === undefined ? 0 : durationMs(frame.value.retryAfter);
      return undefined;
    default:
      return undefined;
  }
}

function holdsAny({ nodes, relationships, removed }: GraphChanges): boolean {
  return nodes.length + relationships.length + removed.length > 0;
}

type Started = Extract<WatchGraphResponse["frame"], { case: "started" }>["value"];

function begin(watch: Watch, { subscriptionId, epoch, progress, heartbeat }: Started): void {
  watch.options.onState({ kind: "connected", subscriptionId, epoch, resumed: watch.connected });
  watch.connected = true;
  if (heartbeat !== undefined) watch.silenceMs = 3 * durationMs(heartbeat);
  // W2: else what comes before the first changes would be left out.
  if (watch.options.request.start.case === undefined) watch.cursor ??= progress[0]?.cursor;
}

/** After it was taken: what was not may come again. */
function settle(watch: Watch, told: Told): void {
  if (told.kind === "changes") {
    watch.cursor = told.changes.cursor ?? watch.cursor;
    watch.generation = told.changes.generation;
    return;
  }
  // All of the new generation follows: until its first changes it has no place but the beginning.
  watch.generation = told.reset.generation;
  watch.cursor = watch.cursor && { ...watch.cursor, position: 0n };
}
