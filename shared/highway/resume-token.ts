import { crc32 } from "node:zlib";
import { readVarint, varintLength, writeVarint } from "./varint.ts";

/** A whole stream's place. */
export interface ResumePlaces {
  /** The epoch that the positions were read from. */
  readonly epoch: string;
  /** The highest module number that the stream knew of: whatever has a higher one was registered later. */
  readonly known: number;
  /** Ascending by module number. */
  readonly places: readonly { readonly number: number; readonly position: number }[];
}

const VERSION = 1;
const CHECKSUM_BYTES = 4;

/**
 * Version, epoch, highest number known, count, then for each module its number (as the difference to the one before) and
 * position; CRC-32; all of it in base64url. The checksum tells a token that was cut or mistyped from one that was not; it is
 * no secret, and needs none: a forged token names places that the caller could name by cursors as well.
 */
export function encodeResumeToken({ epoch, known, places }: ResumePlaces): string {
  const numbers = [known, places.length];
  let last = 0;
  for (const { number, position } of places) {
    numbers.push(number - last, position);
    last = number;
  }
  const head = 2 + epoch.length;
  const length = numbers.reduce((sum, value) => sum + varintLength(value), head);
  const bytes = Buffer.allocUnsafe(length + CHECKSUM_BYTES);
  bytes[0] = VERSION;
  bytes[1] = epoch.length;
  bytes.write(epoch, 2, "latin1");
  let at = head;
  for (const value of numbers) {
    at = writeVarint(bytes, at, value);
  }
  bytes.writeUInt32LE(crc32(bytes.subarray(0, length)), length);
  return bytes.toString("base64url");
}

/** Reads a token; undefined if it is not one, or not whole. */
export function decodeResumeToken(token: string): ResumePlaces | undefined {
  if (!/^[A-Za-z0-9_-]+$/.test(token)) {
    return undefined;
  }
  const all = Buffer.from(token, "base64url");
  const length = all.length - CHECKSUM_BYTES;
  if (length < 4 || crc32(all.subarray(0, length)) !== all.readUInt32LE(length) || all[0] !== VERSION) {
    return undefined;
  }
  const bytes = all.subarray(0, length);
  const head = 2 + (bytes[1] as number);
  return decodePlaces(bytes.toString("latin1", 2, head), bytes, head);
}

function decodePlaces(epoch: string, bytes: Uint8Array, offset: number): ResumePlaces | undefined {
  const known = readVarint(bytes, offset);
  const count = known && readVarint(bytes, known.next);
  if (known === undefined || count === undefined) {
    return undefined;
  }
  const places: { number: number; position: number }[] = [];
  let at = count.next;
  let last = 0;
  while (at < bytes.length) {
    const step = readVarint(bytes, at);
    const position = step && readVarint(bytes, step.next);
    if (step === undefined || position === undefined || step.value === 0) {
      return undefined;
    }
    last += step.value;
    places.push({ number: last, position: position.value });
    at = position.next;
  }
  return places.length === count.value ? { epoch, known: known.value, places } : undefined;
}
