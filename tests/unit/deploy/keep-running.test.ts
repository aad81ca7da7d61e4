import { describe, expect, test } from "@jest/globals";
import { keepRunning } from "#deploy/local/keep-running.ts";
import type { Ended, ManagedProcess } from "#deploy/local/processes/managed-process.ts";

/** A process that ends when the test says so. */
function fake(): ManagedProcess & { end(how: Partial<Ended>): void } {
  const { promise, resolve } = Promise.withResolvers<Ended>();
  const plan = { name: "fake", pid: 0, rank: 1, signal: "SIGTERM", graceMs: 0, forceSignal: "SIGKILL" } as const;
  return {
    ...plan,
    adopted: false,
    gone: promise,
    end: (how) => resolve({ code: undefined, signal: undefined, ...how }),
  };
}

/** Keeps a fake running; each start hands out the next of `starts`. */
function keep(starts: (() => Promise<ManagedProcess>)[], options: { backoffMinMs?: number; steadyMs?: number } = {}) {
  const first = fake();
  const stopping = new AbortController();
  const lines: string[] = [];
  let next = 0;
  const over = keepRunning(first, {
    start: () => (starts[next++] ?? (() => new Promise<never>(() => {})))(),
    say: (line) => lines.push(line),
    stopping: stopping.signal,
    isMisconfigured: ({ code }) => code === 2,
    backoffMinMs: 1,
    backoffMaxMs: Math.max(4, options.backoffMinMs ?? 0),
    ...options,
  });
  return { first, lines, over, stop: () => stopping.abort(), started: () => next };
}

const until = async (condition: () => boolean) => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
};

describe("keepRunning", () => {
  test("K1: what ends is started again, after a wait that doubles up to its maximum", async () => {
    const processes = [fake(), fake(), fake(), fake()];
    const { first, lines, stop, over, started } = keep(processes.map((process) => async () => process));
    first.end({ code: 1 });
    for (const [index, process] of processes.entries()) {
      await until(() => started() > index);
      process.end({ signal: "SIGKILL" });
    }
    await until(() => lines.length === 5);
    stop();
    await over;
    expect(lines).toEqual([
      "fake ended unexpectedly (exit code 1); starting it again in 0.001 s",
      "fake ended unexpectedly (SIGKILL); starting it again in 0.002 s",
      "fake ended unexpectedly (SIGKILL); starting it again in 0.004 s",
      "fake ended unexpectedly (SIGKILL); starting it again in 0.004 s",
      "fake ended unexpectedly (SIGKILL); starting it again in 0.004 s",
    ]);
  });

  test("K1: after it has run steadily the wait begins anew", async () => {
    const second = fake();
    const { first, lines, stop, over, started } = keep([async () => second], { steadyMs: 0 });
    first.end({});
    await until(() => started() === 1);
    second.end({});
    await until(() => lines.length === 2);
    stop();
    await over;
    expect(
      lines.every((line) => line.endsWith("(it was adopted, so nobody knows how); starting it again in 0.001 s")),
    ).toBe(true);
  });

  test("K1: a start that fails is said, and tried again", async () => {
    const second = fake();
    const { first, lines, stop, over, started } = keep([
      () => Promise.reject(new Error("no port")),
      async () => second,
    ]);
    first.end({ code: 1 });
    await until(() => started() === 2);
    stop();
    await over;
    expect(lines).toEqual(["fake ended unexpectedly (exit code 1); starting it again in 0.001 s", "no port"]);
  });

  test("K2: a misconfiguration is final", async () => {
    const { first, over, started } = keep([]);
    first.end({ code: 2 });
    await expect(over).resolves.toMatchObject({ code: 2 });
    expect(started()).toBe(0);
  });

  test("K3: nothing is started once everything is stopping, not even after the wait", async () => {
    const stopped = keep([]);
    stopped.stop();
    await expect(stopped.over).resolves.toBeUndefined();
    stopped.first.end({ code: 1 });
    const waiting = keep([], { backoffMinMs: 60_000 });
    waiting.first.end({ code: 1 });
    await until(() => waiting.lines.length === 1);
    waiting.stop();
    await expect(waiting.over).resolves.toBeUndefined();
    expect(stopped.started() + waiting.started()).toBe(0);
  });

  test("K3: it does not wait for a process that others will stop", async () => {
    const { first, over, stop } = keep([]);
    stop();
    await expect(over).resolves.toBeUndefined();
    first.end({});
  });
});
