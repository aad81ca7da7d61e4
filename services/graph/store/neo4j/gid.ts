// How items are told apart in a database that holds several graphs and generations.
//
// `gid` is the generation's prefix and the item's id without its dashes, all in lower-case hexadecimal: Neo4j then keeps it within the
// record of the item, where a text with dashes would need one of its own; and gids sort as ids do.

const GRAPH_DIGITS = 4;
const GENERATION_DIGITS = 6;

/** The prefix of a graph's generation. */
export function prefixOf(graph: number, generation: number): string {
  return hex(graph, GRAPH_DIGITS) + hex(generation, GENERATION_DIGITS);
}

function hex(number: number, digits: number): string {
  return number.toString(16).padStart(digits, "0");
}

/** An id without its dashes: what follows the prefix. */
export function bare(id: string): string {
  return id.replaceAll("-", "");
}

const UUID = /^(.{8})(.{4})(.{4})(.{4})(.{12})$/;

/** The id of a gid. */
export function idOfGid(gid: string): string {
  return gid.slice(GRAPH_DIGITS + GENERATION_DIGITS).replace(UUID, "$1-$2-$3-$4-$5");
}

/** Where the gids of a prefix end: above all of them, below those of the next one. */
export function endOf(prefix: string): string {
  return `${prefix}g`;
}
