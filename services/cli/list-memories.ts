import { create, toJsonString } from "@bufbuild/protobuf";
import { ListMemoriesOrder, ListMemoriesRequestSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { type Memory, MemorySchema } from "#gen/cos/memory/v1/memory_pb.ts";
import type { Cli } from "./cli.ts";
import type { ListOptions, ListOrder } from "./commands/list.ts";
import { type Connection, withConnection } from "./connection/with-connection.ts";
import { EXIT } from "./exit-codes.ts";
import { filterOf, timeRange } from "./options/build-filter.ts";
import { memoryLine } from "./output/format-memory.ts";

/** The most that one page may have (cos.conductor.v1.ListMemoriesRequest). */
const PAGE_MAX = 1000;

const ORDERS: Record<ListOrder, ListMemoriesOrder> = {
  recorded: ListMemoriesOrder.RECORDED_ASCENDING,
  "recorded-desc": ListMemoriesOrder.RECORDED_DESCENDING,
  occurred: ListMemoriesOrder.OCCURRED_ASCENDING,
  "occurred-desc": ListMemoriesOrder.OCCURRED_DESCENDING,
};

/** `cos list`. */
export function listMemories(cli: Cli, options: ListOptions): Promise<number> {
  return withConnection(cli, options.address, async (connection) => {
    for await (const memory of pagesOf(connection, options, cli.terminal.signal)) {
      await cli.out.line(options.json === true ? toJsonString(MemorySchema, memory) : memoryLine(cli.out, memory));
    }
    return EXIT.ok;
  });
}

/** The memories of all pages, up to the limit; a page may be short, even empty, and yet not be the last. */
async function* pagesOf({ conductor }: Connection, options: ListOptions, signal: AbortSignal): AsyncGenerator<Memory> {
  const filter = filterOf(options, {
    occurred: timeRange(options.since, options.until),
    recorded: timeRange(options.recordedSince, options.recordedUntil),
  });
  const request = create(ListMemoriesRequestSchema, { module: options.module, filter, order: ORDERS[options.order] });
  let left = options.limit;
  do {
    request.pageSize = Math.min(left, PAGE_MAX);
    const page = await conductor.listMemories(request, { signal });
    yield* page.memories.slice(0, left);
    left -= page.memories.length;
    request.pageToken = page.nextPageToken;
  } while (left > 0 && request.pageToken !== "");
}
