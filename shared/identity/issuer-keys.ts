/**
 * The public keys of an issuer of tokens.
 *
 * Purpose: keys are at hand when a token comes, change when the issuer changes them, and outlive its absence.
 * Owner: openJwtVerifier, one an issuer; `close` ends a fetch that is under way. There is no timer here: tokens that come make it
 * fetch, and the owner does, as long as it knows tokens that were proven.
 *
 *  K1. Keys are fetched one request at a time, however many tokens wait for them.
 *  K2. Keys that have been here for `refreshAfterMs` are fetched again by the next token, which does not wait: a key that the
 *      issuer took back is gone then.
 *  K3. A token with a key that is not here makes it fetch, once in `cooldownMs`: made-up key ids cannot hammer the issuer.
 *  K4. An issuer that is away costs nothing while the key is here. It is asked again `retryAfterMs` after it failed, not before.
 *  K5. Keys that nobody has seen at the issuer for `trustedMs` are not believed any more.
 *  K6. What a key has proven holds as long as the key does: `refusalOf` tells, by the key itself, whatever its id; the owner hears of
 *      each fetch.
 *
 * Failure: a key is not here and the issuer is away: ENGINE_UNAVAILABLE. The token may be a good one, so "invalid" would be a lie
 * that makes its owner throw it away; asking again later is right.
 *
 * jose chooses among the keys (createLocalJWKSet). Its remote set is not used: once its keys are old, it refuses known ones while the
 * issuer is away, and it asks an issuer that is away for each token with an unknown one.
 */

import {
  calculateJwkThumbprint,
  createLocalJWKSet,
  errors,
  exportJWK,
  type FlattenedJWSInput,
  type JSONWebKeySet,
  type JWSHeaderParameters,
} from "jose";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { accessRevoked } from "#shared/auth/refusals.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import type { Log } from "#shared/log/open-log.ts";
import type { IssuerPolicy } from "./policy.ts";

export interface IssuerKeysLimits {
  readonly fetchTimeoutMs: number;
  readonly refreshAfterMs: number;
  readonly cooldownMs: number;
  readonly retryAfterMs: number;
  readonly trustedMs: number;
  /** How often the owner fetches while it knows tokens. */
  readonly recheckIntervalMs: number;
}

export const ISSUER_KEYS_LIMITS: IssuerKeysLimits = {
  fetchTimeoutMs: 5_000,
  refreshAfterMs: 5 * 60_000,
  cooldownMs: 30_000,
  retryAfterMs: 5_000,
  trustedMs: 24 * 3_600_000,
  recheckIntervalMs: 5 * 60_000,
};

/** A set of keys is a few KiB. */
const BYTES_MAX = 1_048_576;

type Keys = ReturnType<typeof createLocalJWKSet>;

/** A key that proves a token, and its thumbprint (RFC 7638): which key it is, whatever its issuer calls it. */
export interface FoundKey {
  readonly key: Awaited<ReturnType<Keys>>;
  readonly thumbprint: string;
}

export interface IssuerKeysOptions {
  readonly policy: Pick<IssuerPolicy, "name" | "jwksUri">;
  readonly log: Log;
  readonly limits: IssuerKeysLimits;
  /** K6: some keys may be gone. */
  readonly onFetched: () => void;
}

export class IssuerKeys {
  readonly #policy: Pick<IssuerPolicy, "name" | "jwksUri">;
  readonly #log: Log;
  readonly #limits: IssuerKeysLimits;
  readonly #closing = new AbortController();
  readonly #onFetched: () => void;
  #keys: Keys | undefined;
  #thumbprints: ReadonlySet<string> = new Set();
  #fetchedMs = Number.NEGATIVE_INFINITY;
  #failedMs = Number.NEGATIVE_INFINITY;
  #fetching: Promise<Keys> | undefined;

  constructor({ policy, log, limits, onFetched }: IssuerKeysOptions) {
    this.#policy = policy;
    this.#log = log;
    this.#limits = limits;
    this.#onFetched = onFetched;
  }

  /** The key that a token's header names. Rejects with jose's JWKSNoMatchingKey and the like, or with ENGINE_UNAVAILABLE. */
  async find(header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<FoundKey> {
    const key = await this.#select(header, token);
    // jose makes its keys extractable, whatever `ext` says.
    return { key, thumbprint: await calculateJwkThumbprint(await exportJWK(key)) };
  }

  /** K6. Why what this key has proven holds no longer; undefined: it holds. */
  refusalOf(thumbprint: string): CosError | undefined {
    if (!this.#thumbprints.has(thumbprint)) return accessRevoked();
    return this.#ageMs() >= this.#limits.trustedMs ? this.#unavailable(this.#limits.retryAfterMs) : undefined;
  }

  /** Fetches the keys again if they were ever needed; while their issuer is away, those that are here go on. */
  refresh(): void {
    if (this.#keys !== undefined) this.#fetch().catch(() => {});
  }

  async #select(header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<FoundKey["key"]> {
    const keys = await this.#current();
    try {
      return await keys(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || this.#ageMs() < this.#limits.cooldownMs) throw error;
    }
    return (await this.#fetch())(header, token);
  }

  close(): void {
    this.#closing.abort();
  }

  async #current(): Promise<Keys> {
    const ageMs = this.#ageMs();
    if (this.#keys === undefined || ageMs >= this.#limits.trustedMs) return this.#fetch();
    if (ageMs >= this.#limits.refreshAfterMs) this.#fetch().catch(() => {});
    return this.#keys;
  }

  #ageMs(): number {
    return performance.now() - this.#fetchedMs;
  }

  #fetch(): Promise<Keys> {
    const pauseMs = this.#failedMs + this.#limits.retryAfterMs - performance.now();
    if (pauseMs > 0) return Promise.reject(this.#unavailable(pauseMs));
    this.#fetching ??= this.#ask().finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  async #ask(): Promise<Keys> {
    try {
      const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(this.#limits.fetchTimeoutMs)]);
      const set = await fetchKeySet(this.#policy.jwksUri, signal);
      const keys = createLocalJWKSet(set);
      this.#thumbprints = await thumbprintsOf(set);
      this.#keys = keys;
      this.#fetchedMs = performance.now();
      this.#onFetched();
      return keys;
    } catch (error) {
      this.#failedMs = performance.now();
      if (!this.#closing.signal.aborted)
        this.#log.warn({ name: this.#policy.name, err: error }, "the keys of an issuer of tokens could not be fetched");
      throw this.#unavailable(this.#limits.retryAfterMs, error);
    }
  }

  #unavailable(retryAfterMs: number, cause?: unknown): CosError {
    return new CosError(
      ErrorReason.ENGINE_UNAVAILABLE,
      "who issued the token does not answer, so it cannot be verified",
      {
        cause,
        retryAfterMs,
      },
    );
  }
}

/** Of those keys that are any; what else an issuer shows proves nothing. */
async function thumbprintsOf({ keys }: JSONWebKeySet): Promise<ReadonlySet<string>> {
  const found = await Promise.allSettled(keys.map((key) => calculateJwkThumbprint(key)));
  return new Set(found.flatMap((each) => (each.status === "fulfilled" ? each.value : [])));
}

/** Redirects are not followed: the policy names the place. */
async function fetchKeySet(uri: string, signal: AbortSignal): Promise<JSONWebKeySet> {
  const response = await fetch(uri, {
    signal,
    redirect: "error",
    headers: { accept: "application/jwk-set+json, application/json" },
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`the keys were answered with ${response.status}`);
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > BYTES_MAX) throw new Error("the keys are too large");
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString());
}
