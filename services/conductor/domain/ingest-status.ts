import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import {
  type GetIngestStatusResponse,
  IngestStage,
  ProjectedState,
  type ProjectedStatus,
  ProjectedStatusSchema,
  PublishedState,
  type PublishedStatus,
  PublishedStatusSchema,
} from "#gen/cos/conductor/v1/ingest_pb.ts";
import { CosError } from "#shared/errors/cos-error.ts";

/** After so long without a word a projection counts as not heard of, in milliseconds; the contract says so too. */
export const SILENT_MS = 10_000;

/** After so long without a word it counts as taken out of service, in milliseconds; the contract says so too. */
export const GONE_MS = 24 * 60 * 60 * 1000;

/** What this process has seen of a module in Redis. */
export interface HighwayView {
  /** Redis cannot be relied on. */
  readonly degraded: boolean;
  readonly breaker: string;
  /** The last position that Redis was seen to have; undefined: never seen. */
  readonly redisLast: number | undefined;
}

/** Where a memory stands. */
export interface MemoryPlace {
  readonly module: string;
  readonly position: number;
}

/** What is known of one projection, about one memory. */
export interface ProjectionView {
  readonly projection: string;
  /** When it was heard of, in milliseconds of the Unix epoch, and how long ago that is, both by the database's clock. */
  readonly reportedMs: number;
  readonly silentMs: number;
  readonly stalled: boolean;
  /** What it has taken of the memory's module, as far as the present log goes with it; undefined: nothing is known. */
  readonly reached: number | undefined;
  /** Of `reached`. */
  readonly epoch: string;
  /** Why it has passed the memory over; undefined: it has not. */
  readonly parked: string | undefined;
}

/** Whether the highway has a memory. */
export function publishedStatus({ position }: MemoryPlace, view: HighwayView | undefined): PublishedStatus {
  if (view === undefined) {
    return create(PublishedStatusSchema, {
      state: PublishedState.UNKNOWN,
      detail: "this process has no view of the highway yet",
    });
  }
  const { degraded, breaker, redisLast = 0 } = view;
  const redisPosition = BigInt(redisLast);
  if (degraded) {
    const why = breaker === "closed" ? "Redis sends nothing" : `the breaker before Redis is ${breaker}`;
    const detail = `${why}: subscribers are sent it from the log`;
    return create(PublishedStatusSchema, { state: PublishedState.DEGRADED, redisPosition, detail });
  }
  if (redisLast >= position) return create(PublishedStatusSchema, { state: PublishedState.PUBLISHED, redisPosition });
  const detail = redisLast === 0 ? "Redis was not seen to have anything of its module yet" : `Redis is at ${redisLast}`;
  return create(PublishedStatusSchema, { state: PublishedState.PENDING, redisPosition, detail });
}

/** Whether a projection has a memory; undefined: it has never been heard of. */
export function projectedStatus(
  projection: string,
  { module, position }: MemoryPlace,
  view: ProjectionView | undefined,
): ProjectedStatus {
  if (view === undefined) {
    const detail = "was never heard of: is it running, with a key by which the conductor knows it?";
    return create(ProjectedStatusSchema, { projection, state: ProjectedState.UNKNOWN, detail });
  }
  const { reached, epoch, reportedMs } = view;
  const known = {
    projection,
    reportedAt: timestampFromMs(reportedMs),
    ...(reached !== undefined && { cursor: { module, position: BigInt(reached), epoch } }),
    missing: BigInt(reached === undefined ? 0 : Math.max(0, position - reached)),
  };
  return create(ProjectedStatusSchema, { ...known, ...judge(position, view) });
}

function judge(position: number, view: ProjectionView): { state: ProjectedState; detail: string } {
  const { silentMs, parked, stalled, reached = 0 } = view;
  if (silentMs >= SILENT_MS) {
    const detail = `was not heard of for ${Math.floor(silentMs / 1000)} s: nobody knows how it stands now`;
    return { state: ProjectedState.UNKNOWN, detail };
  }
  if (parked !== undefined) return { state: ProjectedState.PARKED, detail: `could not take it: ${parked}` };
  if (reached >= position) return { state: ProjectedState.PROJECTED, detail: "" };
  const missing = position - reached;
  const behind = `is ${missing} ${missing === 1 ? "position" : "positions"} behind`;
  const detail = stalled ? `${behind}, and cannot go on: it does not reach the log or its engine` : behind;
  return { state: ProjectedState.BEHIND, detail };
}

/** Whether nobody waits for a projection, unless it is named: it was heard of, and has been silent for so long that it is no more. */
export function isGone(view: ProjectionView | undefined): boolean {
  return view !== undefined && view.silentMs >= GONE_MS;
}

/** What lacks until the stage is reached; undefined: nothing does, or waiting would not help. `isAwaited` by a projection's name. */
export function lackingFor(
  stage: IngestStage,
  { published, projections }: GetIngestStatusResponse,
  isAwaited: (projection: string) => boolean = () => true,
): string | undefined {
  switch (stage) {
    case IngestStage.PUBLISHED:
      if (published?.state === PublishedState.PUBLISHED) return undefined;
      return `not published yet: ${published?.detail}`;
    case IngestStage.PROJECTED: {
      const lacking = projections.filter(({ projection, state }) => !SETTLED.has(state) && isAwaited(projection));
      if (lacking.length === 0) return undefined;
      return lacking.map(({ projection, detail }) => `the ${projection} ${detail}`).join("; ");
    }
    default:
      return undefined;
  }
}

const SETTLED: ReadonlySet<ProjectedState> = new Set([ProjectedState.PROJECTED, ProjectedState.PARKED]);

/** The refusal of a wait that came to its end. */
export function stillLacking({ module, position }: MemoryPlace, lacking: string): CosError {
  return new CosError(ErrorReason.PROJECTION_BEHIND, `memory ${module}/${position}: ${lacking}`, {
    retryAfterMs: 1000,
  });
}
