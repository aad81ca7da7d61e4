/**
 * The signed tokens that have been verified.
 *
 * Purpose: a token is verified once (0.1 to 0.2 ms), then known by its hash (1 us) until it expires.
 * Owner: openJwtVerifier.
 *
 *  V1. One verification a token at a time, however many calls come with it meanwhile.
 *  V2. Only what was verified is kept. A forged token costs a verification each time and leaves nothing.
 *  V3. All calls with a token share one access, which ends when the token expires.
 *  V4. At most `tokensMax` are kept; the one that was not used for longest goes first, but never one on which an open stream depends,
 *      for it would not hear of its end. What that leaves above `tokensMax` is bounded by the streams that are open.
 *  V5. What has proven a token may be withdrawn: `recheck` ends each access whose proof holds no longer, for open streams too. It
 *      verifies nothing again, so that it needs no token and costs a look-up each.
 *
 * Tokens stand here by their SHA-256, so that a dump of the memory of a process has none of those that are merely known.
 */

import { hash } from "node:crypto";
import type { Access } from "#shared/auth/access.ts";
import type { CosError } from "#shared/errors/cos-error.ts";

/** What a token that was verified allows. */
export interface Verified {
  readonly access: Access;
  /** Why what has proven it holds no longer; undefined: it holds. */
  readonly refusal: () => CosError | undefined;
}

/** Of so many tokens one looks whether they may go, when another comes. */
const LOOKS = 10;

export class VerifiedTokens {
  readonly #verify: (jwt: string) => Promise<Verified>;
  readonly #tokensMax: number;
  /** In the order of their last use. */
  readonly #known = new Map<string, Verified>();
  readonly #verifying = new Map<string, Promise<Access>>();

  constructor(verify: (jwt: string) => Promise<Verified>, tokensMax: number) {
    this.#verify = verify;
    this.#tokensMax = tokensMax;
  }

  /** Throws or rejects with what `verify` does, or TOKEN_EXPIRED. */
  accessOf(jwt: string): Access | Promise<Access> {
    const key = hash("sha256", jwt, "base64url");
    const known = this.#known.get(key);
    if (known === undefined) return this.#verifying.get(key) ?? this.#begin(key, jwt);
    this.#known.delete(key);
    const { ended } = known.access;
    if (ended !== undefined) throw ended;
    this.#known.set(key, known);
    return known.access;
  }

  /** V5. Forgets what has ended, too. */
  recheck(): void {
    for (const [key, { access, refusal }] of this.#known) {
      const error = refusal();
      if (error !== undefined) access.end(error);
      if (access.ended !== undefined) this.#known.delete(key);
    }
  }

  /** How many are kept. */
  get size(): number {
    return this.#known.size;
  }

  clear(): void {
    this.#known.clear();
  }

  #begin(key: string, jwt: string): Promise<Access> {
    const verifying = this.#verify(jwt)
      .then((verified) => this.#keep(key, verified))
      .finally(() => this.#verifying.delete(key));
    this.#verifying.set(key, verifying);
    return verifying;
  }

  #keep(key: string, verified: Verified): Access {
    this.#makeRoom();
    this.#known.set(key, verified);
    return verified.access;
  }

  /** V4. Those that stay count as used, so that others are looked at the next time. */
  #makeRoom(): void {
    let looks = 0;
    for (const [key, verified] of this.#known) {
      if (this.#known.size < this.#tokensMax || looks === LOOKS) return;
      looks += 1;
      this.#known.delete(key);
      if (verified.access.isWatched) this.#known.set(key, verified);
    }
  }
}
