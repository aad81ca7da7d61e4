import type { AuditEntry, ListAuditRequest } from "#gen/cos/auth/v1/auth_service_pb.ts";
import { pageSizeOf } from "#shared/paging/page-size.ts";
import { decodePageToken, encodePageToken, fingerprintOf, type KeyShape } from "#shared/paging/page-token.ts";
import type { Postgres } from "#shared/postgres/open-postgres.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";
import { checkInstant } from "../../domain/instant.ts";
import { instantParameter } from "../instant-parameter.ts";
import { isoOf, timestampOf } from "../memory-rows.ts";
import { Parameters } from "../parameters.ts";
import { type AuditRow, auditColumns, auditEntryOf } from "./audit-rows.ts";

/** A page ends here, with at least one entry: one that tells of 1,000 rights has some 100 KiB. */
const pageBytesMax = 2 * 1024 * 1024;

/** The time in microseconds, the number. */
const keyShape: KeyShape = [
  (part) => /^-?\d{1,18}$/.test(part) && checkInstant(timestampOf(part)) === undefined,
  (part) => /^\d{1,18}$/.test(part),
];

export interface AuditPage {
  readonly entries: AuditEntry[];
  /** Empty: this page was the last. */
  readonly nextPageToken: string;
}

type ListedRow = AuditRow & { readonly seal: string | null; readonly found: number };

/** The audit, the latest entry first, a page at a time, each found by its key in an index. Rejects with PAGE_TOKEN_INVALID. */
export async function listAudit(
  postgres: Postgres,
  request: ListAuditRequest,
  signal?: AbortSignal,
): Promise<AuditPage> {
  const since = request.since === undefined ? "" : instantParameter(request.since);
  const fingerprint = fingerprintOf("audit", since, request.principal, request.action);
  const before = request.pageToken === "" ? undefined : decodePageToken(fingerprint, request.pageToken, keyShape);
  const rows = await queryAbortably<ListedRow>(postgres, { ...statementOf(request, since, before), signal });
  const last = rows.at(-1);
  const more = last !== undefined && last.found > rows.length;
  const nextPageToken = more ? encodePageToken(fingerprint, [last.at_us, last.number]) : "";
  return { entries: rows.map((row) => auditEntryOf(row, row.seal)), nextPageToken };
}

/** The rows of the page are fetched one by one: by a join the planner would read the whole table for them. */
function statementOf({ principal, action, pageSize }: ListAuditRequest, since: string, before: string[] | undefined) {
  const parameters = new Parameters();
  const conditions = [
    ...(since === "" ? [] : [`a.at >= ${parameters.add(since)}::timestamptz`]),
    ...(principal === "" ? [] : [`a.principal = ${parameters.add(principal)}`]),
    ...(action === "" ? [] : [`a.action = ${parameters.add(action)}`]),
    ...(before === undefined ? [] : [`(a.at, a.number) < (${keyOf(before, parameters)})`]),
  ];
  const size = parameters.add(pageSizeOf(pageSize));
  const text = `
    with page as materialized (
      select a.at, a.number, 512 + octet_length(a.details::text) as size
      from cos_auth.audit a where ${conditions.join(" and ") || "true"}
      order by a.at desc, a.number desc limit ${size} + 1
    ), cut as (
      select p.number, row_number() over w as nth, sum(p.size) over w as bytes, count(*) over () as found
      from page p window w as (order by p.at desc, p.number desc)
    )
    select c.found::int as found, ${auditColumns},
      (select s.number from cos_auth.seal s where s.audit = a.number) as seal
    from cut c
    cross join lateral (select * from cos_auth.audit a where a.number = c.number limit 1) a
    where c.nth <= ${size} and (c.nth = 1 or c.bytes <= ${pageBytesMax})
    order by c.nth`;
  return { text, values: parameters.values };
}

function keyOf([atUs, number]: string[], parameters: Parameters): string {
  return `${parameters.add(isoOf(timestampOf(atUs!)))}::timestamptz, ${parameters.add(number)}::bigint`;
}
