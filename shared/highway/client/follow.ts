// Listening without end over streams that do end.
//
// Owner: whoever iterates; leaving the loop (or aborting the signal) cancels the stream in use.
//
//  F1  What is handed on is, for each module, the gapless and repeat-free continuation of the place it began at: every
//      frame is proven against the chain before any part of it is handed on (chain.ts).
//  F2  A lost stream is asked for again from the last place that was handed on: after UNAVAILABLE, an end without an
//      error, a silence of three heartbeats, or a broken chain.
//  F3  Attempts wait longer and longer, with jitter, and never less than the server asks (GoAway, RetryInfo); a stream
//      that came to more than its start makes the next loss a first one again.
//  F4  What the server refuses for good is thrown as `StreamRefused`, with where one can go on; unless `renews` says that asking
//      again mends it (a token that has run out, of which `open` brings a new one): then it is a loss like others, the first of
//      which costs no wait.
//
// Failure mode: a server that contradicts itself each time anew, without a step forward, is given up after some attempts
// (`ChainBroken` is thrown), and so is one that each time fails without a reason (`StreamRefused`); one that is away is
// asked for ever, unless `giveUp` decides otherwise.
import { setTimeout as delay } from "node:timers/promises";
import { ChainBroken, openChain, resetStream } from "./chain.ts";
import type { Followed, FollowState } from "./followed.ts";
import type { Frame } from "./frame.ts";
import { type Loss, Losses, type ReconnectOptions } from "./losses.ts";
import { nextWithin } from "./next-within.ts";
import { advance, openPlace, type Place, type ResumeFields, resumeFields, settle } from "./place.ts";
import { retryAfterMs } from "./stream-error.ts";
import { FIRST_FRAME_MAX_MS, openSession, type Session, takeFrame } from "./take-frame.ts";

export interface FollowOptions extends ReconnectOptions {
  /** Asks for a stream from a place: `(place, options) => client.subscribe({ ...request, ...place }, options)`. */
  readonly open: (place: ResumeFields, options: { signal: AbortSignal }) => AsyncIterable<Frame>;
  /** Where an earlier process stopped. Unset: where the request itself starts. */
  readonly from?: Partial<ResumeFields>;
  readonly signal?: AbortSignal;
  readonly onState?: (state: FollowState) => void;
  /** How long a new stream may take to its first frame, in milliseconds. Unset: three default heartbeats. */
  readonly firstFrameMaxMs?: number;
}

/** The stream's events, proven, with notes between them that are worth storing. Ends when the signal aborts. */
export async function* follow(options: FollowOptions): AsyncGenerator<Followed, void, undefined> {
  const { onState = () => undefined, signal = new AbortController().signal } = options;
  const place = openPlace(options.from);
  const chain = openChain(place.cursors.values());
  const losses = new Losses(options);
  let everConnected = false;
  let degraded = false;
  const tell = (state: FollowState): void => {
    if (state.kind === "connected") everConnected = true;
    onState(state);
  };
  while (!signal.aborted) {
    const silenceMaxMs = options.firstFrameMaxMs ?? FIRST_FRAME_MAX_MS;
    const session = openSession({ chain, onState: tell, resumed: everConnected, degraded, silenceMaxMs });
    const loss = yield* readStream(options.open, session, place, signal);
    if (signal.aborted) return;
    degraded = session.degraded;
    const fruitful = loss.cause instanceof ChainBroken ? session.moved : session.spoke;
    const retryInMs = losses.count(loss, fruitful, everConnected);
    onState({ kind: "lost", cause: loss.cause, retryInMs, attempt: losses.attempt });
    await delay(retryInMs, undefined, { signal }).catch(() => undefined);
  }
}

/** Hands one stream on until it is lost (F2); the place moves after each item was taken. */
async function* readStream(
  open: FollowOptions["open"],
  session: Session,
  place: Place,
  signal: AbortSignal,
): AsyncGenerator<Followed, Loss, undefined> {
  const attempt = new AbortController();
  resetStream(session.chain);
  try {
    const stream = open(resumeFields(place), { signal: AbortSignal.any([signal, attempt.signal]) });
    const frames = stream[Symbol.asyncIterator]();
    for (;;) {
      const { done, value } = await nextWithin(frames, session.silenceMaxMs);
      if (done === true) return { cause: undefined, stayAwayMs: session.goAwayMs };
      for (const followed of takeFrame(session, value)) {
        yield followed;
        move(place, followed);
      }
    }
  } catch (cause) {
    return { cause, stayAwayMs: session.goAwayMs ?? askedWait(cause) };
  } finally {
    attempt.abort();
  }
}

function move(place: Place, followed: Followed): void {
  if (followed.kind === "checkpoint") settle(place, followed.resumeToken);
  else advance(place, followed.cursor);
}

function askedWait(cause: unknown): number | undefined {
  return retryAfterMs(cause) || undefined;
}
