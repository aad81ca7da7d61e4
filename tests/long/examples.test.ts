import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { createClient } from "@connectrpc/connect";
import { afterAll, afterEach, beforeAll, describe, expect, jest } from "@jest/globals";
import { type Browser, chromium, type Page } from "playwright-core";
import { PrincipalKind } from "#gen/cos/auth/v1/auth_pb.ts";
import type { ConsumerStatus } from "#gen/cos/highway/v1/consumers_pb.ts";
import { HighwayService } from "#gen/cos/highway/v1/highway_service_pb.ts";
import { ensureOwner } from "#services/conductor/store/access/ensure-owner.ts";
import { hashOfApiToken, makeApiToken } from "#shared/auth/api-token.ts";
import { openLog } from "#shared/log/open-log.ts";
import { buildExample, commandsOf, copyExamples, type ExampleProgram } from "#tests/support/example-programs.ts";
import { findTool, type Tool } from "#tests/support/find-tool.ts";
import { type Mesh, openMesh } from "#tests/support/mesh.ts";
import { type RunningCommand, startCommand } from "#tests/support/mesh-command.ts";
import { upTo } from "#tests/support/mesh-listener.ts";
import { eventually } from "#tests/support/mesh-wait.ts";
import { freePort } from "#tests/support/private-servers.ts";
import { temporaryFolder } from "#tests/support/temporary-folder.ts";
import { needs } from "#tests/support/tools.ts";

// Everything is built from nothing here, and on a new machine fetched before.
jest.setTimeout(600_000);

/** Long enough for a JVM to start on a busy machine. */
const SOON_MS = 40_000;

/** So many that the fastest is in the middle of them when the conductor dies. */
const COUNT = 1_000;

const PROGRAMS: readonly (readonly [name: string, ...tools: Tool[]])[] = [
  ["python", "python3"],
  ["go", "go"],
  ["java", "java", "maven"],
  ["node"],
];

const folder = await temporaryFolder();
const examples = join(folder, "examples");
const isThere = (tool: Tool) => findTool(tool) !== undefined;
const built = new Map<string, Promise<ExampleProgram>>();
let mesh: Mesh;
let origin: string;
const token = makeApiToken(PrincipalKind.PERSON);

beforeAll(async () => {
  origin = `http://127.0.0.1:${await freePort()}`;
  mesh = await openMesh({ env: { COS_ALLOWED_ORIGINS: origin } });
  for (const name of [...PROGRAMS.map(([program]) => program), "web"]) {
    await mesh.client().modules.registerModule({ module: { name: `from_${name}` } });
  }
  const log = openLog({ service: "test", level: "warn" });
  await ensureOwner({ url: mesh.postgresUrl, hash: hashOfApiToken(token), log });
  if (!isThere("git")) return;
  copyExamples(folder);
  const env = { COS_CONDUCTOR_ADDRESS: mesh.address, COS_TOKEN: token };
  for (const [name, ...tools] of PROGRAMS) {
    if (tools.every(isThere)) built.set(name, buildExample(join(examples, name), env));
  }
  // One that cannot be built fails its own test alone.
  await Promise.allSettled(built.values());
});
afterAll(() => mesh?.stop());

const started: RunningCommand[] = [];
const keep = (program: RunningCommand): RunningCommand => {
  started.push(program);
  return program;
};
// A test that failed leaves its programs running.
afterEach(async () => {
  for (const { process } of started) process.kill("SIGKILL");
  await Promise.all(started.splice(0).map(({ ended }) => ended));
});

/** The positions that a program told of, in its order: lines such as `cc/12 ...`. */
const positionsIn = (text: string, module: string): number[] =>
  [...text.matchAll(new RegExp(`^${module}/(\\d+) `, "gm"))].map(([, position]) => Number(position));

const soon = (isSo: () => boolean | Promise<boolean>, what: () => string) => eventually(isSo, SOON_MS, what);

async function headOf(module: string): Promise<number> {
  const found = await mesh.client().modules.getModule({ name: module });
  return Number(found.module?.head?.position);
}

async function consumerOf(module: string): Promise<ConsumerStatus> {
  const highway = createClient(HighwayService, mesh.client().transport);
  const { status } = await highway.getConsumer({ name: `example-${module.replace("_", "-")}` });
  return status as ConsumerStatus;
}

/** Kills the conductor in the middle of whatever is going on, and starts it again. */
async function killAndRestart(): Promise<void> {
  await mesh.kill9();
  await delay(300);
  await mesh.restart();
}

async function expectSettled(module: string, upToPosition: number): Promise<void> {
  let told = "";
  await soon(
    async () => {
      const { places, inFlight, resting, waiting } = await consumerOf(module);
      const settled = Number(places[0]?.settled?.position);
      told = `settled ${settled}, in flight ${inFlight}, resting ${resting}, waiting ${waiting}`;
      return settled === upToPosition && inFlight + resting + waiting === 0n;
    },
    () => told,
  );
  expect((await consumerOf(module)).deadLetters).toBe(0n);
}

/** A program that was asked to end by Ctrl-C has ended; a JVM says so by 130, whatever it did before. */
async function interrupt(program: RunningCommand): Promise<void> {
  program.process.kill("SIGINT");
  const { code, stderr } = await program.ended;
  expect({ ended: [0, 130].includes(code), stderr }).toMatchObject({ ended: true });
}

describe("each example, built by its README, goes on through kill -9 of the conductor", () => {
  for (const [name, ...tools] of PROGRAMS) {
    needs("git", ...tools)(`${name}: all is recorded once, heard once, and settled`, async () => {
      const program = (await built.get(name)) as ExampleProgram;
      const start: ExampleProgram["start"] = (...said) => keep(program.start(...said));
      const module = `from_${name}`;
      const all = () => [subscriber, consumer].map((each) => `${each.stdout()}\n${each.stderr()}`).join("\n");
      const heard = () => positionsIn(subscriber.stdout(), module);
      const done = () => new Set(positionsIn(consumer.stdout(), module));

      const first = await start("record", module, 3).ended;
      expect(first).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/1 recorded\n.*2 recorded\n.*3 recorded\n/),
      });
      const { memory } = await mesh.client().conductor.getMemory({ module, position: 1n });
      expect(memory?.recordedBy).toBe("owner");
      const subscriber = start("subscribe", module);
      const consumer = start("consume", module);
      await soon(() => heard().length === 3 && done().size === 3, all);

      // In good order: the streams end with GoAway.
      await mesh.restart();
      const recorder = start("record", module, COUNT);
      await soon(() => positionsIn(recorder.stdout(), module).length > 30, all);
      await killAndRestart();
      const { code, stdout, stderr } = await recorder.ended;
      expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/^lost: /m) });
      expect(positionsIn(stdout, module)).toEqual(upTo(COUNT));
      await expect(headOf(module)).resolves.toBe(COUNT);

      await soon(() => heard().length >= COUNT && done().size === COUNT, all);
      expect(heard()).toEqual(upTo(COUNT));
      for (const each of [subscriber, consumer]) expect(each.stderr()).toMatch(/^lost: .*^lost: /ms);
      await expectSettled(module, COUNT);

      // The place outlives the program too.
      await interrupt(subscriber);
      await start("record", module, COUNT + 3).ended;
      const again = start("subscribe", module);
      await soon(() => positionsIn(again.stdout(), module).length >= 3, again.stderr);
      await interrupt(again);
      expect(positionsIn(again.stdout(), module)).toEqual([COUNT + 1, COUNT + 2, COUNT + 3]);

      await expectSettled(module, COUNT + 3);
      await interrupt(consumer);
      await expect(consumerOf(module)).resolves.toMatchObject({ members: [], inFlight: 0n });
    });
  }
});

describe("the page, served by its README's command", () => {
  const module = "from_web";
  let browser: Browser;
  let server: RunningCommand;
  let link: string;

  beforeAll(async () => {
    const executablePath = findTool("chromium");
    if (executablePath === undefined || !isThere("git") || !isThere("python3")) return;
    const [, serve = ""] = commandsOf(join(examples, "web"));
    const command = serve.split("\n")[0]?.replace("8080", new URL(origin).port);
    server = startCommand("bash", ["-c", `exec ${command}`], { cwd: join(examples, "web") });
    link = `${origin}/#token=${token}&module=${module}&conductor=${mesh.url}`;
    await soon(
      () =>
        fetch(origin).then(
          ({ ok }) => ok,
          () => false,
        ),
      server.stderr,
    );
    // As root, which a container's user is, Chromium has no sandbox.
    browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  });
  afterAll(async () => {
    await browser?.close();
    server?.process.kill("SIGTERM");
    await server?.ended;
  });

  const linesOf = (page: Page, list: string) => page.locator(`#${list} li`).allTextContents();
  const positionsOf = async (page: Page, list: string) => positionsIn((await linesOf(page, list)).join("\n"), module);
  const submit = async (page: Page, times: number) => {
    for (let n = 0; n < times; n += 1) await page.locator("#record button[type=submit]").click();
  };

  needs(
    "git",
    "python3",
    "chromium",
  )("all is recorded once, heard once, and settled", async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(link);
    expect(page.url()).toBe(`${origin}/`);
    await submit(page, 10);
    await page.locator("#work").click();
    const told = () => `see #state of ${origin}`;
    await soon(async () => (await positionsOf(page, "done")).length >= 10, told);

    await mesh.restart();
    await submit(page, 10);
    await mesh.kill9();
    await submit(page, 10);
    await mesh.restart();
    await submit(page, 10);
    await soon(async () => (await positionsOf(page, "heard")).length >= 40, told);
    await soon(async () => new Set(await positionsOf(page, "done")).size === 40, told);
    await expect(headOf(module)).resolves.toBe(40);
    await expect(positionsOf(page, "heard")).resolves.toEqual(upTo(40));
    await expectSettled(module, 40);
    await page.locator("#leave").click();
    await page.locator("#work:enabled").waitFor();
    await page.close();

    // The browser keeps the place.
    const later = await context.newPage();
    await later.goto(link);
    await submit(later, 1);
    await soon(async () => (await positionsOf(later, "heard")).length >= 1, told);
    await expect(positionsOf(later, "heard")).resolves.toEqual([41]);
    await context.close();
  });
});
