import { toJsonString } from "@bufbuild/protobuf";
import { type Link, LinkMemoriesResponseSchema } from "#gen/cos/conductor/v1/links_pb.ts";
import type { Cli } from "../cli.ts";
import type { LinkOptions } from "../commands/links.ts";
import { withConnection } from "../connection/with-connection.ts";
import { EXIT } from "../exit-codes.ts";
import { memoryReference } from "../options/memory-reference.ts";
import { oneLine } from "../output/one-line.ts";
import { linkWords, typeOfWord } from "./link-words.ts";

/** `cos link`. */
export function linkMemories(cli: Cli, from: string, to: string, options: LinkOptions): Promise<number> {
  const request = {
    fromMemory: memoryReference(from),
    toMemory: memoryReference(to),
    type: typeOfWord(options.type),
    rationale: options.why ?? "",
    idempotencyKey: options.key ?? "",
  };
  return withConnection(cli, options.address, async ({ conductor }) => {
    const answer = await conductor.linkMemories(request, { signal: cli.terminal.signal });
    const { link, deduplicated } = answer;
    if (options.json === true) await cli.out.line(toJsonString(LinkMemoriesResponseSchema, answer));
    else if (link !== undefined) {
      await cli.out.line(`${deduplicated ? toldOfOld(link) : "linked"}  ${linkWords(link)}`);
      if (deduplicated && !link.ended && link.rationale !== (options.why ?? "")) {
        await cli.err.line(`cos: the link keeps its own reason: ${oneLine(link.rationale) || "(none)"}`);
      }
    }
    return EXIT.ok;
  });
}

function toldOfOld({ ended }: Link): string {
  return ended ? "linked by this key, and taken back since" : "linked already";
}
