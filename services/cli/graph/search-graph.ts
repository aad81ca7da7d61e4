import { toJsonString } from "@bufbuild/protobuf";
import { type SearchHit, SearchHitSchema } from "#gen/cos/graph/v1/queries_pb.ts";
import type { Cli } from "../cli.ts";
import type { SearchGraphOptions } from "../commands/graph-ask.ts";
import { withGraph } from "../connection/with-graph.ts";
import { EXIT } from "../exit-codes.ts";
import { tableLines } from "../output/table.ts";
import { writeLines } from "../output/write-lines.ts";
import { nameOf, whatIs, whereIs } from "./describe-node.ts";
import { lagOf } from "./modules-of.ts";
import { searchOf } from "./search-of.ts";

const HEADINGS = ["SCORE", "WHAT", "MEMORIES", "NAME", "FOUND AS", "WHERE"];
const LAYOUT = { right: [0, 2], gives: 3 };

/** `cos graph search`. */
export function searchGraph(cli: Cli, query: string, options: SearchGraphOptions): Promise<number> {
  const { labels, top: limit, module, json, address } = options;
  return withGraph(cli, address, async (graph) => {
    const request = { query, labels, limit, ...(module !== undefined && { module }) };
    const { hits } = await graph.searchGraph(request, { signal: cli.terminal.signal });
    if (json === true)
      await writeLines(
        cli.out,
        hits.map((hit) => toJsonString(SearchHitSchema, hit)),
      );
    else if (hits.length > 0) await writeLines(cli.out, tableLines(cli.out, HEADINGS, hits.map(rowOf), LAYOUT));
    else {
      await cli.err.line("cos: nothing has a name with words that begin so");
      const lag = await lagOf(searchOf(cli, graph, options));
      if (lag !== undefined) await cli.err.line(`cos: ${lag}`);
    }
    return EXIT.ok;
  });
}

function rowOf({ node, matchedName, score }: SearchHit): string[] {
  if (node === undefined) return HEADINGS.map(() => "");
  const memories = node.memoryCount === 0n ? "" : node.memoryCount.toLocaleString("en");
  return [score.toFixed(2), whatIs(node), memories, nameOf(node), matchedName, whereIs(node)];
}
