import { crc32 } from "node:zlib";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { decodeResumeToken, encodeResumeToken } from "#shared/highway/resume-token.ts";
import { readVarint, varintLength, writeVarint } from "#shared/highway/varint.ts";

const safe = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const places = fc
  .uniqueArray(fc.record({ number: fc.integer({ min: 1, max: 100_000 }), position: safe }), {
    selector: ({ number }) => number,
    maxLength: 50,
  })
  .map((list) => list.sort((left, right) => left.number - right.number));
const tokens = fc.record({ epoch: fc.stringMatching(/^[a-z0-9]{1,32}$/), known: fc.nat(), places });

/** A token of any content, with a checksum that is right. */
function forge(bytes: number[]): string {
  const sum = Buffer.alloc(4);
  sum.writeUInt32LE(crc32(Buffer.from(bytes)));
  return Buffer.concat([Buffer.from(bytes), sum]).toString("base64url");
}

describe("a resume token", () => {
  test("gives back what was put in", () => {
    fc.assert(fc.property(tokens, (token) => expect(decodeResumeToken(encodeResumeToken(token))).toEqual(token)));
  });

  test("of 1,000 modules takes about 4 KB", () => {
    const many = Array.from({ length: 1_000 }, (_, index) => ({ number: index + 1, position: 1_000 + index }));
    expect(encodeResumeToken({ epoch: "e", known: 1_000, places: many }).length).toBeLessThan(4_100);
  });

  test("that was cut, or changed in one place, is none", () => {
    fc.assert(
      fc.property(tokens, fc.nat(), fc.nat(), (token, place, change) => {
        const text = encodeResumeToken(token);
        expect(decodeResumeToken(text.slice(0, place % text.length))).toBeUndefined();
        const bytes = Buffer.from(text, "base64url");
        const at = place % bytes.length;
        bytes[at] = ((bytes[at] as number) + 1 + (change % 255)) % 256;
        expect(decodeResumeToken(bytes.toString("base64url"))).toBeUndefined();
      }),
    );
  });

  test.each([
    ["nothing", ""],
    ["foreign characters", "not a token!"],
    ["another version", forge([2, 1, 101, 0, 0])],
    ["no numbers", forge([1, 2, 101, 101])],
    ["a count that is not kept", forge([1, 1, 101, 5, 2, 1, 1])],
    ["a module twice", forge([1, 1, 101, 5, 2, 1, 1, 0, 1])],
    ["a number that does not end", forge([1, 1, 101, 5, 1, 1, 128])],
    ["a number that is not safe", forge([1, 1, 101, 5, 1, 1, 255, 255, 255, 255, 255, 255, 255, 127])],
  ])("is refused: %s", (_what, token) => {
    expect(decodeResumeToken(token)).toBeUndefined();
  });
});

describe("a varint", () => {
  test("is read as it was written, and takes the length that was announced", () => {
    fc.assert(
      fc.property(safe, fc.nat({ max: 3 }), (value, offset) => {
        const bytes = new Uint8Array(offset + varintLength(value));
        expect(writeVarint(bytes, offset, value)).toBe(bytes.length);
        expect(readVarint(bytes, offset)).toEqual({ value, next: bytes.length });
        expect(readVarint(bytes.subarray(0, -1), offset)).toBeUndefined();
      }),
    );
  });
});
