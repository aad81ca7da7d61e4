import { toJsonString } from "@bufbuild/protobuf";
import {
  type Verdict,
  type VerifyProjectionResponse,
  VerifyProjectionResponseSchema,
} from "#gen/cos/graph/v1/projection_pb.ts";
import type { Cli } from "../cli.ts";
import { CliFailure } from "../cli-failure.ts";
import type { GraphOptions } from "../commands/graph-parts.ts";
import { withGraph } from "../connection/with-graph.ts";
import { EXIT } from "../exit-codes.ts";
import { countOf } from "../output/count-of.ts";
import { oneLine } from "../output/one-line.ts";
import { writeLines } from "../output/write-lines.ts";
import { buildBar, drawBuild } from "./build-progress.ts";

/** `cos graph verify`: 1 if anything differs. */
export function verifyProjection(cli: Cli, { module, json, address }: GraphOptions): Promise<number> {
  return withGraph(cli, address, async (graph) => {
    const request = module === undefined ? {} : { module };
    const frames = graph.verifyProjection(request, { signal: cli.terminal.signal });
    const { done, verdicts } = await follow(cli, frames, json === true);
    if (!done) throw new CliFailure(EXIT.failed, "the proof ended before it was done: type it again");
    if (json !== true) await tell(cli, verdicts);
    return verdicts.every(({ equal }) => equal) ? EXIT.ok : EXIT.failed;
  });
}

/** Draws how far it is, to the end; the last frame has the verdicts. */
async function follow(
  cli: Cli,
  frames: AsyncIterable<VerifyProjectionResponse>,
  json: boolean,
): Promise<{ done: boolean; verdicts: readonly Verdict[] }> {
  const bar = buildBar(cli, "replaying");
  let [done, verdicts]: [boolean, readonly Verdict[]] = [false, []];
  try {
    for await (const frame of frames) {
      if (json) await cli.out.line(toJsonString(VerifyProjectionResponseSchema, frame));
      else drawBuild(bar, frame.progress);
      done = frame.progress?.done === true || frame.verdicts.length > 0;
      verdicts = frame.verdicts;
    }
  } finally {
    bar.clear();
  }
  return { done, verdicts };
}

async function tell({ out, err }: Cli, verdicts: readonly Verdict[]): Promise<void> {
  await writeLines(
    out,
    verdicts.flatMap((verdict) => linesOf(out, verdict)),
  );
  if (verdicts.length === 0) await err.line("cos: there is nothing to compare: the graph holds no module yet");
}

function linesOf(out: Cli["out"], verdict: Verdict): string[] {
  const { cursor, equal, digest, replayDigest, nodes, relationships, differences } = verdict;
  const place = out.style("bold", `${cursor?.module}/${cursor?.position}`);
  const counts = `${countOf(nodes, "node", "nodes")}, ${countOf(relationships, "relationship", "relationships")}`;
  if (equal) return [`${place}  equal: ${counts}  ${out.style("dim", `sha256:${digest}`)}`];
  return [
    `${place}  ${out.style("red", "differs")}: ${counts}`,
    `  the graph   sha256:${digest}`,
    `  the replay  sha256:${replayDigest}`,
    ...differences.map((line) => `  ${oneLine(line)}`),
  ];
}
