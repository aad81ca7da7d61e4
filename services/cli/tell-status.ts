import { toJsonString } from "@bufbuild/protobuf";
import {
  type GetIngestStatusResponse,
  GetIngestStatusResponseSchema,
  IngestStage,
  ProjectedState,
  type ProjectedStatus,
  PublishedState,
  type PublishedStatus,
} from "#gen/cos/conductor/v1/ingest_pb.ts";
import type { Cli } from "./cli.ts";
import type { StatusOptions } from "./commands/status.ts";
import { withConnection } from "./connection/with-connection.ts";
import { EXIT } from "./exit-codes.ts";
import { memoryReference } from "./options/memory-reference.ts";
import { formatInstant } from "./output/format-instant.ts";
import { oneLine } from "./output/one-line.ts";
import type { Output } from "./output/output.ts";
import { tableLines } from "./output/table.ts";
import { writeLines } from "./output/write-lines.ts";

const STAGE = { published: IngestStage.PUBLISHED, projected: IngestStage.PROJECTED } as const;

/** `cos status`. */
export function tellStatus(cli: Cli, which: string, options: StatusOptions): Promise<number> {
  const { wait, timeout, json, address, projection: projections = [] } = options;
  const waitFor = wait === undefined ? IngestStage.UNSPECIFIED : STAGE[wait];
  const request = { ...memoryReference(which), waitFor, projections: [...new Set(projections)] };
  return withConnection(cli, address, async ({ conductor }) => {
    const call = { signal: cli.terminal.signal, ...(wait !== undefined && { timeoutMs: timeout * 1000 }) };
    const status = await conductor.getIngestStatus(request, call);
    if (json === true) await cli.out.line(toJsonString(GetIngestStatusResponseSchema, status));
    else await writeLines(cli.out, describe(cli.out, status));
    const isLost = status.projections.some(({ state }) => state === ProjectedState.PARKED);
    return waitFor === IngestStage.PROJECTED && isLost ? EXIT.failed : EXIT.ok;
  });
}

function describe(out: Output, { recorded, published, projections }: GetIngestStatusResponse): string[] {
  const place = `${recorded?.cursor?.module}/${recorded?.cursor?.position}`;
  const forgotten = recorded?.forgottenAt === undefined ? "" : `, forgotten ${formatInstant(recorded.forgottenAt)}`;
  const rows = [
    ["recorded", "yes", `at ${place}, ${formatInstant(recorded?.recordedAt)}${forgotten}`],
    ["published", ...publishedWords(published)],
    ...projections.map((each) => [each.projection, ...projectedWords(each)]),
  ];
  return tableLines(out, ["STAGE", "THERE", "WHERE, OR WHY NOT"], rows, { gives: 2 });
}

const PUBLISHED: Readonly<Record<number, string>> = {
  [PublishedState.PUBLISHED]: "yes",
  [PublishedState.PENDING]: "not yet",
  [PublishedState.DEGRADED]: "degraded",
};

function publishedWords(published: PublishedStatus | undefined): [string, string] {
  if (published === undefined) return ["unknown", ""];
  const { state, redisPosition, detail } = published;
  return [PUBLISHED[state] ?? "unknown", detail === "" ? `Redis is at ${redisPosition}` : oneLine(detail)];
}

const PROJECTED: Readonly<Record<number, string>> = {
  [ProjectedState.PROJECTED]: "yes",
  [ProjectedState.BEHIND]: "not yet",
  [ProjectedState.PARKED]: "never",
};

function projectedWords({ state, cursor, reportedAt, detail }: ProjectedStatus): [string, string] {
  const at = cursor === undefined ? "" : `is at ${cursor.position}`;
  const since = reportedAt === undefined ? "" : `as of ${formatInstant(reportedAt)}`;
  const where = [at, oneLine(detail), since].filter((part) => part !== "").join(", ");
  return [PROJECTED[state] ?? "unknown", where];
}
