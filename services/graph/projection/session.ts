// One reading of the log, from the places that a generation has to whatever ends it.
//
// Owner: the projector, which begins another one.
//
//  T1  A stream begins where the store stands in each module, and modules that the store does not know begin at their first memory.
//      One that begins higher than the store stands would leave a gap: then nothing is taken of it (`PlaceLost`).
//  T2  What is held in memory is bounded; then nothing more is taken from the stream, whose own flow control holds the rest.
//  T3  A resume token is kept only when everything that the stream named before it is in the store.
//  T4  With `until`, it ends as soon as the store has come to each of these places.
//
// Failure mode: it rejects with what the stream or a lane failed of; steps in hand end first.
import { create } from "@bufbuild/protobuf";
import { type Cursor, CursorSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import { type FollowOptions, follow } from "#shared/highway/client/follow.ts";
import type { Followed, FollowState } from "#shared/highway/client/followed.ts";
import type { Place } from "../domain/graph-rows.ts";
import { arrivalOf } from "./arrival.ts";
import type { Budget } from "./budget.ts";
import type { Figures } from "./figures.ts";
import { Lane, type LaneOptions } from "./lane.ts";
import { PlaceLost } from "./write-step.ts";

export interface SessionOptions {
  /** Asks for a stream of all memories, from a place. */
  readonly open: FollowOptions["open"];
  readonly follow: Pick<FollowOptions, "backoff" | "firstFrameMaxMs" | "renews">;
  readonly places: readonly Place[];
  readonly resumeToken: string;
  /** By module; what is in no place of it is left alone. Unset: without end. */
  readonly until: ReadonlyMap<string, number> | undefined;
  readonly figures: Figures;
  readonly budget: Budget;
  readonly lane: Omit<
    LaneOptions,
    "module" | "after" | "until" | "budget" | "onPlace" | "onFailure" | "look" | "write" | "signal"
  >;
  readonly look: (module: string, signal: AbortSignal) => Promise<Place | undefined>;
  readonly write: (signal: AbortSignal) => LaneOptions["write"];
  readonly keepToken: (resumeToken: string) => Promise<void>;
  readonly onState: (state: FollowState) => void;
  readonly signal: AbortSignal;
}

/** A token that waits for the places it stands for. */
interface Token {
  readonly resumeToken: string;
  readonly places: ReadonlyMap<string, number>;
}

/** Reads until the signal fires or all of `until` is reached. */
export async function runSession(options: SessionOptions): Promise<void> {
  await new Session(options).run();
}

class Session {
  readonly #options: SessionOptions;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #lanes = new Map<string, Lane>();
  readonly #running: Promise<void>[] = [];
  readonly #stored: Map<string, number>;
  #failure: { readonly error: unknown } | undefined;
  #token: Token | undefined;
  /** Whether a place has moved since the last token was kept; without, a new token says nothing new. */
  #movedOn = false;
  #keeping: Promise<void> = Promise.resolve();

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#signal = AbortSignal.any([options.signal, this.#stop.signal]);
    this.#stored = new Map(options.places.map(({ module, position }) => [module, position]));
  }

  async run(): Promise<void> {
    const { open, places, resumeToken, figures, budget, onState } = this.#options;
    if (this.#isReached()) return;
    const from = { cursors: places.map(cursorOf), resumeToken };
    try {
      const signal = this.#signal;
      for await (const followed of follow({ ...this.#options.follow, open, from, signal, onState })) {
        this.#take(followed);
        await budget.room(signal);
      }
    } finally {
      this.#stop.abort();
      figures.connected = false;
      figures.caughtUp = false;
      await Promise.all(this.#running);
      await this.#keeping;
    }
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #take(followed: Followed): void {
    const { figures } = this.#options;
    switch (followed.kind) {
      case "event": {
        const { module, position, cursor, event } = followed;
        const memory = event.body.case === "memory" ? event.body.value : undefined;
        figures.saw(module, position);
        this.#lane(module, position - 1).push(arrivalOf({ position, epoch: cursor.epoch }, memory));
        break;
      }
      case "progress": {
        const { module, position, epoch } = followed.cursor;
        if (followed.progress !== undefined) figures.saw(module, Number(followed.progress.head));
        const lane = this.#lane(module, Number(followed.progress?.after ?? position));
        // Repeats are dropped; what is left holds nothing that this build knows.
        lane.push(arrivalOf({ position: Number(position), epoch }, undefined));
        break;
      }
      case "checkpoint":
        this.#note(followed.resumeToken);
    }
  }

  /** T1: `after` is where the stream says that the module stood before. */
  #lane(module: string, after: number): Lane {
    const known = this.#lanes.get(module);
    if (known !== undefined) return known;
    const stored = this.#stored.get(module) ?? 0;
    if (after > stored) throw new PlaceLost(`${module} stands at ${stored}, and the stream begins at ${after}`);
    const lane = this.#openLane(module, stored);
    this.#lanes.set(module, lane);
    this.#running.push(lane.run());
    return lane;
  }

  #openLane(module: string, after: number): Lane {
    const { until, budget, figures, look, write } = this.#options;
    const signal = this.#signal;
    return new Lane({
      ...this.#options.lane,
      module,
      after,
      until: until && (until.get(module) ?? 0),
      budget,
      look: () => look(module, signal),
      write: write(signal),
      onPlace: (place) => {
        figures.reached(place);
        this.#stored.set(module, place.position);
        this.#movedOn = true;
        this.#settleToken();
        if (this.#isReached()) this.#stop.abort();
      },
      onFailure: (error) => {
        this.#failure ??= { error };
        this.#stop.abort();
      },
      signal,
    });
  }

  #isReached(): boolean {
    const { until } = this.#options;
    return until !== undefined && [...until].every(([module, position]) => (this.#stored.get(module) ?? 0) >= position);
  }

  /** T3. One that waits is not replaced, or on a busy stream none would ever be kept. */
  #note(resumeToken: string): void {
    const isUseless = resumeToken === "" || !this.#movedOn || this.#options.until !== undefined;
    if (isUseless || this.#token !== undefined) return;
    this.#token = { resumeToken, places: new Map(Array.from(this.#lanes, ([module, { last }]) => [module, last])) };
    this.#settleToken();
  }

  #settleToken(): void {
    const token = this.#token;
    if (token === undefined) return;
    for (const [module, position] of token.places) if ((this.#stored.get(module) ?? 0) < position) return;
    this.#token = undefined;
    this.#movedOn = false;
    // The next session goes on without it, only with more to read again.
    this.#keeping = this.#options.keepToken(token.resumeToken).catch(() => undefined);
  }
}

function cursorOf({ module, position, epoch }: Place): Cursor {
  return create(CursorSchema, { module, position: BigInt(position), epoch });
}
