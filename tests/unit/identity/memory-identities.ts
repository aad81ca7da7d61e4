import { PrincipalKind, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { hashOfApiToken, makeApiToken } from "#shared/auth/api-token.ts";
import type { Identities, StoredToken, TokenSnapshot, TokenUse } from "#shared/identity/read-identities.ts";
import { postgresUnavailable } from "#shared/postgres/engine-error.ts";

/** `cos_auth` in memory: it counts what it is asked, may be away, and may hold an answer back. */
export class MemoryIdentities implements Identities {
  readonly stored = new Map<string, StoredToken>();
  version = 1;
  isAway = false;
  /** What each look-up asked for. */
  readonly lookups: (readonly string[])[] = [];
  readonly reads: (readonly string[])[] = [];
  readonly touches: TokenUse[] = [];
  /** Awaited before each answer, after what is answered was read. */
  hold: Promise<void> | undefined;
  polls = 0;

  /** Stores a token that may record in `drafts`, and answers with its secret. */
  add(changes: Partial<StoredToken> = {}): string {
    const secret = makeApiToken(PrincipalKind.AGENT);
    const hash = hashOfApiToken(secret).toString("hex");
    const principal = { name: "bot", kind: PrincipalKind.AGENT, grants: new Map([["drafts", Verb.RECORD]]) };
    const id = `token ${this.stored.size}`;
    this.change({
      id,
      hash,
      principal,
      expiresMs: Number.POSITIVE_INFINITY,
      isRevoked: false,
      lastUsedMs: 0,
      ...changes,
    });
    return secret;
  }

  change(token: StoredToken): void {
    this.stored.set(token.hash, token);
    this.version += 1;
  }

  tokenOf(secret: string): StoredToken {
    return this.stored.get(hashOfApiToken(secret).toString("hex")) as StoredToken;
  }

  remove(secret: string): void {
    this.stored.delete(this.tokenOf(secret).hash);
    this.version += 1;
  }

  findTokens(hashes: readonly string[]): Promise<TokenSnapshot> {
    this.lookups.push(hashes);
    return this.#answer({
      version: String(this.version),
      tokens: hashes.flatMap((hash) => this.stored.get(hash) ?? []),
    });
  }

  readTokens(ids: readonly string[]): Promise<TokenSnapshot> {
    this.reads.push(ids);
    const tokens = [...this.stored.values()].filter(({ id }) => ids.includes(id));
    return this.#answer({ version: String(this.version), tokens });
  }

  readVersion(): Promise<string> {
    this.polls += 1;
    return this.#answer(String(this.version));
  }

  async touchTokens(uses: readonly TokenUse[]): Promise<void> {
    this.touches.push(...uses);
  }

  async #answer<T>(value: T): Promise<T> {
    if (this.isAway) throw postgresUnavailable();
    await this.hold;
    return value;
  }
}
