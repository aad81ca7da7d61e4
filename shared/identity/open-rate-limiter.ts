import {
  BurstyRateLimiter,
  type RateLimiterAbstract,
  RateLimiterMemory,
  RateLimiterRedis,
} from "rate-limiter-flexible";
import type { RedisClient } from "#shared/redis/open-redis.ts";
import type { Rate } from "./rate-settings.ts";

/** For so long a burst counts. */
const BURST_SECONDS = 10;

/** Counts by name; rejects with a RateLimiterRes when there were too many, which says when the next is welcome. */
export type RateLimiter = Pick<BurstyRateLimiter, "consume">;

/**
 * A limiter of one rate; undefined where there is no limit. With `redis`, what it counts is shared under `cos:rate:<name>`; while Redis
 * does not answer, it counts in memory.
 */
export function openRateLimiter(name: string, rate: Rate, redis?: RedisClient): RateLimiter | undefined {
  if (rate.perSecond === 0) return undefined;
  const steady = openWindow(`${name}:second`, rate.perSecond, 1, redis);
  if (rate.burst === 0) return steady;
  return new BurstyRateLimiter(steady, openWindow(`${name}:burst`, rate.burst, BURST_SECONDS, redis));
}

function openWindow(name: string, points: number, duration: number, redis?: RedisClient): RateLimiterAbstract {
  const window = { keyPrefix: `cos:rate:${name}`, points, duration };
  const inMemory = new RateLimiterMemory(window);
  if (redis === undefined) return inMemory;
  return new RateLimiterRedis({
    ...window,
    storeClient: redis,
    rejectIfRedisNotReady: true,
    insuranceLimiter: inMemory,
  });
}
