import { createHash, type Hash } from "node:crypto";
import type { EdgeRow, NameRow, NodeRow } from "./graph-rows.ts";
import {
  canonical,
  EDGE_FIELDS,
  NAME_FIELDS,
  NAMING_FIELDS,
  NODE_FIELDS,
  type ScannedStore,
  scanEdges,
  scanNames,
  scanNodes,
} from "./scan-module.ts";

/** What one generation holds of a module. */
export interface Digest {
  /** SHA-256 in hexadecimal digits: of every node, edge and name, in the order of their scans, and of the naming. */
  readonly digest: string;
  readonly nodes: number;
  readonly edges: number;
}

/**
 * Sums up what a generation holds of a module; two that hold the same, whatever their engines and histories, have the same digest. Rows
 * are read in parts of 1,000; the caller sees to it that the module takes no step meanwhile.
 */
export async function digestOf(store: ScannedStore, generation: number, module: string): Promise<Digest> {
  const sum = createHash("sha256");
  const nodes = await addRows(sum, "node", NODE_FIELDS, scanNodes(store, generation, module));
  const edges = await addRows(sum, "edge", EDGE_FIELDS, scanEdges(store, generation, module));
  await addRows(sum, "name", NAME_FIELDS, scanNames(store, generation, module));
  addLine(sum, ["naming", ...valuesOf(await store.naming(generation, module), NAMING_FIELDS)]);
  return { digest: sum.digest("hex"), nodes, edges };
}

async function addRows<Row>(
  sum: Hash,
  what: string,
  fields: readonly (keyof Row)[],
  rows: AsyncIterable<Row>,
): Promise<number> {
  let count = 0;
  for await (const row of rows) {
    count += 1;
    addLine(sum, [what, ...valuesOf(row, fields)]);
  }
  return count;
}

/** JSON texts hold no line breaks of their own, so that no two lists of rows give the same lines. */
function addLine(sum: Hash, values: readonly unknown[]): void {
  sum.update(`${canonical(values)}\n`);
}

function valuesOf<Row>(row: Row, fields: readonly (keyof Row)[]): unknown[] {
  return fields.map((field) => row[field]);
}

/** How one sort of rows is compared. */
interface Sort<Row> {
  readonly fields: readonly (keyof Row & string)[];
  /** What tells a row from the others: scans come in the order of these. */
  readonly key: (row: Row) => readonly string[];
  /** What people are told of it: never anything that a memory says. */
  readonly title: (row: Row) => string;
}

const NODES: Sort<NodeRow> = { fields: NODE_FIELDS, key: ({ id }) => [id], title: ({ id }) => `node ${id}` };

const EDGES: Sort<EdgeRow> = { fields: EDGE_FIELDS, key: ({ id }) => [id], title: ({ id }) => `edge ${id}` };

const NAMES: Sort<NameRow> = {
  fields: NAME_FIELDS,
  key: ({ entity, kind, key, form }) => [entity, kind, key, form],
  title: ({ entity }) => `a name of ${entity}`,
};

/**
 * Where two generations of a module differ: up to `max` lines for people, with ids, counts and names of fields alone. Nodes first, then
 * edges, names and the naming.
 */
export async function differencesOf(
  store: ScannedStore,
  module: string,
  left: number,
  right: number,
  max: number,
): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of everyDifference(store, module, left, right)) {
    if (lines.length >= max) break;
    lines.push(line);
  }
  return lines;
}

async function* everyDifference(
  store: ScannedStore,
  module: string,
  left: number,
  right: number,
): AsyncGenerator<string> {
  const sides = <Row>(scan: (generation: number) => AsyncGenerator<Row>): Sides<Row> => ({
    left: { rows: scan(left), generation: left },
    right: { rows: scan(right), generation: right },
  });
  yield* compare(
    NODES,
    sides((generation) => scanNodes(store, generation, module)),
  );
  yield* compare(
    EDGES,
    sides((generation) => scanEdges(store, generation, module)),
  );
  yield* compare(
    NAMES,
    sides((generation) => scanNames(store, generation, module)),
  );
  const [one, other] = [await store.naming(left, module), await store.naming(right, module)];
  for (const field of NAMING_FIELDS) {
    if (canonical(one[field]) === canonical(other[field])) continue;
    const [here, there] = [one, other].map((naming) => Object.keys(naming[field]).length);
    yield `naming: ${field} differ (${here} in generation ${left}, ${there} in ${right})`;
  }
}

interface Sides<Row> {
  readonly left: { readonly rows: AsyncGenerator<Row>; readonly generation: number };
  readonly right: { readonly rows: AsyncGenerator<Row>; readonly generation: number };
}

/** Goes through two sorted scans side by side: whichever stands at the lesser key is moved on. */
async function* compare<Row>(sort: Sort<Row>, { left, right }: Sides<Row>): AsyncGenerator<string> {
  const next = async (rows: AsyncGenerator<Row>): Promise<Row | undefined> => {
    const { done, value } = await rows.next();
    return done === true ? undefined : value;
  };
  let [one, other] = [await next(left.rows), await next(right.rows)];
  for (;;) {
    const order = orderOf(sort, one, other);
    if (one !== undefined && order < 0) yield `${sort.title(one)}: only in generation ${left.generation}`;
    if (other !== undefined && order > 0) yield `${sort.title(other)}: only in generation ${right.generation}`;
    if (one === undefined && other === undefined) return;
    if (one !== undefined && other !== undefined && order === 0) yield* fieldsThatDiffer(sort, one, other);
    if (order <= 0) one = await next(left.rows);
    if (order >= 0) other = await next(right.rows);
  }
}

/** Below 0: the left one comes first, or the right side is at its end. */
function orderOf<Row>({ key }: Sort<Row>, one: Row | undefined, other: Row | undefined): number {
  if (one === undefined) return other === undefined ? 0 : 1;
  if (other === undefined) return -1;
  const there = key(other);
  for (const [n, text] of key(one).entries()) {
    const order = Buffer.compare(Buffer.from(text), Buffer.from(there[n] as string));
    if (order !== 0) return order;
  }
  return 0;
}

function* fieldsThatDiffer<Row>({ fields, title }: Sort<Row>, one: Row, other: Row): Generator<string> {
  const differing = fields.filter((field) => canonical(one[field]) !== canonical(other[field]));
  if (differing.length === 0) return;
  const told = differing.map((field) => {
    const [here, there] = [one[field], other[field]];
    return typeof here === "number" && typeof there === "number" ? `${field} (${here} and ${there})` : field;
  });
  yield `${title(one)}: ${told.join(", ")} ${differing.length === 1 ? "differs" : "differ"}`;
}
