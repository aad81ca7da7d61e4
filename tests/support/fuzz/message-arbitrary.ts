// Requests made from their descriptors: whatever a contract says later, it is fuzzed without a line here.
import { create, type DescField, type DescMessage, type DescOneof, type Message } from "@bufbuild/protobuf";
import fc, { type Arbitrary } from "fast-check";
import { hostileEnum, hostileScalar, hostileText } from "./hostile-values.ts";

/** Deeper than this a message has no messages in it. */
const DEPTH_MAX = 4;

type Fields = Record<string, unknown>;

/** Messages of a type: some fields set, some not, their values mostly hostile. */
export function messageArbitrary(desc: DescMessage): Arbitrary<Message> {
  return fieldsOf(desc, 0).map((fields) => create(desc, fields));
}

function fieldsOf(desc: DescMessage, depth: number): Arbitrary<Fields> {
  if (desc.typeName === "google.protobuf.Struct") return structs;
  if (desc.typeName === "google.protobuf.Timestamp") return times;
  const model: Record<string, Arbitrary<unknown>> = {};
  for (const member of desc.members) {
    const values = member.kind === "oneof" ? oneofArbitrary(member, depth) : fieldArbitrary(member, depth);
    if (values !== undefined) model[member.localName] = values;
  }
  return fc.record(model, { requiredKeys: [] });
}

/** One of the alternatives, as protobuf-es holds it. */
function oneofArbitrary({ fields }: DescOneof, depth: number): Arbitrary<unknown> | undefined {
  const choices = fields.flatMap((field) => {
    const values = fieldArbitrary(field, depth);
    return values === undefined ? [] : [values.map((value) => ({ case: field.localName, value }))];
  });
  return choices.length === 0 ? undefined : fc.oneof(...choices);
}

function fieldArbitrary(field: DescField, depth: number): Arbitrary<unknown> | undefined {
  switch (field.fieldKind) {
    case "scalar":
      return hostileScalar(field.scalar);
    case "enum":
      return hostileEnum(field.enum.values.map(({ number }) => number));
    case "message":
      return depth < DEPTH_MAX ? fieldsOf(field.message, depth + 1) : undefined;
    case "map":
      return fc.dictionary(hostileText, fc.constant("x"), { maxKeys: 3 });
    case "list":
      return listArbitrary(itemArbitrary(field, depth));
  }
}

function itemArbitrary(field: DescField & { fieldKind: "list" }, depth: number): Arbitrary<unknown> | undefined {
  if (field.listKind === "scalar") return hostileScalar(field.scalar);
  if (field.listKind === "enum") return hostileEnum(field.enum.values.map(({ number }) => number));
  return depth < DEPTH_MAX ? fieldsOf(field.message, depth + 1) : undefined;
}

/** Mostly a few different items; now and then more of one than any contract takes. */
function listArbitrary(items: Arbitrary<unknown> | undefined): Arbitrary<unknown[]> | undefined {
  if (items === undefined) return undefined;
  const many = fc.tuple(items, fc.constantFrom(65, 1_000, 1_001)).map(([item, count]) => Array(count).fill(item));
  return fc.oneof(
    { weight: 60, arbitrary: fc.array(items, { maxLength: 4 }) },
    { weight: 1, arbitrary: many.filter(isSmall) },
  );
}

const isSmall = (items: readonly unknown[]) =>
  JSON.stringify(items[0], (_, value) => (typeof value === "bigint" ? String(value) : value)).length < 2_000;

const deep = (depth: number) => {
  let value: unknown = 1;
  for (let level = 0; level < depth; level += 1) value = level % 2 === 0 ? [value] : { a: value };
  return { a: value };
};

const structs = fc.oneof(
  { weight: 20, arbitrary: fc.dictionary(hostileText, fc.jsonValue({ maxDepth: 4 }), { maxKeys: 5 }) },
  { weight: 2, arbitrary: fc.constantFrom(31, 32, 33, 48).map(deep) },
  { weight: 1, arbitrary: fc.constantFrom(1_000, 6_000).map(wide) },
  { weight: 1, arbitrary: fc.constantFrom(Number.NaN, Number.NEGATIVE_INFINITY).map((number) => ({ number })) },
) as Arbitrary<Fields>;

function wide(keys: number): Fields {
  return Object.fromEntries(Array.from({ length: keys }, (_, n) => [`key ${n}`, n]));
}

const times = fc.record({
  seconds: fc.constantFrom(0n, -62_135_596_800n, -62_135_596_801n, 253_402_300_799n, 253_402_300_800n, 1n << 62n),
  nanos: fc.constantFrom(0, 1, 999_999_999, 1_000_000_000, -1),
}) as Arbitrary<Fields>;
