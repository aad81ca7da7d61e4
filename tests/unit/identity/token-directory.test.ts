import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { PrincipalKind, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { CredentialKind } from "#gen/cos/auth/v1/auth_service_pb.ts";
import { makeApiToken } from "#shared/auth/api-token.ts";
import { mayRecord } from "#shared/auth/scope.ts";
import { TokenDirectory, type TokenDirectoryOptions } from "#shared/identity/token-directory.ts";
import { openLog } from "#shared/log/open-log.ts";
import { MemoryIdentities } from "./memory-identities.ts";

const PEER = "203.0.113.7";

const POLL_MS = 2000;

describe("the directory of tokens", () => {
  let identities: MemoryIdentities;
  let directory: TokenDirectory;
  let lines: string[];
  const open = (options: Partial<TokenDirectoryOptions> = {}) => {
    const log = openLog({ service: "test", to: { write: (line: string) => void lines.push(line) } });
    directory = new TokenDirectory({ identities, log, pollMs: POLL_MS, ...options });
    return directory;
  };
  const nextPoll = () => jest.advanceTimersByTimeAsync(POLL_MS);
  /** Watches an access, and answers with what it was told. */
  const watched = async (token: string) => {
    const told: unknown[] = [];
    const access = await directory.accessOf(token, PEER);
    access.watch({ ended: ({ reasonName }) => told.push(reasonName), changed: () => told.push("changed") });
    return told;
  };
  beforeEach(() => {
    jest.useFakeTimers({ now: Date.UTC(2026, 10, 23) });
    identities = new MemoryIdentities();
    lines = [];
  });
  afterEach(async () => {
    await directory.close();
    jest.useRealTimers();
  });

  test("D1: all calls of a token share one access, however many come before it is known", async () => {
    const token = identities.add();
    const looking = [open().accessOf(token, PEER), directory.accessOf(token, PEER)];
    const [first, second] = [await looking[0], await looking[1]];
    expect(second).toBe(first);
    expect(directory.accessOf(token, PEER)).toBe(first);
    expect(first).toMatchObject({ credential: CredentialKind.TOKEN, principal: { name: "bot" } });
    expect(identities.lookups).toHaveLength(1);
  });

  test.each(["cos_agt_short", `cos_agt_${"a".repeat(49)}`, "cos_"])(
    "a token without its checksum (%s) is refused without a look-up",
    (token) => {
      expect(() => open().accessOf(token, PEER)).toThrow(
        expect.objectContaining({ reason: ErrorReason.TOKEN_INVALID }),
      );
      expect(identities.lookups).toEqual([]);
    },
  );

  test("a token that nobody made is refused after a look-up", async () => {
    const token = makeApiToken(PrincipalKind.AGENT);
    const reason = ErrorReason.TOKEN_INVALID;
    await expect(open().accessOf(token, PEER)).rejects.toMatchObject({ reason });
    expect(() => directory.accessOf(token, PEER)).toThrow(expect.objectContaining({ reason }));
    expect(directory.size).toBe(0);
  });

  test("a token that was refused is let in once rights have changed in its favour", async () => {
    const token = identities.add({ isRevoked: true });
    open({ lookups: { rememberMs: 600_000 } });
    await expect(directory.accessOf(token, PEER)).rejects.toMatchObject({ reason: ErrorReason.TOKEN_REVOKED });
    identities.change({ ...identities.tokenOf(token), isRevoked: false });
    expect(() => directory.accessOf(token, PEER)).toThrow();
    await nextPoll();
    await expect(directory.accessOf(token, PEER)).resolves.toMatchObject({ principal: { name: "bot" } });
  });

  test("D3: what has not changed is not read again", async () => {
    await open().accessOf(identities.add(), PEER);
    await nextPoll();
    await nextPoll();
    expect(identities.polls).toBe(3); // The first by itself: it knew of no version yet.
    expect(identities.reads).toEqual([]);
  });

  test("D3: a token is read again that was looked up before a change which the poll has seen already", async () => {
    const token = identities.add();
    await open().accessOf(identities.add({ id: "another" }), PEER);
    await nextPoll();
    const holding = Promise.withResolvers<void>();
    identities.hold = holding.promise;
    const looking = watched(token);
    await jest.advanceTimersByTimeAsync(1);
    identities.hold = undefined;
    identities.change({ ...identities.tokenOf(token), isRevoked: true });
    await nextPoll();
    holding.resolve();
    const told = await looking;
    await jest.advanceTimersByTimeAsync(1);
    expect(told).toEqual(["TOKEN_REVOKED"]);
  });

  test("D4: a token that was revoked ends what is open, and lets nobody in", async () => {
    const token = identities.add();
    open();
    const told = await watched(token);
    identities.change({ ...identities.tokenOf(token), isRevoked: true });
    await nextPoll();
    expect(told).toEqual(["TOKEN_REVOKED"]);
    await expect(directory.accessOf(token, PEER)).rejects.toMatchObject({ reason: ErrorReason.TOKEN_REVOKED });
  });

  test("D4: a token whose row is gone counts as revoked", async () => {
    const token = identities.add();
    open();
    const told = await watched(token);
    identities.remove(token);
    await nextPoll();
    expect(told).toEqual(["TOKEN_REVOKED"]);
  });

  test("D4: a token that was made to expire sooner ends then, and at once if that has passed", async () => {
    open();
    const [later, now] = [identities.add(), identities.add()];
    const told = await Promise.all([watched(later), watched(now)]);
    identities.change({ ...identities.tokenOf(later), expiresMs: Date.now() + 3 * POLL_MS });
    identities.change({ ...identities.tokenOf(now), expiresMs: Date.now() });
    await nextPoll();
    expect(told).toEqual([[], ["TOKEN_EXPIRED"]]);
    await nextPoll();
    expect(told[0]).toEqual([]);
    await nextPoll();
    expect(told[0]).toEqual(["TOKEN_EXPIRED"]);
  });

  test("D4: changed grants count for the access that is there", async () => {
    const token = identities.add();
    const access = await open().accessOf(token, PEER);
    const told = await watched(token);
    const { principal, ...rest } = identities.tokenOf(token);
    identities.change({ ...rest, principal: { ...principal, grants: new Map([["pepys", Verb.RECORD]]) } });
    await nextPoll();
    expect(told).toEqual(["changed"]);
    expect(["drafts", "pepys"].map((module) => mayRecord(access.scope, module))).toEqual([false, true]);
  });

  test("D5: what nobody uses is put out, and what an open stream depends on stays", async () => {
    open({ idleTimeoutMs: 10 * POLL_MS });
    const [idle, busy] = [identities.add(), identities.add()];
    await directory.accessOf(idle, PEER);
    const told = await watched(busy);
    await jest.advanceTimersByTimeAsync(12 * POLL_MS);
    expect(directory.size).toBe(1);
    identities.remove(busy);
    await nextPoll();
    expect(told).toEqual(["TOKEN_REVOKED"]);
  });

  test("D5: an access that has expired is put out", async () => {
    await open().accessOf(identities.add({ expiresMs: Date.now() + 1 }), PEER);
    await nextPoll();
    expect(directory.size).toBe(0);
  });

  test("D5: of too many the longest unused go, but for those just used and those that are watched", async () => {
    open({ knownMax: 3, idleTimeoutMs: 600_000 });
    const [streaming, oldest, older] = [identities.add(), identities.add(), identities.add()];
    await watched(streaming);
    await directory.accessOf(oldest, PEER);
    await jest.advanceTimersByTimeAsync(1000);
    await directory.accessOf(older, PEER);
    await directory.accessOf(identities.add(), PEER);
    expect(directory.size).toBe(4); // All were just used.
    await jest.advanceTimersByTimeAsync(11_000);
    await directory.accessOf(identities.add(), PEER);
    expect(directory.size).toBe(4);
    expect(directory.accessOf(oldest, PEER)).toBeInstanceOf(Promise);
    expect(directory.accessOf(streaming, PEER)).not.toBeInstanceOf(Promise);
    expect(directory.accessOf(older, PEER)).not.toBeInstanceOf(Promise);
  });

  test("D6: a wake during a poll is followed by one more, and one at rest by one at once", async () => {
    open();
    const holding = Promise.withResolvers<void>();
    identities.hold = holding.promise;
    directory.wake();
    directory.wake();
    directory.wake();
    expect(identities.polls).toBe(1);
    holding.resolve();
    await jest.advanceTimersByTimeAsync(1);
    expect(identities.polls).toBe(2);
    directory.wake();
    expect(identities.polls).toBe(3);
  });

  test("without PostgreSQL known tokens go on working, unknown ones wait, and the first poll that succeeds catches up", async () => {
    open();
    const [token, unknown] = [identities.add(), identities.add()];
    const told = await watched(token);
    await jest.advanceTimersByTimeAsync(1);
    identities.isAway = true;
    identities.change({ ...identities.tokenOf(token), isRevoked: true });
    for (let n = 0; n < 3; n++) await nextPoll();
    expect(told).toEqual([]);
    expect(directory.accessOf(token, PEER)).not.toBeInstanceOf(Promise);
    await expect(directory.accessOf(unknown, PEER)).rejects.toMatchObject({ reason: ErrorReason.ENGINE_UNAVAILABLE });
    identities.isAway = false;
    await nextPoll();
    expect(told).toEqual(["TOKEN_REVOKED"]);
    expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual([
      "rights cannot be read; tokens that are known go on working",
      "rights are read again",
    ]);
  });

  test("the last use is written down once a minute", async () => {
    const token = identities.add();
    const [id, usedMs] = [identities.tokenOf(token).id, Date.now()];
    await open().accessOf(token, PEER);
    await nextPoll();
    expect(identities.touches).toEqual([{ id, usedMs }]);
    await directory.accessOf(token, PEER);
    await jest.advanceTimersByTimeAsync(50_000);
    expect(identities.touches).toHaveLength(1);
    await jest.advanceTimersByTimeAsync(10_000);
    await directory.accessOf(token, PEER);
    await nextPoll();
    expect(identities.touches.map((use) => use.usedMs - usedMs)).toEqual([0, 62_000]);
  });

  test("where the last use cannot be written down, rights are read all the same, and it is said once a minute", async () => {
    const token = identities.add();
    identities.touchTokens = () => Promise.reject(new Error("permission denied"));
    open();
    const told = await watched(token);
    await nextPoll();
    identities.remove(token);
    await nextPoll();
    expect(told).toEqual(["TOKEN_REVOKED"]);
    expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual([
      "the last use of tokens could not be written down",
    ]);
  });

  test("closed, it polls no more", async () => {
    await open().close();
    directory.wake();
    await nextPoll();
    expect(identities.polls).toBe(0);
  });
});
