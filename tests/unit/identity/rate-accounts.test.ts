import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { PrincipalKind } from "#gen/cos/auth/v1/auth_pb.ts";
import { CredentialKind } from "#gen/cos/auth/v1/auth_service_pb.ts";
import { Access } from "#shared/auth/access.ts";
import { readSettings } from "#shared/config/read-settings.ts";
import { RateLimits } from "#shared/identity/rate-limits.ts";
import { RATE_SETTINGS } from "#shared/identity/rate-settings.ts";

const accessOf = (name: string, kind: PrincipalKind = PrincipalKind.AGENT) =>
  new Access({ principal: { name, kind, grants: new Map() }, credential: CredentialKind.TOKEN });
const open = (env: Record<string, string>) => new RateLimits(readSettings(env, RATE_SETTINGS));

/** How many of so many calls are let in, each in a turn of its own. */
async function letIn(limits: RateLimits, access: Access, calls: number): Promise<number> {
  let count = 0;
  for (let n = 0; n < calls; n += 1) {
    try {
      limits.count(access);
      count += 1;
    } catch {}
    await jest.advanceTimersByTimeAsync(0);
  }
  return count;
}

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.restoreAllMocks();
  jest.useRealTimers();
});

test("R4: of two kinds with one name each has the limit of its kind, whoever calls first", async () => {
  const limits = open({ COS_RATE_LIMIT_AGENTS: "5", COS_RATE_LIMIT_SERVICES: "100" });
  expect(await letIn(limits, accessOf("import", PrincipalKind.SERVICE), 50)).toBe(50);
  expect(await letIn(limits, accessOf("import"), 200)).toBe(6);
  expect(await letIn(limits, accessOf("import", PrincipalKind.SERVICE), 50)).toBe(50);
});

test("R5: among ten thousand that are refused, a new caller looks at a few of them, and they stay refused", async () => {
  const limits = open({ COS_RATE_LIMIT_AGENTS: "1" });
  const names = Array.from({ length: 10_000 }, (_, n) => `bot ${n}`);
  for (const name of names) for (let n = 0; n < 3; n += 1) limits.count(accessOf(name));
  await jest.advanceTimersByTimeAsync(0);
  const set = jest.spyOn(Map.prototype, "set");
  limits.count(accessOf("new"));
  // Its own entry and its limiter's beside those that are looked at.
  expect(set.mock.calls.length).toBeLessThan(20);
  set.mockRestore();
  const refused = names.filter((name) => isRefused(() => limits.count(accessOf(name))));
  expect(refused).toHaveLength(names.length);
});

function isRefused(count: () => void): boolean {
  try {
    count();
    return false;
  } catch (error) {
    return String(error).includes("too often");
  }
}
