import { create } from "@bufbuild/protobuf";
import {
  type WatchGraphRequest,
  WatchGraphRequestSchema,
  type WatchGraphResponse,
  WatchGraphResponseSchema,
} from "#gen/cos/graph/v1/watch_pb.ts";
import { CursorSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import { watchGraph } from "#services/graph/handlers/watch-graph.ts";
import type { Access } from "#shared/auth/access.ts";
import { localAccess } from "#shared/auth/local-access.ts";
import { callBy, ends, type graph } from "./running-graph.ts";

export type Needs = Awaited<ReturnType<typeof graph>>;
export type Start = Partial<Pick<WatchGraphRequest, "module" | "labels" | "generation" | "start" | "heartbeat">>;

/** A watcher that a test pulls frame by frame. */
export function watch(needs: Needs, start: Start = {}, access: Access = localAccess()) {
  const leaving = new AbortController();
  const request = create(WatchGraphRequestSchema, start as never);
  const frames = watchGraph(needs)(request, callBy(access, leaving.signal))[Symbol.asyncIterator]();
  const next = async (): Promise<WatchGraphResponse["frame"]> => {
    const { value, done } = await frames.next();
    if (done === true) throw new Error("it has ended");
    return create(WatchGraphResponseSchema, value as never).frame;
  };
  /** Everything up to and with the next frame of a kind. */
  const until = async (kind: string) => {
    const seen: WatchGraphResponse["frame"][] = [];
    do seen.push(await next());
    while (seen.at(-1)?.case !== kind);
    return seen;
  };
  ends.push(async () => {
    leaving.abort();
    await frames.return?.(undefined);
  });
  return { next, until, frames, leave: () => leaving.abort() };
}

export const names = (frames: WatchGraphResponse["frame"][]) =>
  frames.flatMap((frame) => (frame.case === "changes" ? frame.value.nodes.map(({ name }) => name) : []));

export const cursors = (frames: WatchGraphResponse["frame"][]) =>
  frames.flatMap((frame) => (frame.case === "changes" ? [Number(frame.value.cursor?.position)] : []));

export const beginning: Start = { start: { case: "fromBeginning", value: true } };
export const from = (position: number, more: object = {}): Start => ({
  start: { case: "cursor", value: create(CursorSchema, { module: "cc", position: BigInt(position), epoch: "e1" }) },
  ...more,
});

/** Its store, with something of it in another way. */
export function storeWith({ store }: Needs, other: Partial<Needs["store"]>): Needs["store"] {
  const { live, livePlaces, changes } = store;
  return { live, livePlaces, changes, ...other } as Needs["store"];
}
