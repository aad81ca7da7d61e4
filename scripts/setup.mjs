// Installs the locked packages where they are missing or stale.
//
// Purpose: after `git clone`, `npm start`, `npm test` and `npx cos` just work, whichever comes first, also all at once.
// Owner:   whoever is called first; the others wait for it.
// Runs on: any Node from 20 on with npm from 10 on. The project's own Node (26) is one of the packages, so nothing here
//          may need it, nor any package.
//
//  I1  What is installed is what package-lock.json says, for this platform; then nothing is done, in about 30 ms.
//  I2  One installation at a time. The lock file is touched every second; one that has not been for 15 s, or whose
//      owner is gone, belongs to nobody (a process number alone proves little after a reboot).
//  I3  The stamp is written last: an installation that was interrupted is done again.
//  I4  node_modules/.bin/node is there afterwards: npm scripts run on it, because npm puts that folder first in PATH.
//
// Failure: npm's own words, then one line that says what to do; exit 1. Git hooks that cannot be installed are no failure.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const modules = join(root, "node_modules");
const stampFile = join(modules, ".cos-stamp");
const lockFile = join(root, ".cos-setup.lock");

const TOUCH_MS = 1_000;
const ABANDONED_MS = 15_000;
const WAIT_MS = 200;

class SetupFault extends Error {}

function read(file) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

function wantedStamp() {
  const lock = readFileSync(join(root, "package-lock.json"));
  return createHash("sha256").update(lock).update(`${process.platform}-${process.arch}`).digest("hex");
}

/** The folder of the Node build for this machine, and the program in it. */
function ownNode() {
  const windows = process.platform === "win32";
  const family = process.platform === "darwin" && process.arch === "arm64" ? "node-bin" : "node";
  const folder = `${family}-${windows ? "win" : process.platform}-${process.arch}`;
  return join(modules, folder, "bin", windows ? "node.exe" : "node");
}

/** npm 10 drops the link when it leaves out the Node builds of other platforms (I4). */
function linkNode() {
  const target = ownNode();
  if (!existsSync(target)) {
    throw new SetupFault(`There is no Node.js for ${process.platform}-${process.arch} among the packages (${target}).`);
  }
  const link = join(modules, ".bin", "node");
  if (existsSync(link) || existsSync(`${link}.cmd`)) return;
  mkdirSync(dirname(link), { recursive: true });
  rmSync(link, { force: true });
  if (process.platform === "win32") writeFileSync(`${link}.cmd`, `@"${target}" %*\r\n`);
  else symlinkSync(target, link);
}

/** Whether everything is in place (I1); an installation that npm made by itself is recognised, and stamped. */
function isReady() {
  const wanted = wantedStamp();
  if (read(stampFile) !== wanted) {
    if (!isInstalled()) return false;
    writeFileSync(stampFile, wanted);
  }
  linkNode();
  return true;
}

/** Compares npm's own record of what it installed with the lockfile. What is optional may be for another platform. */
function isInstalled() {
  const record = read(join(modules, ".package-lock.json"));
  if (record === undefined || !existsSync(ownNode())) return false;
  const installed = JSON.parse(record).packages;
  const { "": _root, ...locked } = JSON.parse(read(join(root, "package-lock.json"))).packages;
  const agrees = ([path, { version, optional }]) =>
    installed[path] === undefined ? optional === true : installed[path].version === version;
  return Object.entries(locked).every(agrees) && Object.keys(installed).every((path) => path in locked);
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

function isAbandoned() {
  const touched = statSync(lockFile, { throwIfNoEntry: false })?.mtimeMs;
  if (touched === undefined) return false;
  const owner = Number(read(lockFile));
  return Date.now() - touched > ABANDONED_MS || (owner > 0 && !isAlive(owner));
}

/** Takes the lock file (I2); answers with what gives it back. */
async function takeLock() {
  let told = false;
  for (;;) {
    try {
      writeFileSync(lockFile, String(process.pid), { flag: "wx" });
      break;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    if (isAbandoned()) breakLock();
    else {
      if (!told) console.error("Another process is installing the packages; waiting for it ...");
      told = true;
      await sleep(WAIT_MS);
    }
  }
  const touching = setInterval(() => utimesSync(lockFile, new Date(), new Date()), TOUCH_MS);
  return () => {
    clearInterval(touching);
    rmSync(lockFile, { force: true });
  };
}

/** A rename can succeed for one process alone, so of several that find the lock abandoned one breaks it. */
function breakLock() {
  const aside = `${lockFile}.${process.pid}`;
  try {
    renameSync(lockFile, aside);
    rmSync(aside, { force: true });
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
  }
}

const NPM_ARGS = [
  "ci",
  "--ignore-scripts",
  "--include=dev",
  "--include=optional",
  "--no-audit",
  "--no-fund",
  "--loglevel=error",
  "--engine-strict=false",
];

function npmCi() {
  const { npm_execpath: npm = "" } = process.env;
  const options = { cwd: root, stdio: ["ignore", "inherit", "inherit"] };
  const child = /npm-cli\.[cm]?js$/.test(npm)
    ? spawn(process.execPath, [npm, ...NPM_ARGS], options)
    : spawn("npm", NPM_ARGS, { ...options, shell: process.platform === "win32" });
  return new Promise((resolve, reject) => {
    child.once("error", () =>
      reject(new SetupFault("npm is not installed: it comes with Node.js, https://nodejs.org.")),
    );
    child.once("exit", (code, signal) => resolve(code ?? signal));
  });
}

async function install() {
  console.error("Installing the packages (the first run, or the lockfile changed) ...");
  rmSync(stampFile, { force: true });
  const outcome = await npmCi();
  if (outcome !== 0) {
    throw new SetupFault(
      `The packages could not be installed (npm ci ended with ${outcome}; its own words are above). ` +
        "If the registry cannot be reached, look at `npm config get registry` and your proxy; then try again.",
    );
  }
  linkNode();
  installHooks();
  writeFileSync(stampFile, wantedStamp());
}

/** In a person's git checkout, lefthook's hooks; anywhere else there is nobody to hold to them. */
function installHooks() {
  const lefthook = join(modules, "lefthook", "bin", "index.js");
  if (process.env.CI || !existsSync(join(root, ".git")) || !existsSync(lefthook)) return;
  spawnSync(process.execPath, [lefthook, "install"], { cwd: root, stdio: "ignore" });
}

async function main() {
  if (isReady()) return;
  const release = await takeLock();
  try {
    if (!isReady()) await install();
  } finally {
    release();
  }
}

try {
  await main();
} catch (error) {
  const cannotWrite = ["EACCES", "EPERM", "EROFS", "ENOSPC"].includes(error.code);
  if (!(error instanceof SetupFault || cannotWrite)) throw error;
  console.error(cannotWrite ? `The packages cannot be installed in ${root}: ${error.message}` : error.message);
  process.exitCode = 1;
}
