// The projection of one generation: a client of the log like any other, whose place and effect are one transaction.
//
// Purpose: the generation equals a replay of the log up to its place, whatever dies meanwhile.
// Owner: the keeper of the live generation, or a build beside it.
//
//  J1  Reading begins where the store stands. After any fault the places are read again from the store, never from memory.
//  J2  Several processes may project one generation at a time: the store lets one take each step (G2), and who loses stands back (N4).
//  J3  Away is away: while the conductor or the engine do not answer, it goes on asking, later and later, and says so once.
//  J4  A log that is another than the one which the places belong to (it was restored) ends it with `forked`: the generation is not to
//      be mended.
//
// Failure mode: it ends by an outcome; nothing of it throws.
import { setTimeout as delay } from "node:timers/promises";
import type { Memory } from "#gen/cos/memory/v1/memory_pb.ts";
import { type Backoff, backoffMs, RECONNECT_BACKOFF } from "#shared/highway/client/backoff.ts";
import type { FollowOptions } from "#shared/highway/client/follow.ts";
import type { FollowState } from "#shared/highway/client/followed.ts";
import { StreamRefused } from "#shared/highway/client/stream-error.ts";
import type { Log } from "#shared/log/open-log.ts";
import type { FaultRow, Place } from "../domain/graph-rows.ts";
import type { ProjectionStore, ProjectionTransaction } from "../domain/graph-store.ts";
import { Budget } from "./budget.ts";
import { EngineWatch, isEngineAway } from "./engine-watch.ts";
import { Figures } from "./figures.ts";
import type { LogEvent } from "./log-event.ts";
import { openReader, type ReadArrivals } from "./read-arrivals.ts";
import { runSession } from "./session.ts";
import { GenerationGone, type WriteNeeds, writeStep } from "./write-step.ts";

/** What every projector of a process works with. */
export interface ProjectorNeeds {
  readonly store: Pick<ProjectionStore, "generations" | "places" | "project" | "keepToken">;
  /** Asks for a stream of all memories of these modules (unset: of all), from a place, else from the beginning. */
  readonly subscribe: (modules: readonly string[] | undefined) => FollowOptions["open"];
  /** Whether a refused stream is to be asked for again: `Conductor.renews`. */
  readonly renews?: FollowOptions["renews"];
  readonly read: (memory: Memory) => LogEvent;
  readonly apply: (transaction: ProjectionTransaction, module: string, events: readonly LogEvent[]) => Promise<void>;
  /** Hears of each module in which a memory was passed over, of whichever generation. */
  readonly onParked?: (module: string) => void;
  readonly log: Log;
  readonly pace?: Partial<ProjectorPace>;
  /** Milliseconds of the Unix epoch. */
  readonly now?: () => number;
  readonly random?: () => number;
}

/** Times and bounds. */
export interface ProjectorPace {
  /** Of one step. */
  readonly stepEventsMax: number;
  readonly stepBytesMax: number;
  /** In names and pairs of names: what a step takes in the engine does not follow from its bytes. */
  readonly stepWeightMax: number;
  /** Of all that is held in memory, steps in hand included. */
  readonly heldEventsMax: number;
  readonly heldBytesMax: number;
  readonly standBackMs: number;
  /** Between attempts of a step that the engine, or a memory, lets fail. */
  readonly retry: Backoff;
  readonly poisonAttemptsMax: number;
  /** Between attempts to reach the conductor. */
  readonly reconnect: Backoff;
  readonly firstFrameMaxMs: number;
}

const MIB = 1024 * 1024;

const PACE: ProjectorPace = {
  stepEventsMax: 500,
  stepBytesMax: 2 * MIB,
  stepWeightMax: 20_000,
  heldEventsMax: 2_000,
  heldBytesMax: 8 * MIB,
  standBackMs: 500,
  retry: { initialMs: 50, maxMs: 2_000 },
  poisonAttemptsMax: 5,
  reconnect: RECONNECT_BACKOFF,
  firstFrameMaxMs: 30_000,
};

/** What is projected. */
export interface ProjectorTask {
  readonly generation: number;
  /** Only these modules. Unset: all. */
  readonly modules?: readonly string[];
  /** By module, where to end. Unset: it goes on until it is closed. */
  readonly until?: ReadonlyMap<string, number>;
}

/** `reached`: all of `until`. `gone`: the generation was dropped. */
export type ProjectorOutcome = "closed" | "reached" | "gone" | "forked";

/** A cursor above the head may be a replica of the log that lags; so often in a row it is none. */
const ABOVE_HEAD_IN_A_ROW_MAX = 5;

export class Projector {
  readonly task: ProjectorTask;
  readonly figures = new Figures(() => performance.now());
  readonly #needs: ProjectorNeeds;
  readonly #pace: ProjectorPace;
  readonly #engine: EngineWatch;
  readonly #readAll: ReadArrivals;
  readonly #stop = new AbortController();
  #running: Promise<ProjectorOutcome> | undefined;
  #useToken = true;
  #isLost = false;

  constructor(needs: ProjectorNeeds, task: ProjectorTask) {
    this.#needs = needs;
    this.task = task;
    this.#pace = { ...PACE, ...needs.pace };
    this.#engine = new EngineWatch(needs.log);
    this.#readAll = openReader(needs);
  }

  /** Projects until there is a reason to end. */
  run(): Promise<ProjectorOutcome> {
    this.#running ??= this.#run();
    return this.#running;
  }

  /** Takes nothing more; resolves when the step in hand has ended. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<ProjectorOutcome> {
    const { signal } = this.#stop;
    let attempt = 0;
    let aboveHead = 0;
    while (!signal.aborted) {
      const before = this.figures.all().reduce((sum, { place }) => sum + (place?.position ?? 0), 0);
      try {
        await this.#session();
        return signal.aborted ? "closed" : "reached";
      } catch (error) {
        if (signal.aborted) break;
        if (error instanceof GenerationGone) return "gone";
        const reason = error instanceof StreamRefused ? error.reason : "";
        aboveHead = reason === "CURSOR_ABOVE_HEAD" ? aboveHead + 1 : 0;
        if (reason === "CURSOR_PAST_FORK" || aboveHead >= ABOVE_HEAD_IN_A_ROW_MAX) return "forked";
        this.#useToken = reason !== "RESUME_TOKEN_INVALID";
        this.#tellEnd(error);
        const moved = this.figures.all().reduce((sum, { place }) => sum + (place?.position ?? 0), 0) > before;
        attempt = moved ? 1 : attempt + 1;
        await this.#wait(backoffMs(this.#pace.reconnect, attempt, this.#random), signal);
      }
    }
    return "closed";
  }

  async #session(): Promise<void> {
    const { generation, modules, until } = this.task;
    const { store, subscribe, renews, now = Date.now } = this.#needs;
    const { signal } = this.#stop;
    const row = (await store.generations(signal)).find(({ number }) => number === generation);
    if (row === undefined) throw new GenerationGone();
    const places = await store.places(generation, signal);
    this.#engine.back();
    this.figures.begin(places);
    const { stepEventsMax: eventsMax, stepBytesMax: bytesMax, standBackMs } = this.#pace;
    const { heldEventsMax, heldBytesMax, reconnect: backoff, firstFrameMaxMs } = this.#pace;
    const writing: Omit<WriteNeeds, "signal"> = {
      generation,
      project: (step, work) => store.project(step, work),
      apply: this.#needs.apply,
      read: this.#needs.read,
      engine: this.#engine,
      onParked: (fault) => this.#tellParked(fault),
      backoff: this.#pace.retry,
      attemptsMax: this.#pace.poisonAttemptsMax,
      weightMax: this.#pace.stepWeightMax,
      now,
      random: this.#random,
      wait: (ms, stop) => this.#wait(ms, stop),
    };
    await runSession({
      open: subscribe(modules),
      follow: { backoff, firstFrameMaxMs, ...(renews && { renews }) },
      places: modules === undefined ? places : places.filter(({ module }) => modules.includes(module)),
      // Of some modules the places say all; a token stands for all modules.
      resumeToken: this.#useToken && modules === undefined ? row.resumeToken : "",
      until,
      figures: this.figures,
      budget: new Budget({ eventsMax: heldEventsMax, bytesMax: heldBytesMax }),
      lane: { read: this.#readAll, eventsMax, bytesMax, standBackMs, random: this.#random },
      look: (module, stop) => this.#look(module, stop),
      write: (stop) => (step) => writeStep({ ...writing, signal: stop }, step),
      keepToken: (token) => store.keepToken(generation, token),
      onState: (state) => this.#onState(state),
      signal,
    });
  }

  /** Where the store stands in one module, as soon as the engine says. */
  async #look(module: string, signal: AbortSignal): Promise<Place | undefined> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const places = await this.#needs.store.places(this.task.generation, signal);
        return places.find((place) => place.module === module);
      } catch (error) {
        if (signal.aborted || !isEngineAway(error)) throw error;
        this.#engine.away(error);
        await this.#wait(backoffMs(this.#pace.retry, attempt, this.#random), signal);
      }
    }
  }

  get #random(): () => number {
    return this.#needs.random ?? Math.random;
  }

  async #wait(ms: number, signal: AbortSignal): Promise<void> {
    await delay(ms, undefined, { signal }).catch(() => undefined);
  }

  #onState(state: FollowState): void {
    const { log } = this.#needs;
    const { generation } = this.task;
    if (state.kind === "connected") {
      this.figures.connected = true;
      if (this.#isLost) log.info({ generation }, "the projection reads the log again");
      this.#isLost = false;
    } else if (state.kind === "lost") {
      this.figures.connected = false;
      this.figures.caughtUp = false;
      // A stream's end in good order is no news; the next one is there at once.
      if (state.attempt > 1) this.#tellLost(state.cause);
    } else if (state.kind === "caught_up") {
      this.figures.caughtUp ||= state.all;
    } else if (state.kind === "fell_behind") {
      this.figures.caughtUp = false;
    }
  }

  #tellEnd(err: unknown): void {
    if (isEngineAway(err)) this.#engine.away(err);
    else this.#tellLost(err);
  }

  #tellLost(err: unknown): void {
    const { generation } = this.task;
    if (!this.#isLost)
      this.#needs.log.warn({ generation, err }, "the projection cannot read the log; it goes on trying");
    this.#isLost = true;
  }

  #tellParked({ module, position, memoryId, error, attempts }: FaultRow): void {
    const fields = { module, position, memory_id: memoryId, reason: error, attempts };
    this.#needs.log.error(fields, "a memory could not be taken into the graph and was passed over");
    this.#needs.onParked?.(module);
  }
}
