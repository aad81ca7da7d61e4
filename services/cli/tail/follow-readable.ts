// Listening while what one may read changes.
//
// Owner: one `cos tail`. The place is the caller's, moved here as far as the caller took what was handed on.
//
//  A1  A stream of all modules that ends because one was taken away is asked for again, from where it stood, without the
//      cursors of what may not be read any more: the server would refuse them as modules that do not exist.
//  A2  A stream of named modules ends then, and it is said how to go on with those that are left.
//  A3  It ends for good where nothing was handed on and no cursor was left out: asking again would change nothing.
//
// Failure mode: while the server cannot be asked what may be read, its refusal is thrown.
import { setTimeout as delay } from "node:timers/promises";
import { backoffMs, RECONNECT_BACKOFF } from "#shared/highway/client/backoff.ts";
import { type FollowOptions, follow } from "#shared/highway/client/follow.ts";
import type { Followed } from "#shared/highway/client/followed.ts";
import { advance, type Place, resumeFields, settle } from "#shared/highway/client/place.ts";
import { StreamRefused } from "#shared/highway/client/stream-error.ts";
import { CliFailure } from "../cli-failure.ts";
import { EXIT } from "../exit-codes.ts";

export interface ReadableOptions {
  readonly open: FollowOptions["open"];
  readonly onState: NonNullable<FollowOptions["onState"]>;
  readonly signal: AbortSignal;
  readonly place: Place;
  /** The modules that were named; undefined: all. */
  readonly named: readonly string[] | undefined;
  /** What may be read now. */
  readonly readable: () => Promise<ReadonlySet<string>>;
  /** Says that the stream goes on with less. */
  readonly onTaken: () => Promise<void>;
}

/** As `follow`, but for what A1 to A3 say. Nobody there at the start ends it: that is most likely a wrong address. */
export async function* followReadable(options: ReadableOptions): AsyncGenerator<Followed, void, undefined> {
  const { place, named, signal, open, onState } = options;
  for (let everMoved = false; ; ) {
    let moved = false;
    try {
      const giveUp: FollowOptions["giveUp"] = ({ everConnected }) => !everConnected && !everMoved;
      for await (const followed of follow({ open, from: resumeFields(place), signal, onState, giveUp })) {
        yield followed;
        moved = true;
        if (followed.kind === "checkpoint") settle(place, followed.resumeToken);
        else advance(place, followed.cursor);
      }
      return;
    } catch (error) {
      if (!saysTaken(error, named)) throw error;
      const readable = await options.readable();
      if (named !== undefined)
        throw new CliFailure(EXIT.failed, describeTaken(named, readable, place), { cause: error });
      if (!leaveOut(place, readable) && !moved) throw error;
    }
    everMoved ||= moved;
    await options.onTaken();
    await delay(backoffMs(RECONNECT_BACKOFF, 1, Math.random), undefined, { signal }).catch(() => undefined);
  }
}

/** A module that was taken away while nothing was open does not exist when the stream is asked for again. */
function saysTaken(error: unknown, named: readonly string[] | undefined): boolean {
  if (!(error instanceof StreamRefused)) return false;
  return error.reason === "ACCESS_CHANGED" || (named === undefined && error.reason === "MODULE_NOT_FOUND");
}

/** Whether there was anything to leave out. */
function leaveOut(place: Place, readable: ReadonlySet<string>): boolean {
  const taken = [...place.cursors.keys()].filter((module) => !readable.has(module));
  for (const module of taken) place.cursors.delete(module);
  return taken.length > 0;
}

/** `you may no longer read drafts: go on by ...` */
function describeTaken(named: readonly string[], readable: ReadonlySet<string>, place: Place): string {
  const taken = named.filter((module) => !readable.has(module));
  const left = named.filter((module) => readable.has(module));
  const what = taken.length > 0 ? `you may no longer read ${taken.join(", ")}` : "what you may read has changed";
  if (left.length === 0) return `${what}: ask an administrator for the right (\`cos tokens grant\`)`;
  return `${what}: go on by ${left.map((module) => `\`${commandFor(module, place)}\``).join(" and ")}`;
}

function commandFor(module: string, { cursors }: Place): string {
  const position = cursors.get(module)?.position;
  return `cos tail --module ${module}${position === undefined ? "" : ` --from ${position + 1n}`}`;
}
