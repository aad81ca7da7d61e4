import { toJson } from "@bufbuild/protobuf";
import { type Alias, AliasSchema } from "#gen/cos/graph/v1/aliases_pb.ts";
import type { Cli } from "../cli.ts";
import type { GraphOptions } from "../commands/graph-parts.ts";
import { type Graph, withGraph } from "../connection/with-graph.ts";
import { EXIT } from "../exit-codes.ts";
import { tableLines } from "../output/table.ts";
import { writeLines } from "../output/write-lines.ts";
import { askEach, modulesToAsk } from "./modules-of.ts";
import { searchOf } from "./search-of.ts";

const PAGE_SIZE = 1_000;
const HEADINGS = ["MODULE", "NAME", "KIND", "MEANS", "KIND"];

/** `cos graph aliases`. */
export function listAliases(cli: Cli, options: GraphOptions): Promise<number> {
  return withGraph(cli, options.address, async (graph) => {
    const search = searchOf(cli, graph, options);
    const { signal } = search;
    const found = await askEach(await modulesToAsk(search), async (module) =>
      (await allAliases(graph, module, signal)).map((alias) => ({ module, alias })),
    );
    const all = found.flat();
    if (options.json === true) {
      await writeLines(
        cli.out,
        all.map(({ module, alias }) => JSON.stringify({ module, ...(toJson(AliasSchema, alias) as object) })),
      );
    } else if (all.length === 0) {
      await cli.err.line("cos: nothing was merged or split by hand: `cos graph merge` and `cos graph split` do it");
    } else {
      await writeLines(
        cli.out,
        tableLines(
          cli.out,
          HEADINGS,
          all.map(({ module, alias }) => rowOf(module, alias)),
        ),
      );
    }
    return EXIT.ok;
  });
}

/** Page by page: a module takes 10,000. */
async function allAliases(graph: Graph, module: string, signal: AbortSignal): Promise<Alias[]> {
  const all: Alias[] = [];
  for (let pageToken = ""; ; ) {
    const page = await graph.listAliases({ module, pageSize: PAGE_SIZE, pageToken }, { signal });
    all.push(...page.aliases);
    if (page.nextPageToken === "") return all;
    pageToken = page.nextPageToken;
  }
}

function rowOf(module: string, { name, entity }: Alias): string[] {
  return [module, name?.name ?? "", name?.kind ?? "", entity?.name ?? "", entity?.kind ?? ""];
}
