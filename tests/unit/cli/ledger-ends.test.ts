import { beforeEach, describe, expect, test } from "@jest/globals";
import { started } from "../highway-client/frames.ts";
import { FakeConductor } from "./support/fake-conductor.ts";
import { memoryAt } from "./support/ledger-rows.ts";
import { streams } from "./support/live-stream.ts";
import { run } from "./support/run.ts";
import { RunningLedger } from "./support/run-ledger.ts";

const LEAVES = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l";

let fake: FakeConductor;
beforeEach(() => {
  fake = new FakeConductor();
  fake.memories.set(
    "cc",
    Array.from({ length: 300 }, (_, index) => memoryAt(index + 1)),
  );
});

async function quit(ledger: RunningLedger): Promise<void> {
  ledger.type("q");
  expect(await ledger.ended).toMatchObject({ exitCode: 0, stderr: "" });
}

describe("G4: the terminal is given back", () => {
  async function running(): Promise<RunningLedger> {
    const [live] = streams(fake);
    live!.send(started({ cc: 300 }));
    const ledger = new RunningLedger(fake);
    await ledger.shows(/text 300\n/);
    expect([ledger.isOther, ledger.modes]).toEqual([true, [true]]);
    return ledger;
  }

  /** As it was before, and nothing is written behind that. */
  function expectGivenBack(ledger: RunningLedger): void {
    expect(ledger.written.endsWith(LEAVES)).toBe(true);
    expect(ledger.written.split("\x1b[?1049l")).toHaveLength(2);
    expect(ledger.modes).toEqual([true, false]);
    expect(ledger.events).toEqual([]);
  }

  test("after q, with 0", async () => {
    const ledger = await running();
    await quit(ledger);
    expectGivenBack(ledger);
  });

  test("after Ctrl-C, a signal, or the end of its keys, with 130", async () => {
    const ends: ((ledger: RunningLedger) => void)[] = [
      (ledger) => ledger.type("\x03"),
      (ledger) => ledger.interrupt.abort(),
      (ledger) => ledger.hangUp(),
    ];
    for (const end of ends) {
      const ledger = await running();
      end(ledger);
      expect(await ledger.ended).toMatchObject({ exitCode: 130, stderr: "" });
      expectGivenBack(ledger);
    }
  });

  test("before the process ends of something else", async () => {
    const ledger = await running();
    ledger.events[0]!.leave();
    expect(ledger.isOther).toBe(false);
    await quit(ledger);
    expectGivenBack(ledger);
  });

  test("as far as it is there at all: a terminal that has gone ends it quietly", async () => {
    const ledger = await running();
    ledger.break();
    ledger.type("k");
    expect(await ledger.ended).toMatchObject({ exitCode: 0, stderr: "" });
    expect(ledger.modes).toEqual([true, false]);
  });

  test("while it is stopped, and all is drawn anew when it goes on", async () => {
    const ledger = await running();
    ledger.type("\x1a");
    await ledger.shows(/text 300/);
    while (ledger.suspended === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    ledger.events[0]!.leave();
    expect(ledger.isOther).toBe(false);
    const before = ledger.written.length;
    ledger.events[0]!.resume();
    while (!ledger.written.slice(before).includes("text 300")) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(ledger.written.slice(before)).toMatch(/\x1b\[\?1049h[\s\S]*\x1b\[2J[\s\S]*text 300/);
    expect([ledger.isOther, ledger.modes]).toEqual([true, [true, false, true]]);
    await quit(ledger);
  });
});

test("a terminal of another size is drawn for it", async () => {
  const [live] = streams(fake);
  live!.send(started({ cc: 300 }));
  const ledger = new RunningLedger(fake, [], { columns: 0, rows: 0 });
  await ledger.shows(/\? help/);
  ledger.resize(24, 3);
  const screen = await ledger.shows(/^ {2}cc\/299 {2}text 299\n> cc\/300 {2}text 300\nlive {2}cc {2}at cc\/300$/);
  expect(screen.split("\n")).toHaveLength(3);
  await quit(ledger);
});

test("S2: only what changed is written", async () => {
  const [live] = streams(fake);
  live!.send(started({ cc: 300 }));
  const ledger = new RunningLedger(fake);
  await ledger.shows(/text 300\n/);
  ledger.type("x");
  const before = ledger.written.length;
  ledger.type("k");
  await ledger.shows(/> .*text 299\n/);
  expect([...ledger.written.slice(before).matchAll(/\x1b\[(\d+);1H/g)].map(([, row]) => row)).toEqual([
    "9",
    "10",
    "11",
    "12",
  ]);
  await quit(ledger);
});

test("keys that arrive in pieces are put together", async () => {
  const [live] = streams(fake);
  live!.send(started({ cc: 300 }));
  const ledger = new RunningLedger(fake);
  await ledger.shows(/text 300\n/);
  ledger.type("\x1b[");
  await new Promise((resolve) => setTimeout(resolve, 20));
  ledger.type("A");
  await ledger.shows(/> .*text 299\n/);
  await quit(ledger);
});

test("NO_COLOR: no colour, and still a mark before the row that keys are about", async () => {
  const [live] = streams(fake);
  live!.send(started({ cc: 300 }));
  const ledger = new RunningLedger(fake, [], { env: { NO_COLOR: "1" } });
  await ledger.shows(/> .*text 300\n/);
  await quit(ledger);
  expect(ledger.written.replace(LEAVES, "")).not.toMatch(/\x1b\[[\d;]*m/);
});

test("where there is no terminal, it says what to use instead", async () => {
  const without = await run(["ledger", "--module", "pepys", "--module", "cc"]);
  expect(without.exitCode).toBe(2);
  expect(without.stderr).toMatch(/^cos: the ledger needs a terminal to itself.*`cos tail --module pepys --module cc` /);
  expect((await run(["ledger", "--all"], { isTTY: true })).stderr).toMatch(/`cos tail --all`/);
});

test("a terminal that can do nothing is none", async () => {
  expect(await new RunningLedger(fake, [], { env: { TERM: "dumb" } }).ended).toMatchObject({ exitCode: 2 });
});
