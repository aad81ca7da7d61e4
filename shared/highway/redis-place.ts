import type { RedisClient } from "#shared/redis/open-redis.ts";
import type { Epoch } from "./log-port.ts";
import { placeKey, streamKey } from "./redis-keys.ts";

/** What Redis says that it holds of a module. */
export interface RedisPlace {
  readonly generation: number;
  readonly identity: string;
  readonly last: number;
  readonly bytes: number;
  /** The last forgetting that it obeys; 0: of none. */
  readonly forgetting: number;
}

/**
 * Reads a module's place; undefined: nothing is known of the module. A place whose stream is no stream, because somebody
 * else has written to the key, is of no identity, so that it is taken for another history's and begun anew.
 *
 * Rejects when Redis fails.
 */
export async function readRedisPlace(redis: RedisClient, module: string): Promise<RedisPlace | undefined> {
  const [type, fields] = await Promise.all([redis.type(streamKey(module)), readFields(redis, module)]);
  const place = parsePlace(fields);
  const spoilt = type !== "stream" && type !== "none";
  return spoilt ? { generation: place?.generation ?? 0, identity: "", last: 0, bytes: 0, forgetting: 0 } : place;
}

/** Whether what Redis holds is of this epoch. */
export function isOfEpoch(place: RedisPlace, epoch: Epoch): boolean {
  return place.generation === epoch.generation && place.identity === epoch.identity;
}

/** A key that is no hash says nothing, which is no failure of Redis: the script puts a hash there. */
async function readFields(redis: RedisClient, module: string): Promise<(string | null)[]> {
  try {
    return await redis.hmget(placeKey(module), "generation", "identity", "last", "bytes", "forgetting");
  } catch (error) {
    if (error instanceof Error && error.message.startsWith("WRONGTYPE")) {
      return [];
    }
    throw error;
  }
}

function parsePlace([generation, identity, last, bytes, forgetting]: (string | null)[]): RedisPlace | undefined {
  if (typeof generation !== "string" || typeof last !== "string") {
    return undefined;
  }
  return {
    generation: Number(generation),
    identity: identity ?? "",
    last: Number(last),
    bytes: Number(bytes),
    forgetting: Number(forgetting ?? 0),
  };
}
