import { ScalarType } from "@bufbuild/protobuf";
import fc, { type Arbitrary } from "fast-check";

/** The modules that a fuzzed mesh has; requests name them often, so that they get past the first look. */
export const MODULES = ["cc", "here", "there"];

/** Texts at and just beyond the borders of what contracts allow, and those on which parsers, SQL and templates have tripped. */
const TEXTS = [
  "",
  "note",
  "diary.entry",
  "cos.memory.forgotten",
  "spare",
  "owner",
  "local",
  "*",
  "here_",
  "_here",
  "here__there",
  "Here",
  "here\n",
  "here ",
  "a".repeat(40),
  "a".repeat(41),
  "a".repeat(64),
  "a".repeat(65),
  "a".repeat(200),
  "a".repeat(201),
  "\u{1f58b}".repeat(200),
  "e\u0301\u202e\ufeff",
  "\0",
  "a\0b",
  "\u{10ffff}",
  "__proto__",
  "constructor",
  "'; drop table mem0_cc.memory; --",
  "$1 %s {{x}} \\u0000",
  "diary.*",
  "01930000-0000-7000-8000-000000000000",
  "01930000-0000-7000-8000-00000000000g",
  "AAAA",
  "0".repeat(64),
];

/** 64 KiB, which is the most that some fields take and far above what others do. */
const LONG_TEXTS = ["x".repeat(65_536), "\u{1f58b}".repeat(16_384), '"\\'.repeat(32_768)];

/** Texts that are well-formed Unicode: what protobuf can carry. */
export const hostileText: Arbitrary<string> = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(...MODULES) },
  { weight: 20, arbitrary: fc.constantFrom(...TEXTS) },
  { weight: 8, arbitrary: fc.string({ unit: "binary", maxLength: 80 }) },
  { weight: 4, arbitrary: fc.uuid() },
  { weight: 4, arbitrary: fc.stringMatching(/^[a-z0-9._*-]{1,66}$/) },
  { weight: 1, arbitrary: fc.constantFrom(...LONG_TEXTS) },
);

/** With halves of characters, which JSON can carry and UTF-8 cannot. */
export const hostileJsonText: Arbitrary<string> = fc.oneof(
  { weight: 8, arbitrary: hostileText },
  { weight: 1, arbitrary: fc.constantFrom("\ud800", "a\udc00b", "\udfff\ud800") },
);

const around = (...borders: bigint[]) =>
  fc.oneof(
    fc.constantFrom(...borders.flatMap((border) => [border - 1n, border, border + 1n])),
    fc.bigInt(-50n, 2_000n),
  );

const within = (low: bigint, high: bigint) => (value: bigint) => (value < low ? low : value > high ? high : value);

const signed = (bits: bigint) =>
  around(
    0n,
    1n << 31n,
    1n << 53n,
    -(1n << (bits - 1n)),
    (1n << (bits - 1n)) - 1n,
    253_402_300_799n,
    -62_135_596_800n,
  ).map(within(-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n));

const unsigned = (bits: bigint) =>
  around(0n, 1n << 31n, 1n << 53n, (1n << bits) - 1n).map(within(0n, (1n << bits) - 1n));

const fractional = fc.oneof(fc.double(), fc.constantFrom(0, -0, Number.NaN, Number.POSITIVE_INFINITY, 5e-324, 2 ** 53));

const whole = (values: Arbitrary<bigint>): Arbitrary<unknown> => values.map(Number);

/** A scalar's values, its borders first. */
export function hostileScalar(type: ScalarType): Arbitrary<unknown> {
  switch (type) {
    case ScalarType.STRING:
      return hostileText;
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.BYTES:
      return fc.uint8Array({ maxLength: 64 });
    case ScalarType.DOUBLE:
      return fractional;
    case ScalarType.FLOAT:
      return fc.float();
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return signed(64n);
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return unsigned(64n);
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return whole(unsigned(32n));
    default:
      return whole(signed(32n));
  }
}

/** Numbers of an enum, among them ones that it does not have. */
export const hostileEnum = (known: readonly number[]): Arbitrary<number> =>
  fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...known) },
    { weight: 1, arbitrary: fc.constantFrom(-1, 77, 2 ** 31 - 1, -(2 ** 31)) },
  );
