import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { Bucket } from "./bucket.ts";
import { PeerBuckets } from "./peer-buckets.ts";
import type { Identities, StoredToken } from "./read-identities.ts";
import { tokenRefusal } from "./token-refusal.ts";

export interface TokenLookupLimits {
  /** Tokens that are looked up a second, and at once after a quiet second. Default 10,000: many travel in one statement. */
  readonly perSecondMax: number;
  /** The same for one peer. Default 500. */
  readonly perPeerSecondMax: number;
  /** How many peers are remembered. Default 10,000. */
  readonly peersMax: number;
  /** How long a token that lets nobody in is remembered. Default 5,000. */
  readonly rememberMs: number;
  /** How many of them. Default 10,000. */
  readonly rememberedMax: number;
}

/** A token that lets somebody in, and the version of all rights at which it did. */
export interface FoundToken {
  readonly token: StoredToken;
  readonly version: string;
}

interface Waiting {
  readonly promise: Promise<FoundToken>;
  readonly resolve: (found: FoundToken) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Looks tokens up in PostgreSQL that are not known yet.
 *
 * Purpose: whoever sends made-up tokens cannot load PostgreSQL with them, nor keep others' good ones from being looked up. (Their
 * checksum was looked at before; it is no secret.)
 * Owner: the token directory.
 *
 *  L1. One statement is in flight at most, and takes all that wait: look-ups never hold more than one connection.
 *  L2. Who asks for a token that is being looked up, or waits to be, waits for that.
 *  L3. No more than `perPeerSecondMax` tokens a second are looked up for one peer, and `perSecondMax` for all; whoever asks for one more
 *      is told OVERLOADED. What one peer was refused counts for nobody else.
 *  L4. A token that lets nobody in is remembered for `rememberMs` and not looked up meanwhile, unless rights change; no more than
 *      `rememberedMax`, the oldest go first.
 *
 * Failure: PostgreSQL away. All that wait are told ENGINE_UNAVAILABLE, nothing is remembered, and the next one tries again.
 */
export class TokenLookups {
  readonly #findTokens: Identities["findTokens"];
  readonly #limits: TokenLookupLimits;
  readonly #refused = new Map<string, { readonly error: CosError; readonly untilMs: number }>();
  readonly #travelling = new Map<string, Waiting>();
  #waiting = new Map<string, Waiting>();
  #isBusy = false;
  readonly #common: Bucket;
  readonly #peers: PeerBuckets;

  constructor(findTokens: Identities["findTokens"], limits: Partial<TokenLookupLimits> = {}) {
    this.#findTokens = findTokens;
    this.#limits = {
      perSecondMax: 10_000,
      perPeerSecondMax: 500,
      peersMax: 10_000,
      rememberMs: 5000,
      rememberedMax: 10_000,
      ...limits,
    };
    this.#common = new Bucket(this.#limits.perSecondMax);
    this.#peers = new PeerBuckets(this.#limits.perPeerSecondMax, this.#limits.peersMax);
  }

  /**
   * The token with this SHA-256 (hexadecimal digits), for a peer of this address. Throws or rejects with TOKEN_INVALID, TOKEN_REVOKED, TOKEN_EXPIRED,
   * OVERLOADED or ENGINE_UNAVAILABLE.
   */
  find(hash: string, peer: string): Promise<FoundToken> {
    const refused = this.#refused.get(hash);
    if (refused !== undefined && refused.untilMs > Date.now()) throw refused.error;
    const there = this.#travelling.get(hash) ?? this.#waiting.get(hash);
    if (there !== undefined) return there.promise;
    this.#spend(peer);
    const waiting = Promise.withResolvers<FoundToken>();
    this.#waiting.set(hash, waiting);
    void this.#run();
    return waiting.promise;
  }

  /** Rights have changed: what let nobody in may do so now. */
  forget(): void {
    this.#refused.clear();
  }

  /** L3; the peer's own bucket first, so that what it is refused is taken from nobody. */
  #spend(peer: string): void {
    if (this.#peers.take(peer) && this.#common.take()) return;
    throw new CosError(ErrorReason.OVERLOADED, "too many unknown tokens at once", { retryAfterMs: 1000 });
  }

  async #run(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    // Those who arrive in the same turn of the event loop travel together.
    await Promise.resolve();
    while (this.#waiting.size > 0) {
      for (const [hash, waiting] of this.#waiting) this.#travelling.set(hash, waiting);
      this.#waiting = new Map();
      await this.#lookUp();
      this.#travelling.clear();
    }
    this.#isBusy = false;
  }

  async #lookUp(): Promise<void> {
    try {
      const { version, tokens } = await this.#findTokens([...this.#travelling.keys()]);
      const found = new Map(tokens.map((token) => [token.hash, token]));
      for (const [hash, waiting] of this.#travelling) this.#answer(hash, waiting, found.get(hash), version);
    } catch (error) {
      for (const waiting of this.#travelling.values()) waiting.reject(error);
    }
  }

  #answer(hash: string, waiting: Waiting, token: StoredToken | undefined, version: string): void {
    const error = tokenRefusal(token, Date.now());
    if (error === undefined) {
      waiting.resolve({ token: token as StoredToken, version });
    } else {
      this.#remember(hash, error);
      waiting.reject(error);
    }
  }

  #remember(hash: string, error: CosError): void {
    const { rememberMs, rememberedMax } = this.#limits;
    this.#refused.delete(hash);
    for (const oldest of this.#refused.keys()) {
      if (this.#refused.size < rememberedMax) break;
      this.#refused.delete(oldest);
    }
    this.#refused.set(hash, { error, untilMs: Date.now() + rememberMs });
  }
}
