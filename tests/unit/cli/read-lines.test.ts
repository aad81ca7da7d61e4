import { gzipSync } from "node:zlib";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { LineFault } from "#services/cli/import/line-fault.ts";
import { LINE_BYTES_MAX, type Line, readLines, unpack } from "#services/cli/import/read-lines.ts";

async function* chunksOf(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  let start = 0;
  for (let index = 0; start < bytes.length; index += 1) {
    const size = sizes[index % sizes.length]!;
    yield bytes.subarray(start, start + size);
    start += size;
  }
}

async function linesOf(bytes: Buffer, sizes: readonly number[] = [bytes.length || 1]): Promise<Line[]> {
  const lines: Line[] = [];
  for await (const group of readLines(unpack(chunksOf(bytes, sizes)))) lines.push(...group);
  return lines;
}

const shown = (lines: Line[]): string[] =>
  lines.map(({ number, text }) => `${number} ${text instanceof LineFault ? text.message : text}`);

test("lines have numbers; empty ones are counted and left out", async () => {
  expect(shown(await linesOf(Buffer.from("a\n\n \r\nb\r\nc")))).toEqual(["1 a", "4 b", "5 c"]);
});

test("nothing is nothing", async () => {
  expect(await linesOf(Buffer.alloc(0))).toEqual([]);
  expect(await linesOf(Buffer.from("\n\n"))).toEqual([]);
});

test("a byte order mark is no part of the first line", async () => {
  expect(shown(await linesOf(Buffer.from("\uFEFFa\n")))).toEqual(["1 a"]);
});

test("a line that is not UTF-8 is named, the others are read", async () => {
  const bytes = Buffer.concat([Buffer.from("a\n"), Buffer.from([0xff, 0xfe, 0x0a]), Buffer.from("é\n")]);
  expect(shown(await linesOf(bytes))).toEqual(["1 a", "2 not UTF-8", "3 é"]);
});

test("a line longer than any memory is named, and not kept", async () => {
  const bytes = Buffer.from(`a\n${"x".repeat(LINE_BYTES_MAX + 1)}\nb\n`);
  expect(shown(await linesOf(bytes, [256 * 1024]))).toEqual(["1 a", "2 longer than 8 MiB", "3 b"]);
});

test("however the bytes are cut, and packed or not, the lines are the same", async () => {
  const texts = fc.array(
    fc.string({ unit: "grapheme" }).map((text) => text.replace(/[\r\n]/g, "")),
    { maxLength: 20 },
  );
  const sizes = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 5 });
  const property = fc.asyncProperty(texts, sizes, async (lines, cuts) => {
    const bytes = Buffer.from(lines.join("\n").replace(/^\uFEFF/, ""));
    const whole = await linesOf(bytes);
    expect(await linesOf(bytes, cuts)).toEqual(whole);
    expect(await linesOf(gzipSync(bytes), cuts)).toEqual(whole);
  });
  await fc.assert(property, { numRuns: 30 });
});

describe("gzip", () => {
  const packed = gzipSync(Buffer.from("a\nb\n".repeat(1000)));

  test("members one after the other are one file", async () => {
    expect(await linesOf(Buffer.concat([gzipSync(Buffer.from("a\n")), gzipSync(Buffer.from("b\n"))]))).toHaveLength(2);
  });

  test("data that is cut off or damaged is an error that says so", async () => {
    await expect(linesOf(packed.subarray(0, packed.length - 9))).rejects.toThrow(/gzip data is damaged or cut off/);
  });

  test("an error of the source passes as it is", async () => {
    async function* failing(): AsyncGenerator<Buffer> {
      yield packed.subarray(0, 4);
      throw new Error("disk gone");
    }
    const read = async (): Promise<void> => {
      for await (const _ of unpack(failing()));
    };
    await expect(read()).rejects.toThrow("disk gone");
  });
});
