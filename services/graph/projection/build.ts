// A generation beside the live one, built from the beginning of the log: to take its place (rebuild), or to be compared with it (verify).
//
// Owner: the Projection, which lets one run at a time.
//
//  B1  The live generation is read and projected as ever, and so never goes back: the build is read only after it has come as far, module
//      for module.
//  B2  Two generations are compared while both rest at the same places, and one is replaced while no place of it is above the build's, which
//      goes on: the live projector is held for that long. Other processes stand back meanwhile, since the times of its places are renewed.
//      One that leads does not: a comparison that it disturbs is made again, some times; and a build that it keeps ahead of for long is
//      read with a few positions missing, which follow at once. So many, and the step that the leading one takes between the last look
//      and the swap, are all by which a place may go back.
//  B3  A comparison that finds a difference is made again at later places, until there are none: a replay does not see what was forgotten
//      since, and the live one has not seen yet that it was.
//  B4  What ends in the middle leaves the live generation as it is. A rebuild stays, and is taken up again by the process that finds it
//      orphaned; a comparison is dropped, since whoever waits for it is gone. It is dropped after it has told what it found; a process
//      that goes away leaves it, for another one to drop.
//  B5  Of a log that was restored nothing of the live generation counts: the build is read as soon as it is near the head. A build of the
//      log as it was before is dropped.
//  B6  While it runs its row says that somebody is at work (`keepAlive`), whatever it waits for. What it found counts only if its row was
//      there, and being built, before and after.
//
// Failure mode: away is away, for engine and conductor, and the build waits; it is over when its generation is gone.
import { setTimeout as delay } from "node:timers/promises";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import type { GenerationRow, Place } from "../domain/graph-rows.ts";
import type { ProjectionStore } from "../domain/graph-store.ts";
import { compareModule, type ModuleVerdict } from "./compare-module.ts";
import { isEngineAway } from "./engine-watch.ts";
import { Projector, type ProjectorNeeds } from "./projector.ts";

/** How far a build is. */
export interface BuildStatus {
  readonly generation: number;
  readonly purpose: GenerationRow["purpose"];
  readonly projected: number;
  readonly total: number;
  readonly beganMs: number;
  readonly done: boolean;
}

export interface BuildNeeds extends ProjectorNeeds {
  readonly store: ProjectionStore;
  /** Stops the live projector between two steps, until the function that it answers with is called. */
  readonly hold: () => Promise<() => void>;
  /** How often it is looked whether the build has come as far as the live one, in milliseconds. */
  readonly lookMs: number;
  /** How long both may take to the common place while the live one is held; then it is let go, and tried again later. */
  readonly holdMaxMs: number;
  /** How often other processes are told meanwhile that somebody is at work. */
  readonly renewMs: number;
  /** How often its row says so (B6). */
  readonly aliveMs: number;
  /** Whether this generation, the live one, is of a log that was restored since (B5). */
  readonly isRestored: (live: number) => boolean;
  /** Drops a generation; it resolves when that is done, or when the process goes away. Never rejects. */
  readonly drop: (generation: number) => Promise<void>;
}

export interface BuildTask {
  readonly row: GenerationRow;
  /** Only these modules. Unset: all. */
  readonly modules?: readonly string[];
}

/** How far the live one may be ahead, in positions of all modules, when it is held to wait for the build. */
const NEAR = 500;
/** Modules that a subscription may name (cos.conductor.v1.SubscribeRequest). */
const MODULES_MAX = 1000;
/** B3. */
const COMPARISONS_MAX = 5;
/** B2: how often, and then how many positions may be missing. */
const DISTURBED_MAX = 10;
const MISSING_MAX = 100;
/** How long the end of a build waits for its generation to be dropped: a small one is gone when its end is told. */
const DROP_WAIT_MS = 1_000;

type Places = ReadonlyMap<string, Place>;

export class Build {
  readonly row: GenerationRow;
  readonly #needs: BuildNeeds;
  readonly #task: BuildTask;
  readonly #stop = new AbortController();
  #projector: Projector;
  /** Rejects when the projector ends before its time. */
  #over: Promise<never> = new Promise(() => undefined);
  #done = false;
  #result: Promise<ModuleVerdict[]> | undefined;

  constructor(needs: BuildNeeds, task: BuildTask) {
    this.row = task.row;
    this.#needs = needs;
    this.#task = task;
    this.#projector = this.#openProjector();
  }

  get status(): BuildStatus {
    const { number: generation, purpose, beganMs } = this.row;
    const figures = this.#projector.figures.all();
    const projected = figures.reduce((sum, { place }) => sum + (place?.position ?? 0), 0);
    const total = figures.reduce((sum, { head }) => sum + head, 0);
    return { generation, purpose, projected, total, beganMs, done: this.#done };
  }

  /** What a comparison finds; nothing, for a rebuild. Rejects with ENGINE_UNAVAILABLE when it was closed, or its generation is gone. */
  run(): Promise<ModuleVerdict[]> {
    this.#result ??= this.#run();
    return this.#result;
  }

  /** Ends it where it is (B4). */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#projector.close();
    await this.#result?.catch(() => undefined);
  }

  async #run(): Promise<ModuleVerdict[]> {
    const isVerify = this.row.purpose === "verify";
    let isUseless = isVerify;
    const { store, now = Date.now } = this.#needs;
    const tellAlive = (): void => void store.keepAlive(this.row.number, now()).catch(() => undefined);
    tellAlive();
    const telling = setInterval(tellAlive, this.#needs.aliveMs);
    try {
      const verdicts = isVerify ? await this.#verify() : await this.#replace();
      this.#done = true;
      return verdicts;
    } catch (error) {
      if (error instanceof IsLive && !isVerify) {
        this.#done = true;
        return [];
      }
      isUseless ||= error instanceof LogRestored;
      throw error;
    } finally {
      clearInterval(telling);
      await this.#projector.close();
      if (isUseless) {
        await Promise.race([this.#needs.drop(this.row.number), delay(DROP_WAIT_MS, undefined, { ref: false })]);
      }
    }
  }

  async #replace(): Promise<ModuleVerdict[]> {
    const { store, now = Date.now } = this.#needs;
    for (let tries = 1; ; tries += 1) {
      await this.#catchUp();
      const isDone = await this.#whileHeld(async () => {
        if (!(await this.#comesAsFar(tries > DISTURBED_MAX ? MISSING_MAX : 0))) return false;
        await store.activate(this.row.number, now());
        // From here on the live projector takes its steps.
        await this.#projector.close();
        return true;
      });
      if (isDone === true) return [];
    }
  }

  /** Whether the build, which goes on, comes as far as the live generation in time, but for so many positions. */
  async #comesAsFar(missingMax: number): Promise<boolean> {
    const endMs = performance.now() + this.#needs.holdMaxMs;
    for (;;) {
      const live = await this.#live();
      if (live !== undefined && this.#needs.isRestored(live)) return true;
      if (live !== undefined && this.#missing(await this.#placesOf(live)) <= missingMax) return true;
      if (performance.now() >= endMs) return false;
      await Promise.race([this.#over, this.#pause()]);
    }
  }

  async #verify(): Promise<ModuleVerdict[]> {
    let last: { readonly places: string; readonly verdicts: ModuleVerdict[] } | undefined;
    for (let [round, disturbed] = [1, 0]; ; ) {
      await this.#catchUp();
      const found = await this.#whileHeld(() => this.#compare());
      if (found === undefined) {
        disturbed += 1;
        if (disturbed > DISTURBED_MAX) throw restless();
        continue;
      }
      const isSettled = found.verdicts.every(({ equal }) => equal) || found.places === last?.places;
      if (isSettled || round >= COMPARISONS_MAX) return found.verdicts;
      last = found;
      round += 1;
    }
  }

  /** Undefined: there was no common place, or it did not hold still. */
  async #compare(): Promise<{ places: string; verdicts: ModuleVerdict[] } | undefined> {
    const { store } = this.#needs;
    await this.#projector.close();
    const live = await this.#live();
    if (live === undefined || !(await this.#meet())) return undefined;
    const places = await this.#placesOf(live);
    const verdicts: ModuleVerdict[] = [];
    for (const place of [...places.values()].toSorted((a, b) => (a.module < b.module ? -1 : 1))) {
      this.#throwIfClosed();
      const { signal } = this.#stop;
      verdicts.push(await compareModule(store, place, { live, replay: this.row.number, signal }));
      if ((await this.#live()) !== live) return undefined;
    }
    const after = await this.#placesOf(live);
    return told(places) === told(after) ? { places: told(places), verdicts } : undefined;
  }

  /** Projects until the build is near the live generation, or at the head of a restored log. */
  async #catchUp(): Promise<void> {
    await this.#projector.close();
    this.#throwIfClosed();
    this.#projector = this.#openProjector();
    this.#over = this.#projector.run().then((outcome) => {
      this.#throwIfClosed();
      throw outcome === "forked" ? new LogRestored() : new BuildOver("its generation was dropped");
    });
    this.#over.catch(() => undefined);
    do await Promise.race([this.#over, this.#pause()]);
    while (!(await Promise.race([this.#over, this.#isNear()])));
  }

  async #isNear(): Promise<boolean> {
    const { figures } = this.#projector;
    if (!figures.caughtUp) return false;
    const live = await this.#live().catch(noneIfAway);
    if (live === undefined) return false;
    if (this.#needs.isRestored(live)) {
      if (this.row.purpose === "verify") throw new LogRestored();
      return figures.all().reduce((sum, { lagPositions }) => sum + lagPositions, 0) <= NEAR;
    }
    const places = await this.#placesOf(live).catch(noneIfAway);
    if (places === undefined) return false;
    return this.#missing(places) <= NEAR;
  }

  /** How many positions of the live generation the build has not come to. */
  #missing(live: Places): number {
    const { figures } = this.#projector;
    return [...live.values()]
      .map(({ module, position }) => Math.max(0, position - (figures.of(module)?.place?.position ?? 0)))
      .reduce((sum, each) => sum + each, 0);
  }

  /** Brings both generations to the same places, while nobody else moves them; false: not in time. */
  async #meet(): Promise<boolean> {
    const live = await this.#live();
    if (live === undefined) return false;
    const [left, right] = [await this.#placesOf(live), await this.#placesOf(this.row.number)];
    const until = new Map<string, number>();
    for (const { module, position } of [...left.values(), ...right.values()]) {
      until.set(module, Math.max(position, until.get(module) ?? 0));
    }
    for (const generation of [live, this.row.number]) await this.#bringTo(generation, until);
    this.#throwIfClosed();
    const own = await this.#placesOf(this.row.number);
    for (const place of own.values()) this.#projector.figures.reached(place);
    return told(await this.#placesOf(live)) === told(own);
  }

  async #bringTo(generation: number, until: ReadonlyMap<string, number>): Promise<void> {
    // More names than a request takes: then all of the log is read, and what is not wanted left alone.
    const modules = until.size <= MODULES_MAX ? { modules: [...until.keys()] } : {};
    const bringing = new Projector(this.#needs, { generation, until, ...modules });
    const closing = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(this.#needs.holdMaxMs)]);
    const close = (): void => void bringing.close();
    closing.addEventListener("abort", close, { once: true });
    if (closing.aborted) close();
    await bringing.run();
    closing.removeEventListener("abort", close);
  }

  /** Undefined: the engine went away meanwhile. */
  async #whileHeld<T>(work: () => Promise<T>): Promise<T | undefined> {
    const release = await this.#needs.hold();
    const renewal = setInterval(() => void this.#renew().catch(() => undefined), this.#needs.renewMs);
    try {
      return await work();
    } catch (error) {
      this.#throwIfClosed();
      if (error instanceof BuildOver || !isEngineAway(error)) throw error;
      return undefined;
    } finally {
      clearInterval(renewal);
      release();
    }
  }

  /** B2: steps that come nowhere tell other processes that somebody is at work. */
  async #renew(): Promise<void> {
    const { store, now = Date.now } = this.#needs;
    const live = await this.#live();
    if (live === undefined) return;
    for (const place of (await this.#placesOf(live)).values()) {
      const step = { generation: live, module: place.module, after: place.position };
      await store.project(step, async () => ({ ...place, atMs: now() }));
    }
  }

  async #live(): Promise<number | undefined> {
    const rows = await this.#needs.store.generations(this.#stop.signal);
    const own = rows.find(({ number }) => number === this.row.number);
    if (own?.state === "live") throw new IsLive("it is read already");
    if (own?.state !== "building") throw new BuildOver("its generation was dropped");
    return rows.find(({ state }) => state === "live")?.number;
  }

  async #placesOf(generation: number): Promise<Places> {
    const places = await this.#needs.store.places(generation, this.#stop.signal);
    const { modules } = this.#task;
    const wanted = modules === undefined ? places : places.filter(({ module }) => modules.includes(module));
    return new Map(wanted.filter(({ position }) => position > 0).map((place) => [place.module, place]));
  }

  #openProjector(): Projector {
    const { modules } = this.#task;
    return new Projector(this.#needs, { generation: this.row.number, ...(modules && { modules }) });
  }

  #throwIfClosed(): void {
    if (this.#stop.signal.aborted) throw new BuildOver("this process goes away");
  }

  /** Throws once it is closed: a wait that is over before it began would keep the event loop from ever turning. */
  async #pause(): Promise<void> {
    await delay(this.#needs.lookMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
    this.#throwIfClosed();
  }
}

/** The build ends without having come to its end. */
class BuildOver extends CosError {
  constructor(why: string) {
    super(ErrorReason.ENGINE_UNAVAILABLE, `the build was given up: ${why}`, { retryAfterMs: 1000 });
  }
}

/** Its generation is the live one: the answer to its activation was lost, or another process has taken it up. */
class IsLive extends BuildOver {}

/** B5. */
class LogRestored extends BuildOver {
  constructor() {
    super("the log was restored meanwhile");
  }
}

/** B2. */
function restless(): CosError {
  const why = "another process takes the graph further all the time: verify it there, or when less is recorded";
  return new CosError(ErrorReason.OVERLOADED, why, { retryAfterMs: 10_000 });
}

/** For what is asked again. Throws what else went wrong. */
function noneIfAway(error: unknown): undefined {
  if (error instanceof BuildOver || !isEngineAway(error)) throw error;
}

/** Places, to be compared: positions alone. */
function told(places: Places): string {
  return Array.from(places.values(), ({ module, position }) => `${module}/${position}`)
    .toSorted((left, right) => (left < right ? -1 : 1))
    .join(" ");
}
