import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import type { CosError } from "#shared/errors/cos-error.ts";
import { type TokenLookupLimits, TokenLookups } from "#shared/identity/token-lookups.ts";
import { MemoryIdentities } from "./memory-identities.ts";

const PEER = "203.0.113.7";

const outcomeOf = (find: () => Promise<unknown>) =>
  Promise.try(find).then(
    () => "found",
    (error: CosError) => error.reasonName,
  );

describe("looking tokens up", () => {
  let identities: MemoryIdentities;
  const open = (limits: Partial<TokenLookupLimits> = {}) =>
    new TokenLookups((hashes) => identities.findTokens(hashes), limits);
  beforeEach(() => {
    jest.useFakeTimers();
    identities = new MemoryIdentities();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  test("L1: those who ask at once travel together, those who ask meanwhile travel together next", async () => {
    const lookups = open();
    const hashes = ["a", "b", "c", "d"].map((name) => identities.tokenOf(identities.add({ id: name })).hash);
    const holding = Promise.withResolvers<void>();
    identities.hold = holding.promise;
    const first = hashes.slice(0, 2).map((hash) => lookups.find(hash, PEER));
    await jest.advanceTimersByTimeAsync(1);
    const second = hashes.slice(2).map((hash) => lookups.find(hash, PEER));
    await jest.advanceTimersByTimeAsync(1);
    expect(identities.lookups).toEqual([hashes.slice(0, 2)]);
    holding.resolve();
    const found = await Promise.all([...first, ...second]);
    expect(found.map(({ token }) => token.id)).toEqual(["a", "b", "c", "d"]);
    expect(identities.lookups).toEqual([hashes.slice(0, 2), hashes.slice(2)]);
  });

  test("L2: who asks for what is asked for already waits for that", async () => {
    const lookups = open();
    const { hash } = identities.tokenOf(identities.add());
    const waiting = [lookups.find(hash, PEER), lookups.find(hash, PEER)];
    await Promise.resolve();
    await Promise.resolve();
    const travelling = lookups.find(hash, PEER);
    await Promise.all([...waiting, travelling]);
    expect(identities.lookups).toEqual([[hash]]);
  });

  test("L3: one more than the second has room for is told when to come back, and is let in then", async () => {
    const lookups = open({ perSecondMax: 2 });
    const outcomes = ["a", "b", "c"].map((hash) => outcomeOf(() => lookups.find(hash, PEER)));
    expect(await Promise.all(outcomes)).toEqual(["TOKEN_INVALID", "TOKEN_INVALID", "OVERLOADED"]);
    await expect(Promise.try(() => lookups.find("d", PEER))).rejects.toMatchObject({ retryAfterMs: 1000 });
    jest.advanceTimersByTime(500);
    expect(await outcomeOf(() => lookups.find("d", PEER))).toBe("TOKEN_INVALID");
    expect(await outcomeOf(() => lookups.find("e", PEER))).toBe("OVERLOADED");
    jest.advanceTimersByTime(60_000);
    const later = ["e", "f", "g"].map((hash) => outcomeOf(() => lookups.find(hash, PEER)));
    expect(await Promise.all(later)).toEqual(["TOKEN_INVALID", "TOKEN_INVALID", "OVERLOADED"]);
  });

  test("L3: what one peer does to excess, from wherever in its network, is not refused to another", async () => {
    const lookups = open({ perPeerSecondMax: 2 });
    const ask = (hash: string, peer: string) => outcomeOf(() => lookups.find(hash, peer));
    for (const [n, peer] of ["2001:db8:0:1::1", "2001:db8::1:0:0:0:2", "2001:DB8:0:1:a::3"].entries()) {
      expect(await ask(`made-up-${n}`, peer)).toBe(n < 2 ? "TOKEN_INVALID" : "OVERLOADED");
    }
    const { hash } = identities.tokenOf(identities.add());
    expect(await ask(hash, "2001:db8:0:1::4")).toBe("OVERLOADED");
    expect(await ask(hash, "2001:db8:0:2::4")).toBe("found");
    expect(await ask("c", "203.0.113.7")).toBe("TOKEN_INVALID");
  });

  test("L3: what a peer was refused is not taken from the bound of all", async () => {
    const lookups = open({ perSecondMax: 2, perPeerSecondMax: 1 });
    for (const hash of ["a", "b", "c", "d"]) await outcomeOf(() => lookups.find(hash, PEER));
    const { hash } = identities.tokenOf(identities.add());
    expect(await outcomeOf(() => lookups.find(hash, "203.0.113.8"))).toBe("found");
    expect(await outcomeOf(() => lookups.find("e", "203.0.113.9"))).toBe("OVERLOADED");
  });

  test("L4: a token that lets nobody in is looked up again after a while, or when rights have changed", async () => {
    const lookups = open({ rememberMs: 1000 });
    expect(await outcomeOf(() => lookups.find("a", PEER))).toBe("TOKEN_INVALID");
    expect(await outcomeOf(() => lookups.find("a", PEER))).toBe("TOKEN_INVALID");
    expect(identities.lookups).toHaveLength(1);
    jest.advanceTimersByTime(1000);
    await outcomeOf(() => lookups.find("a", PEER));
    expect(identities.lookups).toHaveLength(2);
    lookups.forget();
    await outcomeOf(() => lookups.find("a", PEER));
    expect(identities.lookups).toHaveLength(3);
  });

  test("L4: of those that let nobody in, the oldest are forgotten first", async () => {
    const lookups = open({ rememberedMax: 2 });
    for (const hash of ["a", "b", "c", "b", "c", "a"]) await outcomeOf(() => lookups.find(hash, PEER));
    expect(identities.lookups.flat()).toEqual(["a", "b", "c", "a"]);
  });

  test("who holds a token that has ended is told so", async () => {
    const lookups = open();
    const { hash: revoked } = identities.tokenOf(identities.add({ isRevoked: true }));
    const { hash: expired } = identities.tokenOf(identities.add({ expiresMs: Date.now() }));
    expect(await outcomeOf(() => lookups.find(revoked, PEER))).toBe("TOKEN_REVOKED");
    expect(await outcomeOf(() => lookups.find(expired, PEER))).toBe("TOKEN_EXPIRED");
  });

  test("without PostgreSQL nothing is said of a token, and nothing remembered", async () => {
    const lookups = open();
    const { hash } = identities.tokenOf(identities.add());
    identities.isAway = true;
    expect(await outcomeOf(() => lookups.find(hash, PEER))).toBe("ENGINE_UNAVAILABLE");
    identities.isAway = false;
    expect(await outcomeOf(() => lookups.find(hash, PEER))).toBe("found");
  });
});
