/** Protobuf's variable-length integers, for safe integers that are not negative. */

/** How many bytes the value takes. */
export function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest > 127; rest = Math.floor(rest / 128)) {
    length += 1;
  }
  return length;
}

/** Writes the value at the offset and returns the offset behind it. */
export function writeVarint(target: Uint8Array, offset: number, value: number): number {
  let at = offset;
  let rest = value;
  while (rest > 127) {
    target[at++] = (rest % 128) | 128;
    rest = Math.floor(rest / 128);
  }
  target[at++] = rest;
  return at;
}

/** Reads a value and the offset behind it; undefined if the bytes end before it does, or it is no safe integer. */
export function readVarint(bytes: Uint8Array, offset: number): { value: number; next: number } | undefined {
  let value = 0;
  let factor = 1;
  for (let at = offset; at < bytes.length && at < offset + 8; at += 1) {
    const byte = bytes[at] as number;
    value += (byte & 127) * factor;
    if (byte < 128) {
      return Number.isSafeInteger(value) ? { value, next: at + 1 } : undefined;
    }
    factor *= 128;
  }
  return undefined;
}
