import { inspect } from "node:util";
import { crc32 } from "node:zlib";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { EpochRecord } from "#shared/highway/log-port.ts";
import { packPlaces, type ResumePlaces, unpackPlaces } from "#shared/highway/resume-places.ts";
import { decodeResumeToken, encodeResumeToken } from "#shared/highway/resume-token.ts";
import { readVarint, varintLength, writeVarint } from "#shared/highway/varint.ts";
import { someTokenKey } from "./some-token-key.ts";

const safe = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const places = fc
  .uniqueArray(fc.record({ number: fc.integer({ min: 1, max: 100_000 }), position: safe }), {
    selector: ({ number }) => number,
    maxLength: 50,
  })
  .map((list) => list.sort((left, right) => left.number - right.number));
const identity = fc.stringMatching(/^[a-z0-9]{1,32}$/);
const streams = fc.record({ known: fc.nat(), places });

const epochOf = (name: string): EpochRecord => ({
  generation: 1,
  identity: name,
  forks: new Map(),
  tokenKey: someTokenKey(),
});
const e = epochOf("e");
const tokenOf = (stream: ResumePlaces, epoch = e): string => encodeResumeToken(epoch, packPlaces(stream));

/** A token as they were given out before they were sealed, of any content, with a checksum that is right. */
function plain(bytes: number[]): string {
  const sum = Buffer.alloc(4);
  sum.writeUInt32LE(crc32(Buffer.from(bytes)));
  return Buffer.concat([Buffer.from(bytes), sum]).toString("base64url");
}

describe("a resume token", () => {
  test("gives back what was put in, also when other epochs have begun", () => {
    fc.assert(
      fc.property(identity, streams, (name, stream) => {
        const epoch = epochOf(name);
        const token = tokenOf(stream, epoch);
        expect(decodeResumeToken(token, [epoch, epochOf("Later")])).toEqual({ epoch: name, ...stream });
      }),
    );
  });

  test("of 1,000 modules takes about 4 KB", () => {
    const many = Array.from({ length: 1_000 }, (_, index) => ({ number: index + 1, position: 1_000 + index }));
    expect(tokenOf({ known: 1_000, places: many }).length).toBeLessThan(4_200);
  });

  test("tells nothing of modules that it does not name: neither by its bytes nor by its length", () => {
    const few = (known: number, numbers: readonly number[]): ResumePlaces => ({
      known,
      places: numbers.map((number) => ({ number, position: 300 })),
    });
    const alone = tokenOf(few(2, [1, 2]));
    const hidden = tokenOf(few(8_000, [777, 8_000]));
    expect(hidden.length).toBe(alone.length);
    const bytes = Buffer.from(hidden, "base64url");
    expect(bytes.subarray(0, 3)).toEqual(Buffer.from("\u0002\u0001e"));
    expect(unpackPlaces(bytes.subarray(3))?.known).not.toBe(8_000);
    expect(bytes.includes(packPlaces(few(8_000, [777, 8_000])).subarray(0, 8))).toBe(false);
    expect(tokenOf(few(2, [1, 2]))).not.toBe(alone);
  });

  test("of very high numbers takes what it takes", () => {
    const numbers = Array.from({ length: 50 }, (_, index) => (index + 1) * 40_000_000);
    const stream = { known: 2_000_000_000, places: numbers.map((number) => ({ number, position: 1 })) };
    expect(decodeResumeToken(tokenOf(stream), [e])).toMatchObject(stream);
  });

  test("that was cut, or changed in one place, is none", () => {
    fc.assert(
      fc.property(streams, fc.nat(), fc.nat(), (stream, place, change) => {
        const text = tokenOf(stream);
        expect(decodeResumeToken(text.slice(0, place % text.length), [e])).toBeUndefined();
        const bytes = Buffer.from(text, "base64url");
        const at = place % bytes.length;
        bytes[at] = ((bytes[at] as number) + 1 + (change % 255)) % 256;
        expect(decodeResumeToken(bytes.toString("base64url"), [e])).toBeUndefined();
      }),
    );
  });

  test("of another log's epoch, or of one with another key, is none", () => {
    const token = tokenOf({ known: 1, places: [] });
    expect(decodeResumeToken(token, [epochOf("f")])).toBeUndefined();
    expect(decodeResumeToken(token, [epochOf("e")])).toBeUndefined();
  });

  test("of the plain form is still read", () => {
    const token = plain([1, 1, 101, 5, 2, 1, 7, 2, 8]);
    const list = [
      { number: 1, position: 7 },
      { number: 3, position: 8 },
    ];
    expect(decodeResumeToken(token, [e])).toEqual({ epoch: "e", known: 5, places: list });
  });

  test("the key is not shown where an epoch is printed", () => {
    const secret = e.tokenKey.export();
    const shown = `${inspect(e, { depth: 9, showHidden: true })} ${JSON.stringify(e)}`;
    expect(shown).not.toContain(secret.toString("hex"));
    expect(shown).not.toContain(secret.toString("base64"));
    expect(JSON.stringify(e.tokenKey)).toBe("{}");
  });

  test.each([
    ["nothing", ""],
    ["foreign characters", "not a token!"],
    ["a single byte", "Ag"],
    ["another version", plain([3, 1, 101, 0, 0])],
    ["too short to be sealed", plain([2, 1, 101, 0, 0])],
    ["too short to be plain", Buffer.from([1, 1, 101, 0]).toString("base64url")],
    ["no numbers", plain([1, 1, 101])],
    ["a plain one that was changed", `${plain([1, 1, 101, 5, 0]).slice(0, -3)}AAA`],
    ["a count that is not kept", plain([1, 1, 101, 5, 2, 1, 1])],
    ["more than was counted", plain([1, 1, 101, 5, 1, 1, 1, 1, 1])],
    ["a module twice", plain([1, 1, 101, 5, 2, 1, 1, 0, 1])],
    ["a number that does not end", plain([1, 1, 101, 5, 1, 1, 128])],
    ["a number that is not safe", plain([1, 1, 101, 5, 1, 1, 255, 255, 255, 255, 255, 255, 255, 127])],
  ])("is refused: %s", (_what, token) => {
    expect(decodeResumeToken(token, [e])).toBeUndefined();
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
