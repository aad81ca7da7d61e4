import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { CliFailure } from "../cli-failure.ts";
import { EXIT } from "../exit-codes.ts";
import { LineFault } from "./line-fault.ts";

/** Longer ones cannot be a memory: a call has at most 4 MiB. */
export const LINE_BYTES_MAX = 8 * 1024 * 1024;
const CHUNK_BYTES = 256 * 1024;
const NEWLINE = 0x0a;

/** A line with its number, from 1; a fault instead of text where it is not UTF-8, or too long. */
export interface Line {
  readonly number: number;
  readonly text: string | LineFault;
}

/** The bytes as they are, or unpacked if they begin as gzip does (RFC 1952), whatever the file is called. */
export async function* unpack(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const chunks = bytes[Symbol.asyncIterator]();
  let head: Buffer = Buffer.alloc(0);
  while (head.length < 2) {
    const { done, value } = await chunks.next();
    if (done === true) break;
    head = Buffer.concat([head, value]);
  }
  const rest = (async function* () {
    if (head.length > 0) yield head;
    yield* { [Symbol.asyncIterator]: () => chunks };
  })();
  if (head[0] !== 0x1f || head[1] !== 0x8b) return yield* rest;
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
  // Errors of either end come out of the iteration below.
  pipeline(Readable.from(rest), gunzip, () => undefined);
  try {
    yield* gunzip as AsyncIterable<Buffer>;
  } catch (error) {
    const { code = "", message } = error as NodeJS.ErrnoException;
    if (!code.startsWith("Z_")) throw error;
    throw new CliFailure(EXIT.failed, `the gzip data is damaged or cut off: ${message}`, { cause: error });
  }
}

/** The lines of a text in UTF-8, those of one chunk together; empty ones are left out, but counted. */
export async function* readLines(bytes: AsyncIterable<Buffer>): AsyncGenerator<Line[]> {
  const decode = new TextDecoder("utf-8", { fatal: true });
  let number = 0;
  let parts: Buffer[] = [];
  let length = 0;
  const finish = (end: Buffer): Line | undefined => {
    number += 1;
    const long = length + end.length > LINE_BYTES_MAX;
    const line = long ? tooLong(number) : decodeLine(decode, number, Buffer.concat([...parts, end]));
    parts = [];
    length = 0;
    return line;
  };
  for await (const chunk of bytes) {
    const lines: (Line | undefined)[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      lines.push(finish(chunk.subarray(start, end)));
      start = end + 1;
    }
    length += chunk.length - start;
    // What is too long already is not kept, only counted.
    if (length <= LINE_BYTES_MAX) parts.push(chunk.subarray(start));
    else parts = [];
    const found = lines.filter((line) => line !== undefined);
    if (found.length > 0) yield found;
  }
  const last = length > 0 ? finish(Buffer.alloc(0)) : undefined;
  if (last !== undefined) yield [last];
}

function tooLong(number: number): Line {
  return { number, text: new LineFault("", `longer than ${LINE_BYTES_MAX / 1024 / 1024} MiB`) };
}

function decodeLine(decoder: TextDecoder, number: number, bytes: Buffer): Line | undefined {
  try {
    // The decoder leaves out a byte order mark, which files from elsewhere begin with.
    const text = decoder.decode(bytes).trim();
    return text === "" ? undefined : { number, text };
  } catch {
    return { number, text: new LineFault("", "not UTF-8") };
  }
}
