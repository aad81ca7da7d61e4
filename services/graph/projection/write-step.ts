// Takes one step of a projection, whatever happens.
//
// Owner: the lane of the step's module, which takes one at a time.
//
//  K1  A step is taken once: where the store has come further (another process, a redelivery), what is done is left out (`lost`).
//      A step that weighs more than `weightMax` (step.ts) is cut in halves before it is tried.
//  K2  While the engine is away the same step is tried again, later and later, for ever.
//  K3  What fails otherwise is cut in halves until one memory is left that fails alone; so is what the engine gave up in the middle, for
//      its time or its size. That one is tried `attemptsMax` times, later and later; then it is parked: its position is passed with a
//      fault that says what was wrong, and nothing of what the memory says.
//  K4  When the store's place is below the step's, something was lost there: nothing is written (`PlaceLost`), and whoever reads the stream
//      begins again at the stored place.
//  K5  A memory that is parked has the bare node of a forgotten one. So it makes no difference whether it is forgotten afterwards, and a
//      replay, which may find it forgotten already, comes to the same.
//  K6  An engine that gives up one memory that says little is in trouble of its own, and is waited for (K2). So it is for a forgetting,
//      whatever it holds: what was forgotten must not stay because the engine was busy.
//
// Failure mode: where even the passing over fails, it is the engine's fault, and the step waits as in K2.
import type { Memory } from "#gen/cos/memory/v1/memory_pb.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { type Backoff, backoffMs } from "#shared/highway/client/backoff.ts";
import type { FaultRow, Place } from "../domain/graph-rows.ts";
import type { ProjectionStore, ProjectionTransaction } from "../domain/graph-store.ts";
import { type EngineWatch, gaveUp, isEngineAway } from "./engine-watch.ts";
import type { LogEvent } from "./log-event.ts";
import { bareMemory } from "./read-memory.ts";
import { halvesOf, type Item, positionOf, restOf, type Step, weightOf } from "./step.ts";

/** The store's place is not what the stream was read for: it has to be read again from there. */
export class PlaceLost extends Error {
  override readonly name = "PlaceLost";
}

/** The generation is not there any more. */
export class GenerationGone extends Error {
  override readonly name = "GenerationGone";
}

/** The engine is there, and gave the step up after it had begun. */
class StepTooHeavy extends Error {
  override readonly name = "StepTooHeavy";
}

/** What is written in a moment: some forty names that all come together. */
const LIGHT = 1_000;

export interface WriteNeeds {
  readonly generation: number;
  readonly project: ProjectionStore["project"];
  readonly apply: (transaction: ProjectionTransaction, module: string, events: readonly LogEvent[]) => Promise<void>;
  readonly read: (memory: Memory) => LogEvent;
  readonly engine: EngineWatch;
  readonly onParked: (fault: FaultRow) => void;
  readonly backoff: Backoff;
  /** How often a memory is tried that fails alone. */
  readonly attemptsMax: number;
  /** What a step weighs at most, unless it is of one memory. */
  readonly weightMax: number;
  /** Milliseconds of the Unix epoch. */
  readonly now: () => number;
  readonly random: () => number;
  /** Resolves after that time, or when the signal fires. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly signal: AbortSignal;
}

export interface Written {
  /** What the store has now: the step's end, or further. */
  readonly place: Place;
  /** Whether somebody else had done it, or a part of it (K1). */
  readonly lost: boolean;
}

/** Rejects with PlaceLost, GenerationGone, or the signal's reason. */
export async function writeStep(needs: WriteNeeds, step: Step): Promise<Written> {
  if (step.items.length > 1 && weightOf(step) > needs.weightMax) return await writeHalves(needs, step);
  let [attempt, waits] = [0, 0];
  let present = step;
  for (;;) {
    needs.signal.throwIfAborted();
    try {
      const written = await takeStep(needs, present);
      needs.engine.back();
      return written;
    } catch (error) {
      if (error instanceof PlaceLost || error instanceof GenerationGone) throw error;
      const [only, ...more] = present.items;
      if (isEngineAway(error) || isTroubleOfTheEngine(error, present)) waits = await waitForEngine(needs, error, waits);
      else if (more.length > 0) return await writeHalves(needs, present);
      else if (only === undefined || only.fault !== undefined) waits = await waitForEngine(needs, error, waits);
      else if (++attempt < needs.attemptsMax) await pause(needs, attempt);
      else present = withItem(step, park(needs, step.module, only, { error, attempts: attempt }));
    }
  }
}

/** K6. */
function isTroubleOfTheEngine(error: unknown, step: Step): boolean {
  const [only, ...more] = step.items;
  if (!(error instanceof StepTooHeavy) || only === undefined || more.length > 0) return false;
  const { event } = only;
  return event?.kind === "forgotten" || (event?.kind === "remembered" && weightOf(step) < LIGHT);
}

function withItem(step: Step, item: Item): Step {
  return { ...step, items: [item] };
}

async function writeHalves(needs: WriteNeeds, step: Step): Promise<Written> {
  const [first, second] = halvesOf(step);
  const { place, lost } = await writeStep(needs, first);
  if (place.position >= second.to) return { place, lost };
  const written = await writeStep(needs, second);
  return { place: written.place, lost: lost || written.lost };
}

async function waitForEngine(needs: WriteNeeds, error: unknown, attempt: number): Promise<number> {
  needs.engine.away(error);
  await pause(needs, attempt + 1);
  return attempt + 1;
}

function pause({ wait, backoff, random, signal }: WriteNeeds, attempt: number): Promise<void> {
  return wait(backoffMs(backoff, attempt, random), signal);
}

async function takeStep(needs: WriteNeeds, step: Step): Promise<Written> {
  const { generation, project, apply, read, now } = needs;
  const { module, after, to, epoch, items } = step;
  const events = items.map(({ event, memory }) => event ?? read(memory));
  let began = false;
  const taking = project({ generation, module, after, alone: items.length === 1 }, async (transaction) => {
    began = true;
    await apply(transaction, module, events);
    for (const { fault } of items) if (fault !== undefined) await transaction.addFault(fault);
    return { module, position: to, epoch, atMs: now() };
  });
  const place = await taking.catch((cause: unknown) => {
    // Before it began it waited for somebody else's step, which says nothing of this one.
    throw began && gaveUp(cause) ? new StepTooHeavy("the engine gave it up", { cause }) : cause;
  });
  if (place === undefined) throw new GenerationGone();
  for (const { fault } of items) if (began && fault !== undefined) needs.onParked(fault);
  if (place.position >= to) return { place, lost: !began };
  if (place.position <= after) throw new PlaceLost(`${module} stands at ${place.position}, not at ${after}`);
  const rest = await takeStep(needs, restOf(step, place.position));
  return { ...rest, lost: true };
}

function park(
  { now }: WriteNeeds,
  module: string,
  { memory }: Item,
  { error, attempts }: { readonly error: unknown; readonly attempts: number },
): Item {
  const at = { position: positionOf({ memory, event: undefined }), memoryId: memory.id };
  const fault = { ...at, module, kind: "parked", error: faultText(error), attempts, atMs: now() } as const;
  const isAct = memory.eventType.startsWith("cos.");
  const event: LogEvent = isAct
    ? { ...at, kind: "passed" }
    : { ...at, kind: "remembered", memory: bareMemory(memory.eventType), mentions: [] };
  return { memory, event, fault };
}

/** What was wrong: names and codes alone, since messages of drivers and parsers repeat what they were given. */
export function faultText(error: unknown): string {
  const names: string[] = [];
  for (let cause = error; cause instanceof Error && names.length < 4; cause = cause.cause) {
    const { code } = cause as { code?: unknown };
    const coded = typeof code === "string" && /^[\w.]{1,60}$/.test(code) ? `${cause.name} ${code}` : cause.name;
    names.push(cause instanceof CosError ? cause.reasonName : coded);
  }
  return names.length === 0 ? "an unknown error" : names.join(", caused by ");
}
