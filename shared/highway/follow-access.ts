/**
 * What becomes of an open stream when its caller's rights change.
 *
 * Owner: the hub, which calls it when a stream begins and undoes it when the stream is over. Everything happens in the turn of
 * the event loop in which the rights change; nothing is looked at for each event.
 *
 *  R1. The access ends: so does the stream, with GoAway ACCESS_CHANGED and the reason why it ended.
 *  R2. A module that the stream carries may not be read any more: it ends, with GoAway ACCESS_CHANGED. Resumed, it carries
 *      what is left.
 *  R3. A stream of all modules may read more: what it does not carry joins at the request's `start`. (So does it when a resume token
 *      is older than the grant: it counts the module as known, and has no place of it.)
 *  R4. What changed while the start was resolved is made up for as the stream begins.
 *
 * Failure: when the log does not say where a time begins, it is asked again until it does, or the stream is over.
 */

import { setTimeout as pause } from "node:timers/promises";
import type { Access } from "#shared/auth/access.ts";
import { mayRead } from "#shared/auth/scope.ts";
import { accessEnded, accessTaken } from "./ending.ts";
import type { ModuleHead } from "./log-port.ts";
import type { Subscription } from "./subscription.ts";

export interface FollowedStream {
  readonly access: Access;
  readonly subscription: Pick<Subscription, "modules" | "carries" | "join" | "end">;
  /** Of a stream of all modules: those that there are, as far as is known here. Of any other: none. */
  readonly heads: () => Iterable<ModuleHead>;
  /** The position at which one starts that it was not sent before. Rejects when the log does not answer. */
  readonly startOf: (head: ModuleHead) => Promise<number>;
  /** False once the stream is over. */
  readonly isOpen: () => boolean;
  /** How long to wait before the log is asked again. */
  readonly retryMs: number;
}

/** Follows until the function that it answers with is called. */
export function followAccess(stream: FollowedStream): () => void {
  const { access, subscription } = stream;
  const changed = (): void => {
    if ([...subscription.modules].some((module) => !mayRead(access.scope, module))) {
      subscription.end(accessTaken());
      return;
    }
    for (const head of stream.heads()) {
      if (isMissing(stream, head)) void joinGranted(stream, head);
    }
  };
  const unwatch = access.watch({ ended: (error) => subscription.end(accessEnded(error)), changed });
  changed();
  return unwatch;
}

function isMissing({ access, subscription }: FollowedStream, { module }: ModuleHead): boolean {
  return mayRead(access.scope, module) && !subscription.carries(module);
}

async function joinGranted(stream: FollowedStream, head: ModuleHead): Promise<void> {
  while (stream.isOpen()) {
    try {
      const position = await stream.startOf(head);
      // It may have been taken back meanwhile.
      if (isMissing(stream, head)) stream.subscription.join({ module: head.module, number: head.number, position });
      return;
    } catch {
      await pause(stream.retryMs, undefined, { ref: false });
    }
  }
}
