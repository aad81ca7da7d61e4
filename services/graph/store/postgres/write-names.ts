import type { NameRow } from "../../domain/graph-rows.ts";
import { idOf } from "../../domain/ids.ts";
import { plainArray, textArray } from "./array-literal.ts";
import type { Step } from "./step.ts";
import { wordsOf } from "./write-nodes.ts";

/** $1 generation, $2 module; $3, the position, is none of a name's concern. */
const add = `insert into cos_graph.name (generation, module, entity, id, kind, key, form, count, words)
  select $1::int, $2::text, g.entity, g.id, g.kind, g.key, g.form, g.count, g.words::tsvector
  from unnest($4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::int[], $10::text[])
    g (entity, id, kind, key, form, count, words)
  where $3::bigint is not null
  on conflict (entity, generation, module, id) do update set count = name.count + excluded.count`;

const subtract = `with hit as materialized (
  select m.tid, m.count + g.added as rest from unnest($4::uuid[], $5::uuid[], $6::int[]) g (entity, id, added) cross join lateral (
    select m.ctid as tid, m.count from cos_graph.name m
    where m.entity = g.entity and m.generation = $1 and m.module = $2 and m.id = g.id limit 1) m
  where $3::bigint is not null
), gone as (
  delete from cos_graph.name m where m.ctid = any (array(select tid from hit where rest <= 0))
) update cos_graph.name m set count = h.rest from hit h where m.ctid = h.tid and h.rest > 0`;

/** Adds the counts of names; those that come to 0 are gone. */
export async function addNames(step: Step, rows: readonly NameRow[]): Promise<void> {
  const more = rows.filter(({ count }) => count > 0);
  const less = rows.filter(({ count }) => count <= 0);
  if (more.length > 0) {
    const values = [
      ...keysOf(more),
      textArray(more.map(({ kind }) => kind)),
      textArray(more.map(({ key }) => key)),
      textArray(more.map(({ form }) => form)),
      plainArray(more.map(({ count }) => count)),
      textArray(more.map(({ form }) => wordsOf(form))),
    ];
    await step.query("graph_add_names", add, values);
  }
  if (less.length === 0) return;
  await step.query("graph_subtract_names", subtract, [...keysOf(less), plainArray(less.map(({ count }) => count))]);
}

function keysOf(rows: readonly NameRow[]): string[] {
  return [
    plainArray(rows.map(({ entity }) => entity)),
    plainArray(rows.map(({ kind, key, form }) => idOf(kind, key, form))),
  ];
}
