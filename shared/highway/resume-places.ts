import { readVarint, varintLength, writeVarint } from "./varint.ts";

/** A whole stream's place, within one epoch. */
export interface ResumePlaces {
  /** The highest module number that the stream knew of: whatever has a higher one was registered later. */
  readonly known: number;
  /** Ascending by module number. */
  readonly places: readonly { readonly number: number; readonly position: number }[];
}

/** Room for module numbers of more than one byte: enough for 8,000 modules, however few of them are named. */
const ROOM_MAX_BYTES = 64;
/** What a number below 2^31 takes beyond its first byte. */
const ROOM_EACH_BYTES = 4;

/**
 * Highest number known, count, then for each module its number (as the difference to the one before) and position, as varints; filled
 * up with zeros, so that the length tells nothing but what the caller knows: how many modules, at which positions.
 */
export function packPlaces({ known, places }: ResumePlaces): Buffer {
  const values = [known, places.length];
  const room = Math.min(ROOM_EACH_BYTES * (places.length + 1), ROOM_MAX_BYTES);
  let paddedLength = places.length + 1 + varintLength(places.length) + room;
  let last = 0;
  for (const { number, position } of places) {
    values.push(number - last, position);
    paddedLength += varintLength(position);
    last = number;
  }
  const length = values.reduce((sum, value) => sum + varintLength(value), 0);
  const bytes = Buffer.alloc(Math.max(length, paddedLength));
  let at = 0;
  for (const value of values) {
    at = writeVarint(bytes, at, value);
  }
  return bytes;
}

/** Reads what was packed, and where it ends; undefined if it is not such, or not whole. */
export function unpackPlaces(bytes: Uint8Array): (ResumePlaces & { readonly end: number }) | undefined {
  const known = readVarint(bytes, 0);
  const count = known && readVarint(bytes, known.next);
  if (known === undefined || count === undefined) {
    return undefined;
  }
  const places: { number: number; position: number }[] = [];
  let end = count.next;
  let last = 0;
  while (places.length < count.value) {
    const step = readVarint(bytes, end);
    const position = step && readVarint(bytes, step.next);
    if (step === undefined || position === undefined || step.value === 0) {
      return undefined;
    }
    last += step.value;
    places.push({ number: last, position: position.value });
    end = position.next;
  }
  return { known: known.value, places, end };
}
