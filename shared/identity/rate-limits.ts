import { RateLimiterRes } from "rate-limiter-flexible";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { PrincipalKind } from "#gen/cos/auth/v1/auth_pb.ts";
import { CredentialKind } from "#gen/cos/auth/v1/auth_service_pb.ts";
import type { Access } from "#shared/auth/access.ts";
import type { Settings } from "#shared/config/read-settings.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import type { RedisClient } from "#shared/redis/open-redis.ts";
import { openRateLimiter, type RateLimiter } from "./open-rate-limiter.ts";
import type { RATE_SETTINGS } from "./rate-settings.ts";

/** One principal, or all who call without a token. */
interface Caller {
  /** What its limiter counts it by. */
  readonly name: string;
  readonly limiter: RateLimiter;
  /** Calls that are not accounted for yet. */
  owed: number;
  isAccounting: boolean;
  blockedUntilMs: number;
}

/** When there are more callers than this, those of whom nothing needs to be known are put out ... */
const CALLERS_MAX = 10_000;
/** ... but no more than so many are looked at for each new one. */
const LOOKS = 10;

type Limited = "agent" | "person" | "service" | "local";

/**
 * Counts the calls of each principal, and refuses those of one that calls too often.
 *
 * Purpose: one caller does not use up what all share. It is no defence against guessing, which needs none: tokens have 256 bits of
 * chance, and what is made up fails by its checksum or at the bound of look-ups.
 * Owner: the gatekeeper.
 *
 *  R1. No call waits: it is refused if its principal is blocked now, else added to what the principal owes.
 *  R2. What is owed is accounted for in the background, by one command for each principal at a time; what comes meanwhile is owed to
 *      the next. So counting in Redis costs one round trip after another, however many calls there are.
 *  R3. Refused calls are not counted: whoever goes on calling is let in again at the time that it was told.
 *  R4. All tokens of one principal share one account. A name alone is no principal: a certificate's may be the same as a token's, of
 *      another kind, and each has the account of its kind.
 *  R5. A new caller costs no more where there are many: few of those before it are looked at, whom nothing needs to be known of
 *      are put out, and the rest is looked at last the next time. So there are more than CALLERS_MAX only while most of them are
 *      refused or accounted for.
 *
 * Failure: Redis away. Each process counts by itself until it is back; nobody is refused for that.
 */
export class RateLimits {
  readonly #limiters: Readonly<Record<Limited, RateLimiter | undefined>>;
  /** By kind and name. */
  readonly #callers = new Map<string, Caller>();

  /** `redis`: where calls are counted, if all replicas are to count together. */
  constructor(settings: Settings<typeof RATE_SETTINGS>, redis?: RedisClient) {
    const shared = settings.rateStore === "redis" ? redis : undefined;
    this.#limiters = {
      agent: openRateLimiter("agent", settings.rateAgents, shared),
      person: openRateLimiter("person", settings.ratePersons, shared),
      service: openRateLimiter("service", settings.rateServices, shared),
      local: openRateLimiter("local", settings.rateLocal, shared),
    };
  }

  /** Counts a call. Throws RATE_LIMITED, with when to call again. */
  count(access: Access): void {
    const limited = limitedAs(access);
    const limiter = this.#limiters[limited];
    if (limiter === undefined) return;
    const caller = this.#callerOf(limited, access.principal.name, limiter);
    const leftMs = caller.blockedUntilMs - Date.now();
    if (leftMs > 0) {
      throw new CosError(ErrorReason.RATE_LIMITED, "this principal calls too often", { retryAfterMs: leftMs });
    }
    caller.owed += 1;
    if (!caller.isAccounting) void account(caller);
  }

  #callerOf(limited: Limited, name: string, limiter: RateLimiter): Caller {
    const key = `${limited} ${name}`;
    const there = this.#callers.get(key);
    if (there !== undefined) return there;
    if (this.#callers.size >= CALLERS_MAX) this.#putOut();
    const caller: Caller = { name, limiter, owed: 0, isAccounting: false, blockedUntilMs: 0 };
    this.#callers.set(key, caller);
    return caller;
  }

  /** R5. The counts are the limiters'; what stands here matters only while a call is accounted for, or refused. */
  #putOut(): void {
    const nowMs = Date.now();
    let looks = 0;
    for (const [key, caller] of this.#callers) {
      if (looks === LOOKS) return;
      looks += 1;
      this.#callers.delete(key);
      if (caller.isAccounting || caller.blockedUntilMs > nowMs) this.#callers.set(key, caller);
    }
  }
}

/** Who is not known to be a person or a service is limited as the least kind. */
function limitedAs({ credential, principal }: Access): Limited {
  if (credential === CredentialKind.LOCAL) return "local";
  if (principal.kind === PrincipalKind.PERSON) return "person";
  return principal.kind === PrincipalKind.SERVICE ? "service" : "agent";
}

/** R2. */
async function account(caller: Caller): Promise<void> {
  caller.isAccounting = true;
  while (caller.owed > 0) {
    const calls = caller.owed;
    caller.owed = 0;
    try {
      await caller.limiter.consume(caller.name, calls);
    } catch (tooMany) {
      if (tooMany instanceof RateLimiterRes) caller.blockedUntilMs = Date.now() + tooMany.msBeforeNext;
    }
  }
  caller.isAccounting = false;
}
