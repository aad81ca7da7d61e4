import { type ListNotesRequest, type Note, NoteView } from "#gen/cos/conductor/v1/scratch_service_pb.ts";
import type { Scope } from "#shared/auth/scope.ts";
import { textFault } from "#shared/fields/text-fault.ts";
import { pageSizeOf } from "#shared/paging/page-size.ts";
import { decodePageToken, encodePageToken, fingerprintOf, type KeyShape } from "#shared/paging/page-token.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";
import { defaultModule } from "../../domain/accept-memory.ts";
import { Parameters } from "../parameters.ts";
import { requireModule } from "../require-module.ts";
import { scopeParameter } from "../visibility.ts";
import { isAlive, type NoteRow, noteColumns, noteOf } from "./note-rows.ts";
import type { Database } from "./scratch-store.ts";

/** A page ends here, with at least one note. */
const pageBytesMax = 2 * 1024 * 1024;
/** What a note comes to beside text and value, at most. */
const basicBytes = 1024;

/** Of UTF-16: a key has 200 characters at most, of two units each. */
const keyUnitsMax = 400;

const keyShape: KeyShape = [(part) => part !== "" && part.length <= keyUnitsMax && textFault(part) === undefined];

export interface NotePage {
  readonly notes: Note[];
  /** Empty: this page was the last. */
  readonly nextPageToken: string;
}

/** The notes of a module by key, a page at a time. Rejects with PAGE_TOKEN_INVALID, MODULE_NOT_FOUND, or as `queryAbortably`. */
export async function listNotes(
  postgres: Database,
  scope: Scope,
  request: ListNotesRequest,
  signal?: AbortSignal,
): Promise<NotePage> {
  const module = request.module === "" ? defaultModule : request.module;
  const fingerprint = fingerprintOf("notes", module, request.prefix);
  const [after] = request.pageToken === "" ? [] : decodePageToken(fingerprint, request.pageToken, keyShape);
  const statement = statementOf(scope, module, request, after);
  const rows = await queryAbortably<NoteRow & { readonly found: number }>(postgres, { ...statement, signal });
  const last = rows.at(-1);
  if (last === undefined) await requireModule(postgres, scope, module, signal);
  const more = last !== undefined && last.found > rows.length;
  return { notes: rows.map(noteOf), nextPageToken: more ? encodePageToken(fingerprint, [last.key]) : "" };
}

/** Prefix and place are ranges of the primary key: `^@` is one where keys are ordered by their bytes (PostgreSQL 15 on). */
function statementOf(scope: Scope, module: string, request: ListNotesRequest, after: string | undefined) {
  const { prefix, pageSize } = request;
  const view = request.view === NoteView.FULL ? NoteView.FULL : NoteView.BASIC;
  const parameters = new Parameters();
  const visible = parameters.add(scopeParameter(scope));
  const conditions = [
    `n.module = ${parameters.add(module)} and (${visible}::text[] is null or n.module = any(${visible}))`,
    isAlive,
    ...(prefix === "" ? [] : [`n.key ^@ ${parameters.add(prefix)}`]),
    ...(after === undefined ? [] : [`n.key > ${parameters.add(after)}`]),
  ];
  const size = parameters.add(pageSizeOf(pageSize));
  const bytes = view === NoteView.FULL ? `n.size + ${basicBytes}` : String(basicBytes);
  const text = `
    with page as materialized (
      select n.module, n.key, ${bytes} as bytes
      from mem0_cc.note n where ${conditions.join(" and ")} order by n.key limit ${size} + 1
    ), cut as (
      select p.module, p.key, row_number() over w as nth, sum(p.bytes) over w as bytes, count(*) over () as found
      from page p window w as (order by p.key)
    )
    select c.found::int as found, ${noteColumns(view)}
    from cut c
    cross join lateral (select * from mem0_cc.note n where n.module = c.module and n.key = c.key limit 1) n
    where c.nth <= ${size} and (c.nth = 1 or c.bytes <= ${pageBytesMax})
    order by c.nth`;
  return { text, values: parameters.values };
}
