// Tells the conductor how far the graph has come, so that whoever recorded a memory can be told.
//
// Purpose   GetIngestStatus of the conductor answers from what is told here, and from nothing else.
// Owner     main; `close` ends it when the report in hand has ended.
//
//  P1  One report at a time, and at most one every `everyMs`. One with nothing new says that the graph is there.
//  P2  What is told is what the store has of the live generation, never what this process believes: of several processes that report, none
//      tells of another place than there is. A generation that changed while it was looked at is not told of.
//  P3  A place is told only when the store was asked what was passed over in its module, after the place was read: of `askedMax` modules
//      each time they move; of more, once since the generation is live, and again when this process has passed something over. Those
//      that could not be asked about yet are told of in the next reports.
//  P4  After a report that failed everything is told again.
//
// Failure   the conductor away or unwilling: said once, tried again. The engine away: it is told that the graph is stalled.
import { setTimeout as delay } from "node:timers/promises";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type ParkedPlaceSchema,
  ProjectionState,
  type ReportProjectionsRequest,
  ReportProjectionsRequestSchema,
} from "#gen/cos/conductor/v1/projection_log_service_pb.ts";
import { localScope } from "#shared/auth/scope.ts";
import type { Log } from "#shared/log/open-log.ts";
import type { Place } from "../domain/graph-rows.ts";
import type { GraphReader } from "../domain/graph-store.ts";

export interface ReportNeeds {
  readonly store: Pick<GraphReader, "live" | "livePlaces" | "faults">;
  /** Whether the log is being read. */
  readonly isConnected: () => boolean;
  readonly report: (request: ReportProjectionsRequest, signal: AbortSignal) => Promise<unknown>;
  readonly log: Log;
  readonly times?: Partial<ReportTimes>;
}

export interface ReportTimes {
  readonly everyMs: number;
  /** How long one report may take, the look at the store included. */
  readonly reportMaxMs: number;
  /** Modules of one report of which the store is asked what was passed over. */
  readonly askedMax: number;
}

const TIMES: ReportTimes = { everyMs: 1_000, reportMaxMs: 3_000, askedMax: 50 };

/** The contract's, of one report: places, and memories that were passed over. */
const ITEMS_MAX = 1_000;
/** Of one module, the latest. */
const PARKED_MAX = 100;

/** The name by which the conductor knows the graph. */
const SELF = "graph";

type Parked = MessageInitShape<typeof ParkedPlaceSchema>;

export class PlaceReporter {
  readonly #needs: ReportNeeds;
  readonly #times: ReportTimes;
  readonly #stop = new AbortController();
  readonly #told = new Map<string, string>();
  /** Modules that were asked about in this generation (P3). */
  readonly #asked = new Set<string>();
  /** Modules to be asked about, whether they move or not. */
  readonly #again = new Set<string>();
  #generation = "";
  #failed = false;
  #running: Promise<void> = Promise.resolve();

  constructor(needs: ReportNeeds) {
    this.#needs = needs;
    this.#times = { ...TIMES, ...needs.times };
  }

  open(): void {
    this.#running = this.#run();
  }

  /** A memory of the module was passed over. */
  parked(module: string): void {
    this.#again.add(module);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await this.#report();
        if (this.#failed) this.#needs.log.info("the conductor hears again how far the graph has come");
        this.#failed = false;
      } catch (error) {
        this.#forget();
        if (!signal.aborted && !this.#failed) {
          this.#failed = true;
          this.#needs.log.warn({ err: error }, "the conductor cannot be told how far the graph has come; trying again");
        }
      }
      await delay(this.#times.everyMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #report(): Promise<void> {
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(this.#times.reportMaxMs)]);
    const found = await this.#look(signal).catch(() => undefined);
    this.#stop.signal.throwIfAborted();
    if (found === undefined) {
      // Nothing was ever built, or the engine does not say.
      if (this.#generation !== "") await this.#send({ state: ProjectionState.STALLED }, signal);
      return;
    }
    const { places, parked } = found;
    const state = this.#needs.isConnected() ? ProjectionState.FOLLOWING : ProjectionState.STALLED;
    await this.#send({ state, places: places.map(placeOf), parked }, signal);
    for (const place of places) this.#told.set(place.module, markOf(place));
  }

  /** P4. */
  #forget(): void {
    this.#told.clear();
    this.#asked.clear();
  }

  async #send(
    says: Omit<Exclude<MessageInitShape<typeof ReportProjectionsRequestSchema>, { $typeName: string }>, "projection">,
    signal: AbortSignal,
  ): Promise<void> {
    const request = { projection: SELF, generation: this.#generation, ...says };
    await this.#needs.report(create(ReportProjectionsRequestSchema, request), signal);
  }

  /** What is new; undefined: no generation is live, or it changed in between (P2). */
  async #look(signal: AbortSignal) {
    const live = await this.#liveGeneration(signal);
    if (live === undefined) return undefined;
    if (live !== this.#generation) this.#forget();
    this.#generation = live;
    const all = await this.#needs.store.livePlaces(localScope(), signal);
    const moved = all.filter((place) => this.#told.get(place.module) !== markOf(place)).slice(0, ITEMS_MAX);
    const parked = await this.#askAbout(
      moved.map(({ module }) => module),
      signal,
    );
    if ((await this.#liveGeneration(signal)) !== live) return undefined;
    return { places: moved.filter(({ module }) => this.#asked.has(module)), parked };
  }

  /** P3. */
  async #askAbout(modules: readonly string[], signal: AbortSignal): Promise<Parked[]> {
    const parked: Parked[] = [];
    const first = modules.filter((module) => !this.#asked.has(module));
    const order = new Set([...this.#again, ...first, ...modules]);
    for (const module of [...order].slice(0, this.#times.askedMax)) {
      if (parked.length > ITEMS_MAX - PARKED_MAX) break;
      // Before the answer: what is passed over meanwhile makes it be asked about again.
      this.#again.delete(module);
      this.#asked.add(module);
      const query = { module, kind: "parked", limit: PARKED_MAX } as const;
      const { faults } = await this.#needs.store.faults(localScope(), query, signal);
      for (const { position, error } of faults) parked.push({ module, position: BigInt(position), error });
    }
    return parked;
  }

  /** Numbers begin anew when the store was wiped: the time tells the two apart. */
  async #liveGeneration(signal: AbortSignal): Promise<string | undefined> {
    const live = await this.#needs.store.live(signal);
    return live && `${live.number} of ${live.beganMs}`;
  }
}

function markOf({ position, epoch }: Place): string {
  return `${position} ${epoch}`;
}

function placeOf({ module, position, epoch }: Place) {
  return { module, position: BigInt(position), epoch };
}
