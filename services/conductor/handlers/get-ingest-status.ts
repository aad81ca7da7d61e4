import { setTimeout as delay } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import { type ConductorService, GetMemoryRequestSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import {
  type GetIngestStatusRequest,
  type GetIngestStatusResponse,
  GetIngestStatusResponseSchema,
  IngestStage,
} from "#gen/cos/conductor/v1/ingest_pb.ts";
import { type Memory, MemoryView } from "#gen/cos/memory/v1/memory_pb.ts";
import type { CallContext } from "#shared/auth/call-context.ts";
import type { Handlers } from "#shared/rpc/bind-service.ts";
import {
  type HighwayView,
  isGone,
  lackingFor,
  type MemoryPlace,
  type ProjectionView,
  projectedStatus,
  publishedStatus,
  stillLacking,
} from "../domain/ingest-status.ts";
import type { Store } from "../store/open-store.ts";

export interface IngestNeeds {
  readonly store: Pick<Store, "getMemory" | "log" | "projections">;
  /** What this process has seen of a module in Redis; undefined: it has no view yet. */
  readonly highwayView: (module: string) => HighwayView | undefined;
  readonly times?: Partial<IngestTimes>;
}

/** All in milliseconds. */
export interface IngestTimes {
  /** Between looks at what this process knows itself. */
  readonly publishedPollMs: number;
  /** Between looks at the database. */
  readonly projectedPollMs: number;
  /** Before the deadline, so that the refusal says what lacks. */
  readonly marginMs: number;
  /** Of calls without a deadline. */
  readonly waitMaxMs: number;
}

const TIMES: IngestTimes = { publishedPollMs: 25, projectedPollMs: 250, marginMs: 150, waitMaxMs: 30_000 };

/** What is always told of, whether or not it was ever heard of. */
const EXPECTED = ["graph"];

export function getIngestStatus(needs: IngestNeeds): Handlers<typeof ConductorService>["getIngestStatus"] {
  return async (request, call) => {
    const { id, module, position, waitFor } = request;
    const which = create(GetMemoryRequestSchema, { id, module, position, view: MemoryView.BASIC });
    const memory = await needs.store.getMemory(call.scope, which, call.signal);
    return await untilReached(needs, call, waitFor, () => look(needs, call, memory, request));
  };
}

async function untilReached(
  needs: IngestNeeds,
  call: CallContext,
  stage: IngestStage,
  lookAgain: () => Promise<Look>,
): Promise<GetIngestStatusResponse> {
  const times = { ...TIMES, ...needs.times };
  const endMs = Number.isFinite(call.deadlineMs) ? call.deadlineMs - times.marginMs : Date.now() + times.waitMaxMs;
  const pollMs = stage === IngestStage.PUBLISHED ? times.publishedPollMs : times.projectedPollMs;
  for (;;) {
    const { status, isAwaited } = await lookAgain();
    const lacking = lackingFor(stage, status, isAwaited);
    if (lacking === undefined) return status;
    const leftMs = endMs - Date.now();
    if (leftMs <= 0) throw stillLacking(placeOf(status), lacking);
    await delay(Math.min(pollMs, leftMs), undefined, { signal: call.signal });
  }
}

interface Look {
  readonly status: GetIngestStatusResponse;
  readonly isAwaited: (projection: string) => boolean;
}

async function look(
  { store, highwayView }: IngestNeeds,
  call: CallContext,
  memory: Memory,
  request: GetIngestStatusRequest,
): Promise<Look> {
  const { module } = memory;
  const place = { module, position: Number(memory.position) };
  // Whoever waits for the highway alone needs nothing of the database.
  const isAsked = request.waitFor !== IngestStage.PUBLISHED || isPublished(place, highwayView(module));
  const views = isAsked ? await store.projections.read(place, call.signal) : new Map<string, ProjectionView>();
  const named = request.projections.length > 0 ? request.projections : [...EXPECTED, ...views.keys()];
  const status = create(GetIngestStatusResponseSchema, {
    recorded: {
      memoryId: memory.id,
      cursor: { module, position: memory.position, epoch: store.log.epochs().current.identity },
      ...(memory.recordedAt && { recordedAt: memory.recordedAt }),
      ...(memory.forgottenAt && { forgottenAt: memory.forgottenAt }),
    },
    published: publishedStatus(place, highwayView(module)),
    projections: [...new Set(named)].sort().map((name) => projectedStatus(name, place, views.get(name))),
  });
  return { status, isAwaited: (name) => request.projections.includes(name) || !isGone(views.get(name)) };
}

function isPublished({ position }: MemoryPlace, view: HighwayView | undefined): boolean {
  return view !== undefined && !view.degraded && (view.redisLast ?? 0) >= position;
}

function placeOf({ recorded }: GetIngestStatusResponse): MemoryPlace {
  const { module = "", position = 0n } = recorded?.cursor ?? {};
  return { module, position: Number(position) };
}
