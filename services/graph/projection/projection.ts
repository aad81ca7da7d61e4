// The graph's projection in this process: the live generation, kept up with the log, and what is built beside it.
//
// Owner: main. `close` ends all of it; what is in hand is finished.
//
//  O1  The live generation is projected, whichever it is: when another one has become live (here or by another process), that one.
//  O2  One build at a time, in all processes (`begin` of the store sees to it).
//  O3  A generation that is retired is dropped when nobody can be in the middle of reading it any more.
//  O4  A build that nobody works on is an orphan: nobody has said for `orphanMs` that it is being worked on (B6). A rebuild by the rules of
//      this process is taken up again here; one by other rules, or a comparison, is dropped. So whatever a process leaves when it is
//      killed is cleared away by the next one, or by another.
//  O5  When the log turns out to be another than the one which the live generation grew from (it was restored), a rebuild begins by itself;
//      one that is under way, whoever began it, is taken for it (B5).
//  O6  What is dropped is left where it is when this process goes away: the next one finds it.
//
// Failure mode: everything here is tried again for ever; the log says once what is away.
import { setTimeout as delay } from "node:timers/promises";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { backoffMs } from "#shared/highway/client/backoff.ts";
import type { GenerationRow } from "../domain/graph-rows.ts";
import type { ProjectionStore } from "../domain/graph-store.ts";
import { Build, type BuildNeeds, type BuildStatus } from "./build.ts";
import type { ModuleVerdict } from "./compare-module.ts";
import { EngineWatch } from "./engine-watch.ts";
import type { ModuleFigure } from "./figures.ts";
import { Projector, type ProjectorNeeds } from "./projector.ts";

export interface ProjectionNeeds extends ProjectorNeeds {
  readonly store: ProjectionStore;
  readonly extractorVersion: number;
  readonly times?: Partial<ProjectionTimes>;
}

/** All in milliseconds. */
export interface ProjectionTimes {
  /** How often the generations are looked at. */
  readonly watchMs: number;
  /** How long a retired generation stays (O3). */
  readonly dropAfterMs: number;
  readonly orphanMs: number;
  readonly lookMs: number;
  readonly holdMaxMs: number;
  readonly renewMs: number;
  /** How often a build says that it is at work; several times in `orphanMs`. */
  readonly aliveMs: number;
}

const TIMES: ProjectionTimes = {
  watchMs: 1_000,
  dropAfterMs: 60_000,
  orphanMs: 15_000,
  lookMs: 100,
  holdMaxMs: 10_000,
  renewMs: 200,
  aliveMs: 3_000,
};

/** How things stand, as this process knows. */
export interface ProjectionStatus {
  /** Undefined: none has been found or begun yet. */
  readonly generation: number | undefined;
  readonly connected: boolean;
  readonly modules: readonly ModuleFigure[];
  readonly building: BuildStatus | undefined;
}

/** A build that runs, for those who wait for it. */
export interface RunningBuild {
  readonly status: BuildStatus;
  readonly verdicts: Promise<ModuleVerdict[]>;
  /** Gives it up. */
  close(): Promise<void>;
}

interface Foreign {
  readonly status: BuildStatus;
  /** What was last said of it. */
  readonly aliveMs: number;
  /** Since when nothing else was, by the clock of this process. */
  readonly sinceMs: number;
}

export class Projection {
  readonly #needs: ProjectionNeeds;
  readonly #times: ProjectionTimes;
  readonly #engine: EngineWatch;
  readonly #stop = new AbortController();
  #live: Projector | undefined;
  #held: PromiseWithResolvers<void> | undefined;
  #build: Build | undefined;
  #foreign: Foreign | undefined;
  /** The last live generation that was found to be of a log which was restored since. */
  #restored: number | undefined;
  #dropping: Promise<unknown> = Promise.resolve();
  #dropsAside = false;
  #working: Promise<unknown> = Promise.resolve();

  constructor(needs: ProjectionNeeds) {
    this.#needs = needs;
    this.#times = { ...TIMES, ...needs.times };
    this.#engine = new EngineWatch(needs.log);
  }

  /** Begins to keep the graph up with the log. */
  open(): void {
    this.#working = Promise.all([this.#keepLive(), this.#watch()]);
  }

  get status(): ProjectionStatus {
    const figures = this.#live?.figures;
    return {
      generation: this.#live?.task.generation,
      connected: figures?.connected ?? false,
      modules: figures?.all() ?? [],
      building: this.#build?.status ?? this.#foreign?.status,
    };
  }

  /** How one module of the live generation stands; undefined: it is not known. */
  figureOf(module: string): ModuleFigure | undefined {
    return this.#live?.figures.of(module);
  }

  /** Resolves when a place of the live generation moves in this process, when the signal fires, or after `maxMs`. */
  async moved(maxMs: number, signal: AbortSignal): Promise<void> {
    if (this.#live === undefined) await delay(maxMs, undefined, { signal }).catch(() => undefined);
    else await this.#live.figures.moved(maxMs, signal);
  }

  /** Begins to build the graph anew. It goes on without whoever asked. Rejects with REBUILD_RUNNING, ENGINE_UNAVAILABLE. */
  async rebuild(): Promise<RunningBuild> {
    return await this.#begin("rebuild", {});
  }

  /** Begins to compare the graph with a replay of the log. Rejects as `rebuild` does. */
  async verify(modules: readonly string[] | undefined): Promise<RunningBuild> {
    return await this.#begin("verify", modules === undefined ? {} : { modules });
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#held?.resolve();
    await Promise.all([this.#build?.close(), this.#live?.close()]);
    await this.#working;
    await this.#dropping;
  }

  async #begin(
    purpose: GenerationRow["purpose"],
    how: { readonly modules?: readonly string[] },
  ): Promise<RunningBuild> {
    const { store, extractorVersion } = this.#needs;
    this.#refuseIfClosed();
    const row =
      this.#build === undefined ? await store.begin({ purpose, extractorVersion, nowMs: this.#nowMs() }) : undefined;
    if (row === undefined) throw new CosError(ErrorReason.REBUILD_RUNNING, "a rebuild or verification runs already");
    // What it has begun is left behind (O4).
    this.#refuseIfClosed();
    return this.#runBuild(row, how);
  }

  #refuseIfClosed(): void {
    if (this.#stop.signal.aborted) throw new CosError(ErrorReason.DRAINING, "the process is going away");
  }

  #runBuild(row: GenerationRow, how: { readonly modules?: readonly string[] }): RunningBuild {
    const { log } = this.#needs;
    const { lookMs, holdMaxMs, renewMs, aliveMs } = this.#times;
    const ties: Pick<BuildNeeds, "hold" | "isRestored" | "drop"> = {
      hold: () => this.#hold(),
      isRestored: (live) => live === this.#restored,
      drop: (generation) => this.#drop(generation),
    };
    const build = new Build({ ...this.#needs, ...ties, lookMs, holdMaxMs, renewMs, aliveMs }, { row, ...how });
    this.#build = build;
    this.#foreign = undefined;
    const fields = { generation: row.number, purpose: row.purpose };
    log.info(fields, "a build begins beside the live graph");
    const verdicts = build.run().finally(() => {
      if (this.#build === build) this.#build = undefined;
    });
    verdicts.then(
      () => log.info(fields, "a build is done"),
      (err: unknown) => log.warn({ ...fields, err }, "a build has ended before its time"),
    );
    return {
      get status() {
        return build.status;
      },
      verdicts,
      close: () => build.close(),
    };
  }

  /** O1. */
  async #keepLive(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.#held?.promise;
      const row = await this.#findLive();
      if (row === undefined || this.#held !== undefined || signal.aborted) continue;
      this.#live = new Projector(this.#needs, { generation: row.number });
      const outcome = await this.#live.run();
      if (outcome === "forked") await this.#replaceRestored(row.number);
      else if (outcome === "gone") await this.#pause(this.#times.lookMs);
    }
  }

  /** The live generation, begun if there was none; undefined: this process ends. */
  async #findLive(): Promise<GenerationRow | undefined> {
    const { store, extractorVersion, random = Math.random } = this.#needs;
    for (let attempt = 1; !this.#stop.signal.aborted; attempt += 1) {
      try {
        const live = (await store.generations()).find(({ state }) => state === "live");
        const row = live ?? (await store.begin({ purpose: "rebuild", extractorVersion, nowMs: this.#nowMs() }));
        this.#engine.back();
        if (row?.state === "live") return row;
        // Another process began the first one in between, so that this is one too many.
        if (live === undefined && row !== undefined) await store.drop(row.number);
      } catch (error) {
        this.#engine.away(error);
      }
      await this.#pause(backoffMs({ initialMs: 50, maxMs: 2_000 }, attempt, random));
    }
    return undefined;
  }

  /** Drops a generation that nobody needs, as long as this process is there (O6). Never rejects. */
  async #drop(generation: number): Promise<void> {
    const { store, log } = this.#needs;
    const { signal } = this.#stop;
    if (signal.aborted) return;
    const dropping = store.drop(generation, signal).then(
      () => log.info({ generation }, "a generation that nobody needs was dropped"),
      (err: unknown) => {
        if (!signal.aborted) log.warn({ generation, err }, "a generation that nobody needs could not be dropped yet");
      },
    );
    this.#dropping = Promise.all([this.#dropping, dropping]);
    await dropping;
  }

  /** One at a time, and nobody waits for it, since a large one takes minutes. Those that are left are asked for again. */
  #dropAside(generation: number): void {
    if (this.#dropsAside) return;
    this.#dropsAside = true;
    void this.#drop(generation).finally(() => {
      this.#dropsAside = false;
    });
  }

  /** O5. Waits until another generation is live. */
  async #replaceRestored(generation: number): Promise<void> {
    const { log, store } = this.#needs;
    log.warn({ generation }, "the log was restored; the graph is built anew from what it holds now");
    this.#restored = generation;
    while (!this.#stop.signal.aborted) {
      const live = await store.generations().then(
        (rows) => rows.find(({ state }) => state === "live"),
        () => undefined,
      );
      if (live !== undefined && live.number !== generation) return;
      await this.#begin("rebuild", {}).then(
        ({ verdicts }) => verdicts.catch(() => undefined),
        // One is being built already, here or elsewhere (O4 looks after it), or the engine is away.
        () => undefined,
      );
      await this.#pause(this.#times.watchMs);
    }
  }

  /** Stops the live projector until it is released. */
  async #hold(): Promise<() => void> {
    const held = Promise.withResolvers<void>();
    this.#held = held;
    await this.#live?.close();
    return () => {
      held.resolve();
      this.#held = undefined;
    };
  }

  async #watch(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      // The projectors say when the engine is away.
      await this.#look().catch(() => undefined);
      await this.#pause(this.#times.watchMs);
    }
  }

  async #look(): Promise<void> {
    const rows = await this.#needs.store.generations(this.#stop.signal);
    const live = rows.find(({ state }) => state === "live");
    if (live !== undefined && this.#live !== undefined && live.number !== this.#live.task.generation) {
      await this.#live.close();
    }
    const building = rows.find(({ state }) => state === "building");
    if (building === undefined || building.number === this.#build?.row.number) this.#foreign = undefined;
    else await this.#lookAtForeign(building);
    for (const { number, state, retiredMs } of rows) {
      if (state !== "retired" || (retiredMs ?? 0) + this.#times.dropAfterMs > this.#nowMs()) continue;
      this.#dropAside(number);
    }
  }

  /** O4. */
  async #lookAtForeign(row: GenerationRow): Promise<void> {
    const { store, log, extractorVersion } = this.#needs;
    const places = await store.places(row.number, this.#stop.signal);
    const nowMs = performance.now();
    const { number: generation, purpose, beganMs, aliveMs } = row;
    const before = this.#foreign;
    const isQuiet = before?.status.generation === generation && before.aliveMs === aliveMs;
    const sinceMs = isQuiet ? before.sinceMs : nowMs;
    const projected = places.reduce((sum, { position }) => sum + position, 0);
    const total = Math.max(
      projected,
      this.status.modules.reduce((sum, { head }) => sum + head, 0),
    );
    this.#foreign = { status: { generation, purpose, projected, total, beganMs, done: false }, aliveMs, sinceMs };
    const isLeft = nowMs - sinceMs >= this.#times.orphanMs;
    if (!isLeft || this.#build !== undefined || this.#stop.signal.aborted) return;
    log.warn({ generation, purpose }, "a build was left behind by a process that is gone");
    if (purpose === "verify" || row.extractorVersion !== extractorVersion) this.#dropAside(generation);
    else this.#runBuild(row, {});
  }

  #nowMs(): number {
    return (this.#needs.now ?? Date.now)();
  }

  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#stop.signal }).catch(() => undefined);
  }
}
