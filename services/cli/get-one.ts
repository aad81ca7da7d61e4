import { toJsonString } from "@bufbuild/protobuf";
import { MemorySchema } from "#gen/cos/memory/v1/memory_pb.ts";
import type { Cli } from "./cli.ts";
import { CliFailure } from "./cli-failure.ts";
import type { GetOptions } from "./commands/get.ts";
import { withConnection } from "./connection/with-connection.ts";
import { EXIT } from "./exit-codes.ts";
import { memoryReference } from "./options/memory-reference.ts";
import { memoryBlock } from "./output/format-memory.ts";

/** `cos get`. */
export function getOne(cli: Cli, which: string, options: GetOptions): Promise<number> {
  const request = memoryReference(which);
  return withConnection(cli, options.address, async ({ conductor }) => {
    const { memory } = await conductor.getMemory(request, { signal: cli.terminal.signal });
    if (memory === undefined) throw new CliFailure(EXIT.notFound, `there is no memory ${which}`);
    await cli.out.line(options.json === true ? toJsonString(MemorySchema, memory) : memoryBlock(cli.out, memory));
    return EXIT.ok;
  });
}
