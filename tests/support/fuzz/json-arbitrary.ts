import type { DescField, DescMessage } from "@bufbuild/protobuf";
import fc, { type Arbitrary } from "fast-check";
import { hostileJsonText, hostileScalar } from "./hostile-values.ts";

const DEPTH_MAX = 4;

/** Values of the wrong type for nearly every field, and what JSON can say beyond any of ours. */
const wrong: Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    [],
    {},
    [[]],
    { a: 1 },
    "",
    -1,
    1.5,
    1e308,
    "1e400",
    "-0",
    "0x10",
    "NaN",
    "Infinity",
  ),
  fc.constantFrom("9223372036854775808", "-9223372036854775809", 2 ** 53 + 2, "18446744073709551616"),
  fc.constantFrom("2026-13-01T00:00:00Z", "2026-01-01", "0000-01-01T00:00:00Z", "2026-01-01T00:00:00.1234567890Z"),
  fc.constantFrom("1s", "-1s", "1.0000000001s", "315576000001s", "1m", "s"),
  fc.jsonValue({ maxDepth: 3 }),
);

const TIMES = [
  "1660-01-01T00:00:00Z",
  "9999-12-31T23:59:59.999999999Z",
  "0001-01-01T00:00:00Z",
  "2026-01-01T00:00:00+23:59",
];

/** The JSON texts of requests of a type: some fields set, some not, their values mostly hostile, and now and then of another type. */
export function jsonArbitrary(desc: DescMessage): Arbitrary<string> {
  return objectOf(desc, 0).map((value) => JSON.stringify(value));
}

function objectOf(desc: DescMessage, depth: number): Arbitrary<unknown> {
  const special = WELL_KNOWN[desc.typeName];
  if (special !== undefined) return special;
  const model: Record<string, Arbitrary<unknown>> = {};
  for (const field of desc.fields) {
    const right = rightValue(field, depth);
    if (right !== undefined)
      model[field.jsonName] = fc.oneof({ weight: 15, arbitrary: right }, { weight: 1, arbitrary: wrong });
  }
  return fc.record(model, { requiredKeys: [] });
}

const WELL_KNOWN: Readonly<Record<string, Arbitrary<unknown>>> = {
  "google.protobuf.Struct": fc.dictionary(hostileJsonText, fc.jsonValue({ maxDepth: 4 }), { maxKeys: 5 }),
  "google.protobuf.Timestamp": fc.constantFrom(...TIMES),
  "google.protobuf.Duration": fc.constantFrom("60s", "5s", "3600.5s", "0s", "61s", "31622401s"),
};

function rightValue(field: DescField, depth: number): Arbitrary<unknown> | undefined {
  switch (field.fieldKind) {
    case "scalar":
      return scalarOf(field);
    case "enum":
      return fc.constantFrom(...field.enum.values.map(({ name }) => name), "NOT_THERE", 0, 1, 77);
    case "message":
      return depth < DEPTH_MAX ? objectOf(field.message, depth + 1) : undefined;
    case "map":
      return fc.dictionary(hostileJsonText, wrong, { maxKeys: 3 });
    case "list":
      return listOf(field, depth);
  }
}

function listOf(field: DescField & { fieldKind: "list" }, depth: number): Arbitrary<unknown> | undefined {
  if (field.listKind === "enum") return fc.array(fc.constantFrom(0, 1, 77), { maxLength: 3 });
  if (field.listKind === "scalar") return fc.array(scalarOf(field), { maxLength: 4 });
  return depth < DEPTH_MAX ? fc.array(objectOf(field.message, depth + 1), { maxLength: 3 }) : undefined;
}

function scalarOf(field: DescField): Arbitrary<unknown> {
  const scalar = field.scalar as NonNullable<typeof field.scalar>;
  const values = hostileScalar(scalar);
  return fc.oneof(values, hostileJsonText).chain((value) => {
    if (typeof value === "string") return fc.constantFrom<unknown>(value);
    return typeof value === "bigint" ? fc.constantFrom<unknown>(String(value), Number(value)) : fc.constant(value);
  });
}

/** What is done to a text, at a place between 0 and 1. */
type Damage = (text: string, place: number) => string;

const insert =
  (more: string): Damage =>
  (text, place) => {
    const at = Math.floor(place * (text.length + 1));
    return text.slice(0, at) + more + text.slice(at);
  };

const inside =
  (more: string): Damage =>
  (text) =>
    text === "{}" ? `{${more}}` : `${text.slice(0, -1)},${more}}`;

const DAMAGES: readonly Damage[] = [
  (text, place) => text.slice(0, Math.floor(place * text.length)),
  // The first key once more.
  (text) => text.replace(/^\{("(?:[^"\\]|\\.)*":)/, "{$1null,$1"),
  inside('"nobody knows this":{"a":[1,2,{"b":null}]}'),
  inside(`"deep":${"[".repeat(2_000)}${"]".repeat(2_000)}`),
  inside('"__proto__":{"polluted":true},"constructor":{"prototype":{}}'),
  inside('"huge":1e400,"long":123456789012345678901234567890'),
  inside('"twice":1,"twice":2'),
  insert("\u0000"),
  insert("\ufeff"),
  insert(","),
  insert("}"),
  insert('"'),
  insert("\\ud800"),
  insert("// a comment\n"),
  () => "",
  () => "null",
  () => "[]",
  () => '"text"',
  (text) => `[${text}]`,
  (text) => `${text}${text}`,
];

/** Texts after an act of damage; some are still requests. */
export function damagedJson(texts: Arbitrary<string>): Arbitrary<string> {
  const place = fc.double({ min: 0, max: 1, noNaN: true });
  return fc.tuple(texts, fc.constantFrom(...DAMAGES), place).map(([text, damage, at]) => damage(text, at));
}
