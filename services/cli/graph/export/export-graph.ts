import type { Cli } from "../../cli.ts";
import type { ExportGraphOptions } from "../../commands/graph-ask.ts";
import type { ExportFormat } from "../../commands/graph-parts.ts";
import { withGraph } from "../../connection/with-graph.ts";
import { EXIT } from "../../exit-codes.ts";
import { countOf } from "../../output/count-of.ts";
import { modulesToAsk } from "../modules-of.ts";
import { searchOf } from "../search-of.ts";
import type { GraphFormat } from "./graph-format.ts";
import { type Item, type Selection, selectGraph } from "./select-graph.ts";
import { dot } from "./write-dot.ts";
import { graphMl } from "./write-graphml.ts";
import { jsonLines } from "./write-jsonl.ts";
import { mermaid } from "./write-mermaid.ts";

const FORMATS: Readonly<Record<ExportFormat, () => GraphFormat>> = { graphml: graphMl, jsonl: jsonLines, dot, mermaid };

/** A chart of more cannot be read, and Mermaid refuses one of more than 500 relationships. */
const MERMAID_NODES = 50;
const MERMAID_RELATIONSHIPS_MAX = 200;

/** Characters that are gathered before they are written. */
const CHUNK_LENGTH = 32_768;

/** `cos graph export`. */
export function exportGraph(cli: Cli, options: ExportGraphOptions): Promise<number> {
  const name = options.json === true ? "jsonl" : options.format;
  return withGraph(cli, options.address, async (graph) => {
    const { signal } = cli.terminal;
    const [module] = (await modulesToAsk(searchOf(cli, graph, options))) as [string];
    const stream = graph.exportGraph({ module, labels: options.labels }, { signal });
    const format = FORMATS[name]();
    const counts = { node: 0n, relationship: 0n };
    let text = format.head(module);
    for await (const item of selectGraph(stream, selectionOf(name, options))) {
      counts[item.kind] += 1n;
      text += textOf(format, item);
      if (text.length < CHUNK_LENGTH) continue;
      await cli.out.write(text);
      text = "";
    }
    await cli.out.write(text + format.foot());
    await cli.err.line(cli.err.style("dim", `cos: ${summaryOf(counts)} of ${module}`));
    return EXIT.ok;
  });
}

function selectionOf(format: ExportFormat, { minCount = 1, top }: ExportGraphOptions): Selection {
  if (format !== "mermaid") return { minCount, top };
  return { minCount, top: top ?? MERMAID_NODES, relationshipsMax: MERMAID_RELATIONSHIPS_MAX };
}

function textOf(format: GraphFormat, item: Item): string {
  return item.kind === "node" ? format.node(item.node) : format.relationship(item.relationship);
}

function summaryOf({ node, relationship }: Record<Item["kind"], bigint>): string {
  return `${countOf(node, "node", "nodes")} and ${countOf(relationship, "relationship", "relationships")}`;
}
