import fc, { type Arbitrary } from "fast-check";

/** What is done to encoded bytes, at a place between 0 and 1. */
type Damage = (bytes: Buffer, place: number) => Buffer;

const at = (bytes: Buffer, place: number) => Math.min(bytes.length, Math.floor(place * (bytes.length + 1)));

const insert =
  (...more: number[]): Damage =>
  (bytes, place) =>
    Buffer.concat([bytes.subarray(0, at(bytes, place)), Buffer.from(more), bytes.subarray(at(bytes, place))]);

const append =
  (more: Buffer): Damage =>
  (bytes) =>
    Buffer.concat([bytes, more]);

/** Field 1, opened so many times as a message in itself. */
function nested(depth: number): Buffer {
  let inner = Buffer.alloc(0);
  for (let level = 0; level < depth; level += 1)
    inner = Buffer.concat([Buffer.from([0x0a]), varint(inner.length), inner]);
  return inner;
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let left = value; ; left >>>= 7) {
    if (left < 128) return Buffer.from([...bytes, left]);
    bytes.push((left & 127) | 128);
  }
}

const flip =
  (bit: number): Damage =>
  (bytes, place) => {
    const flipped = Buffer.from(bytes);
    const where = Math.min(at(bytes, place), bytes.length - 1);
    if (where >= 0) flipped[where] = (flipped[where] as number) ^ (1 << bit);
    return flipped;
  };

const DAMAGES: readonly Damage[] = [
  ...Array.from({ length: 8 }, (_, bit) => flip(bit)),
  (bytes, place) => bytes.subarray(0, at(bytes, place)),
  (bytes, place) => Buffer.concat([bytes, bytes.subarray(at(bytes, place))]),
  // Varints of eleven bytes, of ten that end in nothing, and of a length that is not there.
  insert(...Array<number>(10).fill(0x80), 1),
  insert(...Array<number>(10).fill(0xff)),
  insert(0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f),
  // Wire types that no field of ours has, or none has at all; field number 0.
  insert(0x09, 1, 2, 3, 4, 5, 6, 7, 8),
  insert(0x0d, 1, 2, 3, 4),
  insert(0x0e),
  insert(0x0f),
  insert(0x00),
  // A group that is whole, one without an end, an end without a group, groups in groups.
  append(Buffer.from([0xa3, 0x06, 0xa4, 0x06])),
  append(Buffer.from([0x0b])),
  append(Buffer.from([0x0c])),
  append(Buffer.alloc(1_000, 0x0b)),
  append(nested(99)),
  append(nested(200)),
  // No UTF-8.
  insert(0x0a, 2, 0xc3, 0x28),
];

/** Encoded messages after one to three acts of damage; some are still messages. */
export function damagedBytes(whole: Arbitrary<Uint8Array>): Arbitrary<Uint8Array> {
  const place = fc.double({ min: 0, max: 1, noNaN: true });
  const acts = fc.array(fc.record({ damage: fc.constantFrom(...DAMAGES), place }), { minLength: 1, maxLength: 3 });
  return fc
    .record({ bytes: whole, acts })
    .map(({ bytes, acts }) =>
      acts.reduce<Uint8Array>((left, { damage, place }) => damage(Buffer.from(left), place), bytes),
    );
}
