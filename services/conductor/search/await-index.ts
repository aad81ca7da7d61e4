// Reading what one wrote: a search waits until the index has come to the places that its caller names.
//
//  P1  What decides are the places in the database, whichever process indexes. A caller looks once by itself, then with all who wait.
//  P2  A cursor that cannot come true is refused at once, with what is wrong, as Subscribe refuses it.
//  P3  PROJECTION_BEHIND comes shortly before the deadline, so that its details arrive.
import { setTimeout as delay } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { SubscribeRequestSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import type { Cursor } from "#gen/cos/highway/v1/highway_pb.ts";
import type { CallContext } from "#shared/auth/call-context.ts";
import { CosError, invalidField } from "#shared/errors/cos-error.ts";
import type { LogPort } from "#shared/highway/log-port.ts";
import { resolveStart } from "#shared/highway/resolve-start.ts";
import { defaultModule } from "../domain/accept-memory.ts";
import type { IndexWatch } from "./index-watch.ts";

export interface AwaitIndexNeeds {
  readonly log: Pick<LogPort, "heads" | "epochs" | "positionAt">;
  readonly places: (modules: readonly string[], signal: AbortSignal) => Promise<ReadonlyMap<string, number>>;
  /** Looks that all who wait share. */
  readonly watch: Pick<IndexWatch, "next">;
  readonly times?: Partial<AwaitIndexTimes>;
}

/** All in milliseconds. */
export interface AwaitIndexTimes {
  /** Before the deadline (P3). */
  readonly marginMs: number;
  readonly waitMaxMs: number;
}

const TIMES: AwaitIndexTimes = { marginMs: 150, waitMaxMs: 30_000 };

type WaitingCall = Pick<CallContext, "scope" | "signal" | "deadlineMs">;

/**
 * Resolves when the index has come to all of the cursors; at once without any. Rejects with PROJECTION_BEHIND, INVALID_FIELD,
 * MODULE_NOT_FOUND, CURSOR_ABOVE_HEAD or CURSOR_PAST_FORK.
 */
export async function awaitIndex(needs: AwaitIndexNeeds, atLeast: readonly Cursor[], call: WaitingCall): Promise<void> {
  if (atLeast.length === 0) return;
  const times = { ...TIMES, ...needs.times };
  const endMs = Math.min(Date.now() + times.waitMaxMs, call.deadlineMs - times.marginMs);
  const wanted = await checkedPlaces(needs, atLeast, call);
  const modules = wanted.map(({ module }) => module);
  let places = await needs.places(modules, call.signal);
  for (;;) {
    const missing = wanted.map(({ module, position }) => ({ module, count: position - (places.get(module) ?? 0) }));
    const behind = missing.find(({ count }) => count > 0);
    if (behind === undefined) return;
    const next = await nextPlaces(needs.watch, endMs, call.signal);
    if (next === undefined) throw indexBehind(behind);
    places = next;
  }
}

/** Undefined: the time is over. Rejects with the signal's reason. */
async function nextPlaces(
  watch: AwaitIndexNeeds["watch"],
  endMs: number,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number> | undefined> {
  const left = new AbortController();
  const either = AbortSignal.any([signal, left.signal]);
  try {
    const over = delay(Math.max(0, endMs - Date.now()), undefined, { signal: either }).catch(() => undefined);
    const next = await Promise.race([watch.next(), over]);
    signal.throwIfAborted();
    return next;
  } finally {
    left.abort();
  }
}

/** The places to wait for (P2). */
async function checkedPlaces(
  { log }: AwaitIndexNeeds,
  atLeast: readonly Cursor[],
  { scope, signal }: WaitingCall,
): Promise<{ module: string; position: number }[]> {
  const cursors = atLeast.map((cursor) => ({ ...cursor, module: cursor.module || defaultModule }));
  for (const [n, { module }] of cursors.entries()) {
    if (cursors.findIndex((other) => other.module === module) < n) {
      throw invalidField(`at_least[${n}].module`, `there are two cursors of module '${module}'`);
    }
  }
  const request = create(SubscribeRequestSchema, { modules: cursors.map(({ module }) => module), cursors });
  const heads = await log.heads(signal);
  const positionAt: LogPort["positionAt"] = (...asked) => log.positionAt(...asked);
  await resolveStart(request, { heads, epochs: log.epochs(), scope, positionAt, signal });
  return cursors.map(({ module, position }) => ({ module, position: Number(position) }));
}

function indexBehind({ module, count }: { readonly module: string; readonly count: number }): CosError {
  const positions = count === 1 ? "1 position" : `${count} positions`;
  return new CosError(ErrorReason.PROJECTION_BEHIND, `the search index of module "${module}" is ${positions} behind`, {
    retryAfterMs: 1000,
  });
}
