import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { type SubscribeResponse, SubscribeResponseSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { type Cursor, CursorSchema, type Event, EventSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import { MemorySchema } from "#gen/cos/memory/v1/memory_pb.ts";
import type { Followed } from "#shared/highway/client/followed.ts";
import type { ResumeFields } from "#shared/highway/client/place.ts";

export type Frame = SubscribeResponse;
type FrameInit = MessageInitShape<typeof SubscribeResponseSchema>["frame"];

export const EPOCH = "e1";

export function frame(init: NonNullable<FrameInit>): Frame {
  return create(SubscribeResponseSchema, { frame: init });
}

export function cursor(module: string, position: number): Cursor {
  return create(CursorSchema, { module, position: BigInt(position), epoch: EPOCH });
}

export function event(module: string, position: number): Event {
  const memory = create(MemorySchema, { module, position: BigInt(position), text: `${module} ${position}` });
  return create(EventSchema, { body: { case: "memory", value: memory } });
}

/** Where modules stand, as `Progress` says it; by default without having moved. */
export function progress(module: string, position: number, after = position, head = position) {
  return { cursor: cursor(module, position), after: BigInt(after), head: BigInt(head), live: position === head };
}

export function started(
  places: Readonly<Record<string, number>>,
  extra: { resumeToken?: string; degraded?: boolean } = {},
) {
  const rows = Object.entries(places).map(([module, position]) => progress(module, position));
  const value = { subscriptionId: "s1", epoch: EPOCH, progress: rows, heartbeat: durationFromMs(10_000), ...extra };
  return frame({ case: "started", value });
}

/** A batch in (after, end] with these positions; all of them if none are named. */
export function batch(module: string, after: number, end: number, positions?: readonly number[]): Frame {
  const all = positions ?? Array.from({ length: end - after }, (_, index) => after + 1 + index);
  const events = all.map((position) => event(module, position));
  return frame({ case: "batch", value: { cursor: cursor(module, end), after: BigInt(after), events } });
}

export function checkpoint(rows: ReturnType<typeof progress>[], resumeToken = "", degraded = false): Frame {
  return frame({ case: "checkpoint", value: { progress: rows, resumeToken, degraded } });
}

export function caughtUp(places: Readonly<Record<string, number>>, all = true, resumeToken = ""): Frame {
  const cursors = Object.entries(places).map(([module, position]) => cursor(module, position));
  return frame({ case: "caughtUp", value: { cursors, all, resumeToken } });
}

/** The events of what was followed, as `module/position`. */
export function places(followed: readonly Followed[]): string[] {
  return followed.flatMap((each) => (each.kind === "event" ? [`${each.module}/${each.position}`] : []));
}

/** A place as a test reads it. */
export function shown({ cursors, resumeToken }: ResumeFields): { cursors: string[]; resumeToken: string } {
  return { cursors: cursors.map(({ module, position }) => `${module}/${position}`), resumeToken };
}
