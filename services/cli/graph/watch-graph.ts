import { create, toJsonString } from "@bufbuild/protobuf";
import { WatchGraphRequestSchema, WatchGraphResponseSchema } from "#gen/cos/graph/v1/watch_pb.ts";
import type { Cli } from "../cli.ts";
import type { WatchGraphOptions } from "../commands/graph-keep.ts";
import { withGraph } from "../connection/with-graph.ts";
import { EXIT } from "../exit-codes.ts";
import { tellState } from "../tail/tell-state.ts";
import { followGraph, type Told } from "./follow-graph.ts";
import { moduleToUse } from "./modules-of.ts";
import { searchOf } from "./search-of.ts";
import { ChangeLines } from "./tell-change.ts";

/** `cos graph watch`: until the limit (0), Ctrl-C (130) or a refusal. */
export function watchGraph(cli: Cli, options: WatchGraphOptions): Promise<number> {
  return withGraph(cli, options.address, async (graph) => {
    const { signal } = cli.terminal;
    const module = await moduleToUse(searchOf(cli, graph, options));
    const request = create(WatchGraphRequestSchema, {
      module,
      labels: options.labels,
      ...(options.fromBeginning === true && { start: { case: "fromBeginning", value: true } }),
    });
    const stream = followGraph({
      open: (from, call) => graph.watchGraph(from, call),
      request,
      signal,
      onState: (state) => tellState(cli.err, state),
    });
    return await print(cli, options, stream);
  });
}

async function print(cli: Cli, { json, limit }: WatchGraphOptions, stream: AsyncIterable<Told>): Promise<number> {
  const lines = new ChangeLines(cli.out);
  let left = limit ?? Number.POSITIVE_INFINITY;
  for await (const told of stream) {
    if (json === true) {
      await cli.out.line(jsonOf(told));
      left -= sizeOf(told);
    } else {
      for (const line of lines.of(told)) {
        await cli.out.line(line);
        left -= 1;
        if (left <= 0) break;
      }
    }
    if (left <= 0) return EXIT.ok;
  }
  return EXIT.interrupted;
}

/** A frame as it came, so that a program finds its cursor and generation in it. */
function jsonOf(told: Told): string {
  const frame =
    told.kind === "changes"
      ? ({ case: "changes", value: told.changes } as const)
      : ({ case: "reset", value: told.reset } as const);
  return toJsonString(WatchGraphResponseSchema, create(WatchGraphResponseSchema, { frame }));
}

function sizeOf(told: Told): number {
  if (told.kind === "reset") return 0;
  const { nodes, relationships, removed } = told.changes;
  return nodes.length + relationships.length + removed.length;
}
