// Reading what one wrote: a call waits until the graph that is read has seen a cursor.
//
//  Q1  What decides is the store's place of the live generation, never what this process believes: another one may be projecting, or may
//      have made another generation the live one.
//  Q2  Whoever waits looks when this process has come to the place, and every `pollMs` besides: many who wait cost the store little.
//  Q3  A cursor that cannot come true is refused with what is wrong: the conductor is asked once, as soon as there is a doubt. Of another
//      epoch than the place's there is one at once; above the head that is known here, when it has not come for `doubtMs`. With the
//      conductor away, or silent for `proofMs`, there is no answer to be had: the call waits, and asks again later.
//  Q4  PROJECTION_BEHIND comes shortly before the deadline, so that its details arrive.
import { create } from "@bufbuild/protobuf";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { type Cursor, CursorSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import type { CallContext } from "#shared/auth/call-context.ts";
import { moduleNotFound } from "#shared/auth/refusals.ts";
import { mayRead } from "#shared/auth/scope.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { isRetryable } from "#shared/errors/reasons.ts";
import { moduleOr } from "../domain/default-module.ts";
import type { Place } from "../domain/graph-rows.ts";
import type { GraphReader } from "../domain/graph-store.ts";
import type { Projection } from "./projection.ts";

export interface AwaitPlaceNeeds {
  readonly store: Pick<GraphReader, "livePlaces">;
  readonly projection: Pick<Projection, "figureOf" | "moved">;
  /** Resolves if the cursor is one of the log; rejects with what is wrong with it, or with ENGINE_UNAVAILABLE. */
  readonly proveCursor: (cursor: Cursor, signal: AbortSignal) => Promise<unknown>;
  readonly times?: Partial<AwaitPlaceTimes>;
}

/** All in milliseconds. */
export interface AwaitPlaceTimes {
  readonly pollMs: number;
  readonly doubtMs: number;
  /** The longest that an answer of the conductor's is waited for, and then the pause before the next question (Q3). */
  readonly proofMs: number;
  /** Before the deadline (Q4). */
  readonly marginMs: number;
  /** Of calls without a deadline. */
  readonly waitMaxMs: number;
}

const TIMES: AwaitPlaceTimes = { pollMs: 100, doubtMs: 250, proofMs: 1_000, marginMs: 150, waitMaxMs: 30_000 };

/**
 * Resolves when the graph that is read has seen a cursor; at once without one. Rejects with PROJECTION_BEHIND shortly before the call's
 * deadline, with what is wrong with the cursor, or MODULE_NOT_FOUND where the caller may not read its module.
 */
export type AwaitPlace = (cursor: Cursor | undefined, call: CallContext) => Promise<void>;

/** What the handlers wait with. */
export function openAwaitPlace(needs: AwaitPlaceNeeds): AwaitPlace {
  const times = { ...TIMES, ...needs.times };
  return async (asked, call) => {
    if (asked === undefined) return;
    const cursor = create(CursorSchema, { ...asked, module: moduleOr(asked.module) });
    if (!mayRead(call.scope, cursor.module)) throw moduleNotFound(cursor.module);
    if (cursor.position > 0n) await awaitCursor(needs, times, cursor, call);
  };
}

async function awaitCursor(
  needs: AwaitPlaceNeeds,
  times: AwaitPlaceTimes,
  cursor: Cursor,
  call: CallContext,
): Promise<void> {
  const { store, projection } = needs;
  const { module, position, epoch } = cursor;
  const beganMs = Date.now();
  const endMs = Math.min(beganMs + times.waitMaxMs, call.deadlineMs - times.marginMs);
  const prove = openProver(needs, { endMs, proofMs: times.proofMs, signal: call.signal });
  let told: Place | undefined;
  for (let nextMs = beganMs + times.pollMs; ; nextMs = Date.now() + times.pollMs) {
    const lookMs = Math.min(nextMs, endMs);
    while (Date.now() < lookMs && !isNews(told, projection.figureOf(module)?.place, cursor)) {
      await projection.moved(lookMs - Date.now(), call.signal);
      call.signal.throwIfAborted();
    }
    told = projection.figureOf(module)?.place;
    const place = (await store.livePlaces(call.scope, call.signal, module)).find((each) => each.module === module);
    const isThere = place !== undefined && place.position >= Number(position);
    const isSameLog = place === undefined || epoch === "" || place.epoch === epoch;
    if (isThere && isSameLog) return;
    const isDoubtful = !isSameLog || isAboveHead(projection, cursor, Date.now() - beganMs >= times.doubtMs);
    const isProven = isDoubtful && (await prove(cursor));
    // Of another epoch the place has to be proven too: it may lie on a history that ended, which is no fault of the caller's.
    if (isThere && isProven && (await prove(cursorOf(place)).catch(() => false))) return;
    if (Date.now() >= endMs) throw behind(cursor, place);
  }
}

/** Whether this process has come to a place, since it was last looked at, that tells to look at the store (Q2). */
function isNews(told: Place | undefined, place: Place | undefined, { position, epoch }: Cursor): boolean {
  if (place === undefined || place === told) return false;
  return place.position >= Number(position) || (epoch !== "" && place.epoch !== epoch);
}

/** Whether it lies above all that is known of the log here, and has done so for a while. */
function isAboveHead(
  projection: AwaitPlaceNeeds["projection"],
  { module, position }: Cursor,
  isLate: boolean,
): boolean {
  return isLate && Number(position) > (projection.figureOf(module)?.head ?? 0);
}

/** Asks the conductor for one call, about each cursor until it was found good; never beyond the end of the wait (Q3, Q4). */
function openProver(
  { proveCursor }: AwaitPlaceNeeds,
  { endMs, proofMs, signal }: { readonly endMs: number; readonly proofMs: number; readonly signal: AbortSignal },
): (cursor: Cursor) => Promise<boolean> {
  const proven = new Set<string>();
  let askFromMs = 0;
  return async (cursor) => {
    const name = `${cursor.epoch} ${cursor.position}`;
    if (proven.has(name)) return true;
    const nowMs = Date.now();
    if (nowMs < askFromMs || nowMs >= endMs) return false;
    const forMs = Math.min(endMs - nowMs, proofMs);
    askFromMs = nowMs + forMs + proofMs;
    if (!(await isGood(proveCursor(cursor, AbortSignal.any([signal, AbortSignal.timeout(forMs)]))))) return false;
    askFromMs = 0;
    proven.add(name);
    return true;
  };
}

/** False: it could not be found out, or not in time. Rejects with what is wrong. */
async function isGood(proof: Promise<unknown>): Promise<boolean> {
  try {
    await proof;
    return true;
  } catch (error) {
    if (error instanceof CosError && !isRetryable(error.reason)) throw error;
    return false;
  }
}

function cursorOf({ module, position, epoch }: Place): Cursor {
  return create(CursorSchema, { module, position: BigInt(position), epoch });
}

function behind({ module, position }: Cursor, place: Place | undefined): CosError {
  const missing = Number(position) - (place?.position ?? 0);
  const what = missing > 0 ? `is ${missing} ${missing === 1 ? "position" : "positions"} behind` : "is being built anew";
  return new CosError(ErrorReason.PROJECTION_BEHIND, `the graph of module "${module}" ${what}`, { retryAfterMs: 1000 });
}
