import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import type { ExportGraphRequest } from "#gen/cos/graph/v1/surveys_pb.ts";
import type { CallContext } from "#shared/auth/call-context.ts";
import { judgeRight } from "#shared/auth/judge-right.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { moduleOr } from "../domain/default-module.ts";
import type { GraphReader } from "../domain/graph-store.ts";
import { openIdList } from "../domain/id-list.ts";
import { edgeSize, nodeSize, partsWithin } from "../domain/item-size.ts";
import { nodeOf } from "../domain/node-of.ts";
import { relationshipOf } from "../domain/relationship-of.ts";
import { labelsOf } from "../domain/vocabulary.ts";
import type { OpenStreams } from "./open-streams.ts";
import { type Graph, type GraphReadNeeds, requireModule } from "./read-needs.ts";

export interface ExportNeeds extends GraphReadNeeds {
  readonly streams: OpenStreams;
  /** How many go on at a time. Unset: 8. */
  readonly exportsMax?: number;
}

/** How many rows are read at a time. */
const PAGE_ROWS = 500;
const EXPORTS_MAX = 8;
const FULL_RETRY_AFTER_MS = 10_000;

/**
 * Pages are read as the caller takes them. What an export keeps is the ids of the nodes that it has sent: a node may come while it goes on, and
 * its relationships are not to be sent without it. That is 32 MB at most for a million nodes, for as long as the caller takes; so only a few
 * go on at a time. What is in a frame fits every client. An export is of one generation; where another one takes its place, and where the
 * process goes away, it ends with DRAINING: it is to be asked for again.
 */
export function exportGraph({
  store,
  awaitPlace,
  streams,
  exportsMax = EXPORTS_MAX,
}: ExportNeeds): Graph["exportGraph"] {
  let exporting = 0;
  return async function* (request, call) {
    await awaitPlace(request.atLeast, call);
    const module = moduleOr(request.module);
    const generation = (await store.live(call.signal))?.number;
    await requireModule(store, call, module);
    if (exporting >= exportsMax) throw tooMany();
    exporting += 1;
    const stream = streams.open({ access: call.access, signal: call.signal, endsByItself: true });
    const judge = async (): Promise<void> => {
      // A right that was taken back ends the export with a refusal: an empty page would pass for the end.
      judgeRight(call.access, Verb.READ, module);
      if (stream.ending !== undefined) throw stream.ending.error;
      if ((await store.live(call.signal))?.number !== generation) throw builtAnew();
    };
    try {
      yield* framesOf({ store, judge }, call, { module, labels: request.labels });
    } finally {
      exporting -= 1;
      stream.close();
    }
  };
}

interface Exporting {
  readonly store: Pick<GraphReader, "exportNodes" | "exportEdges">;
  /** Throws where what has been read is not to be sent. */
  readonly judge: () => Promise<void>;
}

async function* framesOf(
  { store, judge }: Exporting,
  call: CallContext,
  { module, labels: named }: Pick<ExportGraphRequest, "module" | "labels">,
): ReturnType<Graph["exportGraph"]> {
  const labels = labelsOf(named);
  const sent = openIdList();
  const nodePages = pagesOf(judge, (after) => store.exportNodes(call.scope, module, after, PAGE_ROWS, call.signal));
  for await (const rows of nodePages) {
    const shown = rows.filter(({ label }) => labels.length === 0 || labels.includes(label));
    for (const { id } of shown) sent.add(id);
    for (const part of partsWithin(shown, nodeSize)) yield { nodes: part.map((row) => nodeOf(row)) };
  }
  const edgePages = pagesOf(judge, (after) => store.exportEdges(call.scope, module, after, PAGE_ROWS, call.signal));
  for await (const rows of edgePages) {
    const shown = rows.filter(({ from, to }) => sent.has(from) && sent.has(to));
    for (const part of partsWithin(shown, edgeSize)) yield { relationships: part.map((row) => relationshipOf(row)) };
  }
}

async function* pagesOf<Row extends { readonly id: string }>(
  judge: () => Promise<void>,
  read: (after: string) => Promise<Row[]>,
): AsyncGenerator<Row[]> {
  for (let after = ""; ; ) {
    const rows = await read(after);
    // Only now: what was read while the graph changed places may be of either.
    await judge();
    yield rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE_ROWS) return;
    after = last.id;
  }
}

function tooMany(): CosError {
  return new CosError(ErrorReason.OVERLOADED, "too many exports are open at once", {
    retryAfterMs: FULL_RETRY_AFTER_MS,
  });
}

function builtAnew(): CosError {
  return new CosError(ErrorReason.DRAINING, "the graph was built anew while it was exported: export it again");
}
