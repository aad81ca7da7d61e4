import { toJsonString } from "@bufbuild/protobuf";
import type { SubscribeRequest } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { MemorySchema } from "#gen/cos/memory/v1/memory_pb.ts";
import type { Followed } from "#shared/highway/client/followed.ts";
import { openPlace } from "#shared/highway/client/place.ts";
import { StreamRefused } from "#shared/highway/client/stream-error.ts";
import type { Cli } from "../cli.ts";
import type { TailOptions } from "../commands/tail.ts";
import { withConnection } from "../connection/with-connection.ts";
import { EXIT } from "../exit-codes.ts";
import { memoryLine } from "../output/format-memory.ts";
import { type CursorFile, openCursorFile } from "./cursor-file.ts";
import { followReadable } from "./follow-readable.ts";
import { readableModules } from "./readable-modules.ts";
import { subscribeRequest } from "./subscribe-request.ts";
import { tellState } from "./tell-state.ts";

/** `cos tail`: until the limit (0), Ctrl-C (130) or a refusal. */
export async function tailMemories(cli: Cli, options: TailOptions): Promise<number> {
  const request = subscribeRequest(options);
  const file = options.cursorFile === undefined ? undefined : await openCursorFile(options.cursorFile);
  return withConnection(cli, options.address, async (connection) => {
    const { signal } = cli.terminal;
    const stream = followReadable({
      open: (place, call) => connection.conductor.subscribe({ ...request, ...place }, call),
      signal,
      onState: (state) => tellState(cli.err, state),
      place: file?.place ?? openPlace(),
      named: namedModules(request),
      readable: () => readableModules(connection, signal),
      onTaken: () => cli.err.line(cli.err.style("dim", `cos: ${TAKEN}`)),
    });
    try {
      return await printStream(cli, options, stream, file);
    } catch (error) {
      if (error instanceof StreamRefused && error.cursorFaults !== undefined && file !== undefined) {
        await cli.err.line(`cos: the place was kept in ${options.cursorFile}: remove it first`);
      }
      throw error;
    } finally {
      await file?.close();
    }
  });
}

const TAKEN = "what you may read has changed: going on with what is left (`cos whoami` shows what that is)";

/** Undefined: all. */
function namedModules({ allModules, modules }: SubscribeRequest): readonly string[] | undefined {
  if (allModules) return undefined;
  return modules.length === 0 ? [DEFAULT_MODULE] : modules;
}

/** What the server takes where none is named (cos.conductor.v1.SubscribeRequest). */
const DEFAULT_MODULE = "cc";

async function printStream(
  cli: Cli,
  { json, limit = Number.POSITIVE_INFINITY }: TailOptions,
  stream: AsyncIterable<Followed>,
  file: CursorFile | undefined,
): Promise<number> {
  let left = limit;
  for await (const followed of stream) {
    if (followed.kind === "event" && followed.event.body.case === "memory") {
      const memory = followed.event.body.value;
      await cli.out.line(json === true ? toJsonString(MemorySchema, memory) : memoryLine(cli.out, memory));
      left -= 1;
    }
    await file?.take(followed);
    if (left === 0) return EXIT.ok;
  }
  return EXIT.interrupted;
}
