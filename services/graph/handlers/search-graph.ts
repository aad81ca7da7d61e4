import { invalidField } from "#shared/errors/cos-error.ts";
import { pageSizeOf } from "#shared/paging/page-size.ts";
import { nodeSize, takeWithin } from "../domain/item-size.ts";
import { nodeOf } from "../domain/node-of.ts";
import { rankHits } from "../domain/rank-hits.ts";
import { searchWords } from "../domain/search-words.ts";
import { labelsOf } from "../domain/vocabulary.ts";
import { type Graph, type GraphReadNeeds, requireModule } from "./read-needs.ts";

const WORDS_MAX = 16;
const LIMITS = { unset: 20, most: 100 };
/** How many that fit are ranked: those that most memories speak of. */
const CANDIDATES_MAX = 500;

export function searchGraph({ store, awaitPlace }: GraphReadNeeds): Graph["searchGraph"] {
  return async ({ query, module, labels, limit, atLeast }, call) => {
    const words = searchWords(query);
    if (words.length === 0) throw invalidField("query", "must have at least one letter or digit");
    if (words.length > WORDS_MAX) throw invalidField("query", `must have at most ${WORDS_MAX} words`);
    await awaitPlace(atLeast, call);
    const sought = { words, labels: labelsOf(labels), limit: CANDIDATES_MAX, ...(module !== "" && { module }) };
    const candidates = await store.search(call.scope, sought, call.signal);
    if (candidates.length === 0 && module !== "") await requireModule(store, call, module);
    const ranked = takeWithin(rankHits(words, candidates, pageSizeOf(limit, LIMITS)), ({ node }) => nodeSize(node));
    return {
      hits: ranked.map(({ node, name, score }) => ({
        node: nodeOf(node),
        matchedName: name === node.name ? "" : name,
        score,
      })),
    };
  };
}
