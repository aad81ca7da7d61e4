import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import type pg from "pg";
import { ForgottenSchema } from "#gen/cos/memory/v1/memory_pb.ts";
import type { CarefulLimits, IndexStep, StepLimits } from "../../domain/index-step.ts";
import { indexRules, passagesOf, searchableText } from "../../domain/searchable-text.ts";
import { addPassages } from "./add-passages.ts";
import { clearPassages } from "./clear-passages.ts";
import { languageOf } from "./language-of.ts";
import { passOver } from "./pass-over.ts";
import { removePassages } from "./remove-passages.ts";

/** How many rows a step removes of a module, for each memory that it may take in. */
const rowsForMemory = 20;
/** And at most: some tenths of a second. */
const rowsMax = 5000;

/** A module that has something to index. */
export interface DueModule {
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
 *  X6  Whatever a step does is bounded by its limits, removing too: a forgetting of many passages takes several steps, and the place moves
 *      past it with the last of them. `onModule` hears which module is being stepped, so that a failure is laid at its door.
 */
export async function indexMemories(
  client: pg.ClientBase,
  limits: StepLimits,
  onModule: (module: DueModule | undefined) => void = () => undefined,
): Promise<IndexStep> {
  const turn = await client.query<{ mine: boolean }>(takeTurn);
  if (turn.rows[0]?.mine !== true) return { isElsewhere: true, passed: 0, modules: [], passedOver: [] };
  const due = await client.query<DueModule>(readDue, [indexRules]);
  const step = {
    isElsewhere: false,
    passed: 0,
    modules: [] as string[],
    passedOver: [] as IndexStep["passedOver"][0][],
  };
  for (const module of due.rows) {
    const careful = limits.careful?.get(module.module);
    const memoriesMax = careful?.memoriesMax ?? limits.memoriesMax - step.passed;
    if (memoriesMax <= 0 || (careful !== undefined && step.passed > 0)) break;
    onModule(module);
    const done = await stepModule(client, module, { ...limits, ...careful, memoriesMax });
    step.passed += done.passed;
    step.modules.push(module.module);
    step.passedOver.push(...done.passedOver.map((position) => ({ module: module.module, position: Number(position) })));
    if (careful !== undefined && done.passed > 0) break;
  }
  onModule(undefined);
  return step;
}

type Done = Pick<IndexStep, "passed"> & { readonly passedOver: readonly string[] };

/** Answers with how much was done, which counts against the step. */
async function stepModule(
  client: pg.ClientBase,
  due: DueModule,
  { memoriesMax, bytesMax, skipText }: StepLimits & CarefulLimits,
): Promise<Done> {
  const { module, language, position, isStale, clearing } = due;
  const rowsNow = Math.min(rowsMax, rowsForMemory * memoriesMax);
  if (isStale || clearing === true) {
    const passed = await clearPassages(client, module, { language, rules: indexRules, rowsMax: rowsNow });
    return { passed, passedOver: [] };
  }
  if (position === null) await client.query(begin, [module, language, indexRules]);
  const after = position ?? "0";
  const { rows } = await client.query<MemoryRow>(readMemories, [module, after, memoriesMax, bytesMax]);
  const last = rows.at(-1);
  // The head was read before; a restore to an earlier state cannot happen within a transaction.
  if (last === undefined) return { passed: 0, passedOver: [] };
  // What is forgotten by now is never added, so it may go first.
  const removed = await removePassages(client, module, rows.flatMap(forgottenIn), rowsNow);
  if (removed.passages >= rowsNow) {
    await move(client, [module, after, after, -removed.passages, -removed.words]);
    return { passed: removed.passages, passedOver: [] };
  }
  const passages = rows.flatMap(passagesOfRow);
  const passedOver = skipText === true ? await passOver(client, due, passages) : [];
  const added = await addPassages(client, { module, language }, skipText === true ? [] : passages);
  const counts = [added.passages - removed.passages, added.words - removed.words];
  await move(client, [module, after, last.position, ...counts]);
  return { passed: rows.length, passedOver };
}

async function move(client: pg.ClientBase, values: readonly unknown[]): Promise<void> {
  const moved = await client.query(moveOn, [...values]);
  if (moved.rowCount !== 1) throw new Error("the index was moved by somebody else");
}

/** The log's own acts say nothing that people would look for. */
function passagesOfRow({ position, event_type: type, source, text }: MemoryRow) {
  return type.startsWith("cos.") ? [] : passagesOf(text).map((passage) => ({ position, source, ...passage }));
}

function forgottenIn({ payload }: MemoryRow): string[] {
  if (payload === null) return [];
  return fromJson(ForgottenSchema, payload, { ignoreUnknownFields: true }).positions.map(String);
}
