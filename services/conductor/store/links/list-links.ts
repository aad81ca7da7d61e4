import { create, toBinary } from "@bufbuild/protobuf";
import {
  type Link,
  LinkDirection,
  type ListLinksRequest,
  ListLinksRequestSchema,
} from "#gen/cos/conductor/v1/links_pb.ts";
import type { Memory } from "#gen/cos/memory/v1/memory_pb.ts";
import type { Scope } from "#shared/auth/scope.ts";
import { pageSizeOf } from "#shared/paging/page-size.ts";
import { decodePageToken, encodePageToken, fingerprintOf, type KeyShape } from "#shared/paging/page-token.ts";
import type { Postgres } from "#shared/postgres/open-postgres.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";
import { linkTypeOf } from "../../domain/accept-link.ts";
import { Parameters } from "../parameters.ts";
import { scopeParameter } from "../visibility.ts";
import { type LinkRow, linkOf, wholeLinks, wordOfType } from "./link-rows.ts";

export interface LinkPage {
  readonly links: Link[];
  /** Empty: this page was the last. */
  readonly nextPageToken: string;
}

const keyShape: KeyShape = [(module) => /^[a-z0-9_]{1,40}$/.test(module), (position) => /^\d{1,15}$/.test(position)];

/**
 * One page of the links of a memory that the caller was found to see, by the module of their events, then by position. Each way is found
 * along an index of its own. Rejects with PAGE_TOKEN_INVALID.
 */
export async function listLinks(
  postgres: Pick<Postgres, "pool" | "cancelBackend">,
  scope: Scope,
  { id, module, position }: Memory,
  request: ListLinksRequest,
  signal?: AbortSignal,
): Promise<LinkPage> {
  const size = pageSizeOf(request.pageSize);
  const fingerprint = fingerprintOfList(id, request);
  const after = request.pageToken === "" ? ["", "0"] : decodePageToken(fingerprint, request.pageToken, keyShape);
  const parameters = new Parameters();
  const [home, at] = [parameters.add(module), parameters.add(String(position))];
  const visible = parameters.add(scopeParameter(scope));
  const limit = parameters.add(size + 1);
  const wanted = [
    `(l.module, l.position) > (${parameters.add(after[0])}::text, ${parameters.add(after[1])}::bigint)`,
    "l.ended is null",
    ...(request.types.length === 0 ? [] : [`l.type = any(${parameters.add(typeWords(request))}::text[])`]),
  ].join(" and ");
  const order = "order by l.module, l.position";
  /** `other` is the module of the end that the memory is not. */
  const oneWay = (which: string, other: string): string =>
    `(select l.* from mem0_cc.link l
      where ${which} and ${wanted} and (${visible}::text[] is null or ${other} = any(${visible}::text[]))
      ${order} limit ${limit})`;
  const ways = [
    ...(request.direction === LinkDirection.INCOMING
      ? []
      : [oneWay(`l.module = ${home} and l.from_position = ${at}`, "l.to_module")]),
    ...(request.direction === LinkDirection.OUTGOING
      ? []
      : [oneWay(`l.to_module = ${home} and l.to_position = ${at}`, "l.module")]),
  ];
  const links = `select * from (${ways.join(" union all ")}) l ${order} limit ${limit}`;
  const rows = await queryAbortably<LinkRow>(postgres, {
    text: `${wholeLinks(links)} ${order}`,
    values: parameters.values,
    signal,
  });
  const last = rows[size - 1];
  const nextPageToken =
    rows.length > size && last !== undefined ? encodePageToken(fingerprint, [last.module, last.position]) : "";
  return { links: rows.slice(0, size).map(linkOf), nextPageToken };
}

function typeWords({ types }: ListLinksRequest): string[] {
  return [...new Set(types.map((type) => wordOfType(linkTypeOf(type))))].sort();
}

/** The size of the page may change from page to page; nothing else may. */
function fingerprintOfList(id: string, request: ListLinksRequest): string {
  const { direction } = request;
  const list = create(ListLinksRequestSchema, { direction });
  return fingerprintOf("links", id, toBinary(ListLinksRequestSchema, list), ...typeWords(request));
}
