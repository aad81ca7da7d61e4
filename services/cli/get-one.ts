import { create, toJsonString } from "@bufbuild/protobuf";
import { type GetMemoryRequest, GetMemoryRequestSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { MemorySchema } from "#gen/cos/memory/v1/memory_pb.ts";
import type { Cli } from "./cli.ts";
import { CliFailure } from "./cli-failure.ts";
import type { GetOptions } from "./commands/get.ts";
import { withConnection } from "./connection/with-connection.ts";
import { EXIT } from "./exit-codes.ts";
import { isId } from "./options/is-id.ts";
import { memoryBlock } from "./output/format-memory.ts";

/** As people write it, or as search cites it. */
const PLACE = /^(?:m:)?([a-z][a-z0-9_]*)\/([1-9]\d{0,15})$/;

/** `cos get`. */
export function getOne(cli: Cli, which: string, options: GetOptions): Promise<number> {
  const request = requestOf(which);
  return withConnection(cli, options.address, async ({ conductor }) => {
    const { memory } = await conductor.getMemory(request, { signal: cli.terminal.signal });
    if (memory === undefined) throw new CliFailure(EXIT.notFound, `there is no memory ${which}`);
    await cli.out.line(options.json === true ? toJsonString(MemorySchema, memory) : memoryBlock(cli.out, memory));
    return EXIT.ok;
  });
}

function requestOf(which: string): GetMemoryRequest {
  if (isId(which)) return create(GetMemoryRequestSchema, { id: which });
  const [, module, position] = PLACE.exec(which) ?? [];
  if (module !== undefined && position !== undefined) {
    return create(GetMemoryRequestSchema, { module, position: BigInt(position) });
  }
  throw new CliFailure(EXIT.usage, `${which} is neither an id nor a place such as pepys/1`);
}
