import { EventEmitter } from "node:events";
import { describe, expect, jest, test } from "@jest/globals";
import { readSettings } from "#shared/config/read-settings.ts";
import { integer } from "#shared/config/settings.ts";
import { Closers } from "#shared/lifecycle/closers.ts";
import { type Host, type Running, runService } from "#shared/lifecycle/run-service.ts";
import { watchHealth } from "#shared/lifecycle/watch-health.ts";
import { openLog } from "#shared/log/open-log.ts";

class FakeHost extends EventEmitter implements Host {
  readonly env: Record<string, string | undefined> = {};
  readonly written: string[] = [];
  readonly codes: number[] = [];
  readonly stderr = { write: (text: string) => this.written.push(text) };
  readonly exited: Promise<number>;
  #exited!: (code: number) => void;
  constructor() {
    super();
    this.exited = new Promise((resolve) => {
      this.#exited = resolve;
    });
  }
  exit(code: number): void {
    this.codes.push(code);
    this.#exited(code);
  }
}

const log = openLog({ service: "test", level: "silent" });
const running = (drain: () => Promise<void> = async () => {}): Running => ({ log, drain });
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("Closers", () => {
  test("the last opened is closed first, each once, whatever the others do", async () => {
    const order: string[] = [];
    const faults: string[] = [];
    const closers = new Closers((name) => faults.push(name));
    closers.add("a", () => void order.push("a"));
    closers.add("b", () => Promise.reject(new Error("b")));
    closers.add("c", async () => void order.push("c"));
    await closers.close();
    await closers.close();
    expect([order, faults]).toEqual([["c", "a"], ["b"]]);
  });

  test("a fault is nobody's if nobody asked for it", async () => {
    const closers = new Closers();
    closers.add("a", () => Promise.reject(new Error("a")));
    await expect(closers.close()).resolves.toBeUndefined();
  });
});

describe("runService", () => {
  test.each(["SIGTERM", "SIGINT", "disconnect"])("L2: %s drains, closes, and ends with 0", async (signal) => {
    const host = new FakeHost();
    const order: string[] = [];
    const done = runService(
      "x",
      async (_, closers) => {
        closers.add("a", () => void order.push("closed"));
        return running(async () => void order.push("drained"));
      },
      host,
    );
    await turn();
    host.emit(signal);
    await done;
    expect([order, host.codes]).toEqual([["drained", "closed"], [0]]);
  });

  test("L3: a second signal ends at once", async () => {
    const host = new FakeHost();
    void runService("x", async () => running(() => new Promise(() => {})), host);
    await turn();
    host.emit("SIGINT");
    await turn();
    host.emit("SIGINT");
    expect(host.codes).toEqual([130]);
  });

  test("a signal during a start that hangs ends with 0", async () => {
    const host = new FakeHost();
    const done = runService("x", () => new Promise<Running>(() => {}), host);
    host.emit("SIGTERM");
    await done;
    expect(host.codes).toEqual([0]);
  });

  test("L4: a misconfiguration ends with 2, one line a fault", async () => {
    const host = new FakeHost();
    host.env.COS_A = "x";
    const spec = { a: integer({ name: "COS_A", about: "", fallback: 1, min: 1, max: 2 }) };
    const start = async (env: Host["env"]) => {
      readSettings(env, spec);
      return running();
    };
    await runService("conductor", start, host);
    expect([host.codes, host.written]).toEqual([[2], ["conductor: COS_A must be a whole number from 1 to 2\n"]]);
  });

  test("L4: a failed start closes what was opened and ends with 1", async () => {
    const host = new FakeHost();
    const closed = jest.fn(() => {});
    const start = async (_: unknown, closers: Closers) => {
      closers.add("a", closed);
      closers.add("b", () => Promise.reject(new Error("b")));
      throw new Error("secret");
    };
    await runService("x", start, host);
    expect([host.codes, closed.mock.calls.length]).toEqual([[1], 1]);
    expect(host.written.join()).toContain('"type":"Error"');
    expect(host.written.join()).not.toContain("secret");
  });

  test.each(["uncaughtException", "unhandledRejection"])("L1: an %s ends with 1", async (event) => {
    const host = new FakeHost();
    void runService("x", async () => running(), host);
    await turn();
    host.emit(event, new Error("nobody caught this"));
    expect(host.codes).toEqual([1]);
  });
});

describe("watchHealth", () => {
  test("W3: the first result and each change are reported, nothing between", async () => {
    const results = [true, true, false, false, true];
    const reports: boolean[] = [];
    await new Promise<void>((resolve) => {
      const stop = watchHealth({
        check: async () => {
          const next = results.shift();
          if (next === undefined) resolve();
          if (next === false) throw new Error("down");
        },
        report: (healthy) => reports.push(healthy),
        intervalMs: 0,
        timeoutMs: 1000,
      });
      setTimeout(stop, 100);
    });
    expect(reports).toEqual([true, false, true]);
  });

  test("W2: a check that never answers is a failure", async () => {
    const failure = await new Promise<unknown>((resolve) => {
      const stop = watchHealth({
        check: () => new Promise(() => {}),
        report: (healthy, error) => {
          stop();
          resolve([healthy, (error as Error).name]);
        },
        intervalMs: 0,
        timeoutMs: 5,
      });
    });
    expect(failure).toEqual([false, "TimeoutError"]);
  });

  test("after stopping nothing is reported", async () => {
    const report = jest.fn();
    const stop = watchHealth({ check: turn as () => Promise<void>, report, intervalMs: 0, timeoutMs: 1000 });
    stop();
    await turn();
    await turn();
    expect(report).not.toHaveBeenCalled();
  });
});
