import { create } from "@bufbuild/protobuf";
import { FilterSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import type { Memory } from "#gen/cos/memory/v1/memory_pb.ts";
import type { Connection } from "../connection/with-connection.ts";
import type { Selection } from "./selection.ts";

/**
 * Some of the first memories of a selection that are still to be forgotten, `count` at most and perhaps none; the log's own acts
 * are not among them.
 */
export async function sampleMemories(
  connection: Pick<Connection, "conductor">,
  selection: Selection,
  count: number,
  signal: AbortSignal,
): Promise<Memory[]> {
  const memories =
    selection.selector.case === "ids"
      ? await memoriesById(connection, selection.module, selection.selector.value.ids.slice(0, count), signal)
      : // More than are shown, since some may be forgotten already.
        await firstMemories(connection, selection, 4 * count, signal);
  return memories
    .filter(({ forgottenAt, eventType }) => forgottenAt === undefined && !eventType.startsWith("cos."))
    .slice(0, count);
}

async function memoriesById(
  { conductor }: Pick<Connection, "conductor">,
  module: string,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<Memory[]> {
  const answers = await Promise.allSettled(ids.map((id) => conductor.getMemory({ id, module }, { signal })));
  // One that is missing is counted, not shown.
  return answers.flatMap((answer) => (answer.status === "fulfilled" ? (answer.value.memory ?? []) : []));
}

async function firstMemories(
  { conductor }: Pick<Connection, "conductor">,
  { module, selector }: Selection,
  pageSize: number,
  signal: AbortSignal,
): Promise<Memory[]> {
  const filter = create(FilterSchema, {
    ...(selector.case === "sessionId" && { sessionIds: [selector.value] }),
    ...(selector.case === "source" && { sources: [selector.value] }),
  });
  const { memories } = await conductor.listMemories({ module, filter, pageSize }, { signal });
  return memories;
}
