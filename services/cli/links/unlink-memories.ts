import { toJsonString } from "@bufbuild/protobuf";
import { UnlinkMemoriesResponseSchema } from "#gen/cos/conductor/v1/links_pb.ts";
import type { Cli } from "../cli.ts";
import type { UnlinkOptions } from "../commands/links.ts";
import { withConnection } from "../connection/with-connection.ts";
import { EXIT } from "../exit-codes.ts";
import { memoryReference } from "../options/memory-reference.ts";
import { typeOfWord } from "./link-words.ts";

/** `cos unlink`. */
export function unlinkMemories(cli: Cli, from: string, to: string, options: UnlinkOptions): Promise<number> {
  const { type, json, address } = options;
  const ends = { fromMemory: memoryReference(from), toMemory: memoryReference(to) };
  return withConnection(cli, address, async ({ conductor }) => {
    const answer = await conductor.unlinkMemories({ ...ends, type: typeOfWord(type) }, { signal: cli.terminal.signal });
    await cli.out.line(
      json === true ? toJsonString(UnlinkMemoriesResponseSchema, answer) : `unlinked  ${from} ${type} ${to}`,
    );
    return EXIT.ok;
  });
}
