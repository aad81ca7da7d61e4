import type { Node } from "#gen/cos/graph/v1/graph_pb.ts";
import { CliFailure } from "../cli-failure.ts";
import { EXIT } from "../exit-codes.ts";
import { isId } from "../options/is-id.ts";
import { oneLine } from "../output/one-line.ts";
import { introduce } from "./describe-node.ts";
import { lagOf } from "./modules-of.ts";
import type { Search } from "./search-of.ts";
import { shellWord } from "./shell-word.ts";

const SIMILAR_MAX = 5;
/** How many words of a name are searched for by themselves. */
const WORDS_MAX = 3;
/** Words up to this length say little: `Mr`, `Sir`, `of`. */
const SHORT_WORD_LENGTH = 3;
/** The most that a query may have (cos.graph.v1.SearchGraphRequest). */
const QUERY_LENGTH_MAX = 200;

/** What to tell of a name that no node has: what is called alike, and how to say that it is the same. */
export async function notFound(search: Search, name: string): Promise<CliFailure> {
  const where = search.module === undefined ? "" : ` in ${search.module}`;
  const what = search.kind === undefined ? "nothing" : `no ${search.kind}`;
  const given = oneLine(name);
  if (isId(name)) return new CliFailure(EXIT.notFound, `there is no node ${given}`);
  const similar = await similarTo(search, name);
  const lines = [
    `${what}${where} is called ${shellWord(given)}`,
    ...(similar.length === 0 ? [] : [`similar: ${similar.map(introduce).join("; ")}`]),
    ...mergeHint(similar, given),
    (await lagOf(search)) ?? "",
  ];
  return new CliFailure(EXIT.notFound, lines.filter((line) => line !== "").join("\n"));
}

function mergeHint(similar: readonly Node[], name: string): string[] {
  const [first] = similar;
  if (first === undefined) return [];
  // Which of several is meant, only a person can know.
  const which = similar.length === 1 ? shellWord(oneLine(first.name)) : "NAME";
  const command = `cos graph merge ${which} --into ${shellWord(name)} --module ${first.module}`;
  return [`if one of them is meant, say so for good: \`${command}\``];
}

/** Entities with some of the words in a name: those first that have more of them, then those that more memories name. */
async function similarTo(search: Search, name: string): Promise<Node[]> {
  const found = new Map<string, { readonly node: Node; words: number }>();
  for (const query of queriesFor(name)) {
    for (const node of await entitiesNamed(search, query)) {
      found.getOrInsertComputed(node.id, () => ({ node, words: 0 })).words += 1;
    }
  }
  return [...found.values()]
    .toSorted((a, b) => b.words - a.words || Number(b.node.memoryCount - a.node.memoryCount))
    .slice(0, SIMILAR_MAX)
    .map(({ node }) => node);
}

/** All words together, then each of the longest: titles and initials alone would find half of the graph. */
function queriesFor(name: string): Set<string> {
  const words = [...name.matchAll(/[\p{L}\p{N}]+/gu)].map(([word]) => word);
  const telling = words.filter((word) => word.length > SHORT_WORD_LENGTH);
  const longest = telling.toSorted((a, b) => b.length - a.length).slice(0, WORDS_MAX);
  const together = words.slice(0, 16).join(" ");
  return new Set(
    [together, ...longest].filter((query) => query !== "").map((query) => query.slice(0, QUERY_LENGTH_MAX)),
  );
}

async function entitiesNamed({ graph, signal, module, kind }: Search, query: string): Promise<Node[]> {
  const { hits } = await graph.searchGraph(
    { query, labels: ["Entity", "Concept"], limit: 50, ...(module !== undefined && { module }) },
    { signal },
  );
  return hits.flatMap(({ node }) => (node === undefined || (kind !== undefined && node.kind !== kind) ? [] : [node]));
}
