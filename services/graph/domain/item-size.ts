import type { EdgeRow, NodeRow } from "./graph-rows.ts";

/** Where a page or a frame of a stream ends, with at least one item: about 1 MiB. */
export const ANSWER_BYTES_MAX = 1024 * 1024;

/** About how many bytes a node is on its way, not less than it is. */
export function nodeSize({ name, properties, session }: NodeRow): number {
  return 300 + 3 * (name.length + session.length) + propertiesSize(properties);
}

/** The same of a relationship, with so many memories of evidence. */
export function edgeSize({ properties, mention }: EdgeRow, evidence = 0): number {
  const forms = mention === undefined ? 0 : mention.forms.reduce((sum, form) => sum + 3 * form.length + 8, 0);
  return 300 + propertiesSize(properties) + forms + evidence * EVIDENCE_BYTES;
}

/** An excerpt of 200 characters, mostly of one byte, with ids and numbers. */
const EVIDENCE_BYTES = 350;

function propertiesSize(properties: NodeRow["properties"]): number {
  let size = 0;
  for (const [name, value] of Object.entries(properties))
    size += name.length + 16 + (typeof value === "string" ? 3 * value.length : 8);
  return size;
}

/** The first of the items, as many as stay within the bytes: one at least, if there is one. */
export function takeWithin<T>(items: readonly T[], sizeOf: (item: T) => number, bytesMax = ANSWER_BYTES_MAX): T[] {
  let bytes = 0;
  const end = items.findIndex((item, n) => {
    bytes += sizeOf(item);
    return bytes > bytesMax && n > 0;
  });
  return end === -1 ? [...items] : items.slice(0, end);
}

/** All of the items in their order, in parts that each stay within the bytes as far as one item does. */
export function* partsWithin<T>(
  items: readonly T[],
  sizeOf: (item: T) => number,
  bytesMax = ANSWER_BYTES_MAX,
): Generator<T[]> {
  for (let rest = items; rest.length > 0; ) {
    const part = takeWithin(rest, sizeOf, bytesMax);
    yield part;
    rest = rest.slice(part.length);
  }
}
