import type { EdgeRow } from "../../domain/graph-rows.ts";
import { plainArray, textArray } from "./array-literal.ts";
import { laneSql, numberOf } from "./edge-lanes.ts";
import type { Step } from "./step.ts";
import { propertiesOf } from "./write-nodes.ts";

/** $1 generation, $2 module, $3 position. Rows that are there are met by the place where they lie: a join by keys could begin at the wrong end. */
const met = `given as materialized (
  select g.*, e.* from unnest($4::uuid[], $5::text[], $6::uuid[], $7::uuid[], $8::text[], $9::int[], $10::boolean[], $11::bigint[],
    $12::bigint[], $13::text[], $14::text[], $15::text[], $16::int[], $17::text[], $18::text[], $19::int[])
  g (id, type, from_id, to_id, origin, count, loose, position, revision, properties, mention_kind, mention_key, mention_count, forms,
    passages, number)
  left join lateral (
    select e.ctid as tid, e.type as old_type, e.origin as old_origin, e.loose as old_loose from cos_graph.edge e
    where e.id = g.id and e.generation = $1 and e.module = $2 limit 1) e on true
)`;

/** What a change of some edges is to the counts, of those with both ends in the module alone: `more` come, `less` go. */
const tally = (...parts: readonly string[]): string => `
  insert into cos_graph.tally (generation, module, what, name, kind, origin, count)
  select $1::int, $2::text, 'edge', t.type, '', t.origin, sum(t.count) from (${parts.join(" union all ")}) t
  group by t.type, t.origin having sum(t.count) <> 0
  on conflict (generation, module, what, name, kind, origin) do update set count = tally.count + excluded.count`;

const gone = (of: string): string => `select type, origin, -1 as count from ${of} where not loose`;

const put = `with ${met}, fresh as (
  insert into cos_graph.edge (generation, module, changed, id, type, from_id, to_id, origin, count, position, mention_kind, mention_key,
    mention_count, forms, passages, properties, revision, loose, lane)
  select $1::int, $2::text, $3::bigint, g.id, g.type, g.from_id, g.to_id, g.origin, g.count, g.position, g.mention_kind,
    g.mention_key, g.mention_count, g.forms::text[], g.passages::int[], g.properties::jsonb, g.revision, g.loose, ${laneSql("$1", "g.number")}
  from given g where g.tid is null
), known as (
  update cos_graph.edge e set
    changed = $3, type = g.type, from_id = g.from_id, to_id = g.to_id, origin = g.origin, count = g.count, position = g.position,
    mention_kind = g.mention_kind, mention_key = g.mention_key, mention_count = g.mention_count, forms = g.forms::text[],
    passages = g.passages::int[], properties = g.properties::jsonb, revision = g.revision, loose = g.loose, lane = ${laneSql("$1", "g.number")}
  from given g where e.ctid = g.tid
) ${tally(
  "select type, origin, 1 as count from given where not loose",
  "select old_type, old_origin, -1 from given where not old_loose",
)}`;

const add = `with ${met}, fresh as (
  insert into cos_graph.edge (generation, module, changed, id, type, from_id, to_id, origin, count, position, mention_kind, mention_key,
    mention_count, forms, passages, properties, revision, loose, lane)
  select $1::int, $2::text, $3::bigint, g.id, g.type, g.from_id, g.to_id, g.origin, g.count, g.position, g.mention_kind,
    g.mention_key, g.mention_count, g.forms::text[], g.passages::int[], g.properties::jsonb, g.revision, g.loose, ${laneSql("$1", "g.number")}
  from given g where g.tid is null
), known as (
  update cos_graph.edge e set count = e.count + g.count, changed = $3 from given g where e.ctid = g.tid
) ${tally("select type, origin, 1 as count from given where not loose and tid is null")}`;

const bury = `buried as (
  insert into cos_graph.removed (generation, module, id, changed) select $1::int, $2::text, id, $3::bigint from gone
  on conflict (id, generation, module) do update set changed = excluded.changed
) ${tally(gone("gone"))}`;

/** Those of the given that are there, by the place where they lie: a join by keys could begin at the wrong end. */
const hit = (more: string): string => `hit as materialized (
  select e.*${more} from given g cross join lateral (
    select e.ctid as tid, e.count from cos_graph.edge e where e.id = g.id and e.generation = $1 and e.module = $2 limit 1) e
)`;

const returned = "returning e.id, e.type, e.origin, e.loose";

const subtract = `with given as materialized (select * from unnest($4::uuid[], $5::int[]) g (id, added)
), ${hit(", e.count + g.added as rest")}, gone as (
  delete from cos_graph.edge e where e.ctid = any (array(select tid from hit where rest <= 0)) ${returned}
), less as (
  update cos_graph.edge e set count = h.rest, changed = $3 from hit h where e.ctid = h.tid and h.rest > 0
), ${bury}`;

const remove = `with given as materialized (select * from unnest($4::uuid[]) g (id)
), ${hit("")}, gone as (
  delete from cos_graph.edge e where e.ctid = any (array(select tid from hit)) ${returned}
), ${bury}`;

const present = `select n.id from unnest($4::uuid[]) g (id) cross join lateral (
  select id from cos_graph.node n where n.id = g.id and n.generation = $1 and n.module = $2 limit 1) n
  where $3::bigint is not null`;

/** Of all types. */
const ofGeneration = "e.lane >= $1 * 8 and e.lane < ($1 + 1) * 8";

/** Edges that lose an end. They are not changed by it: nobody sees the difference but in what is shown. */
export const loosen = `with hit as materialized (
  select distinct e.tid, e.type, e.origin, false as loose from unnest($4::uuid[]) g (id) cross join lateral (
    select e.ctid as tid, e.type, e.origin from cos_graph.edge e
    where e.from_id = g.id and ${ofGeneration} and (e.module = $2) is true and not e.loose
    union all
    select e.ctid as tid, e.type, e.origin from cos_graph.edge e
    where e.to_id = g.id and ${ofGeneration} and (e.module = $2) is true and not e.loose) e
  where $3::bigint is not null
), loosened as (
  update cos_graph.edge e set loose = true from hit h where e.ctid = h.tid
) ${tally(gone("hit"))}`;

/** Writes edges whole, whether they are there or not. */
export async function putEdges(step: Step, rows: readonly EdgeRow[], nodes: ReadonlySet<string>): Promise<void> {
  if (rows.length > 0) await step.query("graph_put_edges", put, columnsOf(rows, nodes));
}

/** Adds counts; those that come to 0 are gone. */
export async function addEdges(step: Step, rows: readonly EdgeRow[], nodes: ReadonlySet<string>): Promise<void> {
  const more = rows.filter(({ count }) => count > 0);
  const less = rows.filter(({ count }) => count <= 0);
  if (more.length > 0) await step.query("graph_add_edges", add, columnsOf(more, nodes));
  if (less.length === 0) return;
  const values = [plainArray(less.map(({ id }) => id)), plainArray(less.map(({ count }) => count))];
  await step.query("graph_subtract_edges", subtract, values);
}

export async function deleteEdges(step: Step, ids: readonly string[]): Promise<void> {
  if (ids.length > 0) await step.query("graph_delete_edges", remove, [plainArray(ids)]);
}

/** Which of the ends of these edges are nodes of the module. */
export async function endsOf(step: Step, rows: readonly EdgeRow[]): Promise<ReadonlySet<string>> {
  const ends = new Set(rows.flatMap(({ from, to }) => [from, to]));
  if (ends.size === 0) return ends;
  const found = await step.query<{ id: string }>("graph_ends", present, [plainArray([...ends])]);
  return new Set(found.map(({ id }) => id));
}

/** Nodes are gone: what is left of the module's edges at them is loose from now on. */
export async function loosenEdges(step: Step, nodes: readonly string[]): Promise<void> {
  if (nodes.length > 0) await step.query("graph_loosen_edges", loosen, [plainArray(nodes)]);
}

function columnsOf(rows: readonly EdgeRow[], nodes: ReadonlySet<string>): string[] {
  return [
    plainArray(rows.map(({ id }) => id)),
    textArray(rows.map(({ type }) => type)),
    plainArray(rows.map(({ from }) => from)),
    plainArray(rows.map(({ to }) => to)),
    textArray(rows.map(({ origin }) => origin)),
    plainArray(rows.map(({ count }) => count)),
    plainArray(rows.map(({ from, to }) => !(nodes.has(from) && nodes.has(to)))),
    plainArray(rows.map(({ position }) => position)),
    plainArray(rows.map(({ revision }) => revision)),
    textArray(rows.map(({ properties }) => propertiesOf(properties))),
    textArray(rows.map(({ mention }) => mention?.kind)),
    textArray(rows.map(({ mention }) => mention?.key)),
    plainArray(rows.map(({ mention }) => mention?.count)),
    textArray(rows.map(({ mention }) => mention && textArray(mention.forms))),
    textArray(rows.map(({ mention }) => mention && plainArray(mention.passages))),
    plainArray(rows.map(({ type }) => numberOf(type))),
  ];
}
