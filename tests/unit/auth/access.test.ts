import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { PrincipalKind, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { CredentialKind } from "#gen/cos/auth/v1/auth_service_pb.ts";
import { Access } from "#shared/auth/access.ts";
import { type Principal, verbIn } from "#shared/auth/principal.ts";
import { accessRevoked } from "#shared/auth/refusals.ts";
import { mayRead } from "#shared/auth/scope.ts";

const bot = (grants: Record<string, Verb>, name = "bot"): Principal => ({
  name,
  kind: PrincipalKind.AGENT,
  grants: new Map(Object.entries(grants)),
});
const DRAFTS = bot({ drafts: Verb.RECORD });

/** Watches an access; `told` holds what it was told. */
function watch(access: Access): { told: string[]; stop: () => void } {
  const told: string[] = [];
  const stop = access.watch({ ended: ({ reasonName }) => told.push(reasonName), changed: () => told.push("changed") });
  return { told, stop };
}

describe("an access", () => {
  const open = (leftMs = Number.POSITIVE_INFINITY) =>
    new Access({ principal: DRAFTS, credential: CredentialKind.TOKEN, expiresMs: Date.now() + leftMs });
  beforeEach(() => {
    jest.useFakeTimers({ now: Date.UTC(2026, 10, 23) });
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  test("allows what its principal may, and never ends by itself unless it says when", () => {
    const access = new Access({ principal: DRAFTS, credential: CredentialKind.LOCAL });
    expect(access).toMatchObject({ principal: DRAFTS, via: undefined, expiresMs: Number.POSITIVE_INFINITY });
    expect(verbIn(access.grants, "drafts")).toBe(Verb.RECORD);
    const { told } = watch(access);
    jest.advanceTimersByTime(1e12);
    expect([told, access.ended]).toEqual([[], undefined]);
  });

  test("through a service allows what both may", () => {
    const via = bot({ drafts: Verb.READ, pepys: Verb.RECORD }, "graph");
    const access = new Access({ principal: DRAFTS, credential: CredentialKind.SERVICE, via });
    expect([...access.grants]).toEqual([["drafts", Verb.READ]]);
    access.update(bot({ pepys: Verb.ADMIN }), via);
    expect([...access.grants]).toEqual([["pepys", Verb.RECORD]]);
    expect(access.via).toBe(via);
  });

  test("C1: it ends once, for good, and has no rights then", () => {
    const access = open();
    const revoked = accessRevoked();
    access.end(revoked);
    access.end(accessRevoked());
    access.update(DRAFTS);
    access.expireAt(Number.POSITIVE_INFINITY);
    expect(access.ended).toBe(revoked);
    expect([access.grants.size, mayRead(access.scope, "drafts")]).toEqual([0, false]);
  });

  test("C2: it expires by the clock, and a timer runs only while somebody watches", () => {
    const access = open(1000);
    expect(jest.getTimerCount()).toBe(0);
    const watchers = [watch(access), watch(access)];
    expect([jest.getTimerCount(), access.isWatched]).toEqual([1, true]);
    for (const { stop } of watchers) stop();
    watchers[0]?.stop();
    expect([jest.getTimerCount(), access.isWatched]).toEqual([0, false]);
    jest.advanceTimersByTime(999);
    expect(access.ended).toBeUndefined();
    jest.advanceTimersByTime(1);
    expect(access.ended?.reasonName).toBe("TOKEN_EXPIRED");
  });

  test("C2: nobody needs to watch, or to ask for its end: rights and scope are gone at the time", () => {
    const [one, other] = [open(10), open(10)];
    jest.advanceTimersByTime(10);
    expect(mayRead(one.scope, "drafts")).toBe(false);
    expect(other.grants.size).toBe(0);
  });

  test("C3: who stopped watching while it ended is told nothing", () => {
    const access = open();
    const told: string[] = [];
    access.watch({ ended: () => stopOther() });
    const stopOther = access.watch({ ended: () => told.push("other") });
    access.end(accessRevoked());
    expect(told).toEqual([]);
  });

  test("C2: it may expire later than a timer can be set", () => {
    const access = open(2 ** 31 + 1000);
    const { told } = watch(access);
    jest.advanceTimersByTime(2 ** 31);
    expect(told).toEqual([]);
    jest.advanceTimersByTime(1000);
    expect(told).toEqual(["TOKEN_EXPIRED"]);
  });

  test("C3: each watcher hears of each change once, of the end once, and of nothing after it", () => {
    const access = open();
    const [stays, leaves] = [watch(access), watch(access)];
    access.update(bot({ drafts: Verb.RECORD }));
    expect(stays.told).toEqual([]);
    access.update(bot({ drafts: Verb.READ }));
    leaves.stop();
    access.update(bot({ pepys: Verb.READ }));
    access.end(accessRevoked());
    access.update(DRAFTS);
    expect(stays.told).toEqual(["changed", "changed", "TOKEN_REVOKED"]);
    expect(leaves.told).toEqual(["changed"]);
    const late = watch(access);
    late.stop();
    expect(late.told).toEqual(["TOKEN_REVOKED"]);
  });

  test("C3: a watcher that asks only for the end hears of that alone", () => {
    const access = open();
    const ended = jest.fn();
    access.watch({ ended });
    access.update(bot({}));
    expect(ended).not.toHaveBeenCalled();
    access.end(accessRevoked());
    expect(ended).toHaveBeenCalledTimes(1);
  });

  test("C4: its end may be moved, sooner and later, for whoever watches too", () => {
    const access = open(1000);
    const { told } = watch(access);
    access.expireAt(Date.now() + 5000);
    jest.advanceTimersByTime(4000);
    expect(told).toEqual([]);
    access.expireAt(Date.now() + 500);
    jest.advanceTimersByTime(499);
    expect(told).toEqual([]);
    jest.advanceTimersByTime(1);
    expect([told, jest.getTimerCount()]).toEqual([["TOKEN_EXPIRED"], 0]);
  });

  test("C4: moved to what has passed it ends at once; never to end again, it has no timer", () => {
    const access = open(1000);
    watch(access);
    access.expireAt(Number.POSITIVE_INFINITY);
    expect(jest.getTimerCount()).toBe(0);
    access.expireAt(Date.now());
    expect(access.ended?.reasonName).toBe("TOKEN_EXPIRED");
  });
});
