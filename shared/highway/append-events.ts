import { createHash } from "node:crypto";
import type { RedisClient } from "#shared/redis/open-redis.ts";
import { APPEND_SCRIPT } from "./append-script.ts";
import type { Epoch } from "./log-port.ts";
import { hintChannel, placeKey, streamKey } from "./redis-keys.ts";
import type { SharedEvent } from "./shared-event.ts";
import { eventHint, storedForm } from "./shared-event.ts";

/** How much of the log Redis may hold for one module. */
export interface RedisStreamLimits {
  readonly entriesMax: number;
  readonly bytesMax: number;
}

export interface Append {
  readonly module: string;
  readonly epoch: Epoch;
  /** The position before the first event. */
  readonly after: number;
  /** Of dense positions. May be empty: then the limits alone are applied. */
  readonly events: readonly SharedEvent[];
  readonly limits: RedisStreamLimits;
  /** The module's last forgetting, as known before the events were read. Unset: of none. */
  readonly forgetting?: number;
  /** Whether the stream may begin with these events, if there is none of this epoch. Unset: no. */
  readonly rebuild?: boolean;
  /** Events up to here are not announced on the channel, because they may have been. Unset: all are. */
  readonly quietUntil?: number;
}

export interface AppendAnswer {
  /** See APPEND_SCRIPT: S2 to S5. */
  readonly status: "OK" | "GAP" | "EMPTY" | "STALE" | "FORGOTTEN";
  /** The last position that Redis now holds; of STALE, the later generation. */
  readonly last: number;
  /** What the module's entries take. */
  readonly bytes: number;
  /** The last forgetting that what Redis now holds obeys; 0: of none. */
  readonly forgetting: number;
}

const SCRIPT_SHA = createHash("sha1").update(APPEND_SCRIPT).digest("hex");

/** Appends events to a module's stream and announces them (H2). Rejects when Redis fails, or refuses to write. */
export async function appendEvents(redis: RedisClient, append: Append): Promise<AppendAnswer> {
  const keysAndArguments = [streamKey(append.module), placeKey(append.module), ...scriptArguments(append)];
  type Reply = [AppendAnswer["status"], number, number, number];
  const [status, last, bytes, forgetting] = (await runScript(redis, keysAndArguments)) as Reply;
  return { status, last, bytes, forgetting };
}

function scriptArguments({
  module,
  epoch,
  after,
  events,
  limits,
  forgetting = 0,
  rebuild,
  quietUntil = 0,
}: Append): (string | Buffer)[] {
  const args: (string | Buffer)[] = [
    rebuild === true ? "rebuild" : "append",
    String(epoch.generation),
    epoch.identity,
    String(after),
    String(limits.entriesMax),
    String(limits.bytesMax),
    hintChannel(module),
    String(forgetting),
  ];
  for (const event of events) {
    const { field, bytes } = storedForm(event);
    args.push(field, bytes, event.position > quietUntil ? eventHint(event) : "");
  }
  return args;
}

/** By its hash; a server that does not know it yet (it was restarted or flushed) gets the text. */
async function runScript(redis: RedisClient, keysAndArguments: (string | Buffer)[]): Promise<unknown> {
  try {
    return await redis.evalsha(SCRIPT_SHA, 2, ...keysAndArguments);
  } catch (error) {
    if (error instanceof Error && error.message.startsWith("NOSCRIPT")) {
      return await redis.eval(APPEND_SCRIPT, 2, ...keysAndArguments);
    }
    throw error;
  }
}
