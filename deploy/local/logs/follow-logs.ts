// Follows the log files of what runs here.
//
// Purpose: processes write to files of their own (managed-process.ts, P2); people want to see the warnings, and no file
//          may grow without bound.
// Owner:   the launcher; `close` ends it.
//
//  F1  A line is handed over once, whole, in the order of its file; what stood in a file before `add` is not.
//  F2  A file over `bytesMax` is copied to `<file>.1`, in the place of an older copy, and emptied. Its writers append,
//      so they go on at its beginning. Two generations are kept: at most about twice `bytesMax`.
//  F3  `drain` hands over everything that has been written by now, without waiting.
//
// Failure: lines written between copying and emptying are lost. That is a matter of a millisecond, for a log of which
//          only people are the readers. A file that cannot be read, or copied because the disk is full, is looked at
//          again the next time: that is no reason to end what runs here.
import { closeSync, copyFileSync, fstatSync, openSync, readSync, statSync, truncateSync } from "node:fs";
import { StringDecoder } from "node:string_decoder";

interface Options {
  readonly everyMs?: number;
  readonly bytesMax?: number;
}

export interface LogFollower {
  readonly add: (file: string, onLine: (line: string) => void) => void;
  readonly drain: () => void;
  readonly close: () => void;
}

interface Followed {
  readonly file: string;
  readonly onLine: (line: string) => void;
  decoder: StringDecoder;
  position: number;
  rest: string;
}

const CHUNK_BYTES = 64 * 1024;

export function followLogs({ everyMs = 200, bytesMax = 16 * 2 ** 20 }: Options = {}): LogFollower {
  const followed: Followed[] = [];
  const look = () => {
    for (const each of followed) {
      handOver(each);
      if (each.position > bytesMax) rotate(each);
    }
  };
  const timer = setInterval(look, everyMs);
  return {
    add(file, onLine) {
      const position = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
      followed.push({ file, onLine, position, decoder: new StringDecoder("utf8"), rest: "" });
    },
    drain: look,
    close() {
      clearInterval(timer);
      look();
    },
  };
}

function handOver(followed: Followed): void {
  let fd: number;
  try {
    fd = openSync(followed.file, "r");
  } catch {
    return;
  }
  try {
    // Emptied by somebody else.
    if (fstatSync(fd).size < followed.position) followed.position = 0;
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    for (let read = -1; read !== 0; ) {
      read = readSome(fd, chunk, followed.position);
      followed.position += read;
      splitLines(followed, chunk.subarray(0, read));
    }
  } finally {
    closeSync(fd);
  }
}

function readSome(fd: number, chunk: Buffer, position: number): number {
  try {
    return readSync(fd, chunk, 0, chunk.length, position);
  } catch {
    return 0;
  }
}

function splitLines(followed: Followed, chunk: Buffer): void {
  const lines = (followed.rest + followed.decoder.write(chunk)).split("\n");
  followed.rest = lines.pop() as string;
  for (const line of lines) followed.onLine(line);
}

function rotate(followed: Followed): void {
  try {
    copyFileSync(followed.file, `${followed.file}.1`);
    truncateSync(followed.file);
    followed.position = 0;
  } catch {
    // Still too big the next time.
  }
}
