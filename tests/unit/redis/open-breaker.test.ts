import { describe, expect, test } from "@jest/globals";
import { pino } from "pino";
import { type Breaker, BreakerOpenError, type BreakerState, openBreaker } from "#shared/redis/open-breaker.ts";

const log = pino({ level: "silent" });
const ok = async (): Promise<string> => "ok";
const bad = async (): Promise<never> => {
  throw new Error("engine gone");
};

async function fail(breaker: Breaker, times: number): Promise<void> {
  for (let at = 0; at < times; at += 1) {
    await expect(breaker.fire(bad)).rejects.toThrow();
  }
}

/** A breaker whose changes can be waited for. */
function watched(options: { probeAfterMs?: number; isBusinessError?: (error: unknown) => boolean } = {}) {
  const states: BreakerState[] = [];
  let heard = Promise.withResolvers<void>();
  const breaker = openBreaker({
    name: "redis",
    log,
    probeAfterMs: 5,
    ...options,
    onChange: (state) => {
      states.push(state);
      heard.resolve();
      heard = Promise.withResolvers();
    },
  });
  const until = async (state: BreakerState): Promise<void> => {
    while (breaker.state !== state) {
      await heard.promise;
    }
  };
  return { breaker, states, until };
}

describe("the breaker", () => {
  test("B1: three failures in a row open it; a success in between starts the count again", async () => {
    const { breaker } = watched({ probeAfterMs: 60_000 });
    await fail(breaker, 2);
    await expect(breaker.fire(ok)).resolves.toBe("ok");
    await fail(breaker, 2);
    expect(breaker.state).toBe("closed");
    await fail(breaker, 1);
    expect(breaker.state).toBe("open");
    expect(breaker.openedCount).toBe(1);
    breaker.close();
  });

  test("B2: while it is open, calls are refused and nothing is started", async () => {
    const { breaker } = watched({ probeAfterMs: 60_000 });
    await fail(breaker, 3);
    let started = false;
    const call = breaker.fire(async () => {
      started = true;
    });
    await expect(call).rejects.toBeInstanceOf(BreakerOpenError);
    expect(started).toBe(false);
    expect(breaker.refusedCount).toBe(1);
    breaker.close();
  });

  test("B3: while it probes, one call at a time is let through", async () => {
    const { breaker, until } = watched();
    await fail(breaker, 3);
    await until("probing");
    const gate = Promise.withResolvers<void>();
    const first = breaker.fire(() => gate.promise);
    await expect(breaker.fire(ok)).rejects.toBeInstanceOf(BreakerOpenError);
    gate.resolve();
    await first;
    expect(breaker.state).toBe("probing");
    await breaker.fire(ok);
    expect(breaker.state).toBe("closed");
    breaker.close();
  });

  test("B4: two successes in a row close it, one failure while probing opens it again", async () => {
    const { breaker, states, until } = watched();
    await fail(breaker, 3);
    await until("probing");
    await breaker.fire(ok);
    await fail(breaker, 1);
    expect(breaker.state).toBe("open");
    await until("probing");
    await breaker.fire(ok);
    await breaker.fire(ok);
    expect(states).toEqual(["open", "probing", "open", "probing", "closed"]);
    breaker.close();
  });

  test("B5: a business error is an answer and counts as a success", async () => {
    const { breaker } = watched({ isBusinessError: (error) => error instanceof RangeError });
    const refused = async (): Promise<never> => {
      throw new RangeError("no such row");
    };
    await fail(breaker, 2);
    await expect(breaker.fire(refused)).rejects.toThrow("no such row");
    await fail(breaker, 2);
    expect(breaker.state).toBe("closed");
    breaker.close();
  });

  test("calls that began before it opened neither close it nor open it twice", async () => {
    const { breaker } = watched({ probeAfterMs: 60_000 });
    const slowOk = Promise.withResolvers<string>();
    const slowBad = Promise.withResolvers<string>();
    const first = breaker.fire(() => slowOk.promise);
    const second = breaker.fire(() => slowBad.promise);
    await fail(breaker, 3);
    slowOk.resolve("late");
    slowBad.reject(new Error("late"));
    await expect(first).resolves.toBe("late");
    await expect(second).rejects.toThrow("late");
    expect(breaker.state).toBe("open");
    expect(breaker.openedCount).toBe(1);
    breaker.close();
  });
});
