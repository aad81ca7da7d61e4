import { randomUUID } from "node:crypto";
import { text as readAll } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { create, toJsonString } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import {
  type RecordMemoryRequest,
  RecordMemoryRequestSchema,
  type RecordMemoryResponse,
  RecordMemoryResponseSchema,
} from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { ErrorInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { backoffMs, RECONNECT_BACKOFF } from "#shared/highway/client/backoff.ts";
import { passes, retryAfterMs } from "#shared/highway/client/stream-error.ts";
import type { Cli } from "./cli.ts";
import { CliFailure } from "./cli-failure.ts";
import type { RecordOptions } from "./commands/record.ts";
import { type Connection, withConnection } from "./connection/with-connection.ts";
import { EXIT } from "./exit-codes.ts";

/** How often a server that answers, but cannot record just now, is asked. */
const ATTEMPTS_MAX = 4;

/** `cos record`. */
export async function recordOne(cli: Cli, given: string | undefined, options: RecordOptions): Promise<number> {
  const request = await requestOf(cli, given, options);
  return withConnection(cli, options.address, async (connection) => {
    const response = await recordWithRetry(connection, request, cli.terminal.signal);
    const json = (): string => toJsonString(RecordMemoryResponseSchema, response);
    await cli.out.line(options.json === true ? json() : report(cli, response));
    return EXIT.ok;
  });
}

async function requestOf(cli: Cli, given: string | undefined, options: RecordOptions): Promise<RecordMemoryRequest> {
  const text = given === "-" ? (await readAll(cli.terminal.stdin)).trimEnd() : given;
  if (text === undefined && options.payload === undefined) {
    throw new CliFailure(EXIT.usage, "nothing to record: give a text, - for standard input, or --payload");
  }
  return create(RecordMemoryRequestSchema, {
    memory: {
      module: options.module,
      eventType: options.type,
      source: options.source ?? cli.terminal.userName(),
      text: text ?? "",
      sessionId: options.session ?? "",
      tags: options.tag ?? [],
      ...(options.occurred && { occurredAt: options.occurred }),
      ...(options.payload && { payload: options.payload }),
    },
    // With a key of its own the call may be repeated after an answer that never came.
    idempotencyKey: options.key ?? `cos-record-${randomUUID()}`,
  });
}

/** Repeats a call that the server itself asked to repeat; nobody at the other end is told at once. */
async function recordWithRetry(
  { conductor }: Connection,
  request: RecordMemoryRequest,
  signal: AbortSignal,
): Promise<RecordMemoryResponse> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await conductor.recordMemory(request, { signal });
    } catch (error) {
      const answered = error instanceof ConnectError && error.findDetails(ErrorInfoSchema).length > 0;
      if (!answered || !passes(error) || attempt === ATTEMPTS_MAX) throw error;
      await delay(retryAfterMs(error) || backoffMs(RECONNECT_BACKOFF, attempt, Math.random), undefined, { signal });
    }
  }
}

function report(cli: Cli, { memory, deduplicated }: RecordMemoryResponse): string {
  const place = cli.out.style("bold", `${memory?.module}/${memory?.position}`);
  const done = deduplicated ? "already there:" : "recorded";
  return `${done} ${place}  ${cli.out.style("dim", memory?.id ?? "")}`;
}
