import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { PrincipalKind } from "#gen/cos/auth/v1/auth_pb.ts";
import { CredentialKind } from "#gen/cos/auth/v1/auth_service_pb.ts";
import { Access } from "#shared/auth/access.ts";
import { localAccess } from "#shared/auth/local-access.ts";
import { readSettings } from "#shared/config/read-settings.ts";
import { RateLimits } from "#shared/identity/rate-limits.ts";
import { RATE_SETTINGS } from "#shared/identity/rate-settings.ts";

const { PERSON, AGENT, SERVICE, UNSPECIFIED } = PrincipalKind;

const open = (env: Record<string, string> = {}) => new RateLimits(readSettings(env, RATE_SETTINGS));
const accessOf = (name: string, kind: PrincipalKind = AGENT) =>
  new Access({ principal: { name, kind, grants: new Map() }, credential: CredentialKind.TOKEN });

/** How many of so many calls are let in, each in a turn of its own. */
async function letIn(limits: RateLimits, access: Access, calls: number): Promise<number> {
  let count = 0;
  for (let n = 0; n < calls; n++) {
    try {
      limits.count(access);
      count += 1;
    } catch {}
    await jest.advanceTimersByTimeAsync(0);
  }
  return count;
}

describe("limits of calls", () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  test("one who calls too often is told when to come back, and R3 let in then, whatever was refused meanwhile", async () => {
    const limits = open({ COS_RATE_LIMIT_AGENTS: "3" });
    const access = accessOf("bot");
    // The call that is one too many is let in: that it was is known afterwards.
    expect(await letIn(limits, access, 10)).toBe(4);
    await jest.advanceTimersByTimeAsync(400);
    const refusal = { reason: ErrorReason.RATE_LIMITED, retryAfterMs: 600 };
    expect(() => limits.count(access)).toThrow(expect.objectContaining(refusal));
    await jest.advanceTimersByTimeAsync(600);
    expect(await letIn(limits, access, 10)).toBe(4);
  });

  test("a burst takes what comes on top, once in ten seconds", async () => {
    const limits = open({ COS_RATE_LIMIT_AGENTS: "3+5" });
    const access = accessOf("bot");
    const letInASecond = async () => {
      const count = await letIn(limits, access, 20);
      await jest.advanceTimersByTimeAsync(1000);
      return count;
    };
    expect([await letInASecond(), await letInASecond()]).toEqual([3 + 5 + 1, 3 + 1]);
    await jest.advanceTimersByTimeAsync(10_000);
    expect(await letInASecond()).toBe(3 + 5 + 1);
  });

  test("R1: calls of one turn are all let in, and count", async () => {
    const limits = open({ COS_RATE_LIMIT_AGENTS: "3" });
    const access = accessOf("bot");
    for (let n = 0; n < 10; n++) limits.count(access);
    await jest.advanceTimersByTimeAsync(0);
    expect(await letIn(limits, access, 1)).toBe(0);
  });

  test("R4: a principal's tokens share one account, and principals do not", async () => {
    const limits = open({ COS_RATE_LIMIT_AGENTS: "3" });
    expect(await letIn(limits, accessOf("bot"), 3)).toBe(3);
    expect(await letIn(limits, accessOf("bot"), 3)).toBe(1);
    expect(await letIn(limits, accessOf("another"), 3)).toBe(3);
  });

  test("each kind has its own limit; a kind that is not known that of agents; local callers none unless it is set", async () => {
    const rates = { COS_RATE_LIMIT_PERSONS: "2", COS_RATE_LIMIT_AGENTS: "1", COS_RATE_LIMIT_SERVICES: "3" };
    const limits = open(rates);
    const counts: number[] = [];
    for (const kind of [PERSON, AGENT, SERVICE, UNSPECIFIED]) {
      counts.push(await letIn(limits, accessOf(`a ${kind}`, kind), 9));
    }
    expect(counts).toEqual([3, 2, 4, 2]);
    expect(await letIn(limits, localAccess(), 9)).toBe(9);
    expect(await letIn(open({ COS_RATE_LIMIT_LOCAL: "1" }), localAccess(), 9)).toBe(2);
  });

  test("0 is no limit", async () => {
    expect(await letIn(open({ COS_RATE_LIMIT_AGENTS: "0" }), accessOf("bot"), 3000)).toBe(3000);
  });

  test("among ten thousand others, one that is blocked stays so", async () => {
    const limits = open({ COS_RATE_LIMIT_AGENTS: "1" });
    expect(await letIn(limits, accessOf("bot"), 3)).toBe(2);
    for (let n = 0; n < 10_001; n++) limits.count(accessOf(`bot ${n}`));
    await jest.advanceTimersByTimeAsync(0);
    limits.count(accessOf("the last straw"));
    expect(await letIn(limits, accessOf("bot"), 3)).toBe(0);
  });
});
