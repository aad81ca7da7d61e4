import { CredentialKind } from "#gen/cos/auth/v1/auth_service_pb.ts";
import { Access } from "#shared/auth/access.ts";
import { hashOfApiToken, isApiToken } from "#shared/auth/api-token.ts";
import { accessRevoked, tokenInvalid } from "#shared/auth/refusals.ts";
import type { Log } from "#shared/log/open-log.ts";
import type { Identities, StoredToken } from "./read-identities.ts";
import { type FoundToken, type TokenLookupLimits, TokenLookups } from "./token-lookups.ts";
import { tokenRefusal } from "./token-refusal.ts";

export interface TokenDirectoryOptions {
  readonly identities: Identities;
  readonly log: Log;
  /** How often the version of all rights is asked for. Default 2,000. */
  readonly pollMs?: number;
  /** How many tokens are kept. Default 10,000. */
  readonly knownMax?: number;
  /** How long a token is kept that nobody uses. Default 10 minutes. */
  readonly idleTimeoutMs?: number;
  readonly lookups?: Partial<TokenLookupLimits>;
}

/** A token that lets somebody in. */
interface Known {
  readonly id: string;
  readonly hash: string;
  readonly access: Access;
  /** The version of all rights at which `access` was right. */
  version: string;
  /** When it was last used. */
  usedMs: number;
  /** When that was last written down. */
  touchedMs: number;
}

/** For so long after its use no token is put out for want of room: its call may be about to watch it. */
const RECENT_MS = 10_000;
/** How many tokens one statement reads again. */
const CHUNK = 1000;
/** Last use is written down to the minute. */
const TOUCH_MS = 60_000;

/**
 * The tokens of the callers of one process, with what each allows now.
 *
 * Purpose: a call with a known token is judged without a look-up, and a right that is taken back ends within 5 seconds everywhere.
 * Owner: the gatekeeper; `close` stops the poll.
 *
 *  D1. One Access for each token, shared by all its calls.
 *  D2. Tokens are known by their SHA-256 alone; the secret is not kept.
 *  D3. What is known is of some version of all rights; whatever is of another one than the database's is read again, every `pollMs` and
 *      at each `wake`. A change that is made while a token is being looked up or read is therefore seen one poll later.
 *  D4. A token that was revoked, removed or made to expire sooner ends its Access; changed grants update it.
 *  D5. Only what is in use is kept: a token that nobody has used for `idleTimeoutMs` goes, and the longest unused go when there
 *      are more than `knownMax`; but never one on which an open stream depends, or may be about to, for it would not hear of its end.
 *      What that leaves above `knownMax` is bounded by the streams that are open and the look-ups a second.
 *  D6. One poll at a time; a `wake` during one is followed by another.
 *
 * Failure: PostgreSQL away. Known tokens go on working, since otherwise its restart would cut every stream and every caller that
 * could still be served from memory; their expiry is kept by the clock. Unknown ones are told ENGINE_UNAVAILABLE. The first poll
 * that succeeds catches up. Redis plays no part here: `wake` is called when it brings word, and the poll does not need it.
 */
export class TokenDirectory {
  readonly #identities: Identities;
  readonly #log: Log;
  readonly #pollMs: number;
  readonly #knownMax: number;
  readonly #idleTimeoutMs: number;
  readonly #lookups: TokenLookups;
  readonly #known = new Map<string, Known>();
  #version: string | undefined;
  #polling: Promise<void> | undefined;
  #isWoken = false;
  #isBlind = false;
  #isClosed = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: TokenDirectoryOptions) {
    this.#identities = options.identities;
    this.#log = options.log;
    this.#pollMs = options.pollMs ?? 2000;
    this.#knownMax = options.knownMax ?? 10_000;
    this.#idleTimeoutMs = options.idleTimeoutMs ?? 600_000;
    this.#lookups = new TokenLookups((hashes) => options.identities.findTokens(hashes), options.lookups);
    this.#rest();
  }

  /** How many tokens are kept. */
  get size(): number {
    return this.#known.size;
  }

  /**
   * What a token allows: at once if it is known, else after a look-up that `peer`, an address, is charged with. Throws or rejects with TOKEN_INVALID, TOKEN_REVOKED, TOKEN_EXPIRED, OVERLOADED or
   * ENGINE_UNAVAILABLE. An Access that has expired since is answered as it is: it says so itself.
   */
  accessOf(token: string, peer: string): Access | Promise<Access> {
    const hash = hashOfApiToken(token).toString("hex");
    const known = this.#known.get(hash);
    // Whoever is known has passed the check of form, which costs more than the hash.
    if (known === undefined) return this.#lookUp(token, hash, peer);
    known.usedMs = Date.now();
    return known.access;
  }

  #lookUp(token: string, hash: string, peer: string): Promise<Access> {
    if (!isApiToken(token)) throw tokenInvalid();
    return this.#lookups.find(hash, peer).then((found) => this.#add(found));
  }

  /** Rights may have changed: polls now. */
  wake(): void {
    if (this.#isClosed) return;
    if (this.#polling === undefined) this.#run();
    else this.#isWoken = true;
  }

  /** Stops the poll, and waits for one that is under way. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#polling;
  }

  /** D1: of two look-ups of one token, the first makes the Access. */
  #add({ token, version }: FoundToken): Access {
    const there = this.#known.get(token.hash);
    if (there !== undefined) return there.access;
    const { principal, expiresMs } = token;
    const access = new Access({ principal, credential: CredentialKind.TOKEN, expiresMs });
    const { id, hash, lastUsedMs: touchedMs } = token;
    this.#known.set(hash, { id, hash, access, version, usedMs: Date.now(), touchedMs });
    if (this.#known.size > this.#knownMax) this.#makeRoom();
    // D3: it, or all others, were read at another version than the last poll's.
    if (version !== this.#version) this.wake();
    return access;
  }

  /** A tenth at once, so that the cost of looking for them is shared by many. */
  #makeRoom(): void {
    const beforeMs = Date.now() - RECENT_MS;
    const unused = [...this.#known.values()].filter(({ access, usedMs }) => !access.isWatched && usedMs < beforeMs);
    unused.sort((a, b) => a.usedMs - b.usedMs);
    for (const { hash } of unused.slice(0, Math.ceil(this.#knownMax / 10))) this.#known.delete(hash);
  }

  #rest(): void {
    this.#timer = setTimeout(() => this.#run(), this.#pollMs).unref();
  }

  #run(): void {
    clearTimeout(this.#timer);
    this.#isWoken = false;
    this.#polling = this.#poll().finally(() => {
      this.#polling = undefined;
      if (this.#isClosed) return;
      if (this.#isWoken) this.#run();
      else this.#rest();
    });
  }

  async #poll(): Promise<void> {
    this.#dropIdle();
    try {
      await this.#catchUp(await this.#identities.readVersion());
      this.#see(false);
    } catch (error) {
      this.#see(true, error);
      return;
    }
    await this.#touch();
  }

  #dropIdle(): void {
    const beforeMs = Date.now() - this.#idleTimeoutMs;
    for (const { hash, access, usedMs } of this.#known.values()) {
      const isIdle = usedMs < beforeMs && !access.isWatched;
      if (isIdle || access.ended !== undefined) this.#known.delete(hash);
    }
  }

  async #catchUp(version: string): Promise<void> {
    if (version !== this.#version) this.#lookups.forget();
    this.#version = version;
    const stale = [...this.#known.values()].filter((known) => known.version !== version);
    for (let n = 0; n < stale.length; n += CHUNK) await this.#readAgain(stale.slice(n, n + CHUNK));
  }

  async #readAgain(stale: readonly Known[]): Promise<void> {
    const { version, tokens } = await this.#identities.readTokens(stale.map(({ id }) => id));
    const found = new Map(tokens.map((token) => [token.id, token]));
    for (const known of stale) {
      this.#takeOver(known, found.get(known.id));
      known.version = version;
    }
  }

  /** D4. */
  #takeOver(known: Known, stored: StoredToken | undefined): void {
    const refusal = stored === undefined ? accessRevoked() : tokenRefusal(stored, Date.now());
    if (refusal === undefined) {
      const { principal, expiresMs } = stored as StoredToken;
      known.access.expireAt(expiresMs);
      known.access.update(principal);
      return;
    }
    // It may have been put out and looked up again meanwhile; that one is read by itself.
    if (this.#known.get(known.hash) === known) this.#known.delete(known.hash);
    known.access.end(refusal);
  }

  /** Writes the last uses down. One that could not be is left out: the next is a minute away, and nothing depends on it. */
  async #touch(): Promise<void> {
    const nowMs = Date.now();
    const used = [...this.#known.values()].filter(({ usedMs, touchedMs }) => usedMs - touchedMs >= TOUCH_MS);
    if (used.length === 0) return;
    for (const known of used) known.touchedMs = nowMs;
    try {
      await this.#identities.touchTokens(used.map(({ id, usedMs }) => ({ id, usedMs })));
    } catch (err) {
      this.#log.warn({ err }, "the last use of tokens could not be written down");
    }
  }

  #see(isBlind: boolean, err?: unknown): void {
    if (isBlind === this.#isBlind) return;
    this.#isBlind = isBlind;
    if (isBlind) this.#log.warn({ err }, "rights cannot be read; tokens that are known go on working");
    else this.#log.info("rights are read again");
  }
}
