import type { ListTokensRequest, Token } from "#gen/cos/auth/v1/auth_service_pb.ts";
import { pageSizeOf } from "#shared/paging/page-size.ts";
import { decodePageToken, encodePageToken, fingerprintOf, type KeyShape } from "#shared/paging/page-token.ts";
import type { Postgres } from "#shared/postgres/open-postgres.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";
import { checkInstant } from "../../domain/instant.ts";
import { isoOf, timestampOf } from "../memory-rows.ts";
import { Parameters } from "../parameters.ts";
import { isLive, type TokenRow, tokenColumns, tokenOf } from "./token-rows.ts";

/** A page ends here, with at least one token: each carries up to 1,000 rights. */
const pageBytesMax = 2 * 1024 * 1024;

const isMicros = (part: string): boolean => /^-?\d{1,18}$/.test(part) && checkInstant(timestampOf(part)) === undefined;

/** Principal, time of making in microseconds, id. */
const keyShape: KeyShape = [
  (part) => /^[a-z0-9._-]+$/.test(part),
  isMicros,
  (part) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(part),
];

export interface TokenPage {
  readonly tokens: Token[];
  /** Empty: this page was the last. */
  readonly nextPageToken: string;
}

/** Tokens by name and then by age, the oldest first, a page at a time. Rejects with PAGE_TOKEN_INVALID. */
export async function listTokens(
  postgres: Postgres,
  request: ListTokensRequest,
  signal?: AbortSignal,
): Promise<TokenPage> {
  const fingerprint = fingerprintOf("tokens", request.name, String(request.showEnded));
  const after = request.pageToken === "" ? undefined : decodePageToken(fingerprint, request.pageToken, keyShape);
  const rows = await queryAbortably<TokenRow & { readonly found: number }>(postgres, {
    ...statementOf(request, after),
    signal,
  });
  const last = rows.at(-1);
  const more = last !== undefined && last.found > rows.length;
  const nextPageToken = more ? encodePageToken(fingerprint, [last.principal, last.created_us, last.id]) : "";
  return { tokens: rows.map(tokenOf), nextPageToken };
}

/** The rows of the page are fetched one by one: by a join the planner would read the whole table for them. */
function statementOf({ name, showEnded, pageSize }: ListTokensRequest, after: string[] | undefined) {
  const parameters = new Parameters();
  const conditions = [
    ...(name === "" ? [] : [`t.principal = ${parameters.add(name)}`]),
    ...(showEnded ? [] : [isLive]),
    ...(after === undefined ? [] : [`(t.principal, t.created_at, t.id) > (${keyOf(after, parameters)})`]),
  ];
  const size = parameters.add(pageSizeOf(pageSize));
  const text = `
    with page as materialized (
      select t.principal, t.created_at, t.id, 256 + (
        select coalesce(sum(octet_length(g.module) + 8), 0) from cos_auth.granted g where g.principal = t.principal
      ) as size
      from cos_auth.token t where ${conditions.join(" and ") || "true"}
      order by t.principal, t.created_at, t.id limit ${size} + 1
    ), cut as (
      select p.id, row_number() over w as nth, sum(p.size) over w as bytes, count(*) over () as found
      from page p window w as (order by p.principal, p.created_at, p.id)
    )
    select c.found::int as found, ${tokenColumns}
    from cut c
    cross join lateral (select * from cos_auth.token t where t.id = c.id limit 1) t
    cross join lateral (select kind from cos_auth.principal p where p.name = t.principal limit 1) p
    where c.nth <= ${size} and (c.nth = 1 or c.bytes <= ${pageBytesMax})
    order by c.nth`;
  return { text, values: parameters.values };
}

function keyOf([principal, createdUs, id]: string[], parameters: Parameters): string {
  const created = isoOf(timestampOf(createdUs!));
  return `${parameters.add(principal)}, ${parameters.add(created)}::timestamptz, ${parameters.add(id)}::uuid`;
}
