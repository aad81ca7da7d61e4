import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import type { Readable } from "node:stream";
import { CliFailure } from "../cli-failure.ts";
import { EXIT } from "../exit-codes.ts";

const CHUNK_BYTES = 256 * 1024;

/** Where lines come from. */
export interface Source {
  /** As keys and messages call it. */
  readonly name: string;
  readonly bytes: AsyncIterable<Buffer>;
  /** Bytes in all; undefined where nobody knows (a pipe). */
  readonly size: number | undefined;
  /** Bytes read so far. */
  read(): number;
}

/** A file, or standard input for `-`. Throws CliFailure if there is no such file. */
export async function openSource(path: string, stdin: Readable): Promise<Source> {
  if (path === "-") return counted("stdin", stdin, undefined);
  const found = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code === "ENOENT" ? "there is no such file" : cause.message;
    throw new CliFailure(EXIT.usage, `${path}: ${reason}`, { cause });
  });
  if (found.isDirectory()) {
    throw new CliFailure(EXIT.usage, `${path} is a folder: for a git repository type \`cos import git ${path}\``);
  }
  const size = found.isFile() ? found.size : undefined;
  return counted(basename(path), createReadStream(path, { highWaterMark: CHUNK_BYTES }), size);
}

function counted(name: string, stream: Readable, size: number | undefined): Source {
  let read = 0;
  const bytes = (async function* () {
    for await (const chunk of stream) {
      const buffer = typeof chunk === "string" ? Buffer.from(chunk) : (chunk as Buffer);
      read += buffer.length;
      yield buffer;
    }
  })();
  return { name, bytes, size, read: () => read };
}
