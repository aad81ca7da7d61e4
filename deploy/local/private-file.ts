// Files of the data folder that hold a secret: nobody but its owner reads them, at any moment.
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { LaunchFault } from "./launch-fault.ts";

/** What others than the owner may do with a file: read, write or run it. */
const OTHERS = 0o077;
/** What others than the owner may do to a folder that is theirs to change. */
const OTHERS_WRITE = 0o022;

/**
 * The text of a file; undefined where there is none that was kept for us alone: no file, a link, somebody else's, or one that
 * others may read.
 */
export function readPrivateFile(file: string): string | undefined {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW);
    const { mode, uid } = fstatSync(descriptor);
    if ((mode & OTHERS) !== 0 || uid !== process.geteuid?.()) return undefined;
    return readFileSync(descriptor, "utf8");
  } catch {
    return undefined;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** Puts a text into the place of whatever the file held; whoever reads it meanwhile finds either whole. Throws LaunchFault. */
export function writePrivateFile(file: string, text: string): void {
  refuseSharedFolder(dirname(file));
  const draft = `${file}.${process.pid}`;
  rmSync(draft, { force: true });
  const descriptor = openSync(draft, "wx", 0o600);
  try {
    writeFileSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(draft, file);
}

/** In a folder that others may change, they could put a file of theirs in the place of ours. */
function refuseSharedFolder(folder: string): void {
  const { mode, uid } = statSync(folder);
  if (uid !== process.geteuid?.()) {
    throw new LaunchFault(`COS_DATA_DIR: ${folder} belongs to somebody else; choose another one`, { exitCode: 2 });
  }
  if ((mode & OTHERS_WRITE) !== 0) {
    throw new LaunchFault(`COS_DATA_DIR: others may write to ${folder}: chmod go-w ${folder}`, { exitCode: 2 });
  }
}
