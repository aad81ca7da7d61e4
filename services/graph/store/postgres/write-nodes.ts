import type { NodeRow } from "../../domain/graph-rows.ts";
import { searchWords } from "../../domain/search-words.ts";
import { plainArray, textArray } from "./array-literal.ts";
import type { Step } from "./step.ts";

/** Whether a node stands for a memory. */
const isMemorySql = (label: string): string => `${label} in ('LogEntry', 'Prompt')`;

/** $1 generation, $2 module, $3 position. */
const given = `given as materialized (
  select * from unnest($4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::int[], $11::bigint[],
    $12::text[], $13::text[], $14::bigint[], $15::boolean[], $16::text[], $17::bigint[], $18::text[])
  g (id, label, kind, key, name, origin, count, position, event_type, session, occurred_ms, forgotten, properties, revision, words)
)`;

/** What was there. */
const old = `old as materialized (
  select n.* from given g cross join lateral (
    select id, label, kind, origin, forgotten, count from cos_graph.node n
    where n.id = g.id and n.generation = $1 and n.module = $2 limit 1) n
)`;

const insert = (source: string): string => `
  insert into cos_graph.node (generation, module, changed, id, label, kind, key, name, origin, count, position, event_type, session,
    occurred_ms, forgotten, properties, revision)
  select $1::int, $2::text, $3::bigint, g.id, g.label, g.kind, g.key, g.name, g.origin, g.count, g.position, g.event_type, g.session, g.occurred_ms,
    g.forgotten, g.properties::jsonb, g.revision
  from ${source} g`;

const insertWords = (source: string): string => `
  insert into cos_graph.words (generation, module, id, memory, words)
  select $1::int, $2::text, g.id, ${isMemorySql("g.label")}, g.words::tsvector from ${source} g`;

/** What a change of some nodes is to the counts: those of `more` come, those of `less` go. */
const tally = (more: string, less: string): string => `
  insert into cos_graph.tally (generation, module, what, name, kind, origin, count)
  select $1::int, $2::text, t.what, t.name, t.kind, t.origin, sum(t.count) from (
    select 'node' as what, label as name, kind, origin, 1 as count from ${more}
    union all select 'node', label, kind, origin, -1 from ${less}
    union all select 'memory', '', '', '', 1 from ${more} where ${isMemorySql("label")} and not forgotten
    union all select 'memory', '', '', '', -1 from ${less} where ${isMemorySql("label")} and not forgotten
  ) t group by t.what, t.name, t.kind, t.origin having sum(t.count) <> 0
  on conflict (generation, module, what, name, kind, origin) do update set count = tally.count + excluded.count`;

const none = (of: string): string => `(select * from ${of} where false) none`;

const put = `with ${given}, ${old}, written as (${insert("given")}
  on conflict (id, generation, module) do update set
    changed = excluded.changed, label = excluded.label, kind = excluded.kind, key = excluded.key, name = excluded.name,
    origin = excluded.origin, count = excluded.count, position = excluded.position, event_type = excluded.event_type,
    session = excluded.session, occurred_ms = excluded.occurred_ms, forgotten = excluded.forgotten,
    properties = excluded.properties, revision = excluded.revision
), worded as (${insertWords("given")}
  on conflict (id, generation, module) do update set memory = excluded.memory, words = excluded.words
  where words.words <> excluded.words or words.memory <> excluded.memory
) ${tally("given", "old")}`;

const add = `with ${given}, fresh as materialized (
  select * from given g where (
    select true from cos_graph.node n where n.id = g.id and n.generation = $1 and n.module = $2 limit 1) is null
), written as (${insert("given")}
  on conflict (id, generation, module) do update set count = node.count + excluded.count, changed = excluded.changed
), worded as (${insertWords("fresh")} on conflict do nothing
) ${tally("fresh", none("fresh"))}`;

/** Those of the given that are there, by the place where they lie: a join by keys could begin at the wrong end. */
const hit = (more: string): string => `hit as materialized (
  select n.*${more} from given g cross join lateral (
    select n.ctid as tid, n.count from cos_graph.node n where n.id = g.id and n.generation = $1 and n.module = $2 limit 1) n
)`;

const returned = "returning n.id, n.label, n.kind, n.origin, n.forgotten";

/** What is removed leaves its tombstone, and no words. $1 generation, $2 module, $3 position. */
const bury = `buried as (
  insert into cos_graph.removed (generation, module, id, changed) select $1::int, $2::text, id, $3::bigint from gone
  on conflict (id, generation, module) do update set changed = excluded.changed
), unworded as (
  delete from cos_graph.words w where w.ctid = any (array(
    select w.ctid from gone g cross join lateral (
      select w.ctid from cos_graph.words w where w.id = g.id and w.generation = $1 and w.module = $2 limit 1) w))
), tallied as (${tally(none("gone"), "gone")}
) select id from gone`;

const subtract = `with given as materialized (select * from unnest($4::uuid[], $5::int[]) g (id, added)
), ${hit(", n.count + g.added as rest")}, gone as (
  delete from cos_graph.node n where n.ctid = any (array(select tid from hit where rest <= 0)) ${returned}
), less as (
  update cos_graph.node n set count = h.rest, changed = $3 from hit h where n.ctid = h.tid and h.rest > 0
), ${bury}`;

const remove = `with given as materialized (select * from unnest($4::uuid[]) g (id)
), ${hit("")}, gone as (
  delete from cos_graph.node n where n.ctid = any (array(select tid from hit)) ${returned}
), ${bury}`;

const rename = `with given as materialized (select * from unnest($4::uuid[], $5::text[], $6::text[]) g (id, name, words)
), ${hit(", g.name")}, renamed as (
  update cos_graph.node n set name = h.name, changed = $3 from hit h where n.ctid = h.tid
) update cos_graph.words w set words = h.words::tsvector from (
    select w.tid, g.words from given g cross join lateral (
      select w.ctid as tid from cos_graph.words w where w.id = g.id and w.generation = $1 and w.module = $2 limit 1) w
  ) h where w.ctid = h.tid`;

/** Writes nodes whole, whether they are there or not. */
export async function putNodes(step: Step, rows: readonly NodeRow[]): Promise<void> {
  if (rows.length > 0) await step.query("graph_put_nodes", put, columnsOf(rows));
}

/** Adds counts; answers with the ids of those that are gone with it. */
export async function addNodes(step: Step, rows: readonly NodeRow[]): Promise<string[]> {
  const more = rows.filter(({ count }) => count > 0);
  const less = rows.filter(({ count }) => count <= 0);
  if (more.length > 0) await step.query("graph_add_nodes", add, columnsOf(more));
  if (less.length === 0) return [];
  const values = [plainArray(less.map(({ id }) => id)), plainArray(less.map(({ count }) => count))];
  return idsOf(await step.query<{ id: string }>("graph_subtract_nodes", subtract, values));
}

/** Answers with the ids of those that were there. */
export async function deleteNodes(step: Step, ids: readonly string[]): Promise<string[]> {
  if (ids.length === 0) return [];
  return idsOf(await step.query<{ id: string }>("graph_delete_nodes", remove, [plainArray(ids)]));
}

export async function renameNodes(step: Step, names: readonly { id: string; name: string }[]): Promise<void> {
  if (names.length === 0) return;
  const values = [
    plainArray(names.map(({ id }) => id)),
    textArray(names.map(({ name }) => name)),
    textArray(names.map(({ name }) => wordsOf(name))),
  ];
  await step.query("graph_rename_nodes", rename, values);
}

/** The words of a name as a tsvector reads them: they are letters and digits, and need no quotes. */
export function wordsOf(name: string): string {
  return searchWords(name).join(" ");
}

function idsOf(rows: readonly { readonly id: string }[]): string[] {
  return rows.map(({ id }) => id);
}

function columnsOf(rows: readonly NodeRow[]): string[] {
  return [
    plainArray(rows.map(({ id }) => id)),
    textArray(rows.map(({ label }) => label)),
    textArray(rows.map(({ kind }) => kind)),
    textArray(rows.map(({ key }) => key)),
    textArray(rows.map(({ name }) => name)),
    textArray(rows.map(({ origin }) => origin)),
    plainArray(rows.map(({ count }) => count)),
    plainArray(rows.map(({ position }) => position)),
    textArray(rows.map(({ eventType }) => eventType)),
    textArray(rows.map(({ session }) => session)),
    plainArray(rows.map(({ occurredMs }) => occurredMs)),
    plainArray(rows.map(({ forgotten }) => forgotten)),
    textArray(rows.map(({ properties }) => propertiesOf(properties))),
    plainArray(rows.map(({ revision }) => revision)),
    textArray(rows.map(({ name }) => wordsOf(name))),
  ];
}

/** Null for none, as nearly all have. */
export function propertiesOf(properties: NodeRow["properties"]): string | undefined {
  return Object.keys(properties).length === 0 ? undefined : JSON.stringify(properties);
}
