import { toJsonString } from "@bufbuild/protobuf";
import { MemorySchema } from "#gen/cos/memory/v1/memory_pb.ts";
import { follow } from "#shared/highway/client/follow.ts";
import type { Followed } from "#shared/highway/client/followed.ts";
import { resumeFields } from "#shared/highway/client/place.ts";
import { StreamRefused } from "#shared/highway/client/stream-error.ts";
import type { Cli } from "../cli.ts";
import type { TailOptions } from "../commands/tail.ts";
import { withConnection } from "../connection.ts";
import { EXIT } from "../exit-codes.ts";
import { memoryLine } from "../output/format-memory.ts";
import { type CursorFile, openCursorFile } from "./cursor-file.ts";
import { subscribeRequest } from "./subscribe-request.ts";
import { tellState } from "./tell-state.ts";

/** `cos tail`: until the limit (0), Ctrl-C (130) or a refusal. */
export async function tailMemories(cli: Cli, options: TailOptions): Promise<number> {
  const request = subscribeRequest(options);
  const file = options.cursorFile === undefined ? undefined : await openCursorFile(options.cursorFile);
  return withConnection(cli, options.address, async ({ conductor }) => {
    const stream = follow({
      open: (place, call) => conductor.subscribe({ ...request, ...place }, call),
      from: file === undefined ? {} : resumeFields(file.place),
      signal: cli.terminal.signal,
      onState: (state) => tellState(cli.err, state),
      // Nobody there at the start is most likely a wrong address or a server not started: say so at once.
      giveUp: ({ everConnected }) => !everConnected,
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
