import { Code, ConnectError } from "@connectrpc/connect";
import { type FollowOptions, follow } from "#shared/highway/client/follow.ts";
import type { Followed, FollowState } from "#shared/highway/client/followed.ts";
import type { ResumeFields } from "#shared/highway/client/place.ts";
import type { Frame } from "./frames.ts";

/** One stream as a server sends it. */
export type Script = (place: ResumeFields, signal: AbortSignal) => AsyncIterable<Frame> | Iterable<Frame>;

/** What became of following. */
export interface Told {
  readonly followed: Followed[];
  readonly states: FollowState[];
  readonly asked: ResumeFields[];
  error: unknown;
}

export const away = (): ConnectError => new ConnectError("connection refused", Code.Unavailable);

/** Follows scripted streams, one after the other; when they are used up, the signal aborts. */
export async function followScripts(scripts: Script[], options: Partial<FollowOptions> = {}): Promise<Told> {
  const told: Told = { followed: [], states: [], asked: [], error: undefined };
  const end = new AbortController();
  const open: FollowOptions["open"] = async function* (place, { signal }) {
    told.asked.push(place);
    const script = scripts[told.asked.length - 1];
    if (script === undefined) return end.abort();
    yield* script(place, signal);
  };
  const onState = (state: FollowState): number => told.states.push(state);
  const backoff = { initialMs: 0, maxMs: 0 };
  try {
    for await (const each of follow({ open, onState, signal: end.signal, backoff, ...options }))
      told.followed.push(each);
  } catch (error) {
    told.error = error;
  }
  return told;
}

/** Frames, and then the loss of the stream. */
export function* breaking(frames: readonly Frame[], error: unknown = away()): Generator<Frame> {
  yield* frames;
  throw error;
}

/** How long it waited before each attempt but the first. */
export function waits({ states }: Told): number[] {
  return states.flatMap((state) => (state.kind === "lost" ? [state.retryInMs] : []));
}
