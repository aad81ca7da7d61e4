import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, jest } from "@jest/globals";
import { type Mesh, openMesh } from "#tests/support/mesh.ts";
import { startCommand } from "#tests/support/mesh-command.ts";
import { DIARY_ENTRIES, diaryFile } from "#tests/support/mesh-diary.ts";
import { type Listener, listen, upTo } from "#tests/support/mesh-listener.ts";
import { ROOT } from "#tests/support/mesh-process.ts";
import { eventually } from "#tests/support/mesh-wait.ts";
import { type Acknowledged, startWriters } from "#tests/support/mesh-writers.ts";
import { temporaryFolder } from "#tests/support/temporary-folder.ts";
import { needs } from "#tests/support/tools.ts";

jest.setTimeout(120_000);

const MODULES = ["cc", "letters", "diary"];
const KILLS = 5;

const folder = await temporaryFolder();
let mesh: Mesh;
beforeAll(async () => {
  mesh = await openMesh({ faults: true });
  const { modules } = mesh.client();
  for (const name of MODULES.slice(1)) await modules.registerModule({ module: { name } });
});
afterAll(() => mesh?.stop());

/** Every position exactly once and in order, and every acknowledged memory where its writer was told that it is. */
function expectWhole(listener: Listener, acknowledged: readonly Acknowledged[]): void {
  for (const module of MODULES) {
    const heard = listener.positions(module);
    expect(heard).toEqual(upTo(heard.length));
    const ids = listener.ids(module);
    const missing = acknowledged.filter((each) => each.module === module && ids.get(each.position) !== each.id);
    expect(missing).toEqual([]);
  }
}

needs("redis")("kill -9 of the conductor under load: what was acknowledged is there, no gap, no repeat", async () => {
  const fromBeginning = { case: "fromBeginning", value: true } as const;
  const listeners = [
    listen(mesh.client(), { allModules: true, start: fromBeginning }),
    listen(mesh.client(), { modules: MODULES, start: fromBeginning }),
    listen(mesh.client(), { modules: ["letters", "diary", "cc"], start: fromBeginning }),
  ];
  const writers = startWriters(() => mesh.client(), { count: 6, modules: MODULES });
  const connections = (listener: Listener) => listener.states.filter(({ kind }) => kind === "connected").length;
  for (let kill = 0; kill < KILLS; kill += 1) {
    // Each kill is to hit subscribers that are in the middle of it.
    await eventually(() => listeners.every((listener) => connections(listener) > kill));
    await delay(1_500);
    await mesh.kill9();
    await delay(200);
    await mesh.restart();
  }
  await delay(1_500);
  await writers.stop();
  expect(writers.refusals).toEqual([]);
  const { acknowledged } = writers;
  expect(acknowledged.length).toBeGreaterThan(1_000);
  // The keys were recorded once each: there are as many positions as keys.
  const heads = await Promise.all(MODULES.map((name) => mesh.client().modules.getModule({ name })));
  const recorded = heads.reduce((sum, { module }) => sum + Number(module?.head?.position), 0);
  expect(recorded).toBe(acknowledged.length);
  for (const listener of listeners) {
    for (const { module } of heads) await listener.reaches(Number(module?.head?.position), module?.name);
    expectWhole(listener, acknowledged);
    expect(connections(listener)).toBeGreaterThan(KILLS);
    await listener.close();
  }
});

needs("redis")("an import goes on through kill -9 of the conductor, and records every entry once", async () => {
  const args = [join(ROOT, "bin", "cos.mjs"), "import", diaryFile(folder), "--module", "pepys", "--batch", "20"];
  const map = "idempotency_key=key,occurred_at=occurred_on,source=author";
  const env = { COS_CONDUCTOR_ADDRESS: mesh.address };
  const importing = startCommand(process.execPath, [...args, "--map", map], { env });
  const { modules } = mesh.client();
  const head = () =>
    modules.getModule({ name: "pepys" }).then(
      ({ module }) => Number(module?.head?.position),
      () => 0,
    );
  await eventually(async () => (await head()) > 200);
  await mesh.kill9();
  await mesh.restart();
  const { code, stdout, stderr } = await importing.ended;
  expect(stderr).toMatch(/connection lost .*trying again from line \d+/);
  // An entry whose answer was lost counts as recorded: it was this import that recorded it.
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: expect.stringMatching(/3,413 recorded, 0 already there, 0 failed/),
  });
  await expect(head()).resolves.toBe(DIARY_ENTRIES);
});
