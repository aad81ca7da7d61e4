import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { LaunchFault } from "../launch-fault.ts";
import type { PostgresHome } from "./postgres-home.ts";

export const SUPERUSER = "cos";

/**
 * Makes the data folder where there is none. `initdb` works in a folder beside it, which takes the real name when it
 * is complete: what an interrupted start leaves is thrown away, never used.
 */
export async function initPostgres(home: PostgresHome, password: string): Promise<void> {
  const { dataDir } = home;
  if (existsSync(join(dataDir, "PG_VERSION"))) return refuseOtherMajor(home);
  refuseForeignFolder(dataDir);
  const half = `${dataDir}.new`;
  const passwordFile = `${half}.password`;
  rmSync(half, { recursive: true, force: true });
  mkdirSync(half, { mode: 0o700 });
  writeFileSync(passwordFile, password, { mode: 0o600 });
  for (const path of [half, passwordFile]) if (home.runAs) chownSync(path, home.runAs.uid, home.runAs.gid);
  try {
    await runInitdb(home, [`--pgdata=${half}`, `--pwfile=${passwordFile}`]);
    if (existsSync(dataDir)) rmdirSync(dataDir);
    renameSync(half, dataDir);
  } finally {
    rmSync(passwordFile, { force: true });
    rmSync(half, { recursive: true, force: true });
  }
}

/** The superuser's password, made once and kept where only the person who started COS can read it. */
export function superuserPassword(file: string): string {
  if (!existsSync(file)) {
    writeFileSync(`${file}.new`, randomBytes(24).toString("hex"), { mode: 0o600 });
    renameSync(`${file}.new`, file);
  }
  return readFileSync(file, "utf8").trim();
}

// One collation everywhere: names sort by code point whatever the machine's locale is, so that pages and indexes mean
// the same on every machine.
const FIXED_ARGS = [
  `--username=${SUPERUSER}`,
  "--auth=scram-sha-256",
  "--encoding=UTF8",
  "--locale=C",
  "--locale-provider=builtin",
  "--builtin-locale=C.UTF-8",
  "--data-checksums",
];

async function runInitdb(home: PostgresHome, args: readonly string[]): Promise<void> {
  const child = spawn(join(home.binaries.home, "bin", "initdb"), [...FIXED_ARGS, ...args], {
    cwd: "/",
    env: { PATH: process.env.PATH, LC_ALL: "C" },
    stdio: ["ignore", "ignore", "pipe"],
    ...home.runAs,
  });
  let complaint = "";
  child.stderr.on("data", (chunk: Buffer) => {
    complaint += chunk.toString();
  });
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new LaunchFault(`PostgreSQL could not make its data folder: ${complaint.trim()}`);
}

function refuseOtherMajor({ dataDir, binaries }: PostgresHome): void {
  const major = readFileSync(join(dataDir, "PG_VERSION"), "utf8").trim();
  const ours = binaries.version.split(".")[0];
  if (major === ours) return;
  throw new LaunchFault(
    `${dataDir} was made by PostgreSQL ${major}, this is ${ours}: dump it with the old one and restore it, or move it away`,
    { exitCode: 2 },
  );
}

function refuseForeignFolder(dataDir: string): void {
  if (!existsSync(dataDir) || readdirSync(dataDir).length === 0) return;
  throw new LaunchFault(`${dataDir} is not empty and not a PostgreSQL data folder: move it away`, { exitCode: 2 });
}
