import { toJsonString } from "@bufbuild/protobuf";
import {
  type BuildProgress,
  type GetProjectionResponse,
  GetProjectionResponseSchema,
  type ModuleProjection,
} from "#gen/cos/graph/v1/projection_pb.ts";
import type { Cli } from "../cli.ts";
import type { GraphOptions } from "../commands/graph-parts.ts";
import { withGraph } from "../connection/with-graph.ts";
import { EXIT } from "../exit-codes.ts";
import { countOf } from "../output/count-of.ts";
import { formatInstant } from "../output/format-instant.ts";
import { fieldLines, tableLines } from "../output/table.ts";
import { writeLines } from "../output/write-lines.ts";
import { lagTime } from "./lag-words.ts";

/** `cos graph projection`. */
export function showProjection(cli: Cli, { module, json, address }: GraphOptions): Promise<number> {
  return withGraph(cli, address, async (graph) => {
    const request = module === undefined ? {} : { module };
    const answer = await graph.getProjection(request, { signal: cli.terminal.signal });
    const lines = json === true ? [toJsonString(GetProjectionResponseSchema, answer)] : describe(cli, answer);
    await writeLines(cli.out, lines);
    const rulesAreNewer = answer.extractorVersionAvailable > answer.extractorVersion;
    if (rulesAreNewer && json !== true) await cli.err.line(`cos: ${NEWER_RULES}`);
    return EXIT.ok;
  });
}

const NEWER_RULES =
  "there are newer rules by which memories are read: `cos graph rebuild` applies them to the old ones too";
const HEADINGS = ["MODULE", "AT", "HEAD", "LAG", "BEHIND", "LAST STEP", "PASSED OVER"];

function describe({ out }: Cli, answer: GetProjectionResponse): string[] {
  const { engine, generation, extractorVersion, connected, building, modules } = answer;
  const fields = fieldLines(out, [
    ["engine", engine],
    ["generation", String(generation)],
    ["rules", `version ${extractorVersion}`],
    ["log", connected ? "connected to the conductor" : "not connected to the conductor: trying again"],
    ["building", building === undefined ? "" : buildingWords(building)],
  ]);
  if (modules.length === 0) return fields;
  const table = tableLines(out, HEADINGS, modules.map(rowOf), { right: [1, 2, 3, 4, 6] });
  return [...fields, "", ...table, ...parkedLines(out, modules)];
}

function rowOf(each: ModuleProjection): string[] {
  return [
    each.cursor?.module ?? "",
    (each.cursor?.position ?? 0n).toLocaleString("en"),
    each.head.toLocaleString("en"),
    each.lagPositions === 0n ? "" : each.lagPositions.toLocaleString("en"),
    lagTime(each),
    formatInstant(each.projectedAt),
    each.parkedCount === 0n ? "" : each.parkedCount.toLocaleString("en"),
  ];
}

function buildingWords({ purpose, generation, projected, total }: BuildProgress): string {
  const what = `${purpose} (generation ${generation})`;
  // Whoever may not read every module is not told how far it is.
  if (total === 0n) return what;
  return `${what}: ${projected.toLocaleString("en")} of ${countOf(total, "memory", "memories")}`;
}

/** What could not be taken, with its place, which `cos get` takes. */
function parkedLines(out: Cli["out"], modules: readonly ModuleProjection[]): string[] {
  const rows = modules.flatMap(({ cursor, parked }) =>
    parked.map(({ position, attempts, parkedAt, error }) => [
      `${cursor?.module}/${position}`,
      String(attempts),
      formatInstant(parkedAt),
      error,
    ]),
  );
  if (rows.length === 0) return [];
  return ["", ...tableLines(out, ["PASSED OVER", "TRIED", "AT", "WHY"], rows, { right: [1], gives: 3 })];
}
