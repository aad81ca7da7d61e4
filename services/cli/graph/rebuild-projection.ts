import { toJsonString } from "@bufbuild/protobuf";
import {
  type BuildProgress,
  type RebuildProjectionResponse,
  RebuildProjectionResponseSchema,
} from "#gen/cos/graph/v1/projection_pb.ts";
import type { Cli } from "../cli.ts";
import type { GraphOptions } from "../commands/graph-parts.ts";
import { withGraph } from "../connection/with-graph.ts";
import { EXIT } from "../exit-codes.ts";
import { countOf } from "../output/count-of.ts";
import { buildBar, drawBuild } from "./build-progress.ts";

const GOES_ON = "the rebuild goes on by itself: `cos graph projection` shows how far it is";

/** `cos graph rebuild`. */
export function rebuildProjection(cli: Cli, { json, address }: GraphOptions): Promise<number> {
  return withGraph(cli, address, async (graph) => {
    const frames = graph.rebuildProjection({}, { signal: cli.terminal.signal });
    const last = await follow(cli, frames, json === true);
    if (last?.done !== true) {
      await cli.err.line(`cos: ${GOES_ON}`);
      return EXIT.failed;
    }
    if (json !== true) {
      const read = countOf(last.projected, "memory", "memories");
      await cli.out.line(`rebuilt from ${read}: generation ${last.generation} is read from now on`);
    }
    return EXIT.ok;
  });
}

/** Draws how far it is; once it has begun it does not end with the stream, which is said. */
async function follow(
  cli: Cli,
  frames: AsyncIterable<RebuildProjectionResponse>,
  json: boolean,
): Promise<BuildProgress | undefined> {
  const bar = buildBar(cli, "rebuilding");
  let last: BuildProgress | undefined;
  try {
    for await (const frame of frames) {
      if (json) await cli.out.line(toJsonString(RebuildProjectionResponseSchema, frame));
      else drawBuild(bar, frame.progress);
      last = frame.progress;
    }
    return last;
  } catch (error) {
    bar.clear();
    if (last !== undefined) await cli.err.line(`cos: ${GOES_ON}`);
    throw error;
  } finally {
    bar.clear();
  }
}
