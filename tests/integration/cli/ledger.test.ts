import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest } from "@jest/globals";
import { EventSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import { localAccess } from "#shared/auth/local-access.ts";
import { openLog } from "#shared/log/open-log.ts";
import { openServer, type RpcServer } from "#shared/rpc/open-server.ts";
import { ROOT } from "#tests/support/mesh-process.ts";
import { TerminalRun } from "#tests/support/terminal/run-in-terminal.ts";
import { needs } from "#tests/support/tools.ts";
import { FakeConductor } from "#tests/unit/cli/support/fake-conductor.ts";
import { memoryAt } from "#tests/unit/cli/support/ledger-rows.ts";
import { cursor, type Frame, frame, started } from "#tests/unit/highway-client/frames.ts";

jest.setTimeout(60_000);

const python = needs("python3");
const COS = join(ROOT, "bin", "cos.mjs");
const fake = new FakeConductor();
const idOf = (position: number): string => `00000000-0000-7000-8000-${String(position).padStart(12, "0")}`;
let server: RpcServer;
let send: (each: Frame) => void = () => undefined;
let terminal: TerminalRun | undefined;

beforeAll(async () => {
  server = await openServer({
    name: "fake",
    services: fake.services(),
    listen: { host: "127.0.0.1", port: 0 },
    log: openLog({ service: "fake", level: "silent" }),
    letIn: () => localAccess(),
  });
});
afterAll(() => server.close());
afterEach(() => terminal?.close());
beforeEach(() => {
  fake.memories.set(
    "cc",
    Array.from({ length: 50 }, (_, index) => memoryAt(index + 1, { id: idOf(index + 1) })),
  );
  fake.streams = [
    async function* (_, signal) {
      const [frames, wake] = [[started({ cc: 50 })], { now: Promise.withResolvers<void>() }];
      send = (each) => {
        frames.push(each);
        wake.now.resolve();
      };
      signal.addEventListener("abort", () => wake.now.resolve(), { once: true });
      while (!signal.aborted) {
        for (const { frame: each } of frames.splice(0)) yield each;
        await wake.now.promise;
        wake.now = Promise.withResolvers();
      }
    },
  ];
});

/** The ledger, begun in a shell's terminal on which something stands already. */
async function begin(env: Record<string, string> = {}): Promise<TerminalRun> {
  const script = `echo before; exec "${process.execPath}" "${COS}" ledger`;
  const address = `127.0.0.1:${server.address.port}`;
  const run = new TerminalRun(["sh", "-c", script], { rows: 10, env: { COS_CONDUCTOR_ADDRESS: address, ...env } });
  terminal = run;
  await run.shows(/> .*cc\/50 .*text 50\nlive/);
  expect(run.glass).toMatchObject({ isOther: true, hasCursor: false, wraps: false });
  return run;
}

/** As it was before, and whatever stood there stands there again. */
function expectClean({ glass }: TerminalRun): void {
  expect(glass).toMatchObject({ isOther: false, hasCursor: true, wraps: true, isStyled: false });
  expect(glass.text()).toMatch(/^before\n/);
}

describe("on a real terminal", () => {
  python("it shows, goes on, scrolls, is resized, and leaves the terminal as it was", async () => {
    const run = await begin();
    const memory = memoryAt(51, { text: "日本語 \x1b[31m👩 done" });
    const event = create(EventSchema, { body: { case: "memory", value: memory } });
    send(frame({ case: "batch", value: { cursor: cursor("cc", 51), after: 50n, events: [event] } }));
    await run.shows(/> .*cc\/51 .*日本語 \[31m👩 done\n/);
    run.type("\x1b[A\x1b[A");
    await run.shows(/> .*cc\/49 .*\n.*\n.*cc\/51 .*\nlive {2}paused/);
    run.resize(30, 6);
    await run.shows(/text 48\n> cc\/49 {2}text 49\nlive {2}paused {2}cc {2}at cc\/49\n/);
    run.type("\r");
    await run.shows(/^id\n {2}00000000-0000-7000-8000/);
    run.type("qq");
    expect(await run.ended()).toEqual({ code: 0, isWhole: true });
    expectClean(run);
  });

  python("a stop by Ctrl-Z gives the terminal back to the shell, and going on takes it again", async () => {
    const run = await begin();
    run.type("\x1a");
    expect(await run.stopped()).toBe(true);
    expectClean(run);
    run.signal("SIGCONT");
    await run.shows(/> .*cc\/50 .*text 50\nlive/);
    expect(run.glass).toMatchObject({ isOther: true, hasCursor: false });
    run.type("q");
    expect(await run.ended()).toEqual({ code: 0, isWhole: true });
    expectClean(run);
  });

  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    python(`${signal} leaves it clean`, async () => {
      const run = await begin();
      run.signal(signal);
      expect(await run.ended()).toEqual({ code: 130, isWhole: true });
      expectClean(run);
    });
  }

  python("Ctrl-C, which is a key here, leaves it clean", async () => {
    const run = await begin({ NO_COLOR: "1" });
    run.type("\x03");
    expect(await run.ended()).toEqual({ code: 130, isWhole: true });
    expectClean(run);
  });

  python("what nobody caught leaves it clean, and is told behind", async () => {
    const run = await begin({
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent("process.on('SIGUSR2',()=>{setImmediate(()=>{throw new Error('nobody caught this')})})")}`,
    });
    run.signal("SIGUSR2");
    expect(await run.ended()).toMatchObject({ isWhole: true });
    expectClean(run);
    expect(run.glass.text()).toMatch(/nobody caught this/);
  });

  python("a terminal that is closed ends it", async () => {
    const run = await begin();
    run.hangUp();
    const { code } = await run.ended();
    expect([0, 1, 129, 130]).toContain(Math.abs(code));
  });
});
