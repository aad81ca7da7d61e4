import { create, toBinary } from "@bufbuild/protobuf";
import { type SearchMemoriesRequest, SearchMemoriesRequestSchema } from "#gen/cos/conductor/v1/search_pb.ts";
import { pageSizeOf } from "#shared/paging/page-size.ts";
import { decodePageToken, encodePageToken, fingerprintOf } from "#shared/paging/page-token.ts";
import { compareHits, type RankedHit } from "#shared/ranking/rank-passages.ts";
import type { FoundPassage } from "../domain/search-index.ts";

const SIZES = { unset: 10, most: 50 };

const isNumber = (part: string): boolean => part !== "" && Number.isFinite(Number(part));
const isModule = (part: string): boolean => /^[a-z0-9_]{1,40}$/.test(part);
const isPosition = (part: string): boolean => /^\d{1,15}$/.test(part);

/** What of a hit its place among the others depends on. */
type HitKey = Parameters<typeof compareHits>[0];

/** The hit that a page token stands for; undefined: there is no token. Throws PAGE_TOKEN_INVALID. */
export function pageStart(request: SearchMemoriesRequest): HitKey | undefined {
  if (request.pageToken === "") return undefined;
  const shape = [isNumber, isNumber, isModule, isPosition];
  const [total, occurred, module, position] = decodePageToken(fingerprintOfSearch(request), request.pageToken, shape);
  return {
    score: { total: Number(total), passage: 0, window: 0, boosts: [] },
    passage: {
      ...NOTHING,
      module: module as string,
      occurred: Number(occurred),
      position: Number(position),
    },
  };
}

const NOTHING = {
  part: 0,
  session: "",
  source: "",
  year: 0,
  month: 0,
  length: 0,
  frequencies: new Map(),
  isWanted: true,
};

/** The hits of a page, and whether there are more behind it. */
export function pageOf(
  hits: readonly RankedHit<FoundPassage>[],
  start: HitKey | undefined,
  { pageSize }: SearchMemoriesRequest,
): { page: RankedHit<FoundPassage>[]; isLast: boolean } {
  const left = start === undefined ? hits : hits.filter((hit) => compareHits(hit, start) > 0);
  const size = pageSizeOf(pageSize, SIZES);
  return { page: left.slice(0, size), isLast: left.length <= size };
}

/** Where the page after a hit begins. */
export function tokenAfter(request: SearchMemoriesRequest, { score, passage }: HitKey): string {
  const key = [String(score.total), String(passage.occurred), passage.module, String(passage.position)];
  return encodePageToken(fingerprintOfSearch(request), key);
}

/** Another page may be of another size and view, and wait for another place; nothing else may change. */
function fingerprintOfSearch({ query, modules, allModules, asker, filter }: SearchMemoriesRequest): string {
  const search = create(SearchMemoriesRequestSchema, {
    query,
    modules: modules.toSorted(),
    allModules,
    asker,
    ...(filter === undefined ? {} : { filter }),
  });
  return fingerprintOf("search", toBinary(SearchMemoriesRequestSchema, search));
}
