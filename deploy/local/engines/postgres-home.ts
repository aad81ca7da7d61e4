// Where PostgreSQL's data lies, and as whom it runs.
//
// Purpose: PostgreSQL refuses to run as root. A launcher that is root gives it a user without rights, who must then be
//          able to reach its binaries and its data.
// Owner:   the launcher, before anything is started.
//
//  D1  Not root: the data folder is the one that was asked for, the binaries are npm's.
//  D2  Root, and every folder above is open to all: the same, but the folder belongs to uid 65534 (nobody).
//  D3  Root, below a closed folder (a home of mode 0700): the data lies in /var/lib/cos/<id> and the folder asked for
//      is a symbolic link to it, so that the next start and a curious person find it. Never in /tmp: it must survive
//      a reboot.
//  D4  Binaries that nobody cannot reach are copied once (60 MB) to /var/lib/cos, where only root can change them.
import { randomBytes } from "node:crypto";
import { existsSync, lstatSync, mkdirSync, readlinkSync, realpathSync, statSync, symlinkSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { copyBinaries, findPostgresBinaries, linkLibraries, type PostgresBinaries } from "./postgres-binaries.ts";

export interface RunAs {
  readonly uid: number;
  readonly gid: number;
}

export interface PostgresHome {
  /** The real folder, without symbolic links; it may not exist yet, its parent does. */
  readonly dataDir: string;
  readonly binaries: PostgresBinaries;
  /** Undefined: as ourselves. */
  readonly runAs: RunAs | undefined;
}

const NOBODY: RunAs = { uid: 65_534, gid: 65_534 };
const OUTSIDE = "/var/lib/cos";

interface HomeOptions {
  readonly dataDir: string;
  /** Whether PostgreSQL needs another user than ourselves. Default: whether we are root. */
  readonly asRoot?: boolean;
  /** Where to go when the data folder is out of reach. Default: /var/lib/cos. */
  readonly outside?: string;
  /** Default: npm's. */
  readonly binaries?: PostgresBinaries;
}

/** Chooses and prepares the folders (D1-D4). */
export function preparePostgresHome(options: HomeOptions): PostgresHome {
  const { asRoot = process.getuid?.() === 0, outside = OUTSIDE, binaries: found = findPostgresBinaries() } = options;
  const wanted = resolve(options.dataDir);
  mkdirSync(dirname(wanted), { recursive: true, mode: 0o755 });
  if (!asRoot) {
    linkLibraries(found.home);
    return { dataDir: existsSync(wanted) ? realpathSync(wanted) : wanted, binaries: found, runAs: undefined };
  }
  const binaries = isOpenToAll(join(found.home, "bin")) ? found : copyBinaries(found, outside);
  linkLibraries(binaries.home);
  return { dataDir: reachableDataDir(wanted, outside), binaries, runAs: NOBODY };
}

function reachableDataDir(wanted: string, outside: string): string {
  if (isLink(wanted)) return resolve(dirname(wanted), readlinkSync(wanted));
  if (isOpenToAll(dirname(wanted))) return wanted;
  const dataDir = join(outside, randomBytes(4).toString("hex"), "postgres");
  mkdirSync(dirname(dataDir), { recursive: true, mode: 0o755 });
  symlinkSync(dataDir, wanted);
  return dataDir;
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
}

const OTHERS_MAY_ENTER = 0o001;

/** Whether a user without rights may enter the folder and every one above it. */
export function isOpenToAll(folder: string): boolean {
  const real = realpathSync(folder);
  for (let path = real; ; path = dirname(path)) {
    if ((statSync(path).mode & OTHERS_MAY_ENTER) === 0) return false;
    if (path === dirname(path)) return true;
  }
}
