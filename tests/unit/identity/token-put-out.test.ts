import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { TokenDirectory } from "#shared/identity/token-directory.ts";
import { openLog } from "#shared/log/open-log.ts";
import { MemoryIdentities } from "./memory-identities.ts";

const PEER = "203.0.113.7";
const POLL_MS = 2000;

beforeEach(() => {
  jest.useFakeTimers({ now: Date.UTC(2026, 10, 23) });
});
afterEach(() => {
  jest.useRealTimers();
});

test("a token that was put out and is known again is not ended by what was read of it before", async () => {
  const identities = new MemoryIdentities();
  const log = openLog({ service: "test", to: { write: () => {} } });
  const directory = new TokenDirectory({ identities, log, pollMs: POLL_MS, knownMax: 1 });
  const token = identities.add();
  const before = await directory.accessOf(token, PEER);
  await jest.advanceTimersByTimeAsync(6 * POLL_MS);

  // It is read again as revoked, and that answer is on its way for a while.
  const held = Promise.withResolvers<void>();
  const read = identities.readTokens.bind(identities);
  identities.readTokens = async (ids) => {
    const snapshot = await read(ids);
    await held.promise;
    return snapshot;
  };
  const { id } = identities.tokenOf(token);
  identities.change({ ...identities.tokenOf(token), isRevoked: true });
  await jest.advanceTimersByTimeAsync(POLL_MS);
  expect(identities.reads).toEqual([[id]]);

  // Meanwhile it is revoked no more, is put out for want of room, and comes again.
  identities.change({ ...identities.tokenOf(token), isRevoked: false });
  await directory.accessOf(identities.add({ id: "another" }), PEER);
  const after = await directory.accessOf(token, PEER);
  expect(after).not.toBe(before);
  held.resolve();
  await jest.advanceTimersByTimeAsync(1);
  expect(before.ended?.reasonName).toBe("TOKEN_REVOKED");
  expect(directory.accessOf(token, PEER)).toBe(after);
  await jest.advanceTimersByTimeAsync(POLL_MS);
  expect(after.ended).toBeUndefined();
  await directory.close();
});
