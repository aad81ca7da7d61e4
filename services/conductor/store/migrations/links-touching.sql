-- The links of memories that are not forgotten yet, from either end, which stand or of which the log still has a rationale.
create function mem0_cc.links_touching(p_module text, p_positions bigint[])
returns table (module text, "position" bigint)
language sql
stable
set search_path = mem0_cc, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
  select l.module, l.position
  from unnest(p_positions) as p (position)
  cross join lateral (
    select o.module, o.position, o.ended from mem0_cc.link o where o.module = p_module and o.from_position = p.position
    union all
    select i.module, i.position, i.ended from mem0_cc.link i where i.to_module = p_module and i.to_position = p.position
  ) l
  cross join lateral (
    select from mem0_cc.memory m
    where m.module = l.module and m.position = l.position and (l.ended is null or m.payload ->> 'rationale' is not null) limit 1
  ) said
  cross join lateral (
    select from mem0_cc.memory f
    where f.module = p_module and f.position = p.position and f.forgotten_at is null limit 1
  ) here
  group by l.module, l.position
$$
