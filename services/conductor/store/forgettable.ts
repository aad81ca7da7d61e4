import type { ForgetMemoriesRequest } from "#gen/cos/conductor/v1/forgetting_pb.ts";
import type { Postgres } from "#shared/postgres/open-postgres.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";
import { Parameters } from "./parameters.ts";

/** Which memories of a module are to be forgotten. */
export interface Selection {
  readonly module: string;
  readonly selector: ForgetMemoriesRequest["selector"];
  /** The head when the call began: nothing above it. */
  readonly through: number;
}

/** What there is of a selection, before anything is done. */
export interface Census {
  readonly found: number;
  readonly alreadyForgotten: number;
  readonly missing: number;
}

/** Memories of one batch: so many are locked, emptied and told of together. */
export const forgetBatchMax = 500;

/** How many positions one statement looks at: it returns within milliseconds however little it finds. */
const spanMax = 20_000;

/** Counts the selection. A large module is counted in spans, each a statement of its own, until the signal fires. */
export async function takeCensus(
  postgres: Postgres,
  selection: Selection,
  signal: AbortSignal | undefined,
): Promise<Census> {
  const { selector, through } = selection;
  if (selector.case === "ids") return censusOf(selector.value.ids, await readIds(postgres, selection, signal));
  let found = 0;
  for (let after = 0; after < through; after += spanMax) {
    const { from, parameters } = forgettable(selection, after, Math.min(after + spanMax, through));
    const text = `select count(*)::int as count ${from}`;
    const [row] = await queryAbortably<{ count: number }>(postgres, { text, values: parameters.values, signal });
    found += row?.count ?? 0;
  }
  return { found, alreadyForgotten: 0, missing: 0 };
}

/**
 * The positions of the selection, ascending, in batches of `forgetBatchMax` at most. Each batch is looked for when it is asked
 * for, above the last position that was looked at: along the session's index, else along the primary key, span by span.
 */
export async function* forgettablePositions(
  postgres: Postgres,
  selection: Selection,
  signal: AbortSignal | undefined,
): AsyncGenerator<number[], void, undefined> {
  const { selector, through } = selection;
  if (selector.case === "ids") {
    const positions = (await readIds(postgres, selection, signal))
      .filter(isForgettable)
      .map(({ position }) => position);
    for (let at = 0; at < positions.length; at += forgetBatchMax) yield positions.slice(at, at + forgetBatchMax);
    return;
  }
  for (let after = 0; after < through; ) {
    const upTo = selector.case === "sessionId" ? through : Math.min(after + spanMax, through);
    const positions = await readPositions(postgres, selection, { after, upTo }, signal);
    after = positions.length < forgetBatchMax ? upTo : positions.at(-1)!;
    if (positions.length > 0) yield positions;
  }
}

interface IdRow {
  readonly position: number;
  readonly forgotten: boolean;
  readonly own: boolean;
}

const isForgettable = ({ forgotten, own }: IdRow): boolean => !forgotten && !own;

function censusOf(ids: readonly string[], rows: readonly IdRow[]): Census {
  return {
    found: rows.filter(isForgettable).length,
    alreadyForgotten: rows.filter(({ forgotten }) => forgotten).length,
    missing: distinct(ids).length - rows.length,
  };
}

/** One id may have been written in two ways. */
function distinct(ids: readonly string[]): string[] {
  return [...new Set(ids.map((id) => id.toLowerCase()))];
}

/** What there is of the ids in the module, ascending by position. */
async function readIds(
  postgres: Postgres,
  { module, selector, through }: Selection,
  signal: AbortSignal | undefined,
): Promise<IdRow[]> {
  const ids = selector.case === "ids" ? distinct(selector.value.ids) : [];
  const rows = await queryAbortably<IdRow>(postgres, {
    text: `select m.position::float8 as position, m.forgotten_at is not null as forgotten, m.event_type ^@ 'cos.' as own
           from unnest($2::uuid[]) as i (id)
           cross join lateral (select * from mem0_cc.memory m
             where m.module = $1 and m.id = i.id and m.position <= $3 limit 1) m`,
    values: [module, ids, through],
    signal,
  });
  return rows.sort((a, b) => a.position - b.position);
}

async function readPositions(
  postgres: Postgres,
  selection: Selection,
  { after, upTo }: { after: number; upTo: number },
  signal: AbortSignal | undefined,
): Promise<number[]> {
  const { from, parameters } = forgettable(selection, after, upTo);
  const text = `select m.position ${from} order by m.position limit ${forgetBatchMax}`;
  const rows = await queryAbortably<{ position: string }>(postgres, { text, values: parameters.values, signal });
  return rows.map(({ position }) => Number(position));
}

/** The memories of the selection with `after` < position <= `upTo` that can be forgotten: not the log's own acts. */
function forgettable({ module, selector }: Selection, after: number, upTo: number) {
  const parameters = new Parameters();
  const conditions = [
    `m.module = ${parameters.add(module)}`,
    `m.position > ${parameters.add(after)}::bigint`,
    `m.position <= ${parameters.add(upTo)}::bigint`,
    ...selectorConditions(selector, parameters),
    "m.forgotten_at is null",
    "not m.event_type ^@ 'cos.'",
  ];
  return { from: `from mem0_cc.memory m where ${conditions.join(" and ")}`, parameters };
}

/** The whole module is never what is left when nothing else was said: it has to be asked for. */
function selectorConditions({ case: by, value }: Selection["selector"], parameters: Parameters): string[] {
  if (by === "sessionId") return [`m.session_id = ${parameters.add(value)}`];
  if (by === "source") return [`m.source = ${parameters.add(value)}`];
  if (by === "wholeModule" && value) return [];
  throw nothingSelected();
}

/** The contract's rules refuse such a request before; this is the last gate before everything would be forgotten. */
export function nothingSelected(): TypeError {
  return new TypeError("nothing says which memories are to be forgotten");
}
