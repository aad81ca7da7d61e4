import { create, toJsonString } from "@bufbuild/protobuf";
import { TimestampSchema } from "@bufbuild/protobuf/wkt";
import { type AuditEntry, AuditEntrySchema, ListAuditRequestSchema } from "#gen/cos/auth/v1/auth_service_pb.ts";
import type { Cli } from "../cli.ts";
import type { ListAuditOptions } from "../commands/audit.ts";
import { type Connection, withConnection } from "../connection/with-connection.ts";
import { EXIT } from "../exit-codes.ts";
import { instantOf } from "../options/parse-since.ts";
import { formatInstant } from "../output/format-instant.ts";
import { tableLines } from "../output/table.ts";

/** The most that one page may have (cos.auth.v1.ListAuditRequest). */
const PAGE_MAX = 1000;

const HEADINGS = ["NUMBER", "AT", "WHO", "VIA", "ACTION", "TARGET", "DETAILS"];

/** `cos audit`. */
export function listAudit(cli: Cli, options: ListAuditOptions): Promise<number> {
  return withConnection(cli, options.address, async (connection) => {
    let isFirst = true;
    for await (const entries of pagesOf(connection, options, cli.terminal.signal)) {
      const lines = options.json === true ? entries.map(toJson) : tableLines(cli.out, HEADINGS, entries.map(rowOf));
      // Each page has columns of its own width, so each says what they are.
      if (!isFirst && options.json !== true) lines.unshift("");
      for (const line of lines) await cli.out.line(line);
      isFirst = false;
    }
    if (isFirst && options.json !== true) await cli.err.line("cos: nothing of the kind was done");
    return EXIT.ok;
  });
}

async function* pagesOf(
  { auth }: Connection,
  options: ListAuditOptions,
  signal: AbortSignal,
): AsyncGenerator<AuditEntry[]> {
  const since = options.since === undefined ? undefined : instantOf(options.since, Date.now());
  const request = create(ListAuditRequestSchema, {
    principal: options.who ?? "",
    action: options.action ?? "",
    ...(since && { since: create(TimestampSchema, since) }),
  });
  let left = options.limit;
  do {
    request.pageSize = Math.min(left, PAGE_MAX);
    const page = await auth.listAudit(request, { signal });
    if (page.entries.length > 0) yield page.entries.slice(0, left);
    left -= page.entries.length;
    request.pageToken = page.nextPageToken;
  } while (left > 0 && request.pageToken !== "");
}

const toJson = (entry: AuditEntry): string => toJsonString(AuditEntrySchema, entry);

function rowOf(entry: AuditEntry): string[] {
  const { number, at, principal, via, action, target, details } = entry;
  const words = Object.entries(details).map(([name, value]) => `${name}: ${value}`);
  return [String(number), formatInstant(at), principal, via, action, target, words.toSorted().join("; ")];
}
