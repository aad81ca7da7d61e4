import { create, toJsonString } from "@bufbuild/protobuf";
import {
  type SearchMemoriesHit,
  SearchMemoriesHitSchema,
  type SearchMemoriesRequest,
  SearchMemoriesRequestSchema,
  type SearchMemoriesResponse,
} from "#gen/cos/conductor/v1/search_pb.ts";
import type { Cli } from "../cli.ts";
import type { SearchOptions } from "../commands/search.ts";
import { type Connection, withConnection } from "../connection/with-connection.ts";
import { EXIT } from "../exit-codes.ts";
import { filterOf, timeRange } from "../options/build-filter.ts";
import { writeLines } from "../output/write-lines.ts";
import { explainScore } from "./explain-score.ts";
import { hitLines } from "./hit-lines.ts";
import { searchNotes } from "./search-notes.ts";

/** The most that one page may have (cos.conductor.v1.SearchMemoriesRequest). */
const PAGE_MAX = 50;

/** `cos search`. */
export function searchMemories(cli: Cli, query: string, options: SearchOptions): Promise<number> {
  return withConnection(cli, options.address, async (connection) => {
    let first: SearchMemoriesResponse | undefined;
    let count = 0;
    for await (const page of pagesOf(connection, requestOf(query, options), options.limit, cli.terminal.signal)) {
      first ??= page;
      for (const hit of page.hits.slice(0, options.limit - count)) {
        // Hits take several lines each, so there is an empty one between them.
        await writeLines(cli.out, linesOf(cli, hit, options, count > 0));
        count += 1;
      }
    }
    await writeLines(cli.err, searchNotes(first!, count, options));
    return EXIT.ok;
  });
}

function linesOf(cli: Cli, hit: SearchMemoriesHit, { json, explain }: SearchOptions, isNext: boolean): string[] {
  if (json === true) return [toJsonString(SearchMemoriesHitSchema, hit)];
  return [...(isNext ? [""] : []), ...hitLines(cli.out, hit), ...(explain === true ? explainScore(cli.out, hit) : [])];
}

function requestOf(query: string, options: SearchOptions): SearchMemoriesRequest {
  const filter = filterOf(options, {
    occurred: timeRange(options.since, options.until),
    recorded: timeRange(options.recordedSince, options.recordedUntil),
  });
  const { module: modules = [], all: allModules = false, asker = "" } = options;
  return create(SearchMemoriesRequestSchema, {
    query,
    modules: [...new Set(modules)],
    allModules,
    asker,
    filter,
  });
}

async function* pagesOf(
  { conductor }: Connection,
  request: SearchMemoriesRequest,
  limit: number,
  signal: AbortSignal,
): AsyncGenerator<SearchMemoriesResponse> {
  let left = limit;
  do {
    request.pageSize = Math.min(left, PAGE_MAX);
    const page = await conductor.searchMemories(request, { signal });
    yield page;
    left -= page.hits.length;
    request.pageToken = page.nextPageToken;
  } while (left > 0 && request.pageToken !== "");
}
