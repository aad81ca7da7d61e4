import { create, fromJson, toJson } from "@bufbuild/protobuf";
import { TimestampSchema } from "@bufbuild/protobuf/wkt";
import { type ListMemoriesRequest, ListMemoriesRequestSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { FilterSchema, TimeRangeSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import { type Forgotten, ForgottenSchema, type Memory } from "#gen/cos/memory/v1/memory_pb.ts";
import type { Cli } from "../cli.ts";
import type { ForgottenOptions } from "../commands/memories.ts";
import { type Connection, withConnection } from "../connection/with-connection.ts";
import { EXIT } from "../exit-codes.ts";
import { instantOf } from "../options/parse-since.ts";

/** The most that one page may have, of modules and of memories. */
const PAGE_MAX = 1000;

/** `cos memories forgotten`: the ledger, one JSON object a line. */
export function listForgotten(cli: Cli, options: ForgottenOptions): Promise<number> {
  const { signal } = cli.terminal;
  return withConnection(cli, options.address, async (connection) => {
    const modules = options.module === undefined ? namesOfModules(connection, signal) : [options.module];
    for await (const module of modules) {
      for await (const memory of pagesOf(connection, requestFor(module, options), signal)) {
        for (const line of ledgerLines(memory)) await cli.out.line(line);
      }
    }
    return EXIT.ok;
  });
}

async function* namesOfModules({ modules }: Connection, signal: AbortSignal): AsyncGenerator<string> {
  let pageToken = "";
  do {
    const page = await modules.listModules({ pageSize: PAGE_MAX, pageToken }, { signal });
    yield* page.modules.map(({ name }) => name);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
}

function requestFor(module: string, { since }: ForgottenOptions): ListMemoriesRequest {
  const from = since === undefined ? undefined : create(TimestampSchema, instantOf(since, Date.now()));
  const filter = create(FilterSchema, {
    eventTypes: ["cos.memory.forgotten"],
    ...(from && { recorded: create(TimeRangeSchema, { since: from }) }),
  });
  return create(ListMemoriesRequestSchema, { module, filter, pageSize: PAGE_MAX });
}

async function* pagesOf(
  { conductor }: Connection,
  request: ListMemoriesRequest,
  signal: AbortSignal,
): AsyncGenerator<Memory> {
  do {
    const page = await conductor.listMemories(request, { signal });
    yield* page.memories;
    request.pageToken = page.nextPageToken;
  } while (request.pageToken !== "");
}

/** The memories that one event tells of. */
function ledgerLines({ module, payload, recordedAt }: Memory): string[] {
  const { ids, positions }: Forgotten = fromJson(ForgottenSchema, payload ?? {}, { ignoreUnknownFields: true });
  const forgottenAt = recordedAt === undefined ? undefined : toJson(TimestampSchema, recordedAt);
  return ids.map((id, n) => JSON.stringify({ module, position: positions[n]?.toString(), id, forgottenAt }));
}
