import { create, toJsonString } from "@bufbuild/protobuf";
import {
  type Link,
  LinkDirection,
  LinkSchema,
  type ListLinksRequest,
  ListLinksRequestSchema,
} from "#gen/cos/conductor/v1/links_pb.ts";
import type { Cli } from "../cli.ts";
import type { ListLinksOptions } from "../commands/links.ts";
import { type Connection, withConnection } from "../connection/with-connection.ts";
import { EXIT } from "../exit-codes.ts";
import { type MemoryReference, memoryReference } from "../options/memory-reference.ts";
import { oneLine } from "../output/one-line.ts";
import { tableLines } from "../output/table.ts";
import { writeLines } from "../output/write-lines.ts";
import { placeOf, typeOfWord, wordOfType } from "./link-words.ts";

const PAGE_MAX = 1000;

/** `cos links`. */
export function listLinks(cli: Cli, which: string, options: ListLinksOptions): Promise<number> {
  const reference = memoryReference(which);
  return withConnection(cli, options.address, async ({ conductor }) => {
    const request = requestOf(reference, options);
    const links: Link[] = [];
    do {
      request.pageSize = Math.min(PAGE_MAX, options.limit - links.length);
      const page = await conductor.listLinks(request, { signal: cli.terminal.signal });
      links.push(...page.links);
      request.pageToken = page.nextPageToken;
    } while (request.pageToken !== "" && links.length < options.limit);
    if (options.json === true) {
      await writeLines(
        cli.out,
        links.map((link) => toJsonString(LinkSchema, link)),
      );
      return EXIT.ok;
    }
    if (links.length === 0) {
      await cli.err.line(`cos: ${which} has no links${options.type === undefined ? "" : ` of type ${options.type}`}`);
      return EXIT.ok;
    }
    await writeLines(cli.out, await describe(cli, conductor, reference, links));
    if (request.pageToken !== "") await cli.err.line("cos: there are more: --limit all");
    return EXIT.ok;
  });
}

function requestOf(memory: MemoryReference, { type, from, to }: ListLinksOptions): ListLinksRequest {
  const direction = from === true ? LinkDirection.OUTGOING : LinkDirection.INCOMING;
  return create(ListLinksRequestSchema, {
    memory,
    ...(type !== undefined && { types: [typeOfWord(type)] }),
    ...((from === true || to === true) && { direction }),
  });
}

/** Which way each goes, as seen from the memory that was asked about. */
async function describe(
  { out, terminal }: Cli,
  conductor: Connection["conductor"],
  reference: MemoryReference,
  links: readonly Link[],
): Promise<string[]> {
  const place =
    "id" in reference
      ? await placeById(conductor, reference, terminal.signal)
      : `${reference.module}/${reference.position}`;
  const rows = links.map(({ fromMemory, toMemory, type, rationale }) => {
    const isOutgoing = placeOf(fromMemory) === place;
    const other = isOutgoing ? toMemory : fromMemory;
    return [
      `${isOutgoing ? "->" : "<-"} ${wordOfType(type)}`,
      placeOf(other),
      oneLine(rationale),
      oneLine(other?.excerpt ?? ""),
    ];
  });
  return tableLines(out, ["LINK", "MEMORY", "WHY", "IT SAYS"], rows, { gives: 3 });
}

async function placeById(
  conductor: Connection["conductor"],
  reference: { readonly id: string },
  signal: AbortSignal,
): Promise<string> {
  const { memory } = await conductor.getMemory(reference, { signal });
  return `${memory?.module}/${memory?.position}`;
}
