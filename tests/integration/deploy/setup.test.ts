import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, jest, test } from "@jest/globals";
import { ROOT } from "#tests/support/fake-launcher.ts";
import { temporaryFolder } from "#tests/support/temporary-folder.ts";

// Processes are started and stopped in earnest, and on a busy machine that takes its time.
jest.setTimeout(60_000);

const base = await temporaryFolder();
const family = process.platform === "darwin" && process.arch === "arm64" ? "node-bin" : "node";
const nodeFolder = `${family}-${process.platform}-${process.arch}`;

// Installs what the lockfile names, as npm 10 does: with its record, without the link to Node.
const NPM = `
const { appendFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } = require("node:fs");
appendFileSync("npm.log", process.argv.slice(2).join(" ") + "\\n");
rmSync("node_modules", { recursive: true, force: true });
if (process.env.NPM_FAILS) process.exit(7);
setTimeout(() => {
  mkdirSync("node_modules/${nodeFolder}/bin", { recursive: true });
  writeFileSync("node_modules/${nodeFolder}/bin/node", "");
  const { packages } = JSON.parse(readFileSync("package-lock.json", "utf8"));
  delete packages[""];
  writeFileSync("node_modules/.package-lock.json", JSON.stringify({ packages }));
}, 200);
`;

function lockfile(version: string): string {
  return JSON.stringify({ packages: { "": {}, [`node_modules/${nodeFolder}`]: { version, optional: true } } });
}

/** A checkout with the real scripts/setup.mjs and an npm that installs nothing but names. */
function checkout() {
  const folder = mkdtempSync(join(base, "c"));
  mkdirSync(join(folder, "scripts"));
  cpSync(join(ROOT, "scripts/setup.mjs"), join(folder, "scripts/setup.mjs"));
  writeFileSync(join(folder, "package-lock.json"), lockfile("26.0.0"));
  writeFileSync(join(folder, "npm-cli.js"), NPM);
  const setUp = async (env: Record<string, string> = {}) => {
    const child = spawn(process.execPath, [join(folder, "scripts/setup.mjs")], {
      env: { PATH: process.env.PATH, npm_execpath: join(folder, "npm-cli.js"), CI: "1", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let text = "";
    child.stderr.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    const [code] = (await once(child, "close")) as [number];
    return { code, text };
  };
  const installations = () =>
    existsSync(join(folder, "npm.log")) ? readFileSync(join(folder, "npm.log"), "utf8").trim().split("\n") : [];
  return { folder, setUp, installations };
}

describe("scripts/setup.mjs", () => {
  test("I1, I4: it installs once, without scripts, and links the project's Node", async () => {
    const { folder, setUp, installations } = checkout();
    await expect(setUp()).resolves.toMatchObject({ code: 0 });
    await expect(setUp()).resolves.toEqual({ code: 0, text: "" });
    expect(installations()).toEqual([expect.stringMatching(/^ci --ignore-scripts /)]);
    expect(existsSync(join(folder, "node_modules/.bin/node"))).toBe(true);
  });

  test("I1: a changed lockfile is installed, an installation that npm made by itself is recognised", async () => {
    const { folder, setUp, installations } = checkout();
    await setUp();
    writeFileSync(join(folder, "package-lock.json"), lockfile("26.1.0"));
    await setUp();
    expect(installations()).toHaveLength(2);
    rmSync(join(folder, "node_modules/.cos-stamp"));
    await setUp();
    expect(installations()).toHaveLength(2);
  });

  test("I2: of several at once one installs, and the others wait for it", async () => {
    const { setUp, installations } = checkout();
    const all = await Promise.all([setUp(), setUp(), setUp()]);
    expect(all.map(({ code }) => code)).toEqual([0, 0, 0]);
    expect(installations()).toHaveLength(1);
  });

  test("I2: a lock whose owner is gone, or that was touched long ago, belongs to nobody", async () => {
    for (const owner of ["4194297", String(process.pid)]) {
      const { folder, setUp } = checkout();
      const lock = join(folder, ".cos-setup.lock");
      writeFileSync(lock, owner);
      utimesSync(lock, new Date(0), new Date(0));
      await expect(setUp()).resolves.toMatchObject({ code: 0 });
      expect(existsSync(lock)).toBe(false);
    }
  });

  test("I3: when npm fails it says what to do, exit 1, and tries again the next time", async () => {
    const { setUp } = checkout();
    const failed = await setUp({ NPM_FAILS: "1" });
    expect(failed).toMatchObject({ code: 1, text: expect.stringMatching(/npm ci ended with 7.*try again/s) });
    await expect(setUp()).resolves.toMatchObject({ code: 0 });
  });

  test("without npm it says where npm comes from", async () => {
    const { setUp } = checkout();
    const { code, text } = await setUp({ npm_execpath: "", PATH: "/nowhere" });
    expect(code).toBe(1);
    expect(text).toMatch(/npm is not installed/);
  });
});
