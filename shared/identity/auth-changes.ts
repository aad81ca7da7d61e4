import type { Log } from "#shared/log/open-log.ts";
import { openRedis, type RedisClient } from "#shared/redis/open-redis.ts";

/** Where processes tell each other that rights have changed; the message says nothing else. */
const CHANNEL = "cos.auth.changed";

export interface AuthChangesOptions {
  readonly redisUrl: string;
  readonly log: Log;
  /** Somebody has changed a right. */
  readonly onChange: () => void;
}

/** The word of mouth between processes. */
export interface AuthChanges {
  /** Tells all processes that this one has changed a right. */
  announce(): void;
  /** A connection for short commands, whose callers are not kept waiting. */
  readonly commands: RedisClient;
  close(): void;
}

/**
 * Tells and hears through Redis that rights have changed.
 *
 * Purpose: what is taken back ends at once rather than with the next poll. Nothing depends on it: a message that is lost, or a Redis
 * that is away, costs two seconds; one that is made up costs a poll.
 * Owner: the gatekeeper.
 *
 *  N1. It listens again after every reconnection, by itself.
 *  N2. Nobody waits for it, and nothing of it is ever thrown.
 */
export function openAuthChanges({ redisUrl: url, log, onChange }: AuthChangesOptions): AuthChanges {
  const commands = openRedis({ url, role: "publisher", log });
  // A connection that listens can do nothing else.
  const listener = openRedis({ url, role: "plain", log });
  listener.on("message", onChange);
  // The client subscribes again by itself only to what it was subscribed to once.
  listener.on("ready", () => void listener.subscribe(CHANNEL).catch(ignore));
  return {
    commands,
    announce: () => void commands.publish(CHANNEL, "").catch(ignore),
    close: () => {
      listener.disconnect();
      commands.disconnect();
    },
  };
}

/** Connection errors are logged where the connection is. */
function ignore(): void {}
