import { create } from "@bufbuild/protobuf";
import { type Duration, durationMs } from "@bufbuild/protobuf/wkt";
import {
  type Batch,
  type CaughtUp,
  type Checkpoint,
  CursorSchema,
  type FellBehind,
  type Progress,
  type Started,
} from "#gen/cos/highway/v1/highway_pb.ts";
import { beginStream, type Chain, ChainBroken, proveBatch, proveMove, proveStanding } from "./chain.ts";
import type { Followed, FollowState } from "./followed.ts";
import type { Frame } from "./frame.ts";

/** The heartbeat of a server that names none, in milliseconds (cos.conductor.v1.SubscribeRequest.heartbeat). */
const HEARTBEAT_DEFAULT_MS = 10_000;
/** After so many heartbeats without a frame the connection is dead (cos.highway.v1.Started.heartbeat). */
const SILENT_HEARTBEATS_MAX = 3;
/** How long a stream may take to its first frame, before it has named its heartbeat, in milliseconds. */
export const FIRST_FRAME_MAX_MS = SILENT_HEARTBEATS_MAX * HEARTBEAT_DEFAULT_MS;

/** How long a stream with this heartbeat may be silent, in milliseconds. */
export function silenceMaxMs(heartbeat: Duration | undefined): number {
  const heartbeatMs = heartbeat === undefined ? 0 : durationMs(heartbeat);
  return SILENT_HEARTBEATS_MAX * (heartbeatMs || HEARTBEAT_DEFAULT_MS);
}

/** What one stream has said of itself, and where its news goes. */
export interface Session {
  readonly chain: Chain;
  readonly onState: (state: FollowState) => void;
  /** Whether an earlier stream was lost. */
  readonly resumed: boolean;
  degraded: boolean;
  silenceMaxMs: number;
  /** Whether it came to more than its start: then a next loss is a new trouble, not the same one. */
  spoke: boolean;
  /** Whether any module moved. */
  moved: boolean;
  /** Set by the last frame: how long to stay away, in milliseconds. */
  goAwayMs: number | undefined;
}

/** The session of a stream that has not said anything yet. */
export function openSession(start: Omit<Session, "spoke" | "moved" | "goAwayMs">): Session {
  return { ...start, spoke: false, moved: false, goAwayMs: undefined };
}

/** Proves one frame against the chain and says what follows from it, in order. Throws ChainBroken. */
export function takeFrame(session: Session, frame: Frame): Followed[] {
  const { case: kind } = frame.frame;
  if (kind !== "started" && session.chain.named === undefined) throw new ChainBroken("the stream did not start");
  const followed = followedFrom(session, frame);
  session.spoke ||= kind !== "started" && kind !== "goAway";
  session.moved ||= kind !== "started" && followed.some((each) => each.kind !== "checkpoint");
  return followed;
}

function followedFrom(session: Session, { frame }: Frame): Followed[] {
  switch (frame.case) {
    case "started":
      return takeStarted(session, frame.value);
    case "batch":
      return takeBatch(session.chain, frame.value);
    case "checkpoint":
      return takeCheckpoint(session, frame.value);
    case "caughtUp":
      return takeCaughtUp(session, frame.value);
    case "fellBehind":
      return takeFellBehind(session, frame.value);
    case "goAway":
      session.goAwayMs = frame.value.retryAfter === undefined ? 0 : durationMs(frame.value.retryAfter);
      return [checkpoint(frame.value.resumeToken)];
    default:
      return [];
  }
}

function takeStarted(session: Session, { subscriptionId, epoch, progress, ...started }: Started): Followed[] {
  beginStream(session.chain);
  const moves = progress.map((each) => takeProgress(session.chain, each));
  session.silenceMaxMs = silenceMaxMs(started.heartbeat);
  session.onState({ kind: "connected", subscriptionId, epoch, resumed: session.resumed });
  tellDegraded(session, started.degraded);
  return [...moves, checkpoint(started.resumeToken)];
}

function takeBatch(chain: Chain, batch: Batch): Followed[] {
  const fresh = proveBatch(chain, batch);
  const { module, epoch, position: end } = batch.cursor!;
  const events = fresh.map(({ event, position }): Followed => {
    const cursor = create(CursorSchema, { module, epoch, position: BigInt(position) });
    return { kind: "event", module, position, cursor, event };
  });
  const last = fresh.at(-1)?.position;
  if (last === Number(end)) return events;
  return [...events, { kind: "progress", cursor: batch.cursor!, progress: undefined }];
}

function takeCheckpoint(session: Session, { progress, resumeToken, degraded }: Checkpoint): Followed[] {
  const moves = progress.map((each) => takeProgress(session.chain, each));
  tellDegraded(session, degraded);
  return [...moves, checkpoint(resumeToken)];
}

function takeCaughtUp(session: Session, { cursors, all, resumeToken }: CaughtUp): Followed[] {
  for (const cursor of cursors) proveStanding(session.chain, cursor);
  session.onState({ kind: "caught_up", modules: cursors.map(({ module }) => module), all });
  return [checkpoint(resumeToken)];
}

function takeFellBehind(session: Session, { cursor, reason }: FellBehind): Followed[] {
  proveStanding(session.chain, cursor);
  session.onState({ kind: "fell_behind", module: cursor!.module, reason });
  return [];
}

function takeProgress(chain: Chain, progress: Progress): Followed {
  proveMove(chain, progress.cursor, progress.after);
  return { kind: "progress", cursor: progress.cursor!, progress };
}

function checkpoint(resumeToken: string): Followed {
  return { kind: "checkpoint", resumeToken };
}

function tellDegraded(session: Session, degraded: boolean): void {
  if (degraded !== session.degraded) session.onState({ kind: "degraded", degraded });
  session.degraded = degraded;
}
