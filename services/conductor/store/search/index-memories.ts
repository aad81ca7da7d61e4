import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import type pg from "pg";
import { ForgottenSchema } from "#gen/cos/memory/v1/memory_pb.ts";
import { indexRules, passagesOf, searchableText } from "../../domain/searchable-text.ts";
import { addPassages } from "./add-passages.ts";
import { clearPassages } from "./clear-passages.ts";
import { languageOf } from "./language-of.ts";
import { removePassages } from "./remove-passages.ts";

/** How much one step takes in. */
export interface StepLimits {
  readonly memoriesMax: number;
  readonly bytesMax: number;
  /** Take what comes next as if it said nothing: its text could not be indexed. */
  readonly skipText?: boolean;
}

export interface Step {
  /** Another process is indexing. */
  readonly isElsewhere: boolean;
  /** Positions that were passed; 0: there was nothing to do. */
  readonly passed: number;
}

interface Due {
  readonly module: string;
  readonly language: string;
  /** Null: the module has not been begun. */
  readonly position: string | null;
  readonly isStale: boolean;
  readonly clearing: boolean | null;
}

/** A process that stops in the middle is cut off by the server, so that another one goes on. */
const takeTurn = `
  select pg_try_advisory_xact_lock(hashtextextended('cos index memories', 0)) as mine,
         set_config('idle_in_transaction_session_timeout', '3000', true)`;

/** $1: our rules. What was indexed by later ones is left to those who know them. The module that has waited longest comes first. */
const readDue = `
  select m.name as module, m.language, p.position,
         coalesce(p.language <> m.language or p.rules < $1, false) as "isStale", p.clearing
  from (select m.name, m.number, ${languageOf} as language from mem0_cc.module m) m
  join mem0_cc.head h on h.module = m.name
  left join mem0_cc.index_place p on p.module = m.name
  where coalesce(p.rules, 0) <= $1
    and (h.position > coalesce(p.position, 0) or coalesce(p.clearing or p.language <> m.language or p.rules < $1, false))
  order by p.stepped_at nulls first, m.number limit 16`;

const begin = `
  insert into mem0_cc.index_place (module, language, rules) values ($1, $2, $3) on conflict do nothing`;

/** $1 module, $2 after, $3 how many, $4 bytes. Sizes first: texts are read of what is taken alone. */
const readMemories = `
  select m.position, m.event_type, m.source, ${searchableText} as text,
         case when m.event_type = 'cos.memory.forgotten' then m.payload end as payload
  from (
    select s.position, row_number() over w as nth, sum(s.size) over w as bytes
    from (select m.position, m.size from mem0_cc.memory m
          where m.module = $1 and m.position > $2 order by m.position limit $3) s
    window w as (order by s.position)
  ) taken
  cross join lateral (select * from mem0_cc.memory m where m.module = $1 and m.position = taken.position limit 1) m
  where taken.nth = 1 or taken.bytes <= $4
  order by m.position`;

const moveOn = `
  update mem0_cc.index_place
  set position = $3, passages = passages + $4, words = words + $5, stepped_at = clock_timestamp()
  where module = $1 and position = $2 and not clearing`;

interface MemoryRow {
  readonly position: string;
  readonly event_type: string;
  readonly source: string;
  readonly text: string;
  readonly payload: JsonValue | null;
}

/**
 * Takes the next memories of the modules that have waited longest into the index of SearchMemories; run it in a transaction, whose
 * commit makes effect and places, both or neither.
 *
 *  X1  One process at a time (an advisory lock of the transaction). Were there two after all, the second finds the place moved and undoes
 *      everything: nothing is indexed twice.
 *  X2  What is indexed is a function of the log up to the place, the language and the rules: whatever the batches, a rebuild comes to
 *      the same. A memory that was forgotten after the place is read as it is now; its event, which comes later, finds nothing then.
 *  X3  A module whose language or rules have changed is emptied first, in steps of bounded size, and then begun anew.
 */
export async function indexMemories(client: pg.ClientBase, limits: StepLimits): Promise<Step> {
  const turn = await client.query<{ mine: boolean }>(takeTurn);
  if (turn.rows[0]?.mine !== true) return { isElsewhere: true, passed: 0 };
  const due = await client.query<Due>(readDue, [indexRules]);
  let [left, passed] = [limits.memoriesMax, 0];
  for (const module of due.rows) {
    if (left <= 0) break;
    const done = await stepModule(client, module, { ...limits, memoriesMax: left });
    left -= done;
    passed += done;
  }
  return { isElsewhere: false, passed };
}

/** Answers with how much was done, which counts against the step. */
async function stepModule(client: pg.ClientBase, due: Due, limits: StepLimits): Promise<number> {
  const { module, language, position, isStale, clearing } = due;
  if (isStale || clearing === true) return clearPassages(client, module, { language, rules: indexRules });
  if (position === null) await client.query(begin, [module, language, indexRules]);
  const after = position ?? "0";
  const { memoriesMax, bytesMax } = limits;
  const { rows } = await client.query<MemoryRow>(readMemories, [module, after, memoriesMax, bytesMax]);
  const last = rows.at(-1);
  // The head was read before; a restore to an earlier state cannot happen within a transaction.
  if (last === undefined) return 0;
  const passages = limits.skipText === true ? [] : rows.flatMap(passagesOfRow);
  const added = await addPassages(client, { module, language }, passages);
  const removed = await removePassages(client, module, rows.flatMap(forgottenIn));
  const moved = await client.query(moveOn, [
    module,
    after,
    last.position,
    added.passages - removed.passages,
    added.words - removed.words,
  ]);
  if (moved.rowCount !== 1) throw new Error("the index was moved by somebody else");
  return rows.length;
}

/** The log's own acts say nothing that people would look for. */
function passagesOfRow({ position, event_type: type, source, text }: MemoryRow) {
  return type.startsWith("cos.") ? [] : passagesOf(text).map((passage) => ({ position, source, ...passage }));
}

function forgottenIn({ payload }: MemoryRow): string[] {
  if (payload === null) return [];
  return fromJson(ForgottenSchema, payload, { ignoreUnknownFields: true }).positions.map(String);
}
