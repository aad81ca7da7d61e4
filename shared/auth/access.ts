import type { CredentialKind } from "#gen/cos/auth/v1/auth_service_pb.ts";
import type { CosError } from "#shared/errors/cos-error.ts";
import { type Grants, type Principal, sharedGrants } from "./principal.ts";
import { accessExpired } from "./refusals.ts";
import { type Scope, scopeOf, scopeOfGrants } from "./scope.ts";

/** setTimeout's limit. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export interface AccessOptions {
  readonly principal: Principal;
  readonly credential: CredentialKind;
  /** When the credential ends by itself, in milliseconds of the epoch; Infinity: never. */
  readonly expiresMs?: number;
  /** The service that calls on the principal's behalf, with its own rights: only what both may do is allowed. */
  readonly via?: Principal;
}

/** What an access tells those who watch it. */
export interface AccessWatcher {
  /** The credential has ended: expired or revoked. Nothing follows. */
  ended(error: CosError): void;
  /** The rights have changed; `access.scope` says to what. */
  changed?(): void;
}

/**
 * What one credential allows, as long as it holds.
 *
 * Purpose: calls look at it as it is now, and open streams hear when it changes: rights may be taken back at any time.
 * Owner: whoever let the caller in keeps it while the credential holds, updates and ends it.
 *
 *  C1. It ends once, for good: expired or revoked. From then on its scope is empty and it has no rights.
 *  C2. It expires by the clock alone: whoever asks for its end, rights or scope makes it look at the clock first. A timer runs only while somebody watches.
 *  C3. Each watcher hears of each change once, and of the end once; after that of nothing.
 *  C4. When it expires may be moved while it holds, and then counts at once, for whoever watches too.
 */
export class Access {
  readonly credential: CredentialKind;
  #expiresMs: number;
  #principal: Principal;
  #via: Principal | undefined;
  #grants: Grants;
  #scope: Scope;
  #ended: CosError | undefined;
  readonly #watchers = new Set<AccessWatcher>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: AccessOptions) {
    this.#principal = options.principal;
    this.#via = options.via;
    this.credential = options.credential;
    this.#expiresMs = options.expiresMs ?? Number.POSITIVE_INFINITY;
    this.#grants = this.#effectiveGrants();
    this.#scope = scopeOfGrants(this.#grants);
  }

  get principal(): Principal {
    return this.#principal;
  }

  /** When the credential ends by itself, in milliseconds of the epoch; Infinity: never. */
  get expiresMs(): number {
    return this.#expiresMs;
  }

  /** The service that calls on the principal's behalf. */
  get via(): Principal | undefined {
    return this.#via;
  }

  /** The rights that count now: none once it has ended. */
  get grants(): Grants {
    this.#look();
    return this.#grants;
  }

  /** What the rights come to now. */
  get scope(): Scope {
    this.#look();
    return this.#scope;
  }

  /** Why it holds no longer; undefined: it holds. */
  get ended(): CosError | undefined {
    this.#look();
    return this.#ended;
  }

  /** Takes over rights that have changed. */
  update(principal: Principal, via?: Principal): void {
    if (this.#ended !== undefined) return;
    this.#principal = principal;
    this.#via = via;
    const grants = this.#effectiveGrants();
    if (isSame(grants, this.#grants)) return;
    this.#grants = grants;
    this.#scope = scopeOfGrants(grants);
    for (const watcher of [...this.#watchers]) {
      // What one does may end the access, or another's watch (C3).
      if (this.#watchers.has(watcher)) watcher.changed?.();
    }
  }

  /** Moves its end: a rotation lets the old tokens end sooner. One that has passed ends it at once. */
  expireAt(expiresMs: number): void {
    if (this.ended !== undefined || expiresMs === this.#expiresMs) return;
    this.#expiresMs = expiresMs;
    if (this.ended === undefined && this.isWatched) this.#awaitExpiry();
  }

  /** Ends it: revoked, say. */
  end(error: CosError): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    this.#grants = new Map();
    this.#scope = scopeOf([]);
    clearTimeout(this.#timer);
    for (const watcher of [...this.#watchers]) {
      // What one does may end another's watch (C3).
      if (this.#watchers.delete(watcher)) watcher.ended(error);
    }
  }

  /** Whether anything open depends on it. */
  get isWatched(): boolean {
    return this.#watchers.size > 0;
  }

  /** Tells of changes until the function that it answers with is called. */
  watch(watcher: AccessWatcher): () => void {
    const { ended } = this;
    if (ended !== undefined) {
      watcher.ended(ended);
      return () => {};
    }
    this.#watchers.add(watcher);
    if (this.#watchers.size === 1) this.#awaitExpiry();
    return () => {
      if (this.#watchers.delete(watcher) && this.#watchers.size === 0) clearTimeout(this.#timer);
    };
  }

  #look(): void {
    if (this.#ended === undefined && this.#expiresMs <= Date.now()) this.end(accessExpired());
  }

  #awaitExpiry(): void {
    clearTimeout(this.#timer);
    if (this.#expiresMs === Number.POSITIVE_INFINITY) return;
    const leftMs = Math.max(0, this.#expiresMs - Date.now());
    this.#timer = setTimeout(
      () => {
        if (this.ended === undefined) this.#awaitExpiry();
      },
      Math.min(leftMs, TIMER_MS_MAX),
    ).unref();
  }

  #effectiveGrants(): Grants {
    return this.#via === undefined ? this.#principal.grants : sharedGrants(this.#principal.grants, this.#via.grants);
  }
}

function isSame(left: Grants, right: Grants): boolean {
  return left.size === right.size && [...left].every(([module, verb]) => right.get(module) === verb);
}
